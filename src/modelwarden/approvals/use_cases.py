"""Asking whether a use case may be, letting it go into use, and ending it (RL-8 to RL-11).

Deciding is what it is for a release: see `deciding`. Going into use weighs the approval anew, signatures and all.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize, require_person
from modelwarden.approvals import case, gate, queries
from modelwarden.approvals import statement as statements
from modelwarden.approvals.gate import Reason
from modelwarden.approvals.request import RequestType, VoidCause
from modelwarden.approvals.requesting import drafted_request, ledger_of, policy_of, put
from modelwarden.approvals.voiding import expired, voided
from modelwarden.errors import GateRefused, NoOpenRequest, NotPermitted, ValueInvalid
from modelwarden.facts.kinds import Code
from modelwarden.facts.use_cases import (
    UseCaseDeployed,
    UseCaseDeprecated,
    UseCaseStopped,
    UseCaseSubmitted,
)
from modelwarden.permissions import Permission
from modelwarden.policies.governing import APPROVER
from modelwarden.policies.reads import requirements
from modelwarden.registry.lifecycle import Environment
from modelwarden.registry.queries import find_model, live_versions
from modelwarden.registry.use_case import AGREED, PEOPLE
from modelwarden.registry.use_cases import queries as use_cases
from modelwarden.registry.use_cases.changing import require_models
from modelwarden.registry.use_cases.reads import resource_of, use_case
from modelwarden.safeguards.activating import stop_use_case
from modelwarden.values.canonical import digest
from modelwarden.values.ids import Digest
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.approvals.request import ApprovalRequest, Claimant
    from modelwarden.policies.governing import Requirements
    from modelwarden.registry.use_case import UseCase
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import UseCaseName

LONGEST_REASON: Final = 2_000


def submit_use_case(change: Change, name: str, *, comment: str) -> UseCase:
    """Ask for the approval of a use case, as it stands now; its impact level says how many people have to agree.

    Raises:
        NotPermitted, UseCaseIsDeprecated, IllegalMove: it is being asked already, or approved.
        UseCaseIncomplete, ModelIsRetired, JustificationMissing.
    """
    found = use_case(change, name, lock=True)
    authorize(change, Permission.USE_CASE_SUBMIT, on=resource_of(found))
    require_person(change)
    found.require_usable()
    found = _cleared(change, found)
    found.require_complete()
    require_models(change, found)
    needs = requirements(change, None, Environment.PRODUCTION)
    question = drafted_request(change, needs, kind=RequestType.USE_CASE, justification=comment)
    seats = _seats(needs, found)
    asked = found.submitted(question.id)
    content = asked.content()
    payload_digest = Digest(digest(content))
    question = dataclasses.replace(
        question,
        seats=seats,
        humans=len(seats),
        payload=content,
        payload_digest=payload_digest,
    )
    basis = statements.use_case_basis(
        asked.name, payload_digest, policy=policy_of(question), ledger=ledger_of(change)
    )
    kept = change.save(asked)
    put(change, dataclasses.replace(question, basis=basis))
    change.record(
        UseCaseSubmitted(use_case=kept.name, request=question.id, comment=question.justification)
    )
    return kept


def find_use_case_request(view: View, name: str) -> ApprovalRequest:
    """Return the open question about a use case: who may read the one finds the other by it.

    Raises UseCaseNotFound, NoOpenRequest.
    """
    known = use_cases.find_use_case(view, name)
    asked = None if known is None else known.request
    request = None if asked is None else queries.find_request(view, asked)
    if request is None or not case.may_read(view, request, None):
        use_case(view, name)
        request = None
    if request is None or not request.is_open(at=view.now):
        raise NoOpenRequest(f"nothing is being asked about use case {name}; submit it")
    return request


def deploy_use_case(
    change: Change, name: str, *, environment: Environment | None = None
) -> UseCase:
    """Let a use case go into use: in staging first, then in production, where each of its models is live (RL-9).

    Without an environment it is the next one.

    Raises:
        NotPermitted, UseCaseIsDeprecated.
        GateRefused: `reasons` holds the code of every condition that does not hold.
    """
    found = use_case(change, name, lock=True)
    place = environment or _next(found)
    authorize(change, Permission.USE_CASE_DEPLOY, on=resource_of(found, place))
    require_person(change)
    found.require_usable()
    if place.value in found.live_in:
        change.unchanged("use_case", found.name)
        return found
    reasons = _against(change, found, place)
    if reasons or found.request is None:
        raise GateRefused(
            "; ".join(f"{reason.code}: {reason.detail}" for reason in reasons),
            about=(("use_case", found.name),),
            reasons=tuple(dict.fromkeys(reason.code for reason in reasons)),
        )
    kept = change.save(found.deployed(place))
    change.record(
        UseCaseDeployed(
            use_case=kept.name, environment=Code(place), request=found.request, models=kept.models
        )
    )
    return kept


def deprecate_use_case(
    change: Change,
    name: str,
    *,
    replacement: str | None = None,
    sunset_at: datetime | None = None,
    reason: str = "",
) -> UseCase:
    """End a use case. Calls that carry it are refused from the sunset on; without one, from now on (RL-11).

    Raises NotPermitted, UseCaseIsDeprecated, UseCaseNotFound, ValueInvalid, SwitchLimit.
    """
    found = use_case(change, name, lock=True)
    authorize(change, Permission.USE_CASE_DEPRECATE, on=resource_of(found))
    require_person(change)
    if sunset_at is not None and (sunset_at.tzinfo is None or sunset_at <= change.now):
        raise ValueInvalid("sunset_at", "a time with its zone, in the future; none means now")
    if len(reason.strip()) > LONGEST_REASON:
        raise ValueInvalid("reason", f"at most {LONGEST_REASON:,} characters")
    other = None if replacement is None else use_case(change, replacement)
    if other is not None and other.name != found.name:
        other.require_usable()
    ended = found.deprecate(
        replacement=None if other is None else other.name,
        sunset_at=sunset_at or change.now,
        now=change.now,
    )
    kept = change.save(ended)
    _end_question(change, kept)
    change.record(
        UseCaseDeprecated(
            use_case=kept.name,
            replacement=kept.replacement,
            sunset_at=sunset_at,
            reason=change.text(reason.strip()) if reason.strip() else None,
        )
    )
    return kept if sunset_at is not None else _stopped(change, kept)


def use_cases_due(view: View) -> list[UseCaseName]:
    """Return the deprecated use cases whose sunset has come."""
    return [name for name in use_cases.sunset_due(view) if not view.is_frozen("use_case", name)]


def sunset_use_case(change: Change, name: str) -> UseCase | None:
    """Refuse calls that carry a use case whose sunset has come. Done already: nothing is written."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("time does this, not a person", reasons=("not_the_system",))
    found = use_cases.find_use_case(change, name, lock=True)
    due = found is not None and found.sunset_at is not None and found.sunset_at <= change.now
    if found is None or not due or found.stopped_at is not None:
        change.unchanged("use_case", name)
        return found
    return _stopped(change, found)


def _stopped(change: Change, found: UseCase) -> UseCase:
    instead = f"; use {found.replacement}" if found.replacement else ""
    switches = stop_use_case(
        change, found.name, reason=f"use_case_deprecated: {found.name} is deprecated{instead}"
    )
    kept = change.save(dataclasses.replace(found, stopped_at=change.now))
    change.record(
        UseCaseStopped(use_case=kept.name, switches=tuple(switch.id for switch in switches))
    )
    return kept


def _cleared(change: Change, found: UseCase) -> UseCase:
    """Return the use case with no old question in the way: one that no longer holds is ended first."""
    before = None if found.request is None else queries.locked_request(change, found.request)
    if before is None or not before.is_in_force:
        return found
    if before.expires_at <= change.now:
        expired(change, before)
    elif causes := statements.changes(before.basis, case.current_basis(change, before, None)):
        voided(change, before, causes)
    return use_case(change, found.name, lock=True)


def _end_question(change: Change, found: UseCase) -> None:
    before = None if found.request is None else queries.locked_request(change, found.request)
    if before is not None and before.is_in_force:
        voided(change, before, (VoidCause.USE_CASE,))


def _seats(needs: Requirements, found: UseCase) -> tuple[tuple[Claimant, ...], ...]:
    """Return the policy's seats, and as many approvers more as the impact level wants (RL-9)."""
    wanted = _people(needs, found)
    more = max(0, wanted - len(needs.places))
    return needs.places + (tuple(choice.claimant for choice in APPROVER),) * more


def _people(needs: Requirements, found: UseCase) -> int:
    least = 1 if found.impact is None else PEOPLE[found.impact]
    return max(needs.humans, least)


def _next(found: UseCase) -> Environment:
    staged = Environment.STAGING.value in found.live_in
    return Environment.PRODUCTION if staged else Environment.STAGING


def _against(change: Change, found: UseCase, place: Environment) -> list[Reason]:
    """Return every reason why a use case may not go into use there."""
    reasons = [] if found.state in AGREED else [Reason("not_approved", f"it is {found.state}")]
    reasons += _unapproved(change, found)
    if place is Environment.PRODUCTION and Environment.STAGING.value not in found.live_in:
        reasons.append(Reason("staging_missing", "it goes to staging first"))
    for name in found.models:
        model = find_model(change, name)
        live = live_versions(change, name)
        if model is None or model.retired_at is not None:
            reasons.append(Reason("model_retired", f"{name} is retired"))
        elif not any(place.value in version.live_in for version in live):
            reasons.append(Reason("model_not_live", f"{name} is not live in {place}"))
    return reasons


def _unapproved(change: Change, found: UseCase) -> list[Reason]:
    request = None if found.request is None else queries.find_request(change, found.request)
    if request is None or request.use_case != found.name:
        return [Reason("not_approved", "nobody was asked")]
    needs = requirements(change, None, Environment.PRODUCTION)
    approval = case.weighed(
        change,
        request,
        basis=case.current_basis(change, request, None),
        barred=case.use_case_parties(change, request, found.name),
    )
    verdict = gate.weigh_approval(
        approval,
        humans=_people(needs, found),
        deployer=gate.Deployer(person=change.person, permitted=True),
        separate=needs.separate_deployer or request.separate_deployer,
        at=change.now,
    )
    return list(verdict.reasons)
