"""The SQL of drills: by id, by model, what is due, what guards counted, and the entries that a report is made of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from sqlalchemy import bindparam, delete, func, insert, or_, select

from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import queries as switches
from modelwarden.safeguards.drills.drill import CONFIRMED_WITHIN, SETTLED, Cause, Drill, DrillState
from modelwarden.safeguards.drills.report import HEARD, NOTICED, Told
from modelwarden.safeguards.switch import SwitchSeverity
from modelwarden.store.schema.ledger import entries, index, subjects
from modelwarden.store.schema.safeguards import drill_counts, drills, guard_instances
from modelwarden.values.clock import maybe_moment, moment, timestamp
from modelwarden.values.ids import ActorId, DrillId, ModelName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import Row

    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import Change, View

NEWEST: Final = "~"
AT_ONCE: Final = 100
PART: Final = 500
MOST_GUARDS: Final = 10_000
"""Guards whose counts are compared; of a larger fleet the first are, by their ids."""
GRAVE: Final = frozenset({SwitchSeverity.SEV1, SwitchSeverity.SEV2})
_RAN: Final = (DrillState.RUNNING.value, DrillState.ENDED.value, DrillState.REPORTED.value)

_ONE: Final = select(drills).where(drills.c.id == bindparam("id"))
_LOCKED: Final = _ONE.with_for_update()
_BEFORE: Final = (
    select(drills)
    .where(
        drills.c.id < bindparam("before"),
        (drills.c.model == bindparam("model")) | (bindparam("model").is_(None)),
    )
    .order_by(drills.c.id.desc())
    .limit(bindparam("limit"))
)
_RUNNING: Final = (
    select(drills)
    .where(drills.c.state == DrillState.RUNNING.value)
    .order_by(drills.c.id)
    .limit(AT_ONCE)
)
_RUNNING_ON: Final = _RUNNING.where(
    drills.c.environment == bindparam("environment"), drills.c.model == bindparam("model")
)
_DUE: Final = (
    select(drills)
    .where(
        or_(
            (drills.c.state == DrillState.REQUESTED.value)
            & (drills.c.requested_at <= bindparam("lapsed")),
            (drills.c.state == DrillState.RUNNING.value) & (drills.c.ends_at <= bindparam("now")),
            (drills.c.state == DrillState.ENDED.value)
            & (drills.c.ended_at <= bindparam("settled")),
        )
    )
    .order_by(drills.c.id)
    .limit(AT_ONCE)
)
_LAST_OF: Final = (
    select(drills)
    .where(drills.c.model == bindparam("model"), drills.c.state.in_(_RAN))
    .order_by(drills.c.id.desc())
    .limit(1)
)
_LAST_REPORTED: Final = (
    select(drills)
    .where(
        drills.c.model == bindparam("model"),
        drills.c.environment == bindparam("environment"),
        drills.c.state == DrillState.REPORTED.value,
        drills.c.ended_at <= bindparam("by"),
    )
    .order_by(drills.c.id.desc())
    .limit(1)
)
_FAULTS: Final = (
    select(
        drills.c.fault, func.max(drills.c.started_at).label("at"), func.max(drills.c.id).label("id")
    )
    .where(drills.c.model == bindparam("model"), drills.c.state.in_(_RAN))
    .group_by(drills.c.fault)
)
_RAN_BETWEEN: Final = (
    select(drills.c.id)
    .where(
        drills.c.environment == bindparam("environment"),
        drills.c.model == bindparam("model"),
        drills.c.state.in_(_RAN),
        drills.c.started_at < bindparam("until"),
        or_(drills.c.ended_at.is_(None), drills.c.ended_at > bindparam("since")),
    )
    .limit(1)
)
_LAST_PLANNED: Final = select(func.max(drills.c.started_at)).where(
    drills.c.plan == bindparam("plan")
)
_GUARDS: Final = (
    select(guard_instances.c.actor, guard_instances.c.instance, guard_instances.c.counts)
    .where(
        guard_instances.c.environment == bindparam("environment"),
        guard_instances.c.model == bindparam("model"),
    )
    .order_by(guard_instances.c.actor, guard_instances.c.instance)
    .limit(MOST_GUARDS)
)
_KEEP: Final = insert(drill_counts)
_KEPT: Final = (
    select(drill_counts)
    .where(drill_counts.c.drill == bindparam("drill"))
    .order_by(drill_counts.c.actor, drill_counts.c.instance)
    .limit(MOST_GUARDS)
)
_FORGET: Final = delete(drill_counts).where(drill_counts.c.drill == bindparam("which"))
_STARTED: Final = (
    select(index.c.seq)
    .select_from(subjects)
    .join(index, index.c.seq == subjects.c.seq)
    .where(
        subjects.c.kind == "drill",
        subjects.c.id == bindparam("drill"),
        index.c.type == "drill.started",
    )
    .order_by(index.c.seq)
    .limit(1)
)
_SINCE: Final = (
    select(index.c.seq, index.c.at, index.c.type, entries.c.body)
    .join(entries, entries.c.seq == index.c.seq)
    .where(
        index.c.type.in_(bindparam("types", expanding=True)),
        index.c.seq > bindparam("after"),
        index.c.at <= bindparam("until"),
        index.c.outcome == "done",
    )
    .order_by(index.c.seq)
    .limit(PART)
)


def find_drill(view: View, drill_id: str) -> Drill | None:
    """Return a drill, or None."""
    row = view.row(_ONE, {"id": drill_id})
    return None if row is None else as_drill(row)


def locked_drill(change: Change, drill_id: str) -> Drill | None:
    """Return a drill that nobody else moves until the commit, or None."""
    row = change.row(_LOCKED, {"id": drill_id})
    return None if row is None else as_drill(row)


def drills_before(view: View, before: str, *, model: str | None, limit: int) -> list[Drill]:
    """Return drills that are older than an id, newest first."""
    params = {"before": before, "model": model, "limit": limit}
    return [as_drill(row) for row in view.rows(_BEFORE, params)]


def running(view: View) -> list[Drill]:
    """Return some drills that run, oldest first."""
    return [as_drill(row) for row in view.rows(_RUNNING)]


def running_on(view: View, environment: Environment, model: str) -> list[Drill]:
    """Return the drills that run on a model, oldest first."""
    params = {"environment": environment.value, "model": model}
    return [as_drill(row) for row in view.rows(_RUNNING_ON, params)]


def due(view: View, now: datetime) -> list[Drill]:
    """Return some drills that time moves: to their end, or to their report."""
    params = {
        "now": timestamp(now),
        "lapsed": timestamp(now - CONFIRMED_WITHIN),
        "settled": timestamp(now - SETTLED),
    }
    return [as_drill(row) for row in view.rows(_DUE, params)]


def grave_switch(view: View, environment: Environment, model: str) -> Switch | None:
    """Return an enforced switch of SEV1 or SEV2 that may touch a model, or None."""
    found = switches.live_switches(view, environment, model)
    return next((each for each in found if each.severity in GRAVE), None)


def faults_of(view: View, environment: str, model: str) -> list[dict[str, Any]]:
    """Return what a snapshot says of the drills on its model: nothing from the moment of a grave switch on (SG-53)."""
    place = Environment(environment)
    found = running_on(view, place, model)
    if not found or grave_switch(view, place, model) is not None:
        return []
    return [each.rule() for each in found]


def last_ran(view: View, model: str) -> Drill | None:
    """Return the last drill that ran on a model, or None."""
    row = view.row(_LAST_OF, {"model": model})
    return None if row is None else as_drill(row)


def last_reported(view: View, environment: str, model: str, *, by: str) -> Drill | None:
    """Return the last drill of a model in an environment that had ended by then and has its report, or None."""
    row = view.row(_LAST_REPORTED, {"environment": environment, "model": model, "by": by})
    return None if row is None else as_drill(row)


class LastDrilled(NamedTuple):
    """A drill, and when it began."""

    drill: str
    at: datetime


def last_drilled(view: View, model: str) -> dict[str, LastDrilled]:
    """Return by which drill each fault was last made to happen on a model, wherever, by its word without its size."""
    found: dict[str, LastDrilled] = {}
    for row in view.rows(_FAULTS, {"model": model}):
        word, last = row.fault.partition(":")[0], LastDrilled(row.id, moment(row.at))
        found[word] = max(last, found.get(word, last), key=lambda each: each.at)
    return found


def ran_between(
    view: View, environment: Environment, model: str, *, since: datetime, until: datetime
) -> bool:
    """Tell whether a drill ran on a model at some time in a span."""
    params = {
        "environment": environment.value,
        "model": model,
        "since": timestamp(since),
        "until": timestamp(until),
    }
    return view.row(_RAN_BETWEEN, params) is not None


def last_planned(view: View, plan: str) -> datetime | None:
    """Return when a schedule last ran a drill, or None."""
    row = view.row(_LAST_PLANNED, {"plan": plan})
    return None if row is None or row[0] is None else moment(row[0])


def counts_now(
    view: View, environment: Environment, model: str
) -> dict[tuple[str, str], dict[str, int]]:
    """Return what the guards of a model counted so far, by who reports and instance."""
    params = {"environment": environment.value, "model": model}
    return {(r.actor, r.instance): json.loads(r.counts) for r in view.rows(_GUARDS, params)}


def keep_counts(
    change: Change, drill: DrillId, counts: Mapping[tuple[str, str], Mapping[str, int]]
) -> None:
    """Keep what guards had counted when a drill began."""
    rows = [
        {"drill": drill, "actor": actor, "instance": instance, "counts": json.dumps(found)}
        for (actor, instance), found in sorted(counts.items())
    ]
    if rows:
        change.execute(_KEEP, rows)


def kept_counts(view: View, drill: DrillId) -> dict[tuple[str, str], dict[str, int]]:
    """Return what guards had counted when a drill began."""
    rows = view.rows(_KEPT, {"drill": drill})
    return {(row.actor, row.instance): json.loads(row.counts) for row in rows}


def forget_counts(change: Change, drill: DrillId) -> None:
    """Delete them."""
    change.execute(_FORGET, {"which": drill})


def told_since_start(view: View, drill: Drill, *, until: datetime) -> list[Told]:
    """Return the entries behind a drill's start that concern its model in its environment, in order."""
    row = view.row(_STARTED, {"drill": drill.id})
    after = -1 if row is None else row.seq
    mine: set[str] = set()
    found = []
    for entry in _entries(view, after, until):
        fact = orjson.loads(entry.body)["fact"]
        switch = fact.get("switch")
        if entry.type == "switch.confirmed":
            concerns = switch in mine
        elif entry.type == "switch.activated":
            concerns = _touches(view, switch, drill)
        else:
            named = fact.get("models", [fact.get("model")])
            concerns = fact.get("environment") == drill.environment.value and drill.model in named
        if concerns:
            mine |= {switch} if switch is not None else set()
            signal = NOTICED.get(entry.type, fact.get("signal"))
            found.append(Told(moment(entry.at), entry.type, signal, switch))
    return found


def _entries(view: View, after: int, until: datetime) -> Iterator[Row[Any]]:
    while rows := view.rows(
        _SINCE, {"types": list(HEARD), "after": after, "until": timestamp(until)}
    ):
        yield from rows
        after = rows[-1].seq


def _touches(view: View, switch_id: str, drill: Drill) -> bool:
    switch = switches.find_switch(view, switch_id)
    if switch is None or switch.environment is not drill.environment:
        return False
    return switches.touches(view, switch, drill.model)


def as_drill(row: Row[Any]) -> Drill:
    """Return a row as a drill."""
    return Drill(
        id=DrillId(row.id),
        state=DrillState(row.state),
        environment=Environment(row.environment),
        model=ModelName(row.model),
        scope=row.scope,
        exception=row.exception,
        fault=row.fault,
        share=row.share,
        ttl_s=row.ttl_s,
        detect_s=row.detect_s,
        activate_s=row.activate_s,
        confirm_s=row.confirm_s,
        plan=row.plan,
        requested_by=ActorId(row.requested_by),
        requested_persons=tuple(json.loads(row.requested_persons)),
        requested_at=moment(row.requested_at),
        confirmed_by=row.confirmed_by,
        started_at=maybe_moment(row.started_at),
        ends_at=maybe_moment(row.ends_at),
        ended_by=row.ended_by,
        ended_at=maybe_moment(row.ended_at),
        cause=None if row.cause is None else Cause(row.cause),
        report=row.report,
        revision=row.revision,
    )
