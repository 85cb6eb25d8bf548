"""Times in which nothing goes forward, and a version that walks environments as far as the gate lets it."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.deployments import actions as deployments
from modelwarden.deployments.actions import NewFreeze
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.errors import (
    AutoApproveUnsupported,
    GateRefused,
    IllegalMove,
    ModelNotFound,
    NotFound,
    NotPermitted,
    ValueInvalid,
)
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.pages import Page
from tests.deployments.fleet import STEPS, govern, look, stepped
from tests.deployments.test_actions import bodies, refused, two_versions_live
from tests.deployments.test_steps import abort, shown

if TYPE_CHECKING:
    from modelwarden.deployments.actions import Promoted
    from modelwarden.deployments.freezing.freeze import Freeze
    from tests.approvals.org import Org

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION


def freeze(org: Org, *, by: str = "dave", hours: float = 8, **fields: object) -> Freeze:
    ends_at = org.clock.now() + timedelta(hours=hours)
    wanted = NewFreeze(ends_at=ends_at, **fields)  # type: ignore[arg-type]
    found: Freeze = org.do(by, partial(deployments.add_freeze, reason="the quarter closes"), wanted)
    return found


def test_a_freeze_bars_what_goes_forward_until_it_ends(org: Org) -> None:
    org.approved()
    freeze(org)
    assert bodies(org, 1)[0]["type"] == "freeze.added"
    assert refused(org) == {"frozen"}
    assert org.deploy(environment=STAGING).state is DeploymentState.LIVE
    org.clock.advance(hours=8)
    assert org.deploy().state is DeploymentState.LIVE


def test_a_freeze_of_another_model_or_time_bars_nothing(org: Org) -> None:
    org.warden.acting_as("alice").models.register(
        "fraud", owner="alice", business_purpose="finds orders that are not what they seem"
    )
    org.approved()
    freeze(org, model="fraud")
    freeze(org, starts_at=org.clock.now() + timedelta(hours=1))
    assert org.deploy().state is DeploymentState.LIVE


def test_a_freeze_holds_a_rollout_and_never_what_goes_back(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    org.clock.advance(hours=24)
    freeze(org, model="churn")
    look(org)
    assert (shown(org, begun).traffic, shown(org, begun).held_by) == (5, {"frozen"})
    assert abort(org, begun).state is DeploymentState.ABORTED


def test_rolling_back_goes_through_a_freeze(org: Org) -> None:
    first, _ = two_versions_live(org)
    freeze(org)
    assert org.roll_back().version == first.version


def test_lifting_ends_a_freeze_once(org: Org) -> None:
    org.approved()
    found = freeze(org)
    with pytest.raises(NotPermitted):
        org.do("alice", deployments.lift_freeze, found.id)
    org.do("root", deployments.lift_freeze, found.id)
    assert bodies(org, 1)[0]["type"] == "freeze.lifted"
    assert org.deploy().state is DeploymentState.LIVE
    with pytest.raises(IllegalMove):
        org.do("root", deployments.lift_freeze, found.id)
    with pytest.raises(NotFound):
        org.do("root", deployments.lift_freeze, "frz_0")


def test_who_may_freeze_and_what(org: Org) -> None:
    for name in ("alice", "bob"):
        with pytest.raises(NotPermitted):
            freeze(org, by=name)
    with pytest.raises(ModelNotFound):
        freeze(org, model="nothing")
    for hours in (-1, 24 * 400):
        with pytest.raises(ValueInvalid):
            freeze(org, hours=hours)
    with pytest.raises(ValueInvalid):
        org.do(
            "dave",
            partial(deployments.add_freeze, reason=" "),
            NewFreeze(ends_at=org.clock.now() + timedelta(1)),
        )


def test_freezes_are_listed_newest_first(org: Org) -> None:
    older, newer = freeze(org), freeze(org, environment=STAGING)
    page = org.see("bob", deployments.freezes, Page(limit=1))
    assert [one.id for one in page.items] == [newer.id]
    rest = org.see("bob", deployments.freezes, Page(limit=1, cursor=page.next_cursor))
    assert [one.id for one in rest.items] == [older.id]
    assert org.see("bob", deployments.freezes, Page(), environment=PRODUCTION).items == (older,)


def promote(org: Org, *through: Environment, label: str = "1.0.0", **more: object) -> Promoted:
    candidate = org.see("dave", deployments.candidate, "churn", label)
    walk = partial(
        deployments.promote,
        through=through or (STAGING, PRODUCTION),
        prepared=deployments.hashed(candidate, org.warden.settings),
        **more,  # type: ignore[arg-type]
    )
    found: Promoted = org.do("dave", walk, "churn", label)
    return found


def test_a_version_walks_as_far_as_its_approval_goes(org: Org) -> None:
    org.approved()
    done = promote(org)
    assert [(one.environment, one.state) for one in done.deployments] == [
        (STAGING, DeploymentState.LIVE), (PRODUCTION, DeploymentState.LIVE),
    ]  # fmt: skip
    assert done.stopped_at is None


def test_it_stops_at_what_the_gate_refuses_and_what_is_done_stays(org: Org) -> None:
    request = org.request(environment="staging")
    org.approve("bob", request.id)
    done = promote(org)
    assert [one.environment for one in done.deployments] == [STAGING]
    assert (done.stopped_at, [reason.code for reason in done.reasons]) == (
        PRODUCTION,
        ["not_approved"],
    )
    assert org.status() == "deployed_staging"


def test_it_is_taken_up_again_once_staging_served_its_time(org: Org) -> None:
    govern(org, "rollout: {needs: {staging: PT1H}}\n")
    org.approved()
    assert [reason.code for reason in promote(org).reasons] == ["staging_missing"]
    org.clock.advance(hours=1)
    assert promote(org).stopped_at is None


def test_it_stops_where_a_rollout_takes_time(org: Org) -> None:
    govern(org, STEPS, "environments: {staging: {rollout: {strategy: direct}}}\n")
    org.approved()
    promote(org)
    org.register("1.1.0")
    org.approved("1.1.0")
    done = promote(org, label="1.1.0")
    assert [one.state for one in done.deployments] == [
        DeploymentState.LIVE,
        DeploymentState.IN_PROGRESS,
    ]
    assert (done.stopped_at, done.reasons[0].code) == (PRODUCTION, "in_progress")


def test_walking_approves_nothing(org: Org) -> None:
    with pytest.raises(AutoApproveUnsupported):
        promote(org, auto_approve=True)
    with pytest.raises(GateRefused):
        promote(org)
    for through in ((PRODUCTION, STAGING), (STAGING, STAGING)):
        with pytest.raises(ValueInvalid):
            promote(org, *through)
