"""Drills as callers get them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.safeguards.drills.drill import part_of
from modelwarden.values.drills import DrillAnswer, DrillReportAnswer, OverdueAnswer

if TYPE_CHECKING:
    from modelwarden.safeguards.drills.drill import Drill
    from modelwarden.safeguards.drills.reads import Standing
    from modelwarden.store.change import View
    from modelwarden.values.ids import ActorId


def drill_answer(view: View, drill: Drill) -> DrillAnswer:
    """Return a drill as callers see it."""
    return DrillAnswer(
        id=drill.id,
        state=drill.state.value,
        environment=drill.environment.value,
        model=drill.model,
        scope=json.loads(drill.scope),
        exception=json.loads(drill.exception),
        fault=drill.fault,
        share=part_of(drill.share),
        ttl_s=drill.ttl_s,
        detect_within_s=drill.detect_s,
        activate_within_s=drill.activate_s,
        confirm_within_s=drill.confirm_s,
        plan=drill.plan,
        requested_by=handle_of(view, drill.requested_by),
        requested_at=drill.requested_at,
        confirmed_by=_handle(view, drill.confirmed_by),
        started_at=drill.started_at,
        ends_at=drill.ends_at,
        ended_by=_handle(view, drill.ended_by),
        ended_at=drill.ended_at,
        cause=None if drill.cause is None else drill.cause.value,
        report=_report(drill),
        revision=drill.revision,
    )


def overdue_answer(_view: View, standing: Standing) -> OverdueAnswer:
    """Return a way to fail that has to be drilled as callers see it."""
    last = standing.last
    return OverdueAnswer(
        model=standing.model,
        failure_mode=standing.mode.name,
        fault=standing.mode.proving_fault or "",
        last_drill=None if last is None else last.drill,
        last_started_at=None if last is None else last.at,
        due_since=standing.due_since,
    )


def _report(drill: Drill) -> DrillReportAnswer | None:
    if drill.report is None:
        return None
    found = json.loads(drill.report)
    missed = tuple(found.pop("missed"))
    silent = tuple(found.pop("silent"))
    return DrillReportAnswer(passed=not missed, missed=missed, silent=silent, **found)


def _handle(view: View, actor: ActorId | None) -> str | None:
    return None if actor is None else handle_of(view, actor)
