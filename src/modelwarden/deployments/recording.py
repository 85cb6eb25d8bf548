"""Noting a deployment that was made elsewhere; without a valid approval it is a bypass (RL-36a)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize
from modelwarden.approvals import gate
from modelwarden.deployments import evidence, queries
from modelwarden.deployments.rollout import Deployment, DeploymentState, Origin
from modelwarden.deployments.starting import DEPLOY, check_free, drafted, words
from modelwarden.deployments.stepping import move_versions
from modelwarden.errors import ValueInvalid
from modelwarden.facts.deployments import BypassDetected, DeploymentRecorded
from modelwarden.facts.kinds import Code
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What happened elsewhere: where, when (now unless named), and what it is called there."""

    environment: Environment = Environment.PRODUCTION
    at: datetime | None = None
    notes: str | None = None
    reference: str | None = None


def record(change: Change, model: str, version: str, *, made: Made | None = None) -> Deployment:
    """Note that a version went live elsewhere. No route and no alias moves.

    Raises:
        ModelNotFound, VersionNotFound, NotPermitted, ReferenceExists, DeploymentInProgress.
        ValueInvalid: the time lies ahead, or before what is live there now.
    """
    made = made or Made()
    gone = registry.version(change, model, version, lock=True)
    owner = registry.model(change, model, lock=True)
    environment = made.environment
    authorize(change, DEPLOY[environment], on=registry.resource_of(owner, environment))
    check_free(change, owner, environment, reference=made.reference)
    before = queries.locked_live(change, owner.name, environment)
    at = _when(change, made.at, before)
    case = _case(change, gone, owner, environment)
    noted = replace(
        drafted(change, gone, environment),
        origin=Origin.RECORDED,
        request=None if case.approval is None else case.approval.request.id,
        replaces=None if before is None else before.id,
        notes=words(change, made.notes),
        reference=made.reference,
    )
    if before is not None:
        change.save(before.end(DeploymentState.SUPERSEDED, at=at))
    move_versions(change, before, gone, to=environment)
    live = change.save(noted.go_live(at=at))
    _told(change, live, case, at=at)
    return live


def _told(change: Change, live: Deployment, case: gate.Case, *, at: datetime) -> None:
    change.record(
        DeploymentRecorded(
            deployment=live.id,
            model=live.model,
            version=live.version,
            environment=Code(live.environment),
            at=at,
            request=live.request,
            replaces=live.replaces,
            notes=live.notes,
        )
    )
    reasons = tuple(code for code in gate.weigh(case).codes if not code.startswith("artifact_"))
    if reasons:
        change.record(
            BypassDetected(
                deployment=live.id,
                model=live.model,
                version=live.version,
                environment=Code(live.environment),
                reasons=tuple(Code(code) for code in reasons),
            )
        )


def _case(change: Change, gone: Version, owner: Model, environment: Environment) -> gate.Case:
    """Load what the gate would have weighed; what ran elsewhere can't be hashed here."""
    return evidence.gate_case(
        change,
        gone,
        model=owner,
        environment=environment,
        artifact=evidence.artifact_registered(gone),
        permitted=True,
    )


def _when(change: Change, at: datetime | None, before: Deployment | None) -> datetime:
    at = change.now if at is None else at
    if at > change.now:
        raise ValueInvalid("at", "a time that is not ahead")
    if before is not None and before.live_at is not None and at < before.live_at:
        raise ValueInvalid("at", f"a time after {before.version} went live there")
    return at
