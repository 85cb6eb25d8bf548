"""The state machine, walked at random, and which models a switch may touch, against the matcher of guards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modelwarden.errors import ReleaseNotRequested, SwitchNotActive
from modelwarden.guard.compiled import compile_switches
from modelwarden.guard.scope import parse_except, parse_scope
from modelwarden.safeguards.reach import reach_of
from modelwarden.safeguards.switch import (
    LIVE,
    MOVES,
    OnExpiry,
    Switch,
    SwitchSeverity,
    SwitchState,
)
from modelwarden.values.ids import ActorId, Commitment, PersonId, SwitchId

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WORDS = Commitment("a" * 64)
ME = ActorId("usr_1")
PERSONS = frozenset({PersonId("per_1")})


def made(scope: str = '{"model":["churn"]}', exception: str = "{}", **fields: Any) -> Switch:  # noqa: ANN401  # any of its fields
    return Switch(
        id=SwitchId("swi_1"),
        scope=scope,
        exception=exception,
        reason=WORDS,
        lkg_before=NOW,
        activated_by=ME,
        activated_persons=tuple(PERSONS),
        activated_at=NOW,
        **fields,
    )


class Walk(RuleBasedStateMachine):
    """Anybody does anything at any time: what has ended stays so, and nothing but a release or its end ends one."""

    @initialize(ends=st.booleans(), severity=st.sampled_from(SwitchSeverity))
    def begin(self, ends: bool, severity: SwitchSeverity) -> None:  # noqa: FBT001  # drawn
        self.now = NOW
        self.ended: SwitchState | None = None
        until = {"expires_at": NOW + timedelta(hours=5), "on_expiry": OnExpiry.RELEASE}
        is_to_end = ends and severity is not SwitchSeverity.SEV1
        self.switch = made(severity=severity, **(until if is_to_end else {}))

    @rule(hours=st.integers(0, 4))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def ask(self) -> None:
        self.moved(
            lambda: self.switch.request_release(
                by=ME, persons=PERSONS, notes=WORDS, verification=None, at=self.now
            ),
            allowed=self.switch.state is SwitchState.ACTIVE,
        )

    @rule()
    def confirm(self) -> None:
        self.moved(
            lambda: self.switch.release(by=ME, notes=WORDS, at=self.now),
            allowed=self.switch.state is SwitchState.RELEASE_REQUESTED,
        )

    @rule()
    def keep(self) -> None:
        self.moved(self.switch.keep, allowed=self.switch.state is SwitchState.RELEASE_REQUESTED)

    @rule()
    def expire(self) -> None:
        due = self.switch.on_expiry is OnExpiry.RELEASE and self.now >= NOW + timedelta(hours=5)
        self.moved(
            lambda: self.switch.expire(by=ME, at=self.now),
            allowed=due and self.switch.state is SwitchState.ACTIVE,
        )

    def moved(self, move: Callable[[], Switch], *, allowed: bool) -> None:
        if not allowed:
            with pytest.raises((SwitchNotActive, ReleaseNotRequested)):
                move()
            return
        before, self.switch = self.switch.state, move()
        assert self.switch.state in MOVES[before]
        if not self.switch.is_live:
            self.ended = self.switch.state

    @invariant()
    def what_has_ended_stays_so(self) -> None:
        assert self.ended in {None, self.switch.state}
        assert self.switch.is_live == (self.switch.state in LIVE) == (self.ended is None)

    @invariant()
    def a_request_is_kept_only_while_it_stands(self) -> None:
        asked = self.switch.state in {SwitchState.RELEASE_REQUESTED, SwitchState.RELEASED}
        assert (self.switch.requested_by is not None) == asked
        assert bool(self.switch.requested_persons) == asked


TestWalk = Walk.TestCase

MODELS = ("churn", "churn-v2", "fraud")
TYPES = ("classifier", "ranker")
REGIONS = ("eu", "us")


def conditions(values: tuple[str, ...]) -> st.SearchStrategy[Any]:
    some = st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)
    return st.one_of(
        st.sampled_from(values),
        some,
        st.builds(lambda found: {"not_in": found}, some),
        st.builds(lambda value: {"prefix": value[:3]}, st.sampled_from(values)),
    )


SCOPES = st.fixed_dictionaries(
    {},
    optional={
        "model": conditions(MODELS),
        "model_type": conditions(TYPES),
        "region": conditions(REGIONS),
    },
)


@given(scope=SCOPES, carved=SCOPES, model=st.sampled_from(MODELS), kind=st.sampled_from(TYPES))
def test_a_switch_may_touch_a_model_if_it_matches_some_call_of_it(
    scope: dict[str, Any], carved: dict[str, Any], model: str, kind: str
) -> None:
    switch = made(
        parse_scope(scope, everything=not scope).canonical.decode(),
        parse_except(carved).canonical.decode(),
    )
    matcher = compile_switches([switch.rule()])
    calls = [{"model": model, "model_type": kind, "region": region} for region in (*REGIONS, "xx")]
    calls.append({"model": model, "model_type": kind})
    found = any(matcher.match(call) for call in calls)
    touches = reach_of(switch).may_touch(model, kind)
    assert touches or not found, (scope, carved)
    if "region" not in {*scope, *carved}:
        assert touches == found


def test_a_model_of_no_known_type_may_be_of_any() -> None:
    reach = reach_of(made('{"model_type":["classifier"]}'))
    assert reach.may_touch("lab", None)
    assert reach.may_touch("lab", "")
    assert not reach.may_touch("lab", "ranker")


def test_a_condition_that_is_not_understood_touches_everything() -> None:
    assert reach_of(made('{"model":{"later":["x"]}}')).may_touch("churn", "ranker")


def test_what_a_snapshot_says_holds_no_words_and_no_people() -> None:
    said = json.dumps(made(incident="INC-1").rule())
    assert WORDS not in said
    assert ME not in said
    assert json.loads(said) == {
        "id": "swi_1",
        "scope": {"model": ["churn"]},
        "except": {},
        "action": "block",
        "fallback": None,
        "unknown": "match",
        "severity": "SEV2",
        "lkg_before": "2026-11-20T12:00:00.000000Z",
        "held": 10_000,
    }
