"""The SQL of triggers: versions by name and state, firings, proposals, and how far each alarm stands."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.switch import SwitchSeverity
from modelwarden.safeguards.triggers.judge import Alarm
from modelwarden.safeguards.triggers.ladder import ACTING, Act, Step
from modelwarden.safeguards.triggers.proposal import Firing, Proposal, ProposalState
from modelwarden.safeguards.triggers.trigger import Trigger, TriggerState
from modelwarden.store.schema.triggers import firings, switch_proposals, trigger_alarms, triggers
from modelwarden.values.clock import maybe_moment, moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Row

    from modelwarden.store.change import Change, Telemetry, View

MOST: Final = 1_000
"""Triggers that are in force at once, at most."""
NEWEST: Final = "~"
AT_ONCE: Final = 100

_IN_STATE: Final = (
    select(triggers)
    .where(
        triggers.c.state.in_(bindparam("states", expanding=True)),
        triggers.c.name > bindparam("after"),
    )
    .order_by(triggers.c.name, triggers.c.version)
    .limit(bindparam("limit"))
)
_OF_NAME: Final = (
    select(triggers)
    .where(triggers.c.name == bindparam("name"))
    .order_by(triggers.c.version.desc())
    .limit(bindparam("limit"))
)
_OF_NAME_LOCKED: Final = _OF_NAME.with_for_update()
_COUNT: Final = (
    select(func.count())
    .select_from(triggers)
    .where(triggers.c.state == TriggerState.IN_FORCE.value)
)
_FIRING: Final = select(firings).where(firings.c.id == bindparam("id"))
_FIRING_LOCKED: Final = _FIRING.with_for_update()
_FIRINGS: Final = (
    select(firings)
    .where(firings.c.trigger == bindparam("trigger"), firings.c.id < bindparam("before"))
    .order_by(firings.c.id.desc())
    .limit(bindparam("limit"))
)
_SPENT: Final = (
    select(func.count())
    .select_from(firings)
    .where(
        firings.c.trigger == bindparam("trigger"),
        firings.c.act.in_(sorted(ACTING)),
        firings.c.fired_at > bindparam("since"),
    )
)
_PROPOSAL: Final = select(switch_proposals).where(switch_proposals.c.id == bindparam("id"))
_PROPOSAL_LOCKED: Final = _PROPOSAL.with_for_update()
_PROPOSALS: Final = (
    select(switch_proposals)
    .where(switch_proposals.c.id < bindparam("before"))
    .order_by(switch_proposals.c.id.desc())
    .limit(bindparam("limit"))
)
_OPEN: Final = _PROPOSALS.where(
    switch_proposals.c.state == ProposalState.OPEN.value,
    switch_proposals.c.lapses_at > bindparam("now"),
)
_DUE: Final = (
    select(switch_proposals)
    .where(
        switch_proposals.c.state == ProposalState.OPEN.value,
        switch_proposals.c.lapses_at <= bindparam("now"),
    )
    .order_by(switch_proposals.c.id)
    .limit(AT_ONCE)
)
_ALARMS: Final = (
    select(trigger_alarms)
    .where(trigger_alarms.c.trigger == bindparam("trigger"))
    .order_by(trigger_alarms.c.step, trigger_alarms.c.by_value)
    .limit(MOST)
)
_ALARM: Final = select(trigger_alarms).where(
    trigger_alarms.c.trigger == bindparam("trigger"),
    trigger_alarms.c.step == bindparam("step"),
    trigger_alarms.c.by_value == bindparam("by_value"),
)


def _keeping() -> MappingProxyType[str, Any]:
    found = {}
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql)):
        statement = dialect.insert(trigger_alarms)
        keys = [column.name for column in trigger_alarms.primary_key]
        values = {
            column.name: statement.excluded[column.name]
            for column in trigger_alarms.columns
            if column.name not in keys
        }
        found[name] = statement.on_conflict_do_update(index_elements=keys, set_=values)
    return MappingProxyType(found)


_KEEP: Final = _keeping()


def in_force(view: View) -> list[Trigger]:
    """Return the triggers that judge, by name."""
    params = {"states": [TriggerState.IN_FORCE.value], "after": "", "limit": MOST}
    return [as_trigger(row) for row in view.rows(_IN_STATE, params)]


def standing(view: View, after: str, *, limit: int, waiting: bool = False) -> list[Trigger]:
    """Return versions that are in force or wait, or wait alone, by name, behind one."""
    states = [TriggerState.WAITING.value]
    if not waiting:
        states.append(TriggerState.IN_FORCE.value)
    params = {"states": states, "after": after, "limit": limit}
    return [as_trigger(row) for row in view.rows(_IN_STATE, params)]


def count_in_force(view: View) -> int:
    """Return how many triggers judge."""
    row = view.row(_COUNT)
    return 0 if row is None else int(row[0])


def versions_of(
    view: View, name: str, *, lock: bool = False, limit: int = AT_ONCE
) -> list[Trigger]:
    """Return the versions of a trigger, newest first."""
    statement = _OF_NAME_LOCKED if lock else _OF_NAME
    return [as_trigger(row) for row in view.rows(statement, {"name": name, "limit": limit})]


def find_firing(view: View, firing: str, *, lock: bool = False) -> Firing | None:
    """Return a firing, or None."""
    row = view.row(_FIRING_LOCKED if lock else _FIRING, {"id": firing})
    return None if row is None else as_firing(row)


def firings_before(view: View, trigger: str, before: str, *, limit: int) -> list[Firing]:
    """Return firings of a trigger, newest first."""
    params = {"trigger": trigger, "before": before, "limit": limit}
    return [as_firing(row) for row in view.rows(_FIRINGS, params)]


def spent(view: View, trigger: str, since: datetime) -> int:
    """Return how often a trigger acted by itself since a time."""
    row = view.row(_SPENT, {"trigger": trigger, "since": timestamp(since)})
    return 0 if row is None else int(row[0])


def find_proposal(view: View, proposal: str, *, lock: bool = False) -> Proposal | None:
    """Return a proposal, or None."""
    row = view.row(_PROPOSAL_LOCKED if lock else _PROPOSAL, {"id": proposal})
    return None if row is None else as_proposal(row)


def proposals_before(
    view: View, before: str, *, open_at: datetime | None, limit: int
) -> list[Proposal]:
    """Return proposals, newest first; those alone that are open at a time, where one is given."""
    params: dict[str, object] = {"before": before, "limit": limit}
    if open_at is None:
        return [as_proposal(row) for row in view.rows(_PROPOSALS, params)]
    return [as_proposal(row) for row in view.rows(_OPEN, params | {"now": timestamp(open_at)})]


def lapsing(view: View, now: datetime) -> list[Proposal]:
    """Return some proposals whose time is over, oldest first."""
    return [as_proposal(row) for row in view.rows(_DUE, {"now": timestamp(now)})]


def alarms_of(view: View, trigger: str) -> dict[tuple[str, str], Alarm]:
    """Return how the rungs of a trigger stand: (step, value of its dimension) → alarm."""
    rows = view.rows(_ALARMS, {"trigger": trigger})
    return {(row.step, row.by_value): as_alarm(row) for row in rows}


def find_alarm(view: View, trigger: str, step: str, value: str) -> Alarm:
    """Return how one rung stands; one that never stood is quiet."""
    row = view.row(_ALARM, {"trigger": trigger, "step": step, "by_value": value})
    return Alarm() if row is None else as_alarm(row)


def keep_alarms(
    writing: Telemetry | Change, trigger: str, found: Mapping[tuple[str, str], Alarm]
) -> None:
    """Keep how the rungs of a trigger stand now."""
    statement = _KEEP[writing.connection.dialect.name]
    for (step, value), alarm in found.items():
        if alarm.judged_until is not None:
            writing.execute(statement, _alarm_row(trigger, step, value, alarm))


def _alarm_row(trigger: str, step: str, value: str, alarm: Alarm) -> dict[str, object]:
    return {
        "trigger": trigger,
        "step": step,
        "by_value": value,
        "firing": alarm.firing,
        "streak": alarm.streak,
        "since": None if alarm.since is None else timestamp(alarm.since),
        "judged_until": None if alarm.judged_until is None else timestamp(alarm.judged_until),
        "seen": json.dumps(alarm.seen),
        "spoke": alarm.spoke,
    }


def as_alarm(row: Row[Any]) -> Alarm:
    """Return a row as an alarm."""
    return Alarm(
        firing=bool(row.firing),
        streak=row.streak,
        since=maybe_moment(row.since),
        judged_until=moment(row.judged_until),
        seen=tuple(json.loads(row.seen)),
        spoke=bool(row.spoke),
    )


def as_trigger(row: Row[Any]) -> Trigger:
    """Return a row as a trigger."""
    ladder: Sequence[Sequence[str]] = json.loads(row.ladder)
    values = row._asdict() | {
        "state": TriggerState(row.state),
        "environment": Environment(row.environment),
        "ladder": tuple((step, fire, clear) for step, fire, clear in ladder),
        "dry_run": bool(row.dry_run),
        "auto_activate": bool(row.auto_activate),
        "ends": bool(row.ends),
        "set_persons": tuple(json.loads(row.set_persons)),
        "set_at": moment(row.set_at),
        "in_force_at": maybe_moment(row.in_force_at),
        "ended_at": maybe_moment(row.ended_at),
    }
    return Trigger(**values)


def as_firing(row: Row[Any]) -> Firing:
    """Return a row as a firing."""
    values = row._asdict() | {
        "environment": Environment(row.environment),
        "step": Step(row.step),
        "act": Act(row.act),
        "base": SwitchSeverity(row.base),
        "severity": SwitchSeverity(row.severity),
        "first_at": moment(row.first_at),
        "last_at": moment(row.last_at),
        "fired_at": moment(row.fired_at),
        "overridden_at": maybe_moment(row.overridden_at),
    }
    return Firing(**values)


def as_proposal(row: Row[Any]) -> Proposal:
    """Return a row as a proposal."""
    values = row._asdict() | {
        "state": ProposalState(row.state),
        "environment": Environment(row.environment),
        "severity": SwitchSeverity(row.severity),
        "lkg_before": moment(row.lkg_before),
        "proposed_at": moment(row.proposed_at),
        "lapses_at": moment(row.lapses_at),
        "accepted_at": maybe_moment(row.accepted_at),
    }
    return Proposal(**values)
