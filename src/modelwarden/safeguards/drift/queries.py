"""The SQL of drift: counts by slot, and which flushes of guards were heard."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from sqlalchemy import bindparam, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from modelwarden.guard.drift_flush import Received
from modelwarden.safeguards.drift.counted import HOUR, MINUTE, Slot
from modelwarden.store.schema.drift import drift_counts, drift_received
from modelwarden.store.schema.registry import drift_references
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Table

    from modelwarden.safeguards.drift.counted import Cells
    from modelwarden.store.change import Telemetry, View

PART: Final = 200
OLD_AT_ONCE: Final = 2_000
_NAMES: Final = Slot._fields
_HEARD: Final = ("version", "environment", "dimension", "actor", "instance")


class Source(NamedTuple):
    """One guard that counts for one version by one dimension."""

    version: str
    environment: str
    dimension: str
    actor: str
    instance: str


def _adding(table: Table) -> MappingProxyType[str, Any]:
    """Return, by dialect, how rows are made that are not there yet."""
    return MappingProxyType(
        {
            name: dialect.insert(table).on_conflict_do_nothing()
            for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
        }
    )


_ADD_SLOTS: Final = _adding(drift_counts)
_ADD_SOURCES: Final = _adding(drift_received)
_SLOTS: Final = (
    select(drift_counts)
    .where(
        tuple_(*(drift_counts.c[name] for name in _NAMES)).in_(bindparam("keys", expanding=True))
    )
    .order_by(*(drift_counts.c[name] for name in _NAMES))
    .with_for_update()
)
_WRITE: Final = (
    update(drift_counts)
    .where(*(drift_counts.c[name] == bindparam(f"at_{name}") for name in _NAMES))
    .values(cells=bindparam("now_cells"))
)
_SOURCES: Final = (
    select(drift_received)
    .where(
        tuple_(*(drift_received.c[name] for name in _HEARD)).in_(bindparam("keys", expanding=True))
    )
    .order_by(*(drift_received.c[name] for name in _HEARD))
    .with_for_update()
)
_HEAR: Final = (
    update(drift_received)
    .where(*(drift_received.c[name] == bindparam(f"at_{name}") for name in _HEARD))
    .values(
        up_to=bindparam("now_up_to"),
        beyond=bindparam("now_beyond"),
        heard_at=bindparam("now_heard_at"),
    )
)
_VALUES: Final = select(drift_counts.c.value).where(
    *(drift_counts.c[name] == bindparam(name) for name in _NAMES if name != "value")
)
_OF_MODEL: Final = (
    select(drift_counts)
    .join(drift_references, drift_references.c.version == drift_counts.c.version)
    .where(
        drift_references.c.model == bindparam("model"),
        (drift_counts.c.version == bindparam("version")) | bindparam("version").is_(None),
        drift_counts.c.environment == bindparam("environment"),
        drift_counts.c.begins >= bindparam("since"),
        drift_counts.c.begins < bindparam("until"),
    )
    .order_by(*(drift_counts.c[name] for name in _NAMES))
)
_OLD: Final = (
    select(drift_counts)
    .where(drift_counts.c.minutes == MINUTE, drift_counts.c.begins < bindparam("before"))
    .order_by(drift_counts.c.begins, *(drift_counts.c[name] for name in _NAMES))
    .limit(OLD_AT_ONCE)
)
_DROP: Final = delete(drift_counts).where(
    *(drift_counts.c[name] == bindparam(f"at_{name}") for name in _NAMES)
)
_DROP_HOURS: Final = delete(drift_counts).where(
    drift_counts.c.minutes == HOUR, drift_counts.c.begins < bindparam("before")
)
_FORGET: Final = delete(drift_received).where(drift_received.c.heard_at < bindparam("before"))


def received(telemetry: Telemetry, sources: Iterable[Source]) -> dict[Source, Received]:
    """Return what was heard of some guards, and keep others from hearing more until the commit."""
    wanted, found = sorted(set(sources)), dict[Source, Received]()
    for start in range(0, len(wanted), PART):
        part = wanted[start : start + PART]
        rows = [
            one._asdict() | {"up_to": 0, "beyond": "[]", "heard_at": timestamp(telemetry.now)}
            for one in part
        ]
        telemetry.execute(_ADD_SOURCES[telemetry.connection.dialect.name], rows)
        for row in telemetry.rows(_SOURCES, {"keys": [tuple(one) for one in part]}):
            known = Received(row.up_to, frozenset(json.loads(row.beyond)))
            found[Source(*(getattr(row, name) for name in _HEARD))] = known
    return found


def hear(telemetry: Telemetry, sources: Mapping[Source, Received]) -> None:
    """Keep what was heard of some guards."""
    rows = [
        {f"at_{name}": value for name, value in one._asdict().items()}
        | {
            "now_up_to": known.up_to,
            "now_beyond": json.dumps(sorted(known.beyond)),
            "now_heard_at": timestamp(telemetry.now),
        }
        for one, known in sources.items()
    ]
    if rows:
        telemetry.execute(_HEAR, rows)


def values_in(view: View, slot: Slot) -> set[str]:
    """Return the values that have an own count beside a slot's."""
    params = {name: value for name, value in slot._asdict().items() if name != "value"}
    return {row.value for row in view.rows(_VALUES, params)}


def locked_slots(telemetry: Telemetry, slots: Iterable[Slot]) -> dict[Slot, Cells]:
    """Return the counts of some slots, made empty where there are none, and held until the commit."""
    wanted, found = sorted(set(slots)), dict[Slot, "Cells"]()
    for start in range(0, len(wanted), PART):
        part = wanted[start : start + PART]
        rows = [slot._asdict() | {"cells": "[]"} for slot in part]
        telemetry.execute(_ADD_SLOTS[telemetry.connection.dialect.name], rows)
        found |= _read(telemetry.rows(_SLOTS, {"keys": [tuple(slot) for slot in part]}))
    return found


def write_slots(telemetry: Telemetry, counts: Mapping[Slot, Cells]) -> None:
    """Replace the counts of slots that are there."""
    rows = [_place(slot) | {"now_cells": _text(cells)} for slot, cells in counts.items()]
    if rows:
        telemetry.execute(_WRITE, rows)


def slots_between(
    view: View, model: str, environment: str, *, version: str | None, since: int, until: int
) -> dict[Slot, Cells]:
    """Return the counts of a model's versions, or of one, in slots that begin in a span of minutes."""
    params = {
        "model": model,
        "environment": environment,
        "version": version,
        "since": since,
        "until": until,
    }
    return _read(view.rows(_OF_MODEL, params))


def old_minutes(view: View, before: int) -> dict[Slot, Cells]:
    """Return the oldest slots of a minute that begin before a minute; not all, if they are many."""
    return _read(view.rows(_OLD, {"before": before}))


def drop_slots(telemetry: Telemetry, slots: Sequence[Slot]) -> None:
    """Delete slots."""
    telemetry.execute(_DROP, [_place(slot) for slot in slots])


def drop_hours(telemetry: Telemetry, before: int) -> int:
    """Delete slots of an hour that begin before a minute; return how many."""
    return telemetry.execute(_DROP_HOURS, {"before": before})


def forget_sources(telemetry: Telemetry, before: datetime) -> int:
    """Delete what was heard of guards that are silent since then; return how many."""
    return telemetry.execute(_FORGET, {"before": timestamp(before)})


def _read(rows: Sequence[Any]) -> dict[Slot, Cells]:
    return {
        Slot(*(getattr(row, name) for name in _NAMES)): tuple(map(tuple, orjson.loads(row.cells)))
        for row in rows
    }


def _place(slot: Slot) -> dict[str, object]:
    return {f"at_{name}": value for name, value in slot._asdict().items()}


def _text(cells: Cells) -> str:
    return orjson.dumps(cells).decode()
