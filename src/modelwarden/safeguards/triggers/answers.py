"""Triggers, firings, proposals, failure modes and datasets as callers get them, with handles and words filled in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.safeguards.freshness import gate
from modelwarden.safeguards.triggers import queries
from modelwarden.safeguards.triggers.proposal import ProposalState
from modelwarden.safeguards.triggers.reads import verdict_of
from modelwarden.safeguards.triggers.trigger import TriggerState
from modelwarden.store.erasing import shown
from modelwarden.values.triggers import (
    AlarmAnswer,
    DatasetAnswer,
    FailureModeAnswer,
    FiringAnswer,
    ProposalAnswer,
    RungAnswer,
    TriggerAnswer,
)

if TYPE_CHECKING:
    from modelwarden.safeguards.freshness.gate import Dataset
    from modelwarden.safeguards.severity.failure_modes import Coverage
    from modelwarden.safeguards.triggers.proposal import Firing, Proposal
    from modelwarden.safeguards.triggers.trigger import Trigger
    from modelwarden.store.change import View
    from modelwarden.values.ids import ActorId


def trigger_answer(view: View, trigger: Trigger) -> TriggerAnswer:
    """Return a version of a trigger as callers see it."""
    versions = queries.versions_of(view, trigger.name)
    waiting = [each.version for each in versions if each.state is TriggerState.WAITING]
    judging = next((each for each in versions if each.state is TriggerState.IN_FORCE), trigger)
    return TriggerAnswer(
        id=trigger.id,
        name=trigger.name,
        version=trigger.version,
        state=trigger.state.value,
        model=trigger.model,
        environment=trigger.environment.value,
        signal=trigger.signal,
        by=trigger.by,
        ladder=tuple(
            RungAnswer(step=step, threshold=fire, clear=clear)
            for step, fire, clear in trigger.ladder
        ),
        window_s=trigger.window_s,
        n_min=trigger.n_min,
        consecutive=trigger.consecutive,
        dry_run=trigger.dry_run,
        auto_activate=trigger.auto_activate,
        max_share=trigger.max_share,
        budget=trigger.budget,
        owner=handle_of(view, trigger.owner),
        account=_handle(view, trigger.account),
        ends=trigger.ends,
        set_by=handle_of(view, trigger.set_by),
        set_at=trigger.set_at,
        approved_by=_handle(view, trigger.approved_by),
        in_force_at=trigger.in_force_at,
        ended_at=trigger.ended_at,
        verdict=verdict_of(view, judging).value,
        waiting=waiting[0] if waiting else None,
        alarms=_alarms(view, trigger),
        revision=trigger.revision,
    )


def firing_answer(view: View, firing: Firing) -> FiringAnswer:
    """Return a firing as callers see it."""
    return FiringAnswer(
        id=firing.id,
        trigger=firing.trigger,
        version=firing.version,
        model=firing.model,
        environment=firing.environment.value,
        signal=firing.signal,
        by=firing.by,
        by_value=firing.by_value,
        step=firing.step.value,
        act=firing.act.value,
        cause=firing.cause,
        value=firing.value,
        threshold=firing.threshold,
        n=firing.n,
        first_at=firing.first_at,
        last_at=firing.last_at,
        share=firing.share,
        tier=firing.tier,
        base=firing.base.value,
        severity=firing.severity.value,
        rules=firing.rules,
        switch=firing.switch,
        proposal=firing.proposal,
        fired_at=firing.fired_at,
        overridden_by=_handle(view, firing.overridden_by),
        overridden_at=firing.overridden_at,
        reason=shown(view, firing.reason),
        evidence=tuple(json.loads(firing.evidence)),
        revision=firing.revision,
    )


def proposal_answer(view: View, proposal: Proposal) -> ProposalAnswer:
    """Return a proposed switch as callers see it; one whose hour is over has lapsed, whether or not it was told."""
    over = proposal.state is ProposalState.OPEN and not proposal.is_open(view.now)
    return ProposalAnswer(
        id=proposal.id,
        state=ProposalState.LAPSED.value if over else proposal.state.value,
        trigger=proposal.trigger,
        firing=proposal.firing,
        model=proposal.model,
        environment=proposal.environment.value,
        scope=json.loads(proposal.scope),
        severity=proposal.severity.value,
        cause=proposal.cause,
        lkg_before=proposal.lkg_before,
        proposed_at=proposal.proposed_at,
        lapses_at=proposal.lapses_at,
        accepted_by=_handle(view, proposal.accepted_by),
        accepted_at=proposal.accepted_at,
        switch=proposal.switch,
        revision=proposal.revision,
    )


def failure_mode_answers(_view: View, found: list[Coverage]) -> tuple[FailureModeAnswer, ...]:
    """Return ways to fail as callers see them."""
    return tuple(
        FailureModeAnswer(
            name=each.mode.name,
            cause=each.mode.cause,
            detectors=each.mode.detectors,
            on=each.on,
            severity=each.mode.severity.value,
            action=each.mode.action,
            runbook=each.mode.runbook,
            proving_fault=each.mode.proving_fault,
            last_drilled=each.last_drilled,
            state=each.state,
        )
        for each in found
    )


def dataset_answer(view: View, dataset: Dataset) -> DatasetAnswer:
    """Return a dataset as callers see it, as fresh as it is now."""
    now = gate.standing(dataset, view.now)
    return DatasetAnswer(
        name=dataset.name,
        cadence_s=dataset.cadence_s,
        max_age_s=dataset.max_age_s,
        min_rows=dataset.min_rows,
        columns=None if dataset.fields is None else json.loads(dataset.fields),
        verdict=now.verdict.value,
        reasons=now.reasons,
        checked=None if dataset.verdict is None else dataset.verdict.value,
        as_of=dataset.as_of,
        rows=dataset.row_count,
        checked_at=dataset.checked_at,
        checked_by=_handle(view, dataset.checked_by),
        set_by=handle_of(view, dataset.set_by),
        set_at=dataset.set_at,
        revision=dataset.revision,
    )


def _alarms(view: View, trigger: Trigger) -> tuple[AlarmAnswer, ...]:
    found = queries.alarms_of(view, trigger.name)
    return tuple(
        AlarmAnswer(
            step=step,
            value=value or None,
            firing=alarm.firing,
            streak=alarm.streak,
            judged_until=alarm.judged_until,
        )
        for (step, value), alarm in found.items()
        if step and alarm.judged_until is not None
    )


def _handle(view: View, actor: ActorId | None) -> str | None:
    return None if actor is None else handle_of(view, actor)
