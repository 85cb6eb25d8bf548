"""What speaks against an approval: its force, seats, people, signatures and what was signed (RL-33). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.approvals import statement as statements
from modelwarden.approvals.decision import Answer, Custody
from modelwarden.approvals.request import RequestState, Signing, VoidCause
from modelwarden.approvals.signatures import standing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from modelwarden.approvals.decision import Decision
    from modelwarden.approvals.request import ApprovalRequest, Json
    from modelwarden.approvals.signatures import KnownKey
    from modelwarden.values.ids import ActorId, PersonId

MOST_SAID: Final = 300
"""Of a detail, in characters."""


class Reason(NamedTuple):
    """One condition that does not hold: a stable code, and what was found."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The newest request that covers the environment, with all that its force depends on.

    Attributes:
        decisions: those that were not withdrawn.
        basis: what the statements would rest on if they were built now.
        keys: by keyid, the server's own among them.
        people: actor → the person behind it today, delegators too: accounts may have been linked since (RL-17).
        barred: why → the persons who may not fill a seat (RL-23).
        granters: actor → who granted the role by which the seat is filled, or let into its group (AC-17).
    """

    request: ApprovalRequest
    decisions: tuple[Decision, ...]
    basis: Mapping[str, Json]
    keys: Mapping[str, KnownKey]
    people: Mapping[ActorId, PersonId]
    barred: Mapping[str, frozenset[PersonId]]
    granters: Mapping[ActorId, frozenset[PersonId]]

    def who(self, decision: Decision) -> PersonId:
        """Return the person who stands behind a decision today."""
        return self.people.get(decision.actor, decision.person)

    def behind(self, decision: Decision) -> frozenset[PersonId]:
        """Return all who stand behind a decision today: whoever gave it, and in whose stead (RL-18)."""
        if decision.delegator is None or decision.delegator_person is None:
            return frozenset({self.who(decision)})
        other = self.people.get(decision.delegator, decision.delegator_person)
        return frozenset({self.who(decision), other})

    @property
    def persons(self) -> frozenset[PersonId]:
        """Return who answered, and in whose stead; a policy is nobody."""
        return frozenset(p for d in self.decisions if d.is_human for p in self.behind(d))

    def persons_apart(self, taking: AbstractSet[PersonId]) -> frozenset[PersonId]:
        """Return who answered with none of these behind the answer: who signs for another is not two."""
        given = (d for d in self.decisions if d.is_human)
        return frozenset(self.who(d) for d in given if not self.behind(d) & taking)


def against(
    approval: Approval, *, humans: int, automatic: PersonId | None, at: datetime
) -> Iterator[Reason]:
    """Yield every reason against an approval; `automatic` is the policy that would fill a seat by itself now."""
    yield from _in_force(approval.request, at=at)
    yield from _seats(approval, humans=humans)
    yield from _by_policy(approval, now=automatic)
    yield from _duties(approval)
    yield from _unchanged(approval)
    yield from _signatures(approval)


def _in_force(request: ApprovalRequest, *, at: datetime) -> Iterator[Reason]:
    if request.state is RequestState.VOID and request.cause is not VoidCause.EXPIRED:
        yield Reason("approval_void", f"{request.id} is void: {request.cause}")
    elif request.state is RequestState.VOID or (
        request.state is RequestState.APPROVED and at >= request.expires_at
    ):
        yield Reason("approval_expired", f"{request.id} has expired")
    elif request.state is not RequestState.APPROVED:
        yield Reason("not_approved", f"{request.id} is {request.state}")


def _seats(approval: Approval, *, humans: int) -> Iterator[Reason]:
    request = approval.request
    agreeing = [d for d in approval.decisions if d.verdict is Answer.APPROVE and d.stands]
    missing = set(range(len(request.seats))) - {d.seat for d in agreeing}
    if missing or len(agreeing) != len(approval.decisions):
        yield Reason("not_approved", f"seats of {request.id} without an approval: {len(missing)}")
    people = [d for d in agreeing if d.is_human]
    persons, needed = {approval.who(d) for d in people}, max(request.humans, humans)
    behind = [approval.behind(d) for d in people]
    if len(frozenset[str]().union(*behind)) < sum(map(len, behind)):
        yield Reason("same_person", "one person stands behind two seats")
    elif len(persons) < needed:
        yield Reason("not_approved", f"people who agreed: {len(persons)} of {needed}")


def _by_policy(approval: Approval, *, now: PersonId | None) -> Iterator[Reason]:
    """Hold a seat that a policy filled against what fills it now: its checks may have turned since (RL-43)."""
    filled = [d for d in approval.decisions if not d.is_human]
    for decision in filled:
        if len(filled) > 1 or decision.person != now or str(decision.actor) != now:
            said = f"{decision.person} filled seat {decision.seat}, and would not now"
            yield Reason("not_approved", said[:MOST_SAID])


def _duties(approval: Approval) -> Iterator[Reason]:
    for part, persons in approval.barred.items():
        if persons & approval.persons:
            yield Reason("self_approval", f"an approver takes part in the case as {part}")
    parties = frozenset[str]().union(*approval.barred.values())
    for decision in approval.decisions:
        others = parties | (approval.persons - approval.behind(decision))
        if approval.granters.get(decision.actor, frozenset()) & others:
            yield Reason("grant_from_participant", "an approver's role came from a participant")


def _unchanged(approval: Approval) -> Iterator[Reason]:
    for cause in statements.changes(approval.request.basis, approval.basis):
        code = "policy_changed" if cause is VoidCause.POLICY else "approval_void"
        yield Reason(code, f"what was signed has changed: {cause}")


def _signatures(approval: Approval) -> Iterator[Reason]:
    request = approval.request
    for decision in approval.decisions:
        code = standing(
            decision,
            key=approval.keys.get(decision.keyid),
            person=approval.who(decision),
            expected=statements.repeated(request, decision),
        )
        if code is not None:
            yield Reason(code, f"the signature for seat {decision.seat} does not hold")
        elif (
            request.signature is Signing.PERSONAL
            and decision.is_human
            and decision.custody is not Custody.PERSONAL
        ):
            yield Reason("signature_invalid", "the policy wants the person's own key")
