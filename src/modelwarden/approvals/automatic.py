"""The seat that a policy fills by itself while its checks pass (RL-42, RL-43). It never counts as a human."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modelwarden.access.persons.queries import person_of
from modelwarden.approvals import case
from modelwarden.approvals import statement as statements
from modelwarden.approvals.decision import Answer, Custody, Decision
from modelwarden.approvals.statement import Approver
from modelwarden.facts.approvals import ApprovalDecided
from modelwarden.facts.kinds import Code
from modelwarden.ledger.dsse import seal
from modelwarden.policies.governing import APPROVER
from modelwarden.policies.reads import EXPOSED, find_policy_version
from modelwarden.policies.result import Outcome
from modelwarden.registry.use_cases.reads import as_policies_see
from modelwarden.store import server_keys
from modelwarden.values.ids import ActorId, DecisionId, Digest, KeyId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.policies.governing import Automatic, Requirements
    from modelwarden.policies.result import Result
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View


def filling(
    view: View,
    request: ApprovalRequest,
    *,
    model: Model,
    version: Version,
    needs: Requirements,
    results: Iterable[Result],
) -> Automatic | None:
    """Return the policy that fills a seat of a release now; None where a person has to.

    Not at tiers 1 and 2, not where whoever asked or owns the model published the policy, not unless every check that it
    names passes: what is unknown, waived or not applicable leaves the seat empty.
    """
    auto = needs.automatic
    if auto is None or as_policies_see(view, model).risk_tier <= EXPOSED:
        return None
    passed = {each.name for each in results if each.outcome is Outcome.PASS}
    if not auto.checks <= passed or _is_own(view, auto, request, model=model, version=version):
        return None
    return auto


def with_seat(question: ApprovalRequest, auto: Automatic) -> ApprovalRequest:
    """Return the question with as many seats for people as it wants humans, beside the one that the policy fills."""
    approver = tuple(choice.claimant for choice in APPROVER)
    missing = question.humans - (len(question.seats) - 1)
    if place(question, auto) is None or missing <= 0:
        return question
    return replace(question, seats=(*question.seats, *((approver,) * missing)))


def place(question: ApprovalRequest, auto: Automatic) -> int | None:
    """Return the number of the seat that the policy fills: one for its role alone."""
    return next((n for n, of in enumerate(question.seats) if of == (f"role:{auto.seat}",)), None)


def filled(change: Change, request: ApprovalRequest, auto: Automatic, *, seat: int) -> Decision:
    """Fill a seat, signed by the server's key over what people sign: the run with the values seen is in it."""
    approver = Approver(person=auto.person, seat=seat, decision=Answer.APPROVE)
    payload = statements.statement(request, request.basis, approver=approver, issued_at=change.now)
    key = server_keys.current(change.connection, change.keyring).server_key
    envelope = seal(statements.PAYLOAD_TYPE, payload, key)
    decision = change.save(
        Decision(
            id=DecisionId(change.new_id("dec")),
            request=request.id,
            seat=seat,
            actor=ActorId(auto.person),
            person=auto.person,
            verdict=Answer.APPROVE,
            comment=None,
            keyid=envelope.keyid,
            custody=Custody.POLICY,
            envelope=envelope.to_line().decode().removesuffix("\n"),
            envelope_digest=Digest(envelope.digest),
            issued_at=change.now,
            decided_at=change.now,
        )
    )
    change.record(
        ApprovalDecided(
            request=request.id,
            decision=decision.id,
            model=request.model,
            version=request.version,
            environment=Code(request.environment),
            seat=seat,
            person=decision.person,
            verdict=Code(decision.verdict),
            comment=None,
            key=KeyId(decision.keyid),
            custody=Code(decision.custody),
            envelope=decision.envelope_digest,
            state=Code(request.state),
        ),
        sigs=(decision.envelope_digest,),
    )
    return decision


def _is_own(
    view: View, auto: Automatic, request: ApprovalRequest, *, model: Model, version: Version
) -> bool:
    """Tell whether whoever asked, owns or built it published the policy, as accounts are linked today."""
    published = find_policy_version(view, auto.policy)
    if published is None:
        return True
    publisher = person_of(view, published.published_by, published.published_person)
    parties = case.release_parties(view, request, model=model, version=version)
    return any(publisher in persons for persons in parties.values())
