"""What time does to drills: they end, they are reported, and those of a schedule begin (SG-53, SG-54).

These are the program's own acts, called by a reaction; anybody else is refused. The server's clock decides.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from modelwarden.errors import DrillRefused, NotPermitted
from modelwarden.facts.kinds import Code, Severity
from modelwarden.facts.safeguards import DrillReported
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model
from modelwarden.safeguards.drills import queries
from modelwarden.safeguards.drills.drill import SETTLED, Cause, Drill, DrillState
from modelwarden.safeguards.drills.report import report, struck_between
from modelwarden.safeguards.drills.running import end
from modelwarden.safeguards.drills.schedule import Plan, read_plans
from modelwarden.values.ids import DrillId, ModelName
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from modelwarden.safeguards.drills.report import Report
    from modelwarden.store.change import Change, View


def drills_due(view: View) -> tuple[DrillId, ...]:
    """Return some drills that have to be moved, each once."""
    timed = [each.id for each in queries.due(view, view.now)]
    harmful = [each.id for each in queries.running(view) if _harm(view, each) is not None]
    found = dict.fromkeys([*timed, *harmful])
    return tuple(each for each in found if not view.is_frozen("drill", each))


def plans_due(view: View) -> tuple[Plan, ...]:
    """Return the schedules that have to run a drill now, and may. Raises SettingInvalid."""
    if Environment.STAGING.value not in view.settings.drills_environments:
        return ()
    return tuple(
        plan
        for plan in read_plans(view.settings.drills_schedule)
        if plan.is_due(view.now, queries.last_planned(view, plan.text))
        and find_model(view, ModelName(plan.model)) is not None
        and not queries.running_on(view, Environment.STAGING, plan.model)
        and queries.grave_switch(view, Environment.STAGING, plan.model) is None
    )


def keep_drill(change: Change, drill_id: DrillId) -> Drill | None:
    """End or report a drill whose time has come; None where neither is due any more."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("time does this, not a person", reasons=("not_the_program",))
    drill = queries.locked_drill(change, drill_id)
    if drill is not None and drill.is_over(change.now):
        lapsed = drill.state is DrillState.REQUESTED
        return end(change, drill, Cause.LAPSED if lapsed else Cause.TTL)
    if drill is not None and (harm := _harm(change, drill)) is not None:
        return end(change, drill, harm)
    if drill is not None and drill.is_to_be_reported(change.now):
        return _report(change, drill)
    change.unchanged("drill", drill_id)
    return None


def _harm(view: View, drill: Drill) -> Cause | None:
    """Return why a drill that runs has to end before its time.

    An error budget that burns fast will be one, once service levels have budgets (SG-53).
    """
    if drill.state is not DrillState.RUNNING:
        return None
    grave = queries.grave_switch(view, drill.environment, drill.model)
    return None if grave is None else Cause.SWITCH


def _report(change: Change, drill: Drill) -> Drill:
    if drill.ended_at is None:
        raise DrillRefused(f"{drill.id} has not ended")
    told = queries.told_since_start(change, drill, until=drill.ended_at + SETTLED)
    struck = struck_between(
        queries.kept_counts(change, drill.id),
        queries.counts_now(change, drill.environment, drill.model),
    )
    found = report(drill, told, struck)
    reported = change.save(drill.reported(found.as_text()))
    queries.forget_counts(change, drill.id)
    change.record(
        _fact(reported, found), severity=Severity.INFO if found.passed else Severity.WARNING
    )
    return reported


def _fact(drill: Drill, found: Report) -> DrillReported:
    share = found.fallback_share
    return DrillReported(
        drill=drill.id,
        model=drill.model,
        environment=Code(drill.environment),
        fault=Code(drill.fault),
        passed=found.passed,
        struck=found.struck,
        unanswered=found.unanswered,
        fallback_share=None if share is None else Decimal(share),
        detect_ms=found.detect_ms,
        activate_ms=found.activate_ms,
        confirm_ms=found.confirm_ms,
        silent=tuple(Code(signal) for signal in found.silent),
        missed=tuple(Code(name) for name in found.missed),
    )
