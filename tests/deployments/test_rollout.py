"""The states of a deployment, walked in every order, and the strategies that can be carried out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modelwarden.deployments.plan import STEPS, Strategy, strategy_named
from modelwarden.deployments.rollout import (
    Deployment,
    DeploymentKind,
    DeploymentState,
    Origin,
)
from modelwarden.errors import IllegalMove, StrategyUnknown, ValueInvalid
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


def test_direct_puts_all_traffic_on_the_version_at_once() -> None:
    assert strategy_named("direct") is Strategy.DIRECT
    assert [step.traffic for step in STEPS[Strategy.DIRECT]] == [100]


@pytest.mark.parametrize("name", ["canary", "shadow", "blue_green", "rolling", "teleport", ""])
def test_a_strategy_that_can_not_be_carried_out_is_refused(name: str) -> None:
    with pytest.raises(StrategyUnknown):
        strategy_named(name)
