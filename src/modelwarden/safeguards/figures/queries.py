"""The SQL of the figures: counts by environment, of what is enforced and who was heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, case, func, literal_column, select

from modelwarden.safeguards.fleet.instance import GONE
from modelwarden.safeguards.switch import LIVE
from modelwarden.safeguards.triggers.proposal import ProposalState
from modelwarden.safeguards.triggers.trigger import TriggerState
from modelwarden.store.schema.safeguards import guard_instances, switch_confirmations, switches
from modelwarden.store.schema.triggers import switch_proposals, trigger_alarms, triggers
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.store.change import View

PART: Final = 1_000
"""Rows at most: environments, models and severities are few."""

_LIVE: Final = switches.c.state.in_(sorted(state.value for state in LIVE))
_SWITCHES: Final = (
    select(switches.c.environment, switches.c.severity, func.count().label("n"))
    .where(_LIVE)
    .group_by(switches.c.environment, switches.c.severity)
    .order_by(switches.c.environment, switches.c.severity)
    .limit(PART)
)
_CONFIRMED: Final = (
    select(
        switch_confirmations.c.environment,
        func.sum(switch_confirmations.c.confirmed).label("confirmed"),
        func.sum(switch_confirmations.c.expected).label("expected"),
        func.sum(case((switch_confirmations.c.state == "unconfirmed", 1), else_=0)).label("n"),
    )
    .select_from(switch_confirmations)
    .join(switches, switches.c.id == switch_confirmations.c.switch)
    .where(_LIVE)
    .group_by(switch_confirmations.c.environment)
    .order_by(switch_confirmations.c.environment)
    .limit(PART)
)
_STANDING: Final = case(
    (guard_instances.c.heard_at <= bindparam("lost"), "lost"),
    (guard_instances.c.heard_at <= bindparam("late"), "late"),
    else_="live",
)
_INSTANCES: Final = (
    select(
        guard_instances.c.environment,
        _STANDING.label("standing"),
        guard_instances.c.state,
        func.count().label("n"),
    )
    .where(guard_instances.c.heard_at >= bindparam("since"), guard_instances.c.state != GONE)
    .group_by(guard_instances.c.environment, literal_column("standing"), guard_instances.c.state)
    .order_by(guard_instances.c.environment, literal_column("standing"), guard_instances.c.state)
    .limit(PART)
)
_GENERATIONS: Final = (
    select(
        guard_instances.c.environment,
        guard_instances.c.model,
        func.min(guard_instances.c.generation).label("generation"),
    )
    .where(guard_instances.c.heard_at >= bindparam("since"), guard_instances.c.state != GONE)
    .group_by(guard_instances.c.environment, guard_instances.c.model)
    .order_by(guard_instances.c.environment, guard_instances.c.model)
    .limit(PART)
)
_PROPOSALS: Final = (
    select(switch_proposals.c.environment, func.count().label("n"))
    .where(
        switch_proposals.c.state == ProposalState.OPEN.value,
        switch_proposals.c.lapses_at > bindparam("now"),
    )
    .group_by(switch_proposals.c.environment)
    .order_by(switch_proposals.c.environment)
    .limit(PART)
)
_FIRING: Final = (
    select(triggers.c.environment, func.count(triggers.c.name.distinct()).label("n"))
    .select_from(triggers)
    .join(trigger_alarms, trigger_alarms.c.trigger == triggers.c.name)
    .where(triggers.c.state == TriggerState.IN_FORCE.value, trigger_alarms.c.firing.is_(True))
    .group_by(triggers.c.environment)
    .order_by(triggers.c.environment)
    .limit(PART)
)


def count_switches(view: View) -> list[tuple[str, str, int]]:
    """Return how many switches are enforced, by environment and severity."""
    return [(row.environment, row.severity, row.n) for row in view.rows(_SWITCHES)]


def count_confirmations(view: View) -> list[tuple[str, int, int, int]]:
    """Return by environment: confirmations of enforced switches, those expected, and how many switches lack some."""
    return [
        (row.environment, int(row.confirmed), int(row.expected), int(row.n))
        for row in view.rows(_CONFIRMED)
    ]


def count_instances(
    view: View, *, late: datetime, lost: datetime, since: datetime
) -> list[tuple[str, str, str, int]]:
    """Return how many guards there are, by environment, how long they are silent, and the state they told."""
    params = {"late": timestamp(late), "lost": timestamp(lost), "since": timestamp(since)}
    rows = view.rows(_INSTANCES, params)
    return [(row.environment, row.standing, row.state, row.n) for row in rows]


def count_proposals(view: View, now: datetime) -> list[tuple[str, int]]:
    """Return how many proposed switches are open, by environment."""
    return [(row.environment, row.n) for row in view.rows(_PROPOSALS, {"now": timestamp(now)})]


def count_firing(view: View) -> list[tuple[str, int]]:
    """Return how many triggers that are in force have a step that fires, by environment."""
    return [(row.environment, row.n) for row in view.rows(_FIRING)]


def generations(view: View, *, since: datetime) -> list[tuple[str, str, int]]:
    """Return the oldest generation that a guard heard of since a time holds, by environment and model."""
    rows = view.rows(_GENERATIONS, {"since": timestamp(since)})
    return [(row.environment, row.model, int(row.generation)) for row in rows]
