"""The SQL of snapshots: what changed them, and what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from sqlalchemy import bindparam, exists, func, select

from modelwarden.facts.safeguards import PUSHED
from modelwarden.safeguards.queries import as_switch
from modelwarden.safeguards.snapshots.body import Registered
from modelwarden.safeguards.switch import LIVE
from modelwarden.store import entries as ledger
from modelwarden.store.schema.ledger import entries, index, subjects
from modelwarden.store.schema.registry import models, versions
from modelwarden.store.schema.safeguards import (
    switches,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Row

    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View

PART: Final = 500
MOVING: Final = ("switch.activated", "switch.released", "switch.expired", "ramp.moved")
OF_DRILL: Final = ("drill.started", "drill.stopped")
OF_MODEL: Final = (
    "model.registered", "model.updated", "version.registered", "version.retired", *OF_DRILL,
)  # fmt: skip
_LIVE: Final = tuple(sorted(state.value for state in LIVE))

_SINCE: Final = (
    select(index.c.seq, index.c.type, entries.c.body)
    .join(entries, entries.c.seq == index.c.seq)
    .where(index.c.type.in_(bindparam("types", expanding=True)), index.c.seq > bindparam("after"))
    .order_by(index.c.seq)
    .limit(PART)
)
_ABOUT_MODEL: Final = (
    select(index.c.seq, index.c.type, entries.c.body)
    .select_from(subjects)
    .join(index, index.c.seq == subjects.c.seq)
    .join(entries, entries.c.seq == subjects.c.seq)
    .where(
        subjects.c.kind == "model",
        subjects.c.id == bindparam("model"),
        subjects.c.seq < bindparam("before"),
        index.c.type.in_(OF_MODEL),
    )
    .order_by(subjects.c.seq.desc())
    .limit(20)
)
_REVISIONS: Final = (
    select(switches.c.id, switches.c.revision)
    .where(switches.c.state.in_(_LIVE), switches.c.environment == bindparam("environment"))
    .order_by(switches.c.id)
)
_NAMED: Final = (
    select(switches)
    .where(switches.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(switches.c.id)
    .limit(PART)
)
_TYPE: Final = select(models.c.type).where(models.c.name == bindparam("name"))
_TYPES: Final = (
    select(models.c.name, models.c.type)
    .where(models.c.name.in_(bindparam("names", expanding=True)))
    .order_by(models.c.name)
    .limit(PART)
)
_VERSIONS: Final = (
    select(versions.c.label, versions.c.subject_sha256, versions.c.contract)
    .where(
        versions.c.model == bindparam("model"),
        versions.c.retired_at.is_(None),
        versions.c.subject_sha256.is_not(None),
    )
    .order_by(versions.c.label)
)


_LAST_OF: Final = (
    select(func.max(index.c.seq))
    .select_from(subjects)
    .join(index, index.c.seq == subjects.c.seq)
    .where(
        subjects.c.kind == "model",
        subjects.c.id == bindparam("model"),
        index.c.type.in_(bindparam("types", expanding=True)),
    )
)
_LAST_OF_ALL: Final = select(func.max(index.c.seq)).where(
    index.c.type.in_(bindparam("types", expanding=True)),
    ~exists().where(subjects.c.seq == index.c.seq, subjects.c.kind == "model"),
)


class Told(NamedTuple):
    """An entry that may have changed a snapshot."""

    seq: int
    type: str
    fact: dict[str, Any]

    @property
    def models(self) -> frozenset[str]:
        """The models that it names; none may mean any."""
        named = self.fact.get("models", ())
        one = self.fact.get("model")
        return frozenset(named if one is None else (*named, one))


def told_after(view: View, seq: int, *, types: Iterable[str] = PUSHED) -> Iterator[Told]:
    """Yield the entries of these types behind a number, in order."""
    wanted = sorted(types)
    while found := view.rows(_SINCE, {"types": wanted, "after": seq}):
        yield from map(_told, found)
        seq = found[-1].seq


def told_of_model(view: View, model: str) -> Iterator[Told]:
    """Yield what changed a model or its versions, newest first."""
    before = 2**53
    while found := view.rows(_ABOUT_MODEL, {"model": model, "before": before}):
        yield from map(_told, found)
        before = found[-1].seq


def last_about(view: View, types: Sequence[str], model: str) -> int:
    """Return the number of the newest entry of these types that names the model, or no model; 0 without one."""
    of_model = view.row(_LAST_OF, {"types": list(types), "model": model})
    of_all = view.row(_LAST_OF_ALL, {"types": list(types)})
    return max(0 if row is None or row[0] is None else int(row[0]) for row in (of_model, of_all))


def epoch_and_size(view: View) -> tuple[int, int]:
    """Return the ledger's epoch, and how many entries it has."""
    head = ledger.read_head(view.connection)
    return head.epoch, head.size


def live_revisions(view: View, environment: str) -> dict[str, int]:
    """Return the revision of each switch that is enforced in an environment, oldest first."""
    return {row.id: row.revision for row in view.rows(_REVISIONS, {"environment": environment})}


def switches_named(view: View, ids: Sequence[str]) -> list[Switch]:
    """Return the switches with these ids, oldest first."""
    found: list[Switch] = []
    for start in range(0, len(ids), PART):
        part = list(ids[start : start + PART])
        found += [as_switch(row) for row in view.rows(_NAMED, {"ids": part})]
    return found


def type_of(view: View, model: str) -> str | None:
    """Return the type of a registered model, or None."""
    row = view.row(_TYPE, {"name": model})
    return (row.type or None) if row is not None else None


def types_of(view: View, names: Sequence[str]) -> dict[str, str | None]:
    """Return the types of registered models by name."""
    found: dict[str, str | None] = {}
    for start in range(0, len(names), PART):
        rows = view.rows(_TYPES, {"names": list(names[start : start + PART])})
        found |= {row.name: row.type or None for row in rows}
    return found


def registered_versions(view: View, model: str) -> tuple[Registered, ...]:
    """Return the versions of a model that have an artifact and are not retired, by label."""
    rows = view.rows(_VERSIONS, {"model": model})
    return tuple(
        Registered(row.label, row.subject_sha256, orjson.loads(row.contract or b"{}"))
        for row in rows
    )


def _told(row: Row[Any]) -> Told:
    return Told(row.seq, row.type, orjson.loads(row.body)["fact"])
