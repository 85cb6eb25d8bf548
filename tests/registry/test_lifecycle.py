from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modelwarden.errors import IllegalMove
from modelwarden.registry.lifecycle import (
    MOVES,
    ApprovalState,
    Environment,
    Stage,
    Status,
    move,
    stage,
    status,
)
from tests.registry.sample import version

if TYPE_CHECKING:
    from collections.abc import Mapping

A = ApprovalState
LIVE = st.sets(st.sampled_from([e.value for e in Environment]))
APPROVALS = st.dictionaries(
    st.sampled_from([e.value for e in Environment]), st.sampled_from([s.value for s in A])
)


def by_the_table(retired: bool, live: set[str], ended: str, asked: Mapping[str, str]) -> str:  # noqa: FBT001
    """product.md's table, read line by line: the first that matches."""
    answered = [asked[e] for e in ("production", "staging") if e in asked]
    answered = [state for state in answered if state in {"approved", "pending", "rejected"}]
    lines = [
        ("archived", retired),
        ("deployed_production", "production" in live),
        ("deployed_staging", "staging" in live),
        ("rolled_back", ended == "rolled_back"),
        (answered[0] if answered else "", bool(answered)),
        ("registered", True),
    ]
    return next(word for word, holds in lines if holds)


@given(st.booleans(), LIVE, st.sampled_from(["", "rolled_back"]), APPROVALS)
def test_status_is_the_first_line_of_the_table_that_matches(
    retired: bool,  # noqa: FBT001
    live: set[str],
    ended: str,
    asked: dict[str, str],
) -> None:
    found = status(retired=retired, live_in=live, last_ended=ended, approvals=asked)
    assert found == by_the_table(retired, live, ended, asked)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, Status.REGISTERED),
        ({"production": "draft"}, Status.REGISTERED),
        ({"production": "void"}, Status.REGISTERED),
        ({"production": "void", "staging": "approved"}, Status.APPROVED),
        ({"production": "pending", "staging": "approved"}, Status.PENDING),
        ({"production": "rejected"}, Status.REJECTED),
    ],
)
def test_production_is_asked_before_staging(asked: dict[str, str], expected: Status) -> None:
    assert status(retired=False, live_in=(), last_ended="", approvals=asked) is expected


def test_a_version_live_somewhere_is_not_called_rolled_back() -> None:
    found = status(retired=False, live_in=("staging",), last_ended="rolled_back", approvals={})
    assert found is Status.DEPLOYED_STAGING


@given(st.booleans(), LIVE)
def test_stage_is_the_highest_environment(retired: bool, live: set[str]) -> None:  # noqa: FBT001
    expected = Stage.DEVELOPMENT
    for place in (Stage.STAGING, Stage.PRODUCTION):
        expected = place if place in live else expected
    assert stage(retired=retired, live_in=live) is (Stage.ARCHIVED if retired else expected)


@pytest.mark.parametrize(("state", "to"), list(product(A, A)))
def test_only_the_moves_of_the_table_are_made(state: ApprovalState, to: ApprovalState) -> None:
    if to in MOVES[state]:
        assert move(state, to) is to
    else:
        with pytest.raises(IllegalMove):
            move(state, to)


def test_an_approval_is_never_reached_without_pending() -> None:
    assert [state for state in A if A.APPROVED in MOVES[state]] == [A.PENDING]
    assert [state for state in A if A.REJECTED in MOVES[state]] == [A.PENDING]


class Walk(RuleBasedStateMachine):
    """A version through whatever approvals and deployments do to it."""

    def __init__(self) -> None:
        super().__init__()
        self.version = version()
        self.live: set[str] = set()
        self.asked: dict[str, str] = {}

    @rule(place=st.sampled_from(Environment), to=st.sampled_from(A))
    def ask(self, place: Environment, to: ApprovalState) -> None:
        if to in MOVES[self.version.approval(place)]:
            self.version = self.version.moved(place, to)
            self.asked[place.value] = to.value
        else:
            with pytest.raises(IllegalMove):
                self.version.moved(place, to)

    @rule(place=st.sampled_from(Environment))
    def deploy(self, place: Environment) -> None:
        self.version = self.version.went_live(place)
        self.live.add(place.value)

    @rule(place=st.sampled_from(Environment), back=st.booleans())
    def end(self, place: Environment, back: bool) -> None:  # noqa: FBT001
        self.version = self.version.ended(place, rolled_back=back)
        self.live.discard(place.value)

    @invariant()
    def what_is_kept_is_what_happened(self) -> None:
        assert set(self.version.live_in) == self.live
        assert dict(self.version.approvals) == self.asked
        assert self.version.status == by_the_table(
            retired=False, live=self.live, ended=self.version.last_ended, asked=self.asked
        )


TestWalk = Walk.TestCase
