"""The request's states, walked in every order, against a model that is written down twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelwarden.approvals.decision import Answer
from modelwarden.approvals.request import Rejection, RequestState, VoidCause
from modelwarden.errors import IllegalMove, RequestClosed, SeatUnknown
from modelwarden.ledger.keys import SigningKey
from tests.approvals import sample
from tests.approvals.sample import ALICE, BOB, CAROL, DAVE, NOW

PEOPLE = (BOB, CAROL, DAVE)
KEY = SigningKey.generate()
FINAL = {RequestState.REJECTED, RequestState.WITHDRAWN, RequestState.EXPIRED, RequestState.VOID}


def answered(*answers: tuple[int, str, Answer]) -> list[sample.Decision]:
    return [
        sample.decision(KEY, person=sample.PersonId(person), seat=seat, answer=answer)
        for seat, person, answer in answers
    ]


class RequestMachine(RuleBasedStateMachine):
    """Anything may be tried at any time; only the moves of product.md happen."""

    def __init__(self) -> None:
        super().__init__()
        self.request = sample.request()
        self.given: dict[int, tuple[str, Answer]] = {}
        self.seen = [self.request.state]

    def _become(self, request: sample.ApprovalRequest) -> None:
        if request.state is not self.request.state:
            self.seen.append(request.state)
        self.request = request

    def _decisions(self) -> list[sample.Decision]:
        return answered(*((seat, person, answer) for seat, (person, answer) in self.given.items()))

    @precondition(lambda self: self.request.state is RequestState.OPEN)
    @rule(seat=st.integers(0, 1), person=st.sampled_from(PEOPLE), answer=st.sampled_from(Answer))
    def decide(self, seat: int, person: str, answer: Answer) -> None:
        if seat in self.given or person in {p for p, _ in self.given.values()}:
            return
        self.given[seat] = (person, answer)
        self._become(self.request.settle(self._decisions(), at=NOW))

    @precondition(lambda self: self.request.state is RequestState.OPEN)
    @rule(seat=st.integers(0, 1))
    def withdraw_decision(self, seat: int) -> None:
        self.given.pop(seat, None)

    @rule()
    def withdraw(self) -> None:
        if self.request.state is RequestState.OPEN:
            self._become(self.request.withdraw(at=NOW))
        else:
            with pytest.raises(IllegalMove):
                self.request.withdraw(at=NOW)

    @rule(cause=st.sampled_from(VoidCause))
    def void(self, cause: VoidCause) -> None:
        if self.request.state in FINAL:
            with pytest.raises(IllegalMove):
                self.request.void(cause, at=NOW)
        else:
            self._become(self.request.void(cause, at=NOW))

    @rule()
    def expire(self) -> None:
        if self.request.state in FINAL:
            with pytest.raises(IllegalMove):
                self.request.expire(at=NOW)
        else:
            was = self.request.state
            self._become(self.request.expire(at=NOW))
            voided = was is RequestState.APPROVED
            assert self.request.state is (RequestState.VOID if voided else RequestState.EXPIRED)

    @invariant()
    def only_people_who_agreed_approve(self) -> None:
        if self.request.state is RequestState.APPROVED:
            assert len({p for p, a in self.given.values() if a is Answer.APPROVE}) == 2
            assert len(self.given) == 2

    @invariant()
    def a_no_is_never_approved(self) -> None:
        said_no = any(answer is Answer.REJECT for _, answer in self.given.values())
        assert not (said_no and self.request.state is RequestState.APPROVED)

    @invariant()
    def what_is_closed_says_when(self) -> None:
        assert (self.request.closed_at is None) == (self.request.state is RequestState.OPEN)
        assert (self.request.cause is not None) == (self.request.state is RequestState.VOID)

    @invariant()
    def a_final_state_stays(self) -> None:
        assert all(state not in FINAL for state in self.seen[:-1])


TestRequest = RequestMachine.TestCase


def test_one_person_in_two_seats_never_fills_them() -> None:
    given = answered((0, BOB, Answer.APPROVE), (1, BOB, Answer.APPROVE))
    assert sample.request().settle(given, at=NOW).state is RequestState.OPEN


def test_the_first_no_closes() -> None:
    closed = sample.request().settle(answered((1, BOB, Answer.REJECT)), at=NOW)
    assert (closed.state, closed.closed_at) == (RequestState.REJECTED, NOW)


def test_where_every_seat_is_heard_a_no_waits_for_the_others() -> None:
    patient = sample.request(rejection=Rejection.ALL_SEATS)
    first = answered((1, BOB, Answer.REJECT))
    assert patient.settle(first, at=NOW).state is RequestState.OPEN
    both = [*first, *answered((0, CAROL, Answer.APPROVE))]
    assert patient.settle(both, at=NOW).state is RequestState.REJECTED


def test_a_withdrawn_answer_does_not_count() -> None:
    first, second = answered((0, BOB, Answer.APPROVE), (1, CAROL, Answer.APPROVE))
    given = [first.withdraw(at=NOW), second]
    assert sample.request().settle(given, at=NOW).state is RequestState.OPEN
    assert [seat.index for seat in sample.request().open_seats(given)] == [0]


def test_after_its_time_no_answer_is_taken() -> None:
    request = sample.request(expires_at=NOW)
    assert not request.is_open(at=NOW)
    with pytest.raises(RequestClosed, match="expired"):
        request.require_open(at=NOW)
    request.require_open(at=NOW - timedelta(seconds=1))


def test_a_seat_knows_who_may_fill_it() -> None:
    request = sample.request(seats=(("role:approver", "role:risk_lead"), (f"person:{ALICE}",)))
    assert request.seat(0).roles == ("approver", "risk_lead")
    assert request.seat(1).persons == {ALICE}
    with pytest.raises(SeatUnknown):
        request.seat(2)
