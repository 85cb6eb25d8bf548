"""The states of a deployment, walked in every order, and the strategies that can be carried out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modelwarden.deployments.plan import course_for
from modelwarden.deployments.rollout import (
    Deployment,
    DeploymentKind,
    DeploymentState,
    Origin,
)
from modelwarden.errors import IllegalMove, StrategyUnknown, ValueInvalid
from modelwarden.guard.router import Strategy
from modelwarden.policies.rollout import DEFAULT_STEPS, Course, Step
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.ids import (
    ActorId,
    DeploymentId,
    Digest,
    Label,
    ModelName,
    PersonId,
    VersionName,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENDS = {
    DeploymentState.IN_PROGRESS: {"failed", "aborted", "rolled_back"},
    DeploymentState.LIVE: {"superseded", "rolled_back"},
}


def deployment(**changed: object) -> Deployment:
    return Deployment(
        **{  # type: ignore[arg-type]
            "id": DeploymentId("dep_1"),
            "model": ModelName("churn"),
            "label": Label("1.4.0"),
            "version": VersionName("churn@1.4.0"),
            "environment": Environment.PRODUCTION,
            "strategy": Strategy.DIRECT,
            "kind": DeploymentKind.RELEASE,
            "origin": Origin.WARDEN,
            "artifact_sha256": Digest("a" * 64),
            "started_by": ActorId("usr_dave"),
            "started_person": PersonId("per_dave"),
            "started_at": NOW,
            **changed,
        }
    )


class DeploymentMachine(RuleBasedStateMachine):
    """Anything may be tried at any time; only the moves of product.md happen."""

    def __init__(self) -> None:
        super().__init__()
        self.deployment = deployment()
        self.now = NOW

    @rule()
    def go_live(self) -> None:
        self.now += timedelta(seconds=1)
        if self.deployment.state is DeploymentState.IN_PROGRESS:
            self.deployment = self.deployment.go_live(at=self.now)
            assert self.deployment.live_at == self.now
        else:
            with pytest.raises(IllegalMove):
                self.deployment.go_live(at=self.now)

    @rule(state=st.sampled_from(DeploymentState))
    def end(self, state: DeploymentState) -> None:
        self.now += timedelta(seconds=1)
        if state in ENDS.get(self.deployment.state, set()):
            self.deployment = self.deployment.end(state, at=self.now)
        else:
            with pytest.raises(IllegalMove):
                self.deployment.end(state, at=self.now)

    @invariant()
    def what_ended_says_when_and_only_that(self) -> None:
        running = self.deployment.state in ENDS
        assert (self.deployment.ended_at is None) == running

    @invariant()
    def what_was_live_says_since_when(self) -> None:
        if self.deployment.state in {DeploymentState.LIVE, DeploymentState.SUPERSEDED}:
            assert self.deployment.live_at is not None


TestDeployment = DeploymentMachine.TestCase


@pytest.mark.parametrize("reference", ["", "two words", "é", "x" * 129])
def test_a_reference_is_one_plain_word(reference: str) -> None:
    with pytest.raises(ValueInvalid):
        deployment(reference=reference)


DIRECT = Course(strategy=Strategy.DIRECT, steps=DEFAULT_STEPS[Strategy.DIRECT])
CANARY = Course(strategy=Strategy.CANARY, steps=(Step(1), Step(100)))


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_policy_that_releases_directly_leaves_the_strategy_open(strategy: Strategy) -> None:
    found = course_for(DIRECT, strategy.value, is_first=False)
    assert (found.strategy, found.steps) == (strategy, DEFAULT_STEPS[strategy])


@pytest.mark.parametrize("named", ["direct", "rolling", "shadow", "teleport", ""])
def test_any_other_policy_is_kept_to(named: str) -> None:
    with pytest.raises(StrategyUnknown):
        course_for(CANARY, named, is_first=False)
    assert course_for(CANARY, None, is_first=False) is CANARY
    assert course_for(CANARY, "canary", is_first=False) is CANARY


def test_with_nothing_live_there_is_one_step_and_nothing_to_shadow() -> None:
    assert course_for(CANARY, None, is_first=True).steps == (Step(100),)
    with pytest.raises(StrategyUnknown):
        course_for(DIRECT, "shadow", is_first=True)


def test_the_default_steps_are_those_of_the_specification() -> None:
    hours, minutes = (lambda n: timedelta(hours=n)), (lambda n: timedelta(minutes=n))
    told = {s: [(step.traffic, step.bake) for step in DEFAULT_STEPS[s]] for s in Strategy}
    assert told == {
        Strategy.DIRECT: [(100, hours(0))],
        Strategy.SHADOW: [(0, hours(24))],
        Strategy.CANARY: [(5, hours(24)), (25, hours(1)), (100, hours(0))],
        Strategy.BLUE_GREEN: [(0, hours(0)), (100, hours(1))],
        Strategy.ROLLING: [(share, minutes(10)) for share in (25, 50, 75, 100)],
    }


def test_a_course_comes_back_from_its_text() -> None:
    for strategy in Strategy:
        course = course_for(DIRECT, strategy.value, is_first=False)
        assert Course.restored(course.text) == course
