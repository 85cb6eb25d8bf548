"""Starting a deployment: the gate, then its first step, once workers have the version loaded (RL-33 to RL-36)."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize
from modelwarden.approvals import checks, gate
from modelwarden.deployments import evidence, queries
from modelwarden.deployments.outlook import workers
from modelwarden.deployments.plan import course_for, with_target
from modelwarden.deployments.rollout import Deployment, DeploymentKind, Origin
from modelwarden.deployments.stepping import announce, take_step
from modelwarden.deployments.verdict import allowed
from modelwarden.errors import DeploymentInProgress, GateRefused, ReferenceExists, ValueInvalid
from modelwarden.facts.deployments import DeploymentStarted, ExternalEvidenceAccepted, GateEvaluated
from modelwarden.facts.kinds import Code
from modelwarden.guard.router import SALT_BYTES, Strategy
from modelwarden.permissions import Permission
from modelwarden.policies.check_run import Occasion
from modelwarden.policies.reads import requirements
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment
from modelwarden.store import server_keys
from modelwarden.values.ids import DeploymentId, Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.deployments.evidence import Prepared
    from modelwarden.ledger.dsse import Envelope
    from modelwarden.policies.governing import Requirements
    from modelwarden.policies.result import Result
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change
    from modelwarden.values.ids import Commitment

LONGEST_WORDS: Final = 4_000
EMERGENCY: Final = "emergency"
"""What entries of an emergency carry in their context (AC-21)."""

DEPLOY: Final[Mapping[Environment, Permission]] = MappingProxyType(
    {
        Environment.STAGING: Permission.DEPLOY_STAGING,
        Environment.PRODUCTION: Permission.DEPLOY_PRODUCTION,
    }
)
"""What deploying to an environment takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a version is to go live. The strategy is the policy's unless named.

    Attributes:
        target: a webhook endpoint that has to follow each step, beside those that the policies name (RL-40).
    """

    environment: Environment = Environment.PRODUCTION
    strategy: str | None = None
    notes: str | None = None
    reference: str | None = None
    target: str | None = None


PLAINLY: Final = Launch()
"""As the policy says, to production."""


def start(
    change: Change, model: str, version: str, *, prepared: Prepared, launch: Launch = PLAINLY
) -> Deployment:
    """Let a version go live, if the gate allows it now. `prepared` is its artifact, just hashed.

    A version that is live there already stays: nothing is written. With more than one step, with time to bake, or
    while workers do not have the version loaded, what is returned is in progress.

    Raises:
        ModelNotFound, VersionNotFound, NotPermitted, StrategyUnknown, ReferenceExists, DeploymentInProgress.
        GateRefused: `reasons` holds the code of every condition that does not hold (RL-33).
    """
    environment = launch.environment
    going = registry.version(change, model, version, lock=True)
    owner = registry.model(change, model, lock=True)
    authorize(change, DEPLOY[environment], on=registry.resource_of(owner, environment))
    needs = requirements(change, owner.name, environment)
    check_free(change, owner, environment, reference=launch.reference)
    before = queries.locked_live(change, owner.name, environment)
    if before is not None and before.version == going.name:
        change.unchanged("deployment", before.id)
        return before
    case = evidence.gate_case(
        change,
        going,
        model=owner,
        environment=environment,
        checks=_checked(change, going, owner, needs),
        artifact=evidence.artifact_now(prepared, going, now=change.now),
        prepared=prepared,
        permitted=True,
    )
    course = course_for(needs.course, launch.strategy, is_first=before is None)
    passed = gate_passed(change, case, environment)
    planned = replace(
        drafted(change, going, environment),
        strategy=course.strategy,
        course=with_target(course, launch.target).text,
        salt=os.urandom(SALT_BYTES).hex(),
        request=None if case.approval is None else case.approval.request.id,
        replaces=None if before is None else before.id,
        notes=words(change, launch.notes),
        reference=launch.reference,
        verdict=passed.to_line().decode().removesuffix("\n"),
    )
    return begun(change, planned, passed, before)


def begun(
    change: Change, planned: Deployment, passed: Envelope, before: Deployment | None
) -> Deployment:
    """Begin what the gate let pass: its first step, or where workers do not have the version loaded, its name alone."""
    started = _started(change, planned, passed)
    if before is not None and workers(change, started):
        announce(change, started, before)
        return started
    return take_step(change, started, before)


def _checked(
    change: Change, going: Version, owner: Model, needs: Requirements
) -> tuple[Result, ...] | None:
    """Record what the checks come to now, and return it; None where the policies ask for none."""
    if not needs.checks:
        return None
    run = checks.recorded(change, going, model=owner, needs=needs, occasion=Occasion.GATE)
    return run.found


def drafted(change: Change, going: Version, environment: Environment) -> Deployment:
    """Return a deployment of a version as the caller's, without what sets its kinds apart."""
    return Deployment(
        id=DeploymentId(change.new_id("dep")),
        model=going.model,
        label=going.label,
        version=going.name,
        environment=environment,
        strategy=Strategy.DIRECT,
        kind=DeploymentKind.RELEASE,
        origin=Origin.WARDEN,
        artifact_sha256=going.subject_sha256,
        started_by=change.actor,
        started_person=change.person,
        started_at=change.now,
    )


def check_free(
    change: Change, model: Model, environment: Environment, *, reference: str | None = None
) -> None:
    """Raise DeploymentInProgress or ReferenceExists if nothing can begin there, or not so called."""
    busy = queries.unfinished(change, model.name, environment)
    if busy is not None:
        raise DeploymentInProgress(
            f"{busy.id} of {busy.version} is under way in {environment}; abort it, or let it end"
        )
    if reference is not None and queries.is_referenced(change, model.name, reference):
        raise ReferenceExists(f"{model.name} has a deployment {reference!r} already")


def words(change: Change, text: str | None) -> Commitment | None:
    """Keep erasable words, if any. Raises ValueInvalid."""
    if text is None or not text.strip():
        return None
    if len(text) > LONGEST_WORDS:
        raise ValueInvalid("notes", f"at most {LONGEST_WORDS:,} characters")
    return change.text(text.strip())


def permission_of(deployment: Deployment) -> Permission:
    """Return what it takes to take a deployment forward."""
    if deployment.is_emergency:
        return Permission.DEPLOY_EMERGENCY
    return DEPLOY[deployment.environment]


def gate_passed(change: Change, case: gate.Case, environment: Environment) -> Envelope:
    """Return the gate's signed word that it allows. Raises GateRefused with all reasons."""
    verdict = gate.weigh(case)
    version, approval = case.version, case.approval
    about = [("model", version.model), ("version", version.name)]
    if approval is not None:
        about.append(("approval", approval.request.id))
    if not verdict.allow or case.artifact.sha256 is None:
        raise GateRefused(
            "; ".join(f"{reason.code}: {reason.detail}" for reason in verdict.reasons),
            about=tuple(about),
            reasons=verdict.codes,
        )
    request = None if approval is None else approval.request.id
    overridden = tuple(dict.fromkeys(reason.code for reason in verdict.overridden))
    if overridden:
        change.flags.add(EMERGENCY)
    change.record(
        GateEvaluated(
            model=version.model,
            version=version.name,
            environment=Code(environment),
            request=request,
            artifact=case.artifact.sha256,
            decisions=0 if approval is None else len(approval.decisions),
        )
    )
    _tell_evidence(change, case, environment)
    return allowed(
        version.name,
        sha256=case.artifact.sha256,
        environment=environment,
        request=request,
        overridden=overridden,
        at=change.now,
        key=server_keys.current(change.connection, change.keyring).server_key,
    )


def _tell_evidence(change: Change, case: gate.Case, environment: Environment) -> None:
    for seen in case.external:
        change.record(
            ExternalEvidenceAccepted(
                model=case.version.model,
                version=case.version.name,
                environment=Code(environment),
                system=Code(seen.system),
                digest=seen.sha256,
                url=change.text(seen.url),
                seen_at=seen.seen_at,
                persons=tuple(sorted(seen.persons - case.barred)),
            )
        )


def _started(change: Change, planned: Deployment, passed: Envelope) -> Deployment:
    kept = change.save(planned)
    change.record(
        DeploymentStarted(
            deployment=kept.id,
            model=kept.model,
            version=kept.version,
            environment=Code(kept.environment),
            strategy=Code(kept.strategy),
            request=kept.request,
            artifact=kept.artifact_sha256,
            notes=kept.notes,
        ),
        sigs=(Digest(passed.digest),),
    )
    return kept
