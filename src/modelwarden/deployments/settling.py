"""What becomes of an emergency change: people agree to it in time, or time takes it back (RL-44, AC-22).

The program does this by itself. Its time is the request's, which is stored: a restart in between changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from modelwarden.access import queries as accounts
from modelwarden.approvals import case, gate
from modelwarden.approvals import queries as requests
from modelwarden.approvals.request import RequestState, VoidCause
from modelwarden.approvals.voiding import expired
from modelwarden.deployments import evidence, queries
from modelwarden.deployments.advancing import aborted, locked, require_program
from modelwarden.deployments.returning import gone_back, same_bytes
from modelwarden.deployments.rollout import REVIEW_DUE, DeploymentKind
from modelwarden.deployments.starting import EMERGENCY, drafted
from modelwarden.errors import NothingToRollBackTo
from modelwarden.facts.deployments import (
    EmergencyChangeApproved,
    EmergencyChangeStands,
)
from modelwarden.facts.kinds import Code
from modelwarden.policies.reads import requirements
from modelwarden.registry.queries import find_model, find_version

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.deployments.evidence import Prepared
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View

NOT_APPROVED: Final = Code("emergency_not_approved")
NOT_APPROVED_WORDS: Final = "nobody approved this emergency change in its time"
MOMENT: Final = timedelta(microseconds=1)


class Settlement(StrEnum):
    """What an emergency change has come to."""

    APPROVED = "approved"
    WAITS = "waits"
    OVER = "over"


def unapproved(view: View) -> list[Deployment]:
    """Return the emergency changes that stand and were not approved; what a restore left behind waits for a person."""
    found = queries.unapproved_emergencies(view)
    return [one for one in found if not view.is_frozen("deployment", one.id)]


def approve_by(view: View, deployment: Deployment) -> datetime | None:
    """Return when an emergency change goes back unless it is approved; None for any other deployment."""
    request = _request(view, deployment)
    return None if request is None or not deployment.is_emergency else request.expires_at


def settlement(view: View, deployment: Deployment) -> Settlement:
    """Return what an emergency change has come to now."""
    if _approval(view, deployment) is not None:
        return Settlement.APPROVED
    due = approve_by(view, deployment)
    return Settlement.WAITS if due is not None and view.now < due else Settlement.OVER


def settle_emergency(
    change: Change, deployment_id: str, *, prepared: Prepared | None = None
) -> Deployment | None:
    """Let an emergency change stay that was approved, or take it back when its time is over; None where neither is due.

    `prepared` is the version to go back to, just hashed.

    Raises:
        NotFound, NotPermitted.
        NothingToRollBackTo, ArtifactMismatch, ArtifactUnreadable: it can't go back to that version.
    """
    require_program(change)
    deployment, model = locked(change, deployment_id)
    stands = next((one for one in unapproved(change) if one.id == deployment.id), None)
    found = None if stands is None else settlement(change, deployment)
    if found is None or found is Settlement.WAITS:
        change.unchanged("deployment", deployment.id)
        return None
    if found is Settlement.APPROVED:
        return _approved(change, deployment)
    change.flags.add(EMERGENCY)
    if deployment.is_under_way:
        ended = _broken_off(change, deployment)
    else:
        ended = _taken_back(change, deployment, model, prepared=prepared)
    _end_request(change, deployment)
    return ended


def hold_emergency(
    change: Change, deployment_id: str, *, reasons: tuple[str, ...]
) -> Deployment | None:
    """Tell, once for each set of reasons, that what nobody approved can't go back."""
    require_program(change)
    deployment, _ = locked(change, deployment_id)
    said = json.dumps(sorted(reasons))
    if deployment.waits == said or settlement(change, deployment) is not Settlement.OVER:
        change.unchanged("deployment", deployment.id)
        return None
    change.flags.add(EMERGENCY)
    kept = change.save(replace(deployment, waits=said))
    change.record(
        EmergencyChangeStands(
            deployment=kept.id,
            model=kept.model,
            version=kept.version,
            environment=Code(kept.environment),
            reasons=tuple(Code(reason) for reason in sorted(reasons)),
        )
    )
    return kept


def _approved(change: Change, deployment: Deployment) -> Deployment:
    approval = _approval(change, deployment)
    kept = change.save(replace(deployment, approved_at=change.now, waits=None))
    if approval is not None:
        change.record(
            EmergencyChangeApproved(
                deployment=kept.id,
                model=kept.model,
                version=kept.version,
                environment=Code(kept.environment),
                request=approval.id,
            )
        )
    return kept


def _broken_off(change: Change, deployment: Deployment) -> Deployment:
    """End an emergency change that workers never loaded."""
    return aborted(change, deployment, cause=NOT_APPROVED, reason=None)


def _taken_back(
    change: Change, deployment: Deployment, model: Model, *, prepared: Prepared | None
) -> Deployment:
    """Go back to an earlier version, whatever is under way; somebody has to look back at that too (RL-41)."""
    environment = deployment.environment
    busy = queries.unfinished(change, model.name, environment)
    if busy is not None:  # else whoever begins another and never ends it keeps this one live
        aborted(change, busy, cause=NOT_APPROVED, reason=None)
    before = queries.locked_live(change, model.name, environment)
    older = evidence.versions_before(change, model.name, environment)
    going = next((one for one in older if prepared and one.name == prepared.version), None)
    if before is None or prepared is None or going is None:
        raise NothingToRollBackTo(f"no earlier version of {model.name} is approved there")
    planned = replace(
        drafted(change, going, environment),
        kind=DeploymentKind.ROLLBACK,
        artifact_sha256=same_bytes(change, prepared, going, older),
        replaces=before.id,
        notes=change.text(NOT_APPROVED_WORDS),
        review_due_at=change.now + REVIEW_DUE,
    )
    return gone_back(change, planned, going, before, expired=False)


def _end_request(change: Change, deployment: Deployment) -> None:
    """Let the request expire where nobody has yet: what it asks for is gone."""
    request = (
        None if deployment.request is None else requests.locked_request(change, deployment.request)
    )
    if request is not None and request.state is RequestState.OPEN:
        expired(change, request)


def _approval(view: View, deployment: Deployment) -> ApprovalRequest | None:
    """Return the request by which people agreed to what went live: its own, or another about the version."""
    own = _request(view, deployment)
    other = requests.covering_request(view, deployment.version, deployment.environment)
    version, model = find_version(view, deployment.version), find_model(view, deployment.model)
    if version is None or model is None:
        return None
    found = {request.id: request for request in (own, other) if request is not None}
    return next((r for r in found.values() if _holds(view, r, deployment, version, model)), None)


def _holds(
    view: View, request: ApprovalRequest, deployment: Deployment, version: Version, model: Model
) -> bool:
    """Tell whether a request was approved in its time and nothing speaks against it since."""
    in_time = request.cause is VoidCause.EXPIRED  # only what was approved ends so
    if request.state is not RequestState.APPROVED and not in_time:
        return False
    if view.is_frozen("approval", request.id):
        return False
    request = replace(request, state=RequestState.APPROVED)
    needs = requirements(view, model.name, deployment.environment)
    people = accounts.current_persons(view, {deployment.started_person})
    verdict = gate.weigh_approval(
        case.approval(
            view,
            request,
            model=model,
            version=version,
            basis=case.current_basis(view, request, version),
        ),
        humans=needs.humans,
        deployer=gate.Deployer(
            person=next(iter(people), deployment.started_person), permitted=True
        ),
        separate=needs.separate_deployer or request.separate_deployer,
        at=min(view.now, request.expires_at - MOMENT),
    )
    return verdict.allow


def _request(view: View, deployment: Deployment) -> ApprovalRequest | None:
    return None if deployment.request is None else requests.find_request(view, deployment.request)
