"""Going forward before people have agreed, where going back and switches do not help (RL-44, AC-21, AC-22).

Only checks and missing seats are passed over, and the gate says so instead of an approval. It goes to production, to
all traffic at once: nobody has the time for steps. What people say afterwards, and time, is `settling`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.allowed import authorize, require_person
from modelwarden.approvals import gate
from modelwarden.approvals.emergency import emergency_request
from modelwarden.deployments import evidence, queries
from modelwarden.deployments.plan import AT_ONCE
from modelwarden.deployments.rollout import (
    EMERGENCY_REVIEW_DAYS,
    DeploymentKind,
    business_days_after,
)
from modelwarden.deployments.starting import EMERGENCY, begun, check_free, drafted, gate_passed
from modelwarden.errors import EmergencyNotNeeded, LentCredential, NothingToRollBackTo
from modelwarden.facts.deployments import EmergencyChangeMade
from modelwarden.facts.kinds import Code
from modelwarden.guard.router import SALT_BYTES
from modelwarden.permissions import Permission
from modelwarden.policies.reads import requirements
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment

if TYPE_CHECKING:
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.deployments.evidence import Prepared
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.policies.rollout import Course
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change

PLACE: Final = Environment.PRODUCTION
WAITED_FOR: Final = frozenset({"second_person_missing", "external_missing"})
"""What people may still give: the request that they sign or agree to elsewhere has to be open for it."""


class EmergencyChange(NamedTuple):
    """How far an emergency came: its request, and the deployment, or why there is none yet."""

    request: ApprovalRequest
    deployment: Deployment | None
    waits: tuple[gate.Reason, ...] = ()


def emergency(
    change: Change, model: str, version: str, *, prepared: Prepared, reason: str, ticket: str
) -> EmergencyChange:
    """Let a version go to production before people have agreed. `prepared` is its artifact, just hashed.

    Where one other human signs first, or another system has to agree, the request is opened and nothing moves: ask
    again once they did.

    Raises:
        ModelNotFound, VersionNotFound, NotPermitted, LentCredential, JustificationMissing, ValueInvalid.
        DeploymentInProgress, OwnerMissing, PurposeMissing, ModelIsRetired, VersionIsRetired.
        NothingToRollBackTo: nothing is live that it could go back to.
        EmergencyNotNeeded: it may go the ordinary way, or is live already.
        GateRefused: `reasons` holds the code of every condition that no emergency passes over.
    """
    going = registry.version(change, model, version, lock=True)
    owner = registry.model(change, model, lock=True)
    authorize(change, Permission.DEPLOY_EMERGENCY, on=registry.resource_of(owner, PLACE))
    require_person(change)
    if change.principal.lent_by is not None:
        raise LentCredential("somebody else issued this token; use one of your own")
    check_free(change, owner, PLACE)
    before = queries.locked_live(change, owner.name, PLACE)
    if before is None:
        raise NothingToRollBackTo(f"nothing of {owner.name} is live that it could go back to")
    artifact = evidence.artifact_now(prepared, going, now=change.now)
    _require_needed(change, going, owner, before, artifact=artifact, prepared=prepared)
    change.flags.add(EMERGENCY)
    needs = requirements(change, owner.name, PLACE)
    request, checks = emergency_request(change, going, needs=needs, reason=reason, ticket=ticket)
    case = evidence.gate_case(
        change,
        registry.version(change, owner.name, going.label),
        model=owner,
        environment=PLACE,
        artifact=artifact,
        permitted=True,
        checks=checks,
        prepared=prepared,
        emergency=True,
    )
    verdict = gate.weigh(case)
    if verdict.reasons and WAITED_FOR.issuperset(verdict.codes):
        if not change.drafts:
            change.unchanged("approval", request.id)
        return EmergencyChange(request, None, verdict.reasons)
    course = replace(AT_ONCE, targets=needs.course.targets)
    made = _made(change, case, request, before, course=course, reason=reason, ticket=ticket)
    return EmergencyChange(request, made)


def _require_needed(  # what the gate weighs
    change: Change,
    going: Version,
    owner: Model,
    before: Deployment,
    *,
    artifact: gate.ArtifactNow,
    prepared: Prepared,
) -> None:
    if before.version == going.name:
        raise EmergencyNotNeeded(f"{going.name} is live already")
    case = evidence.gate_case(
        change,
        going,
        model=owner,
        environment=PLACE,
        artifact=artifact,
        permitted=True,
        prepared=prepared,
    )
    if gate.weigh(case).allow:
        raise EmergencyNotNeeded(f"the gate lets {going.name} pass: deploy it")


def _made(  # noqa: PLR0913  # what a deployment is made of
    change: Change,
    case: gate.Case,
    request: ApprovalRequest,
    before: Deployment,
    *,
    course: Course,
    reason: str,
    ticket: str,
) -> Deployment:
    passed = gate_passed(change, case, PLACE)
    words = change.text(reason.strip())
    review_due = business_days_after(change.now, EMERGENCY_REVIEW_DAYS)
    planned = replace(
        drafted(change, case.version, PLACE),
        kind=DeploymentKind.EMERGENCY,
        strategy=course.strategy,
        course=course.text,
        salt=os.urandom(SALT_BYTES).hex(),
        request=request.id,
        replaces=before.id,
        notes=words,
        review_due_at=review_due,
        verdict=passed.to_line().decode().removesuffix("\n"),
    )
    overridden = gate.weigh(case).overridden
    change.record(
        EmergencyChangeMade(
            deployment=planned.id,
            model=planned.model,
            version=planned.version,
            environment=Code(PLACE),
            request=request.id,
            artifact=case.artifact.sha256,
            replaced=before.version,
            overridden=tuple(Code(code) for code in dict.fromkeys(r.code for r in overridden)),
            signed=() if case.approval is None else tuple(sorted(case.approval.persons)),
            reason=words,
            ticket=change.text(ticket),
            approve_by=request.expires_at,
            review_due=review_due,
        )
    )
    return begun(change, planned, passed, before)
