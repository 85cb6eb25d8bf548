"""What another system says is read before the change, by the policy, and weighed inside it (RL-33, RL-34)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.approvals.external import Asked, ExternalEvidence
from modelwarden.deployments import actions as deployments
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.errors import ExternalUnreadable, GateRefused
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.ids import Digest
from tests.deployments.fleet import govern
from tests.deployments.test_actions import bodies

if TYPE_CHECKING:
    from modelwarden.approvals.external import State
    from modelwarden.deployments.actions import Prepared
    from tests.approvals.org import Org

REQUIRED = "{humans: 2, external: {github: required}}"
STAGING = "environments: {staging: {approvals: {humans: 1}}}\n"


@dataclass
class Told:
    """A source that says what it is told to."""

    org: Org
    state: State = "passed"
    by: str = "carol"
    down: bool = False
    asked: list[Asked] = field(default_factory=list)

    def evidence(self, asked: Asked) -> ExternalEvidence:
        self.asked.append(asked)
        if self.down:
            raise ExternalUnreadable("github answers nothing")
        return ExternalEvidence(
            system="github",
            url="https://github.example/acme/churn/pull/7",
            sha256=Digest("5" * 64),
            seen_at=self.org.clock.now(),
            state=self.state,
            persons=frozenset({self.org.who(self.by).person}),
            why="two reviews",
        )


def read(org: Org, source: Told | None) -> Prepared:
    candidate = org.see("dave", deployments.candidate, "churn", "1.0.0")
    sources = {} if source is None else {"github": source}
    return deployments.hashed(candidate, org.warden.settings, sources)


def start(org: Org, prepared: Prepared) -> DeploymentState:
    found = org.do("dave", partial(deployments.start, prepared=prepared), "churn", "1.0.0")
    state: DeploymentState = found.state
    return state


def refused(org: Org, prepared: Prepared) -> GateRefused:
    with pytest.raises(GateRefused) as caught:
        start(org, prepared)
    return caught.value


def test_what_was_agreed_to_there_goes_live_and_the_ledger_says_by_what(org: Org) -> None:
    govern(org, STAGING, asks=REQUIRED)
    request = org.approved()
    source = Told(org)
    assert start(org, read(org, source)) is DeploymentState.LIVE
    assert [(one.environment, one.request) for one in source.asked] == [
        (Environment.PRODUCTION, request.id)
    ]
    told = next(body for body in bodies(org, 8) if body["type"] == "external.evidence_accepted")
    fact: Any = told["fact"]
    assert (fact["system"], fact["digest"]) == ("github", "5" * 64)
    assert fact["persons"] == [org.who("carol").person]


@pytest.mark.parametrize("state", ["missing", "unreadable", "changes_requested"])
def test_anything_else_denies_and_says_why(org: Org, state: State) -> None:
    govern(org, STAGING, asks=REQUIRED)
    org.approved()
    error = refused(org, read(org, Told(org, state=state)))
    code = "external_changes_requested" if state == "changes_requested" else "external_missing"
    assert error.reasons == (code,)
    assert "two reviews" in str(error)


def test_a_system_that_is_down_or_not_set_up_denies(org: Org) -> None:
    govern(org, STAGING, asks=REQUIRED)
    org.approved()
    down = refused(org, read(org, Told(org, down=True)))
    absent = refused(org, read(org, None))
    assert down.reasons == absent.reasons == ("external_missing",)
    assert "github answers nothing" in str(down)
    assert "not set up" in str(absent)


def test_what_was_read_longer_ago_than_a_minute_denies(org: Org) -> None:
    govern(org, STAGING, asks=REQUIRED)
    org.approved()
    prepared = read(org, Told(org))
    org.clock.advance(seconds=60)
    assert refused(org, prepared).reasons == ("external_missing",)


def test_who_takes_part_in_the_case_agrees_for_nobody(org: Org) -> None:
    govern(org, STAGING, asks=REQUIRED)
    org.approved()
    assert refused(org, read(org, Told(org, by="alice"))).reasons == ("external_missing",)


def test_nobody_is_asked_where_no_policy_wants_it(org: Org) -> None:
    org.approved()
    source = Told(org)
    assert start(org, read(org, source)) is DeploymentState.LIVE
    assert source.asked == []


def test_the_gate_says_before_what_it_would_say(org: Org) -> None:
    govern(org, STAGING, asks=REQUIRED)
    org.approved()
    look = partial(deployments.gate_answer, prepared=read(org, Told(org, state="missing")))
    outlook = org.see("dave", look, "churn", "1.0.0")
    assert outlook.verdict.codes == ("external_missing",)
