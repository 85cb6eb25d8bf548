"""Deployments as callers get them, with the words filled in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of
from modelwarden.deployments.dry_run import Turn
from modelwarden.errors import TextsLocked
from modelwarden.registry.actions import version as version_of
from modelwarden.store.erasing import shown
from modelwarden.values.answers import DeploymentAnswer, GateAnswer, LiveAnswer, ReasonAnswer
from modelwarden.values.checks import DryRunAnswer, ReplayAnswer

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.deployments.dry_run import DryRun
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
        revision=deployment.revision,
    )


def gate_answer(outlook: Outlook, *, model: str, version: str, environment: str) -> GateAnswer:
    """Return what the gate would say as callers see it."""
    return GateAnswer(
        model=model,
        version=version,
        environment=environment,
        allow=outlook.verdict.allow,
        reasons=tuple(ReasonAnswer(code=r.code, detail=r.detail) for r in outlook.verdict.reasons),
        hashed=outlook.hashed,
        request=outlook.request,
    )


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
