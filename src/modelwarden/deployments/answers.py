"""Deployments as callers get them, with the words filled in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.approvals.answers import dossier_answer
from modelwarden.approvals.case import dossier
from modelwarden.deployments.dry_run import Turn
from modelwarden.deployments.outlook import standing
from modelwarden.deployments.settling import approve_by
from modelwarden.deployments.targets.answers import target_answers
from modelwarden.errors import TextsLocked
from modelwarden.registry.actions import version as version_of
from modelwarden.store.erasing import shown
from modelwarden.values.answers import (
    DeploymentAnswer,
    GateAnswer,
    LiveAnswer,
    ReasonAnswer,
    RolloutStepAnswer,
)
from modelwarden.values.checks import DryRunAnswer, ReplayAnswer
from modelwarden.values.rollouts import EmergencyAnswer, FreezeAnswer, PromotionAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from modelwarden.approvals.gate import Reason
    from modelwarden.deployments.dry_run import DryRun
    from modelwarden.deployments.emergency import EmergencyChange
    from modelwarden.deployments.freezing.freeze import Freeze
    from modelwarden.deployments.promoting import Promoted
    from modelwarden.deployments.reads import Outlook
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.registry.version import Version
    from modelwarden.store.change import View


def dry_run_answer(_view: View, found: DryRun) -> DryRunAnswer:
    """Return a dry run as callers see it."""
    turns = Counter(replay.turn for replay in found.replays)
    return DryRunAnswer(
        policy=found.document.name,
        hash=found.document.hash,
        since=found.since,
        next_cursor=found.next_cursor,
        counts={turn.value: turns[turn] for turn in Turn},
        releases=tuple(
            ReplayAnswer(
                turn=replay.turn.value,
                deployment=replay.deployment.id,
                version=replay.deployment.version,
                environment=replay.deployment.environment.value,
                started_at=replay.deployment.started_at,
                now=replay.now,
                drafted=replay.drafted,
            )
            for replay in found.replays
        ),
    )


def deployment_answer(view: View, deployment: Deployment) -> DeploymentAnswer:
    """Return a deployment as callers see it."""
    plan, reviewed_by = deployment.plan, deployment.reviewed_by
    return DeploymentAnswer(
        id=deployment.id,
        model=deployment.model,
        version=deployment.label,
        environment=deployment.environment.value,
        strategy=deployment.strategy.value,
        kind=deployment.kind.value,
        state=deployment.state.value,
        origin=deployment.origin.value,
        request=deployment.request,
        artifact_sha256=deployment.artifact_sha256,
        started_by=handle_of(view, deployment.started_by),
        started_at=deployment.started_at,
        live_at=deployment.live_at,
        ended_at=deployment.ended_at,
        replaces=deployment.replaces,
        notes=shown(view, deployment.notes),
        reference=deployment.reference,
        traffic=deployment.traffic,
        steps=tuple(
            RolloutStepAnswer(traffic=step.traffic, bake_s=int(step.bake.total_seconds()))
            for step in deployment.steps
        ),
        step=None if deployment.step is None else deployment.step + 1,
        advance=None if plan is None else plan.advance,
        next_at=deployment.baked_at if deployment.is_under_way else None,
        waits=_reasons(standing(view, deployment).waits),
        held=tuple(sorted(deployment.held_by)),
        approve_by=approve_by(view, deployment),
        approved_at=deployment.approved_at,
        targets=target_answers(view, deployment),
        review_due_at=deployment.review_due_at,
        reviewed_by=None if reviewed_by is None else handle_of(view, reviewed_by),
        reviewed_at=deployment.reviewed_at,
        outcome=None if deployment.outcome is None else deployment.outcome.value,
        findings=shown(view, deployment.findings),
        revision=deployment.revision,
    )


def gate_answer(outlook: Outlook, *, model: str, version: str, environment: str) -> GateAnswer:
    """Return what the gate would say as callers see it."""
    return GateAnswer(
        model=model,
        version=version,
        environment=environment,
        allow=outlook.verdict.allow,
        reasons=_reasons(outlook.verdict.reasons),
        hashed=outlook.hashed,
        request=outlook.request,
    )


def emergency_answer(view: View, done: EmergencyChange) -> EmergencyAnswer:
    """Return how far an emergency change came as callers see it."""
    return EmergencyAnswer(
        request=dossier_answer(view, dossier(view, done.request)),
        deployment=None if done.deployment is None else deployment_answer(view, done.deployment),
        waits=_reasons(done.waits),
    )


def promotion_answer(view: View, done: Promoted) -> PromotionAnswer:
    """Return how far a version came as callers see it."""
    return PromotionAnswer(
        deployments=tuple(deployment_answer(view, one) for one in done.deployments),
        stopped_at=None if done.stopped_at is None else done.stopped_at.value,
        reasons=_reasons(done.reasons),
    )


def freeze_answer(view: View, freeze: Freeze) -> FreezeAnswer:
    """Return a freeze as callers see it."""
    return FreezeAnswer(
        id=freeze.id,
        environment=freeze.environment.value,
        model=freeze.model,
        starts_at=freeze.starts_at,
        ends_at=freeze.ends_at,
        reason=shown(view, freeze.reason),
        set_by=handle_of(view, freeze.set_by),
        set_at=freeze.set_at,
        lifted_by=None if freeze.lifted_by is None else handle_of(view, freeze.lifted_by),
        lifted_at=freeze.lifted_at,
        revision=freeze.revision,
    )


def _reasons(reasons: Iterable[Reason]) -> tuple[ReasonAnswer, ...]:
    return tuple(ReasonAnswer(code=each.code, detail=each.detail) for each in reasons)


def _place(view: View, version: Version) -> str | None:
    """Return where the artifact lies, for reading it there: None where that was erased or is locked."""
    try:
        return view.words(version.artifact)
    except TextsLocked:
        return None


def live_answer(
    view: View,
    deployment: Deployment | None,
    *,
    model: str,
    environment: str,
    as_of: datetime | None,
) -> LiveAnswer:
    """Return what is live as callers see it, with the artifact that has to be running."""
    version = None if deployment is None else version_of(view, deployment.model, deployment.label)
    return LiveAnswer(
        model=model,
        environment=environment,
        as_of=as_of or view.now,
        version=None if deployment is None else deployment.label,
        deployment=None if deployment is None else deployment.id,
        since=None if deployment is None else deployment.live_at,
        artifact=None if version is None else _place(view, version),
        sha256=None if version is None else version.subject_sha256,
        fingerprints=() if version is None else version.fingerprints,
    )
