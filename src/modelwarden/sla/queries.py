"""The SQL of what is measured, and of who reports: definitions, parts that were taken, who was heard when."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, insert, select, union, update

from modelwarden.sla.sli import ResourceType, Sli
from modelwarden.sla.slot import HOUR, Presence
from modelwarden.store.schema.sla import slis, slot_parts, slot_presence, slot_reporters
from modelwarden.values.clock import moment
from modelwarden.values.ids import ActorId, SliName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row

    from modelwarden.store.change import Change, Telemetry, View

MOST_PRESENCES: Final = 1_000_000

_SLI: Final = select(slis).where(slis.c.name == bindparam("name"))
_ALL_NAMES: Final = union(
    select(slis.c.name.label("name")), select(slot_reporters.c.sli.label("name"))
).subquery()
_NAMES: Final = (
    select(_ALL_NAMES.c.name)
    .where(_ALL_NAMES.c.name > bindparam("after"))
    .order_by(_ALL_NAMES.c.name)
    .limit(bindparam("limit"))
)
_ABOUT: Final = (
    select(slis)
    .where(
        slis.c.resource_type == bindparam("resource_type"),
        slis.c.resource == bindparam("resource"),
    )
    .order_by(slis.c.name)
    .limit(bindparam("limit"))
)
_REPORTER: Final = select(slot_reporters).where(
    slot_reporters.c.sli == bindparam("sli"), slot_reporters.c.instance == bindparam("instance")
)
_OF_INSTANCE: Final = (
    select(slot_reporters)
    .where(
        slot_reporters.c.instance == bindparam("instance"),
        slot_reporters.c.actor == bindparam("actor"),
    )
    .order_by(slot_reporters.c.sli)
)
_ADD_REPORTER: Final = insert(slot_reporters)
_MOVE_REPORTER: Final = (
    update(slot_reporters)
    .where(slot_reporters.c.id == bindparam("which"))
    .values(last_minute=bindparam("minute"))
)
_PART: Final = select(slot_parts.c.sha256).where(
    slot_parts.c.reporter == bindparam("reporter"),
    slot_parts.c.minute == bindparam("minute"),
    slot_parts.c.part == bindparam("part"),
)
_ADD_PARTS: Final = insert(slot_parts)
_PRESENCE: Final = select(slot_presence).where(
    slot_presence.c.sli == bindparam("sli"),
    slot_presence.c.hour == bindparam("hour"),
    slot_presence.c.reporter == bindparam("reporter"),
)
_PRESENCES: Final = (
    select(slot_presence)
    .where(
        slot_presence.c.sli == bindparam("sli"),
        slot_presence.c.hour >= bindparam("first"),
        slot_presence.c.hour <= bindparam("last"),
    )
    .order_by(slot_presence.c.hour, slot_presence.c.reporter)
    .limit(MOST_PRESENCES)
)
_ADD_PRESENCE: Final = insert(slot_presence)
_SET_PRESENCE: Final = (
    update(slot_presence)
    .where(
        slot_presence.c.sli == bindparam("which"),
        slot_presence.c.hour == bindparam("of_hour"),
        slot_presence.c.reporter == bindparam("of_reporter"),
    )
    .values(heard=bindparam("now_heard"), closed=bindparam("now_closed"))
)
_PRUNE_PARTS: Final = delete(slot_parts).where(slot_parts.c.minute < bindparam("before"))
_PRUNE_PRESENCE: Final = delete(slot_presence).where(slot_presence.c.hour < bindparam("before"))
_PRUNE_REPORTERS: Final = delete(slot_reporters).where(
    slot_reporters.c.last_minute < bindparam("before")
)


def find_sli(view: View, name: str) -> Sli | None:
    """Return a definition, or None."""
    row = view.row(_SLI, {"name": name})
    return None if row is None else _sli(row)


def about(view: View, kind: ResourceType, resource: str, *, limit: int) -> list[Sli]:
    """Return definitions of what is measured of one resource, by name."""
    params = {"resource_type": kind.value, "resource": resource, "limit": limit}
    return [_sli(row) for row in view.rows(_ABOUT, params)]


def names_after(view: View, after: str, limit: int) -> list[str]:
    """Return names under which something is defined or was counted of late, in order, behind one."""
    return [row.name for row in view.rows(_NAMES, {"after": after, "limit": limit})]


def find_reporter(view: View, sli: str, instance: str) -> tuple[int, str, int] | None:
    """Return a reporter's number, account and last minute, or None."""
    row = view.row(_REPORTER, {"sli": sli, "instance": instance})
    return None if row is None else (row.id, row.actor, row.last_minute)


def reporters_of(view: View, actor: str, instance: str) -> list[tuple[int, str, int]]:
    """Return number, SLI and last minute of what one instance of an account reports."""
    rows = view.rows(_OF_INSTANCE, {"actor": actor, "instance": instance})
    return [(row.id, row.sli, row.last_minute) for row in rows]


def add_reporter(telemetry: Telemetry, values: Mapping[str, object]) -> None:
    """Keep a new reporter."""
    telemetry.execute(_ADD_REPORTER, values)


def move_reporter(telemetry: Telemetry, reporter: int, minute: int) -> None:
    """Keep the last minute that a reporter told of."""
    telemetry.execute(_MOVE_REPORTER, {"which": reporter, "minute": minute})


def part_digest(view: View, reporter: int, minute: int, part: int) -> str | None:
    """Return the digest of a part that was taken, or None."""
    row = view.row(_PART, {"reporter": reporter, "minute": minute, "part": part})
    return None if row is None else str(row.sha256)


def add_parts(telemetry: Telemetry, rows: Sequence[Mapping[str, object]]) -> None:
    """Keep the keys of parts. Raises Conflict where one is there."""
    telemetry.execute(_ADD_PARTS, list(rows))


def hear(telemetry: Telemetry, sli: str, reporter: int, minute: int) -> None:
    """Keep that a reporter was heard in a minute."""
    _keep_presence(telemetry, sli, reporter, minute, heard=1 << minute % HOUR)


def close(telemetry: Telemetry, sli: str, reporter: int, minute: int) -> None:
    """Keep that a reporter signed off, and is not expected after a minute."""
    _keep_presence(telemetry, sli, reporter, minute, closed=minute % HOUR)


def _keep_presence(  # the parts of a row
    telemetry: Telemetry,
    sli: str,
    reporter: int,
    minute: int,
    *,
    heard: int = 0,
    closed: int | None = None,
) -> None:
    hour = minute // HOUR
    row = telemetry.row(_PRESENCE, {"sli": sli, "hour": hour, "reporter": reporter})
    if row is None:
        made = Presence(sli, hour, reporter, heard, closed)
        telemetry.execute(_ADD_PRESENCE, made._asdict())
        return
    values = {
        "which": sli,
        "of_hour": hour,
        "of_reporter": reporter,
        "now_heard": row.heard | heard,
        "now_closed": row.closed if closed is None else closed,
    }
    telemetry.execute(_SET_PRESENCE, values)


def presences(view: View, sli: str, first_hour: int, last_hour: int) -> list[Presence]:
    """Return who was heard when, within hours."""
    params = {"sli": sli, "first": first_hour, "last": last_hour}
    return [
        Presence(row.sli, row.hour, row.reporter, row.heard, row.closed)
        for row in view.rows(_PRESENCES, params)
    ]


def prune_reporting(writing: Telemetry | Change, hour: int) -> None:
    """Forget which parts came before an hour; who was heard, before the one that precedes it."""
    writing.execute(_PRUNE_PARTS, {"before": hour * HOUR})
    writing.execute(_PRUNE_PRESENCE, {"before": hour - 1})
    writing.execute(_PRUNE_REPORTERS, {"before": (hour - 2) * HOUR})


def _sli(row: Row[Any]) -> Sli:
    return Sli(
        name=SliName(row.name),
        resource_type=ResourceType(row.resource_type),
        resource=row.resource,
        labels=json.loads(row.labels),
        thresholds=tuple(json.loads(row.thresholds)),
        defined_by=ActorId(row.defined_by),
        defined_at=moment(row.defined_at),
        revision=row.revision,
    )
