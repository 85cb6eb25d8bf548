"""The SQL of guards that were heard of, and of how far switches are confirmed."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, case, delete, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from modelwarden.safeguards.fleet.instance import (
    GONE,
    LATE,
    LOST,
    Cell,
    GuardCounts,
    Instance,
    LoadedVersion,
    Open,
    Signal,
    Silent,
    Traffic,
)
from modelwarden.safeguards.local_stops.stop import SaidStop
from modelwarden.store.schema.ledger import index, subjects
from modelwarden.store.schema.safeguards import guard_instances, switch_confirmations
from modelwarden.values.clock import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Row

    from modelwarden.store.change import Change, Telemetry, View

PART: Final = 500
MOST_GUARDS: Final = 100_000
_OPEN: Final = ("open", "unconfirmed")

_ACTIVATED: Final = (
    select(index.c.seq)
    .select_from(subjects)
    .join(index, index.c.seq == subjects.c.seq)
    .where(
        subjects.c.kind == "switch",
        subjects.c.id == bindparam("switch"),
        index.c.type == "switch.activated",
    )
    .order_by(index.c.seq)
    .limit(1)
)
_KEY: Final = ("environment", "model", "actor", "instance")
_OF_ACTOR: Final = select(guard_instances.c.instance).where(
    *(guard_instances.c[name] == bindparam(name) for name in _KEY[:-1])
)
_HEARD: Final = (
    select(guard_instances)
    .where(
        guard_instances.c.heard_at >= bindparam("since"),
        guard_instances.c.environment == bindparam("environment"),
    )
    .order_by(*(guard_instances.c[name] for name in _KEY))
    .limit(MOST_GUARDS)
)
_SILENT: Final = (
    select(guard_instances.c.model, guard_instances.c.instance, guard_instances.c.heard_at)
    .where(
        guard_instances.c.heard_at >= bindparam("since"),
        guard_instances.c.heard_at < bindparam("until"),
        guard_instances.c.environment == bindparam("environment"),
        guard_instances.c.state != GONE,
        guard_instances.c.source != "file",
    )
    .order_by(guard_instances.c.model, guard_instances.c.instance)
    .limit(MOST_GUARDS)
)
_PAGE: Final = (
    select(guard_instances)
    .where(
        tuple_(*(guard_instances.c[name] for name in _KEY))
        > tuple_(*(bindparam(f"after_{name}") for name in _KEY)),
        guard_instances.c.heard_at >= bindparam("since"),
        guard_instances.c.state != GONE,
        (guard_instances.c.environment == bindparam("environment"))
        | (bindparam("environment").is_(None)),
        (guard_instances.c.model == bindparam("model")) | (bindparam("model").is_(None)),
    )
    .order_by(*(guard_instances.c[name] for name in _KEY))
    .limit(bindparam("limit"))
)
_COUNTED: Final = (
    select(
        guard_instances.c.model,
        func.count().label("heard"),
        func.sum(case((guard_instances.c.heard_at > bindparam("late"), 1), else_=0)).label("live"),
        func.sum(case((guard_instances.c.heard_at <= bindparam("lost"), 1), else_=0)).label("lost"),
        func.sum(case((guard_instances.c.state != "fresh", 1), else_=0)).label("stale"),
        func.sum(case((guard_instances.c.rejected.is_not(None), 1), else_=0)).label("rejecting"),
        func.min(guard_instances.c.generation).label("oldest"),
        func.max(guard_instances.c.generation).label("newest"),
    )
    .where(
        guard_instances.c.heard_at >= bindparam("since"),
        guard_instances.c.state != GONE,
        guard_instances.c.environment == bindparam("environment"),
        guard_instances.c.model.in_(bindparam("models", expanding=True)),
    )
    .group_by(guard_instances.c.model)
)
_STOPPING: Final = (
    select(guard_instances)
    .where(
        guard_instances.c.heard_at >= bindparam("since"),
        guard_instances.c.local_stops.is_not(None),
        guard_instances.c.state != GONE,
    )
    .order_by(*(guard_instances.c[name] for name in _KEY))
    .limit(MOST_GUARDS)
)
_FORGET: Final = delete(guard_instances).where(guard_instances.c.heard_at < bindparam("before"))
_TRACK: Final = insert(switch_confirmations)
_TRACKED: Final = select(switch_confirmations).where(
    switch_confirmations.c.switch == bindparam("switch")
)
_OPEN_ONES: Final = (
    select(switch_confirmations)
    .where(switch_confirmations.c.state.in_(_OPEN))
    .order_by(switch_confirmations.c.switch)
    .limit(PART)
)
_COUNT: Final = (
    update(switch_confirmations)
    .where(switch_confirmations.c.switch == bindparam("which"))
    .values(
        state=bindparam("now_state"),
        expected=bindparam("now_expected"),
        confirmed=bindparam("now_confirmed"),
        lost=bindparam("now_lost"),
    )
)


def _keeping() -> MappingProxyType[str, Any]:
    """Return the upsert of a guard's row by dialect: first heard of, and since when it has its snapshot, stay."""
    found = {}
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql)):
        statement = dialect.insert(guard_instances)
        values = {
            column.name: statement.excluded[column.name]
            for column in guard_instances.columns
            if column.name not in {*_KEY, "first_heard_at", "applied_at"}
        }
        same = (guard_instances.c.epoch == statement.excluded.epoch) & (
            guard_instances.c.generation == statement.excluded.generation
        )
        values["applied_at"] = case(
            (same, guard_instances.c.applied_at), else_=statement.excluded.applied_at
        )
        found[name] = statement.on_conflict_do_update(index_elements=list(_KEY), set_=values)
    return MappingProxyType(found)


_KEEP: Final = _keeping()


def activated_by(view: View, switch_id: str) -> int:
    """Return the number of the entry that activated a switch; 0 where the index does not have it."""
    row = view.row(_ACTIVATED, {"switch": switch_id})
    return 0 if row is None else int(row.seq)


def instances_heard(view: View, since: datetime, environment: str) -> list[Instance]:
    """Return the guards of an environment that were heard of since a time."""
    params = {"since": timestamp(since), "environment": environment}
    return [_instance(row) for row in view.rows(_HEARD, params)]


def silent(view: View, environment: str, *, since: datetime, until: datetime) -> list[Silent]:
    """Return the guards that were last heard of in a span, and did not say goodbye."""
    params = {
        "environment": environment,
        "since": timestamp(since),
        "until": timestamp(until),
    }
    return [
        Silent(row.model, row.instance, moment(row.heard_at)) for row in view.rows(_SILENT, params)
    ]


def instances_after(
    view: View,
    after: tuple[str, ...],
    *,
    since: datetime,
    environment: str | None,
    model: str | None,
    limit: int,
) -> list[Instance]:
    """Return guards that were heard of since a time and did not say goodbye, in the order of their keys, behind one."""
    params: dict[str, object] = {
        f"after_{name}": each for name, each in zip(_KEY, after, strict=True)
    }
    params |= {
        "since": timestamp(since),
        "environment": environment,
        "model": model,
        "limit": limit,
    }
    return [_instance(row) for row in view.rows(_PAGE, params)]


def guard_counts(
    view: View, models: Sequence[str], *, environment: str, since: datetime
) -> dict[str, GuardCounts]:
    """Return, by model, how many guards were heard of since a time and did not say goodbye, and how they are."""
    params: dict[str, object] = {
        "models": list(models),
        "environment": environment,
        "since": timestamp(since),
        "late": timestamp(view.now - LATE),
        "lost": timestamp(view.now - LOST),
    }
    rows = view.rows(_COUNTED, params) if models else ()
    return {row.model: GuardCounts(*row[1:]) for row in rows}


def instances_stopping(view: View, since: datetime) -> list[Instance]:
    """Return the guards that were heard of since a time and block something by themselves."""
    return [_instance(row) for row in view.rows(_STOPPING, {"since": timestamp(since)})]


def keep_instances(telemetry: Telemetry, found: Sequence[Instance]) -> None:
    """Write what guards said last."""
    statement = _KEEP[telemetry.connection.dialect.name]
    telemetry.execute(statement, [_row(each) for each in found])


def instances_of(view: View, *, environment: str, model: str, actor: str) -> set[str]:
    """Return the guards of a model that one account has reported and that are not forgotten yet."""
    given = {"environment": environment, "model": model, "actor": actor}
    return {row.instance for row in view.rows(_OF_ACTOR, given)}


def forget_instances(telemetry: Telemetry, before: datetime) -> int:
    """Delete guards that were last heard of before a time; return how many."""
    return telemetry.execute(_FORGET, {"before": timestamp(before)})


def track(telemetry: Telemetry, found: Sequence[Open]) -> None:
    """Begin to count who confirms these switches; one that is counted already stays as it is."""
    for each in found:
        if find_confirmation(telemetry, each.switch) is None:
            telemetry.execute(_TRACK, each._asdict() | {"at": timestamp(each.at)})


def find_confirmation(view: View, switch_id: str) -> Open | None:
    """Return how far a switch is confirmed, or None where nobody counts."""
    row = view.row(_TRACKED, {"switch": switch_id})
    return None if row is None else _open(row)


def open_confirmations(view: View) -> list[Open]:
    """Return the switches that some guard has not confirmed, oldest first."""
    return [_open(row) for row in view.rows(_OPEN_ONES)]


def count(writing: Telemetry | Change, found: Open) -> None:
    """Keep how far a switch is confirmed now."""
    values = {
        "which": found.switch,
        "now_state": found.state,
        "now_expected": found.expected,
        "now_confirmed": found.confirmed,
        "now_lost": found.lost,
    }
    writing.execute(_COUNT, values)


def _open(row: Row[Any]) -> Open:
    return Open(
        switch=row.switch,
        environment=row.environment,
        epoch=row.epoch,
        seq=row.seq,
        at=moment(row.at),
        state=row.state,
        expected=row.expected,
        confirmed=row.confirmed,
        lost=row.lost,
    )


def _instance(row: Row[Any]) -> Instance:
    return Instance(
        environment=row.environment,
        model=row.model,
        actor=row.actor,
        instance=row.instance,
        host=row.host,
        pid=row.pid,
        epoch=row.epoch,
        generation=row.generation,
        applied_at=moment(row.applied_at),
        applied_ms=row.applied_ms,
        first_heard_at=moment(row.first_heard_at),
        heard_at=moment(row.heard_at),
        source=row.source,
        state=row.state,
        age_s=row.age_s,
        versions=tuple(LoadedVersion(*each) for each in json.loads(row.versions)),
        counts=json.loads(row.counts),
        rejected=row.rejected,
        signals=tuple(Signal(*each) for each in json.loads(row.signals)),
        traffic=_traffic(row.traffic),
        local_stops=tuple(SaidStop(*each) for each in json.loads(row.local_stops or "[]")),
    )


def _traffic(text: str | None) -> Traffic | None:
    if text is None:
        return None
    span_s, cells = json.loads(text)
    return Traffic(span_s, tuple(Cell(*each) for each in cells))


def _row(each: Instance) -> dict[str, object]:
    return each._asdict() | {
        "applied_at": timestamp(each.applied_at),
        "first_heard_at": timestamp(each.first_heard_at),
        "heard_at": timestamp(each.heard_at),
        "versions": json.dumps(each.versions),
        "counts": json.dumps(each.counts, sort_keys=True),
        "signals": json.dumps(each.signals),
        "traffic": None if each.traffic is None else json.dumps(each.traffic),
        "local_stops": json.dumps(each.local_stops) if each.local_stops else None,
    }
