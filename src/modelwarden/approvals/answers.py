"""Approval requests and decisions as callers get them, with the words filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.accounts import handle_of, read_handles
from modelwarden.approvals.case import accounts_in
from modelwarden.approvals.reads import open_seats
from modelwarden.approvals.request import RequestState
from modelwarden.store.erasing import shown
from modelwarden.values.answers import DecisionAnswer, RequestAnswer, SeatAnswer

if TYPE_CHECKING:
    from modelwarden.approvals.case import Dossier
    from modelwarden.approvals.decision import Decision
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.store.change import View


def dossier_answer(view: View, found: Dossier) -> RequestAnswer:
    """Return a request with its seats and decisions as callers see it."""
    request, decisions = found
    read_handles(view, {request.requester, *accounts_in(decisions)})
    return _answer(view, request, decisions=decisions, seats=_seats(view, found))


def request_answer(view: View, request: ApprovalRequest) -> RequestAnswer:
    """Return a request that was just opened or ended, without counting who could answer."""
    empty = tuple(
        SeatAnswer(
            seat=seat.index, claim=" or ".join(seat.claimants), filled_by=None, eligible=None
        )
        for seat in request.places
    )
    return _answer(view, request, decisions=(), seats=empty)


def _answer(
    view: View,
    request: ApprovalRequest,
    *,
    decisions: tuple[Decision, ...],
    seats: tuple[SeatAnswer, ...],
) -> RequestAnswer:
    return RequestAnswer(
        id=request.id,
        type=request.type.value,
        state=request.state.value,
        model=request.model,
        version=request.label,
        environment=request.environment.value,
        strategy=request.strategy,
        action=request.action,
        payload=None if request.payload is None else dict(request.payload),
        requester=handle_of(view, request.requester),
        justification=shown(view, request.justification),
        humans=request.humans,
        signature=request.signature.value,
        seats=seats,
        decisions=tuple(_decision(view, decision) for decision in decisions),
        policies=tuple(dict(policy) for policy in request.policies),
        opened_at=request.opened_at,
        expires_at=request.expires_at,
        closed_at=request.closed_at,
        cause=None if request.cause is None else request.cause.value,
        revision=request.revision,
        due_at=request.due_at,
        overdue=request.is_overdue(at=view.now),
        on_timeout=None if request.on_timeout is None else request.on_timeout.value,
        decided_after_s=_took(request),
    )


def _took(request: ApprovalRequest) -> int | None:
    if request.decided_at is None:
        return None
    return int((request.decided_at - request.opened_at).total_seconds())


def _decision(view: View, decision: Decision) -> DecisionAnswer:
    return DecisionAnswer(
        id=decision.id,
        seat=decision.seat,
        approver=handle_of(view, decision.actor),
        verdict=decision.verdict.value,
        comment=shown(view, decision.comment),
        custody=decision.custody.value,
        keyid=decision.keyid,
        envelope_digest=decision.envelope_digest,
        decided_at=decision.decided_at,
        withdrawn_at=decision.withdrawn_at,
        on_behalf_of=None if decision.delegator is None else handle_of(view, decision.delegator),
    )


def _seats(view: View, found: Dossier) -> tuple[SeatAnswer, ...]:
    request, decisions = found
    filled = {d.seat: handle_of(view, d.actor) for d in decisions if d.stands}
    waiting = request.state is RequestState.OPEN
    counts = {seat.seat: seat.eligible for seat in open_seats(view, found)} if waiting else {}
    return tuple(
        SeatAnswer(
            seat=seat.index,
            claim=" or ".join(seat.claimants),
            filled_by=filled.get(seat.index),
            eligible=counts.get(seat.index),
        )
        for seat in request.places
    )
