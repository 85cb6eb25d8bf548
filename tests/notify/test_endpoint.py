"""The states of an endpoint, walked at random: only the moves of the table happen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modelwarden.errors import IllegalMove
from modelwarden.notify.endpoint import MOVES, Cause, Endpoint, EndpointState
from modelwarden.notify.message import commitments_of, wants
from modelwarden.values.ids import ActorId, Commitment, EndpointId

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def endpoint() -> Endpoint:
    return Endpoint(
        id=EndpointId("end_1"),
        name="ops",
        url=Commitment("a" * 64),
        secret=Commitment("b" * 64),
        owner=ActorId("usr_1"),
        added_at=NOW,
    )


class Walk(RuleBasedStateMachine):
    """An endpoint to which anything may happen at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.endpoint = endpoint()

    def _move(self, wanted: EndpointState, moved: Endpoint | None) -> None:
        is_allowed = wanted in MOVES[self.endpoint.state]
        assert (moved is not None) is is_allowed
        self.endpoint = moved or self.endpoint

    @rule()
    def goes_down(self) -> None:
        try:
            moved = self.endpoint.went_down(now=NOW)
        except IllegalMove:
            moved = None
        self._move(EndpointState.DOWN, moved)

    @rule()
    def is_disabled(self) -> None:
        try:
            moved = self.endpoint.disabled(Cause.GONE)
        except IllegalMove:
            moved = None
        self._move(EndpointState.DISABLED, moved)

    @rule()
    def is_enabled(self) -> None:
        if self.endpoint.state is EndpointState.DISABLED:
            self.endpoint = self.endpoint.enabled(by=ActorId("usr_2"), digest_before=7)
        else:
            with pytest.raises(IllegalMove):
                self.endpoint.enabled(by=ActorId("usr_2"), digest_before=7)

    @invariant()
    def its_fields_fit_its_state(self) -> None:
        found = self.endpoint
        assert (found.cause is not None) is (found.state is EndpointState.DISABLED)
        assert (found.down_since is not None) is (found.state is EndpointState.DOWN)


TestWalk = Walk.TestCase


def test_a_new_round_starts_with_single_messages() -> None:
    again = endpoint().went_down(now=NOW).recovered(digest_before=9).begun_again()
    assert (again.round, again.digest_before, again.follower) == (2, None, "end_1.2")


def test_news_of_its_own_failing_is_not_for_it() -> None:
    body = {"type": "delivery.abandoned", "severity": "HIGH", "fact": {"endpoint": "end_1"}}
    assert not wants(endpoint(), body)
    assert wants(endpoint(), body | {"fact": {"endpoint": "end_2"}})


def test_an_entry_without_the_usual_fields_is_no_error() -> None:
    assert wants(endpoint(), {"type": "model.registered"})
    assert commitments_of({"type": "external.unknown", "fact": {"reason": "x"}}) == {}
    found = commitments_of({"type": "actor.suspended", "fact": {"reason": "c" * 64, "user": "u"}})
    assert found == {"reason": "c" * 64}
