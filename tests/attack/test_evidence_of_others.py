"""Evidence of other systems that was given for something else, or by whoever may not give it (RL-33, RL-34)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.approvals import actions as approvals
from modelwarden.deployments import actions as deployments
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.errors import GateRefused
from modelwarden.registry.lifecycle import Environment
from tests.approvals.org import Org
from tests.deployments.fleet import govern
from tests.deployments.test_external import REQUIRED, Told, read, refused, start
from tests.deployments.urgent import REASON, TICKET, burning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.deployments.actions import EmergencyChange, Prepared


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    company = Org(tmp_path)
    yield company
    company.warden.close()


def prepared(org: Org, label: str = "1.1.0") -> Prepared:
    candidate = org.see("dave", deployments.candidate, "churn", label)
    return deployments.hashed(candidate, org.warden.settings, {"github": Told(org)})


def urgent(org: Org, given: Prepared) -> EmergencyChange:
    act = partial(deployments.emergency, prepared=given, reason=REASON, ticket=TICKET)
    found: EmergencyChange = org.do("dave", act, "churn", "1.1.0")
    return found


def test_a_yes_to_a_release_is_none_to_the_emergency_that_follows_it(org: Org) -> None:
    burning(org)
    govern(org, asks=REQUIRED)
    org.approved("1.1.0")
    at = partial(deployments.start, prepared=prepared(org))
    org.do("dave", at, "churn", "1.1.0")
    org.roll_back()
    first = urgent(org, prepared(org))
    assert [reason.code for reason in first.waits] == ["external_missing"]
    assert first.deployment is None, "github agreed to the release that was rolled back"
    again = urgent(org, prepared(org))
    assert again.deployment is not None
    assert again.request.id == first.request.id


def test_a_yes_to_a_question_that_was_taken_back_is_none_to_the_next(org: Org) -> None:
    govern(org, asks=REQUIRED)
    before = org.request()
    seen = read(org, Told(org))
    org.do("alice", approvals.withdraw, before.id)
    org.approved()
    assert refused(org, seen).reasons == ("external_missing",)
    assert start(org, read(org, Told(org))) is DeploymentState.LIVE


def test_who_turns_out_to_be_the_owner_after_it_was_read_agrees_for_nobody(org: Org) -> None:
    govern(org, asks=REQUIRED)
    org.warden.add_user("rev", roles=[])
    org.approved()
    seen = read(org, Told(org, by="rev"))
    org.warden.acting_as("root").users.link("rev", to="alice")
    assert refused(org, seen).reasons == ("external_missing",)


def test_the_owner_agrees_for_nobody_where_no_signature_is_asked_for(org: Org) -> None:
    loose = "environments: {staging: {approvals: {humans: 0, external: {github: required}}}}\n"
    govern(org, loose, asks=REQUIRED)
    org.approved()
    launch = deployments.Launch(environment=Environment.STAGING)
    for by, passes in (("alice", False), ("carol", True)):
        act = partial(deployments.start, prepared=read(org, Told(org, by=by)), launch=launch)
        if passes:
            assert org.do("dave", act, "churn", "1.0.0").state is DeploymentState.LIVE
            continue
        with pytest.raises(GateRefused) as denied:
            org.do("dave", act, "churn", "1.0.0")
        assert denied.value.reasons == ("external_missing",)


def test_nobody_serves_staging_by_naming_an_earlier_time(org: Org) -> None:
    govern(org, "rollout: {needs: {staging: PT1H}}\n")
    org.approved()
    long_ago = org.clock.now().replace(year=2025)
    made = deployments.Made(environment=Environment.STAGING, at=long_ago)
    org.do("dave", partial(deployments.record, made=made), "churn", "1.0.0")
    with pytest.raises(GateRefused) as denied:
        org.deploy()
    assert denied.value.reasons == ("staging_missing",)
    org.clock.advance(hours=1)
    assert org.deploy().state is DeploymentState.LIVE
