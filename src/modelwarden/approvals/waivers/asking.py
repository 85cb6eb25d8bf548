"""Asking for leave from one check of one version, and ending it before its time (EVAL-5).

People sign it as they sign a release: see `deciding`. Whether it holds is asked anew wherever it is relied on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modelwarden.access.allowed import authorize, readable, require_person
from modelwarden.access.persons.queries import person_of
from modelwarden.access.queries import find_actor
from modelwarden.approvals import case
from modelwarden.approvals import statement as statements
from modelwarden.approvals.request import Order, RequestState, RequestType, VoidCause
from modelwarden.approvals.requesting import drafted_request, ledger_of, policy_of, put, taken_back
from modelwarden.approvals.voiding import voided
from modelwarden.approvals.waivers import queries
from modelwarden.errors import (
    ActorNotFound,
    NotFound,
    NotPermitted,
    NotWaivable,
    RequestClosed,
    RequestExists,
    ValueInvalid,
    WaiverTooLong,
)
from modelwarden.permissions import Permission
from modelwarden.policies.evaluate import NOT_WAIVABLE
from modelwarden.policies.gathering import subject_of
from modelwarden.policies.governing import places
from modelwarden.policies.reads import requirements
from modelwarden.registry import reads as registry
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.canonical import digest
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.approvals.request import ApprovalRequest, Json
    from modelwarden.policies.check import Check
    from modelwarden.policies.governing import Requirements, WaiverTerms
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View


def request_waiver(  # noqa: PLR0913  # the fields of a question
    change: Change,
    model: str,
    version: str,
    *,
    check: str,
    reason: str,
    owner: str | None = None,
    expires_at: datetime | None = None,
    environment: Environment = Environment.PRODUCTION,
) -> ApprovalRequest:
    """Ask the policy's people for leave from one check of one version.

    `check` is its id, `policy/id` where several have one of that id. The owner, the caller unless named, sees to it
    until it passes, and signs no more than the caller. Unless it says when, it ends as late as the policies allow.

    Raises:
        VersionNotFound, NotPermitted, VersionIsRetired, ActorNotFound, JustificationMissing.
        NotWaivable: no such check, one that nobody can give leave from, or the policy lets none be waived.
        WaiverTooLong, ValueInvalid, RequestExists: it would end too late, has ended, or is being asked for.
    """
    asked = registry.version(change, model, version, lock=True)
    found = registry.model(change, model)
    authorize(change, Permission.WAIVER_REQUEST, on=registry.resource_of(found, environment))
    require_person(change)
    asked.require_usable()
    needs = requirements(change, found.name, environment)
    wanted, terms = _waivable(needs, check)
    until = _until(change, terms, expires_at)
    _check_none_open(change, asked, wanted, environment)
    payload: dict[str, Json] = {
        "check": f"{wanted.policy}/{wanted.id}",
        "type": wanted.type,
        "owner": _person(change, owner),
        "subject": subject_of(asked),
    }
    question = _question(change, needs, terms, reason=reason)
    question = replace(
        question,
        model=found.name,
        label=asked.label,
        version=asked.name,
        payload=payload,
        payload_digest=Digest(digest(payload)),
        expires_at=until,
    )
    basis = statements.waiver_basis(
        question.id, payload, asked, policy=policy_of(question), ledger=ledger_of(change)
    )
    return put(change, replace(question, basis=basis))


def end_waiver(change: Change, request_id: str) -> ApprovalRequest:
    """End a waiver before its time, or take back the question. Raises NotFound, NotPermitted, RequestClosed.

    Whoever may ask for one or sign one may end it, since ending it only tightens.
    """
    locked = case.locked(change, request_id)
    request = locked.request
    if request.type is not RequestType.WAIVER:
        raise NotFound("waiver", request_id)
    on = case.resource(request, locked.model)
    if not readable(change, Permission.WAIVER_SIGN, on=on):
        authorize(change, Permission.WAIVER_REQUEST, on=on)
    require_person(change)
    if request.is_open(at=change.now):
        if person_of(change, request.requester, request.requester_person) != change.person:
            raise NotPermitted("only whoever asked can take it back", about=request.about)
        return taken_back(change, request)
    if request.state is not RequestState.APPROVED or change.now >= request.expires_at:
        raise RequestClosed(request.id, request.state)
    return voided(change, request, (VoidCause.ENDED,))


def _question(
    change: Change, needs: Requirements, terms: WaiverTerms, *, reason: str
) -> ApprovalRequest:
    """Return a question to those who sign waivers, which any change of a policy voids."""
    seats = places(terms.seats)
    question = drafted_request(change, needs, kind=RequestType.WAIVER, justification=reason)
    return replace(
        question,
        seats=seats,
        humans=len(seats),
        order=Order.ANY,
        separate_deployer=False,
        void_on=tuple(sorted({*question.void_on, VoidCause.POLICY.value})),
    )


def _waivable(needs: Requirements, named: str) -> tuple[Check, WaiverTerms]:
    """Return the check that is meant, and who may give leave from it. Raises NotWaivable, ValueInvalid."""
    found = [check for check in needs.checks if named in _names(check)]
    if not found:
        raise NotWaivable(
            f"no check {named:.128} governs it; who may decide, the artifact's digest and the"
            " gate's other conditions can't be waived"
        )
    if len(found) > 1:
        names = ", ".join(f"{check.policy.partition('@')[0]}/{check.id}" for check in found)
        raise ValueInvalid("check", f"one of {names}")
    (check,) = found
    if check.type in NOT_WAIVABLE:
        raise NotWaivable(f"{check.id} is of type {check.type}: nobody can give leave from it")
    if needs.waivers is None or check.policy not in needs.waivers.policies:
        raise NotWaivable(f"policy {check.policy} lets no check be waived")
    return check, needs.waivers


def _names(check: Check) -> set[str]:
    policy = check.policy.partition("@")[0]
    return {check.id, f"{policy}/{check.id}", f"{check.policy}/{check.id}"}


def _until(change: Change, terms: WaiverTerms, wanted: datetime | None) -> datetime:
    if wanted is None:
        return change.now + terms.longest
    if wanted.tzinfo is None or wanted <= change.now:
        raise ValueInvalid("expires_at", "a time with its zone, in the future")
    if wanted - change.now > terms.longest:
        raise WaiverTooLong(f"it may last {terms.longest.days} days at most, by the policies here")
    return wanted


def _check_none_open(
    change: Change, version: Version, check: Check, environment: Environment
) -> None:
    """Raise RequestExists if leave from this check is being asked for there; the version's row is locked."""
    for other in queries.waivers_of(
        change, version.name, environments=(environment,), states=(RequestState.OPEN,)
    ):
        same = (other.payload or {}).get("check") == f"{check.policy}/{check.id}"
        if same and other.is_open(at=change.now):
            raise RequestExists(f"{other.id} asks for it already")


def _person(view: View, name: str | None) -> str:
    """Return the id of the account that sees to it: handles are personal (LG-60). Raises ActorNotFound."""
    if name is None:
        return view.actor
    found = find_actor(view, name)
    if found is None or not found.is_human:
        raise ActorNotFound("user", name)
    return found.id
