"""Answering: approve, reject, and taking an answer back (RL-16, RL-25, RL-31).

Everything is tested in the transaction that records the decision: permission, seat, duties, the
signature over the statement as it would be built now. The last seat closes the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.actions import write_permit
from modelwarden.access.holding import held_by
from modelwarden.access.permit import LIFE_HOURS
from modelwarden.approvals import case, checks, seating, signatures
from modelwarden.approvals import statement as statements
from modelwarden.approvals.case import Dossier, Sitting
from modelwarden.approvals.decision import Answer, Custody, Decision
from modelwarden.approvals.request import GOING_LIVE, RequestState, Signing
from modelwarden.approvals.seating import Filled, authorize_decision
from modelwarden.approvals.statement import Approver
from modelwarden.approvals.voiding import kept
from modelwarden.errors import (
    AlreadyDecided,
    ChecksBlocking,
    CommentMissing,
    NotFound,
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
    from datetime import datetime

    from modelwarden.approvals.request import ApprovalRequest, Seat
    from modelwarden.approvals.seating import Claim
    from modelwarden.policies.governing import Requirements
    from modelwarden.registry.model import Model
    from modelwarden.registry.version import Version
    from modelwarden.store.change import Change
    from modelwarden.values.ids import Commitment, PersonId

LONGEST_COMMENT: Final = 4_000
SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """What comes with an answer.

    Attributes:
        seat: its number; without one, the first open seat that the person may fill.
        comment_salt: 32 bytes under which the client committed to the comment that it signed.
        envelope: the signed statement, one DSSE line; without one, the server's key may stand in.
        on_behalf_of: who handed on the decision, by handle or id (RL-18); without one, it is the person's own.
    """

    seat: int | None = None
    comment: str | None = None
    comment_salt: bytes | None = None
    envelope: bytes | str | None = None
    on_behalf_of: str | None = None

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


def _decide(change: Change, request_id: str, answer: Answer, ballot: Ballot) -> Dossier:
    request, decisions, model, version = case.locked(change, request_id)
    on = case.resource(request, model)
    authorize_decision(change, request, on=on)
    request.require_open(at=change.now)
    given = tuple(d for d in decisions if d.stands)
    if any(d.actor == change.actor for d in given):
        raise AlreadyDecided("one person, one decision; withdraw yours first")
    by = seating.claim(change, request, on_behalf_of=ballot.on_behalf_of, on=on)
    barred = case.barred(change, request, model=model, version=version)
    sitting = case.sitting_of(change, given)
    others = frozenset(person for one in sitting for person in one.persons)
    case.check_part(request, persons={change.person, by.person}, others=others, barred=barred)
    held = held_by(change, case.accounts_in(given) | {by.actor, change.actor})
    seat = seating.seat_for(
        change, request, by=by, given=given, wanted=ballot.seat, held=held, on=on
    )
    filled = Filled(seat.index, by.actor, change.actor)
    me = Sitting(filled, frozenset({change.person, by.person}))
    case.check_sitting(change, request, sitting=(*sitting, me), barred=barred, held=held)
    needs = requirements(change, request.model, request.environment, registered=model)
    basis = case.current_basis(change, request, version, needs=needs)
    if moved := statements.changes(request.basis, basis):
        raise StatementChanged(tuple(moved))
    goes_live = request.type in GOING_LIVE
    if answer is Answer.APPROVE and goes_live and model is not None and version is not None:
        _check_checks(change, request, model=model, version=version, needs=needs)
    decision = change.save(_signed(change, request, seat=seat, by=by, answer=answer, ballot=ballot))
    return _counted(change, request, decision, decisions, version=version)


def _check_checks(
    change: Change,
    request: ApprovalRequest,
    *,
    model: Model,
    version: Version,
    needs: Requirements,
) -> None:
    """Raise ChecksBlocking when a check has turned against what would be agreed to (RL-17)."""
    if turned := checks.turned(change, request, model=model, version=version, needs=needs):
        raise ChecksBlocking(
            f"since it was asked, {', '.join(turned)} fails; ask anew once it passes",
            about=request.about,
            reasons=turned,
        )


def _signed(  # what a decision is made of
    change: Change,
    request: ApprovalRequest,
    *,
    seat: Seat,
    by: Claim,
    answer: Answer,
    ballot: Ballot,
) -> Decision:
    """Return the decision with its proof."""
    comment: Commitment | None = None
    if ballot.comment is not None:
        comment = change.text(ballot.comment, salt=ballot.comment_salt)
    approver = approver_for(by, person=change.person, seat=seat, answer=answer, comment=comment)
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
        delegation=approver.delegation,
        delegator=None if by.stead is None else by.actor,
        delegator_person=approver.delegator,
    )


def approver_for(
    by: Claim, *, person: PersonId, seat: Seat, answer: Answer, comment: Commitment | None
) -> Approver:
    """Return who answers as the statement names them: with the delegation, where it is in another's stead."""
    return Approver(
        person=person,
        seat=seat.index,
        decision=answer,
        comment=comment,
        delegation=None if by.stead is None else by.stead.delegation.id,
        delegator=None if by.stead is None else by.person,
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
        if (narrow := seating.NARROW.get(request.type)) is not None:
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
    change: Change,
    request: ApprovalRequest,
    decision: Decision,
    before: tuple[Decision, ...],
    *,
    version: Version | None,
) -> Dossier:
    """Count the answer, close the request if it was the last, and record."""
    decisions = (*before, decision)
    after = request.settle(decisions, at=change.now)
    if after.state is not request.state:
        after = kept(change, after, version=version)
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
            delegation=decision.delegation,
            delegator=decision.delegator_person,
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
    return Dossier(after, decisions)
