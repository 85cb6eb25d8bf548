"""Answering: approve, reject, and taking an answer back (RL-16, RL-25, RL-31).

Everything is tested in the transaction that records the decision: permission, seat, duties, the
signature over the statement as it would be built now. The last seat closes the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.actions import write_permit
from modelwarden.access.allowed import authorize, readable, require_person
from modelwarden.access.holding import holds_role
from modelwarden.access.permit import LIFE_HOURS
from modelwarden.approvals import case, checks, signatures
from modelwarden.approvals import statement as statements
from modelwarden.approvals.case import Dossier, Sitting
from modelwarden.approvals.decision import Answer, Custody, Decision
from modelwarden.approvals.request import GOING_LIVE, RequestState, RequestType, Seat, Signing
from modelwarden.approvals.statement import Approver
from modelwarden.approvals.voiding import kept
from modelwarden.errors import (
    AlreadyDecided,
    ChecksBlocking,
    CommentMissing,
    NotFound,
    NotPermitted,
    SeatFilled,
    SignatureNeeded,
    StatementChanged,
    ValueInvalid,
)
from modelwarden.facts.approvals import ApprovalDecided, DecisionWithdrawn
from modelwarden.facts.kinds import Code
from modelwarden.ledger.dsse import Envelope, seal
from modelwarden.permissions import Permission
from modelwarden.policies.reads import requirements
from modelwarden.registry.lifecycle import Environment
from modelwarden.store import server_keys
from modelwarden.values.ids import DecisionId, Digest, KeyId
from modelwarden.values.principal import Via

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.access.authorize import Resource
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import Commitment

LONGEST_COMMENT: Final = 4_000
SALT_BYTES: Final = 32
NARROW: Final[Mapping[RequestType, Permission]] = MappingProxyType(
    {
        RequestType.RELEASE: Permission.MODEL_APPROVE,
        RequestType.USE_CASE: Permission.USE_CASE_APPROVE,
        RequestType.EMERGENCY: Permission.MODEL_APPROVE,
        RequestType.WAIVER: Permission.WAIVER_SIGN,
    }
)
"""What lets somebody decide on requests of one type alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """What comes with an answer.

    Attributes:
        seat: its number; without one, the first open seat that the person may fill.
        comment_salt: 32 bytes under which the client committed to the comment that it signed.
        envelope: the signed statement, one DSSE line; without one, the server's key may stand in.
    """

    seat: int | None = None
    comment: str | None = None
    comment_salt: bytes | None = None
    envelope: bytes | str | None = None

    def __post_init__(self) -> None:
        """Check the comment's form. Raises ValueInvalid."""
        if self.comment is None:
            return
        if len(self.comment) > LONGEST_COMMENT:
            raise ValueInvalid("comment", f"at most {LONGEST_COMMENT:,} characters")
        if self.comment_salt is not None and len(self.comment_salt) != SALT_BYTES:
            raise ValueInvalid("comment_salt", f"{SALT_BYTES} bytes")
        if self.envelope is not None and self.comment_salt is None:
            raise ValueInvalid("comment_salt", "the salt under which the comment was signed")


class Proof(NamedTuple):
    """The envelope behind a decision, and whose key made it."""

    envelope: Envelope
    custody: Custody
    issued_at: datetime


def approve(change: Change, request_id: str, ballot: Ballot | None = None) -> Dossier:
    """Agree, for one seat. The last one closes the request.

    Raises:
        NotPermitted, RequestClosed, AlreadyDecided, SeatFilled, SeatUnknown.
        SelfApproval, SamePerson, GrantFromParticipant: who takes part in the case can't decide.
        SignatureNeeded, KeyNotYours, KeyExpired, SignatureInvalid, EnvelopeMalformed.
        StatementChanged, StatementStale: ask for the statement again and sign that.
    """
    return _decide(change, request_id, Answer.APPROVE, ballot or Ballot())


def reject(change: Change, request_id: str, ballot: Ballot) -> Dossier:
    """Disagree, for one seat, with a comment. Raises CommentMissing, and whatever `approve` does."""
    if not (ballot.comment or "").strip():
        raise CommentMissing("say in a comment why not; the requester will read it")
    return _decide(change, request_id, Answer.REJECT, ballot)


def withdraw_decision(change: Change, request_id: str) -> Dossier:
    """Take one's own answer back while the request is open. Raises RequestClosed, NotFound."""
    request, given, *_ = case.locked(change, request_id)
    request.require_open(at=change.now)
    mine = [d for d in given if d.stands and d.actor == change.actor]
    if not mine:
        raise NotFound("decision", request_id)
    change.save(mine[0].withdraw(at=change.now))
    change.record(
        DecisionWithdrawn(
            request=request.id,
            decision=mine[0].id,
            model=request.model,
            version=request.version,
            seat=mine[0].seat,
            person=mine[0].person,
        )
    )
    return case.dossier(change, request)


def authorize_decision(view: View, request: ApprovalRequest, *, on: Resource) -> None:
    """Refuse whoever may not decide here. `approval.decide` includes the two narrower ones (AC-6)."""
    narrow = NARROW.get(request.type)
    if narrow is None or not readable(view, narrow, on=on):
        authorize(view, Permission.APPROVAL_DECIDE, on=on)
    require_person(view)


def seat_for(
    view: View,
    request: ApprovalRequest,
    *,
    given: tuple[Decision, ...],
    wanted: int | None,
    on: Resource,
) -> Seat:
    """Return the seat that the caller answers for. Raises SeatUnknown, SeatFilled, NotPermitted."""
    seats = request.places if wanted is None else (request.seat(wanted),)
    mine = [seat for seat in seats if may_fill(view, seat, on=on)]
    if not mine:
        names = ", ".join(" or ".join(seat.claimants) for seat in seats)
        raise NotPermitted(f"this seat is for {names}", about=request.about, reasons=("seat",))
    open_seats = {seat.index for seat in request.open_seats(given)}
    in_turn = {seat.index for seat in request.seats_in_turn(given)}
    found = next((seat for seat in mine if seat.index in in_turn), None)
    if found is None and any(seat.index in open_seats for seat in mine):
        raise NotPermitted(
            "the seats of this request are filled in order; another comes first",
            about=request.about,
            reasons=("order",),
        )
    if found is None:
        raise SeatFilled("somebody else has answered for every seat that you may fill")
    return found


def may_fill(view: View, seat: Seat, *, on: Resource) -> bool:
    """Tell whether the caller is named by the seat, or holds a role that it names, here and now."""
    if view.person in seat.persons:
        return True
    return any(holds_role(view, view.actor, role, on) is not None for role in seat.roles)


def _decide(change: Change, request_id: str, answer: Answer, ballot: Ballot) -> Dossier:
    request, decisions, model, version = case.locked(change, request_id)
    on = case.resource(request, model)
    authorize_decision(change, request, on=on)
    request.require_open(at=change.now)
    given = tuple(d for d in decisions if d.stands)
    if any(d.actor == change.actor for d in given):
        raise AlreadyDecided("one person, one decision; withdraw yours first")
    barred = case.barred(change, request, model=model, version=version)
    sitting = case.sitting_of(change, given)
    others = frozenset(one.person for one in sitting)
    case.check_part(request, person=change.person, others=others, barred=barred)
    seat = seat_for(change, request, given=given, wanted=ballot.seat, on=on)
    me = Sitting(seat.index, change.actor, change.person)
    case.check_sitting(change, request, sitting=(*sitting, me), barred=barred)
    moved = statements.changes(request.basis, case.current_basis(change, request, version))
    if moved:
        raise StatementChanged(tuple(moved))
    goes_live = request.type in GOING_LIVE
    if answer is Answer.APPROVE and goes_live and model is not None and version is not None:
        _check_checks(change, request, model=model, version=version)
    decision = _signed(change, request, seat=seat, answer=answer, ballot=ballot)
    change.save(decision)
    return _counted(change, request, decision, given)


def _check_checks(
    change: Change, request: ApprovalRequest, *, model: Model, version: Version
) -> None:
    """Raise ChecksBlocking when a check has turned against what would be agreed to (RL-17)."""
    if turned := checks.turned(change, request, model=model, version=version):
        raise ChecksBlocking(
            f"since it was asked, {', '.join(turned)} fails; ask anew once it passes",
            about=request.about,
            reasons=turned,
        )


def _signed(
    change: Change, request: ApprovalRequest, *, seat: Seat, answer: Answer, ballot: Ballot
) -> Decision:
    """Return the decision with its proof."""
    comment: Commitment | None = None
    if ballot.comment is not None:
        comment = change.text(ballot.comment, salt=ballot.comment_salt)
    approver = Approver(person=change.person, seat=seat.index, decision=answer, comment=comment)
    proof = _proof(change, request, approver, ballot.envelope)
    return Decision(
        id=DecisionId(change.new_id("dec")),
        request=request.id,
        seat=seat.index,
        actor=change.actor,
        person=change.person,
        verdict=answer,
        comment=comment,
        keyid=proof.envelope.keyid,
        custody=proof.custody,
        envelope=proof.envelope.to_line().decode().removesuffix("\n"),
        envelope_digest=Digest(proof.envelope.digest),
        issued_at=proof.issued_at,
        decided_at=change.now,
    )


def _proof(
    change: Change, request: ApprovalRequest, approver: Approver, line: bytes | str | None
) -> Proof:
    if line is None:
        custody = _custody(change, request)
        payload = statements.statement(
            request, request.basis, approver=approver, issued_at=change.now
        )
        keys = server_keys.current(change.connection, change.keyring)
        envelope = seal(statements.PAYLOAD_TYPE, payload, keys.server_key)
        return Proof(envelope, custody, change.now)
    envelope = signatures.read(line)
    key = case.known_keys(change, {envelope.keyid}).get(envelope.keyid)
    issued_at = signatures.check(envelope, key=key, person=change.person, now=change.now)
    expected = statements.statement(request, request.basis, approver=approver, issued_at=issued_at)
    signatures.check_content(envelope.payload, expected)
    return Proof(envelope, Custody.PERSONAL, issued_at)


def _custody(change: Change, request: ApprovalRequest) -> Custody:
    """Return in whose stead the server's key may sign (RL-31). Raises SignatureNeeded.

    A token has to name the deciding permission, and not be lent by another person. A process may vouch only
    where production asks for one person at most: not under `moderate` and `strict` (AC-5).
    """
    principal = change.principal
    if request.signature is Signing.ANY:
        naming = {Permission.APPROVAL_DECIDE.value}
        if (narrow := NARROW.get(request.type)) is not None:
            naming.add(narrow.value)
        own = principal.via is Via.TOKEN and principal.lent_by is None
        if own and naming & (principal.token_scopes or frozenset()):
            return Custody.TOKEN
        if principal.vouched:
            needs = requirements(change, request.model, Environment.PRODUCTION)
            if needs.humans <= 1 and needs.signature == Signing.ANY:
                return Custody.PROCESS
    raise SignatureNeeded(
        f"sign it with your own key: `modelwarden approvals approve {request.id} --key FILE`",
        about=request.about,
    )


def _counted(
    change: Change, request: ApprovalRequest, decision: Decision, given: tuple[Decision, ...]
) -> Dossier:
    """Count the answer, close the request if it was the last, and record."""
    after = request.settle((*given, decision), at=change.now)
    if after.state is not request.state:
        after = kept(change, after)
    change.record(
        ApprovalDecided(
            request=request.id,
            decision=decision.id,
            model=request.model,
            version=request.version,
            environment=Code(request.environment),
            seat=decision.seat,
            person=decision.person,
            verdict=Code(decision.verdict),
            comment=decision.comment,
            key=KeyId(decision.keyid),
            custody=Code(decision.custody),
            envelope=decision.envelope_digest,
            state=Code(after.state),
            use_case=request.use_case,
        ),
        sigs=(decision.envelope_digest,),
    )
    if after.state is RequestState.APPROVED and after.action and after.payload_digest:
        write_permit(
            change,
            action=after.action,
            payload_digest=after.payload_digest,
            requester=after.requester,
            request=after.id,
            expires_at=change.now + timedelta(hours=LIFE_HOURS),
        )
    return case.dossier(change, after)
