"""Deployments that go in steps: what each waits for, who takes it, and what guards are told (RL-35, RL-36)."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.deployments import actions as deployments
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.errors import (
    Conflict,
    DeploymentInProgress,
    GateRefused,
    NotFound,
    NotInProgress,
    NotPermitted,
    StepHeld,
    ValueInvalid,
)
from modelwarden.policies.severity import severities
from modelwarden.reactions.rollouts import KeepRollouts
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.counters import watching
from tests.approvals.org import SYSTEM
from tests.deployments.fleet import STEPS, Worker, govern, look, route, stepped
from tests.deployments.test_actions import bodies, live, refused, types

if TYPE_CHECKING:
    from modelwarden.deployments.rollout import Deployment
    from tests.approvals.org import Org


def shown(org: Org, deployment: Deployment) -> Deployment:
    found: Deployment = org.see("alice", deployments.deployment, deployment.id)
    return found


def advance(org: Org, deployment: Deployment, *, by: str = "dave") -> Deployment:
    candidate = org.see(by, deployments.candidate, "churn", deployment.label)
    prepared = deployments.hashed(candidate, org.warden.settings)
    found: Deployment = org.do(by, partial(deployments.advance, prepared=prepared), deployment.id)
    return found


def abort(
    org: Org, deployment: Deployment, *, by: str = "dave", reason: str = "it is slower"
) -> Deployment:
    found: Deployment = org.do(by, partial(deployments.abort, reason=reason), deployment.id)
    return found


def waits(org: Org, deployment: Deployment, *, by: str = "dave") -> set[str]:
    with pytest.raises(StepHeld) as held:
        advance(org, deployment, by=by)
    return set(held.value.reasons)


def shares(org: Org) -> tuple[str, dict[str, int], str | None]:
    body = route(org).as_body()
    return body["stable"], body["shares"], body["shadow"]  # type: ignore[return-value]


def test_the_first_release_has_all_the_traffic_whatever_the_strategy(org: Org) -> None:
    govern(org, STEPS)
    org.approved()
    assert org.deploy().state is DeploymentState.LIVE
    assert shares(org) == ("1.0.0", {}, None)


def test_a_canary_begins_with_its_first_share_and_keeps_its_salt(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    assert (begun.state, begun.traffic) == (DeploymentState.IN_PROGRESS, 5)
    assert types(org, 4) == ["gate.evaluated", "deployment.started", "step.advanced", "route.moved"]
    assert shares(org) == ("1.0.0", {"1.1.0": 500}, None)
    now = live(org)
    assert now is not None
    assert now.label == "1.0.0"
    assert org.status("1.1.0") == "approved"
    salt = route(org).salt
    assert len(bytes.fromhex(salt)) == 16
    org.clock.advance(hours=24)
    assert advance(org, begun).traffic == 25
    assert (shares(org)[1], route(org).salt) == ({"1.1.0": 2_500}, salt)
    org.clock.advance(hours=1)
    assert advance(org, begun).state is DeploymentState.LIVE
    assert shares(org) == ("1.1.0", {}, None)
    assert (org.status("1.0.0"), org.status("1.1.0")) == ("approved", "deployed_production")


def test_two_deployments_never_share_a_salt(org: Org) -> None:
    first = stepped(org, strategy="canary")
    abort(org, first)
    assert org.deploy("1.1.0", strategy="canary").salt != first.salt


def test_a_step_waits_for_its_time_and_a_refusal_changes_nothing(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    org.clock.advance(hours=23)
    assert waits(org, begun) == {"baking"}
    assert shares(org)[1] == {"1.1.0": 500}
    (body,) = bodies(org, 1)
    assert (body["type"], body["outcome"]) == ("access.denied", "refused")


def test_time_takes_an_automatic_rollout_on_to_the_end(org: Org) -> None:
    govern(org, STEPS)
    begun = stepped(org)
    look(org)
    assert shown(org, begun).traffic == 5
    org.clock.advance(hours=1)
    look(org)
    look(org)
    assert shown(org, begun).traffic == 50
    assert bodies(org, 1)[0]["actor"]["id"] == "system:rollout"  # type: ignore[index]
    org.clock.advance(hours=1)
    look(org)
    assert shown(org, begun).state is DeploymentState.LIVE
    assert shares(org) == ("1.1.0", {}, None)


def test_a_manual_rollout_waits_for_a_person(org: Org) -> None:
    govern(org, STEPS.replace("{strategy: canary,", "{strategy: canary, advance: manual,"))
    begun = stepped(org)
    org.clock.advance(days=3)
    look(org)
    assert shown(org, begun).traffic == 5
    assert advance(org, begun).traffic == 50


def test_who_may_not_deploy_can_neither_take_a_step_nor_break_off(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    org.clock.advance(hours=24)
    for name in ("alice", "bob", "root"):
        with pytest.raises(NotPermitted):
            advance(org, begun, by=name)
        with pytest.raises(NotPermitted):
            abort(org, begun, by=name)
    for act in (deployments.take_back, partial(deployments.hold_rollout, waits=())):
        with pytest.raises(NotPermitted):
            org.do("dave", act, begun.id)
    with pytest.raises(NotFound):
        org.do("dave", partial(deployments.abort, reason="no such thing"), "dep_0")


def test_breaking_off_gives_everything_back_to_what_was_live(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    with pytest.raises(ValueInvalid):
        abort(org, begun, reason=" ")
    ended = abort(org, begun)
    assert (ended.state, ended.ended_at is not None) == (DeploymentState.ABORTED, True)
    assert shares(org) == ("1.0.0", {}, None)
    told, moved = bodies(org, 2)
    assert (told["type"], told["fact"]["traffic"], moved["type"]) == (
        "deployment.aborted",
        5,
        "route.moved",
    )  # type: ignore[index]
    for act in (abort, advance):
        with pytest.raises(NotInProgress):
            act(org, begun)
    assert org.deploy("1.1.0", strategy="canary").state is DeploymentState.IN_PROGRESS


def test_nothing_else_begins_while_one_is_under_way(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    org.register("1.2.0")
    org.approved("1.2.0")
    with pytest.raises(DeploymentInProgress, match=begun.id):
        org.deploy("1.2.0")
    with pytest.raises(DeploymentInProgress, match="abort"):
        org.do("dave", deployments.record, "churn", "1.2.0")
    assert org.deploy("1.1.0", environment=Environment.STAGING).state is DeploymentState.LIVE


def test_a_second_row_in_progress_is_refused_by_the_database(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    twin = dataclasses.replace(begun, id="dep_twin", reference=None, revision=0)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        org.system(lambda change: change.save(twin))


def test_rolling_goes_by_workers_and_bakes_behind_its_last_share(org: Org) -> None:
    begun = stepped(org, strategy="rolling")
    assert (route(org).by, shares(org)[1]) == ("worker", {"1.1.0": 2_500})
    for share in (50, 75, 100):
        org.clock.advance(minutes=10)
        assert advance(org, begun).traffic == share
    assert shown(org, begun).state is DeploymentState.IN_PROGRESS
    org.clock.advance(minutes=10)
    assert advance(org, begun).state is DeploymentState.LIVE
    assert (route(org).by, shares(org)) == ("worker", ("1.1.0", {}, None))


def test_blue_green_flips_and_keeps_the_old_one_warm(org: Org) -> None:
    begun = stepped(org, strategy="blue_green")
    assert shares(org) == ("1.0.0", {"1.1.0": 0}, None)
    assert advance(org, begun).traffic == 100
    assert shares(org) == ("1.0.0", {"1.1.0": 10_000}, None)
    now = live(org)
    assert now is not None
    assert now.label == "1.0.0"
    assert waits(org, begun) == {"baking"}
    abort(org, begun)
    assert shares(org) == ("1.0.0", {}, None)


def test_a_shadow_ends_by_itself_and_never_has_traffic(org: Org) -> None:
    begun = stepped(org, strategy="shadow")
    assert shares(org) == ("1.0.0", {}, "1.1.0")
    look(org)
    org.clock.advance(hours=24)
    look(org)
    assert shown(org, begun).state is DeploymentState.ABORTED
    assert bodies(org, 2)[0]["fact"]["cause"] == "shadow_served"  # type: ignore[index]
    assert shares(org) == ("1.0.0", {}, None)
    assert org.deploy("1.1.0").state is DeploymentState.LIVE


def test_a_person_ends_a_shadow_in_the_same_way(org: Org) -> None:
    begun = stepped(org, strategy="shadow")
    org.clock.advance(hours=24)
    assert advance(org, begun).state is DeploymentState.ABORTED
    assert shares(org) == ("1.0.0", {}, None)


def test_the_first_step_waits_until_workers_have_the_version_loaded(org: Org) -> None:
    workers = [Worker(org, n, "1.0.0") for n in range(20)]
    for each in workers:
        each.report()
    begun = stepped(org, strategy="canary")
    assert (begun.state, begun.step) == (DeploymentState.IN_PROGRESS, None)
    assert shares(org) == ("1.0.0", {"1.1.0": 0}, None)
    assert waits(org, begun) == {"not_loaded"}
    for each in workers[:18]:
        each.loaded = ("1.0.0", "1.1.0")
        each.report()
    look(org)
    assert shown(org, begun).step is None
    assert shown(org, begun).held_by == {"not_loaded"}
    workers[18].loaded = ("1.1.0",)
    workers[18].report()
    look(org)
    assert shown(org, begun).traffic == 5


def test_a_worker_that_loaded_other_bytes_has_not_loaded_the_version(org: Org) -> None:
    Worker(org, 1, "1.0.0", "1.1.0", sha256="ab" * 32).report()
    begun = stepped(org, strategy="canary")
    assert waits(org, begun) == {"not_loaded"}


def test_a_direct_flip_waits_for_workers_too_and_guards_that_name_no_version_are_not_waited_for(
    org: Org,
) -> None:
    Worker(org, 1).report()
    org.approved()
    assert org.deploy().state is DeploymentState.LIVE
    Worker(org, 2, "1.0.0").report()
    org.register("1.1.0")
    org.approved("1.1.0")
    begun = org.deploy("1.1.0")
    assert (begun.state, shares(org)) == (
        DeploymentState.IN_PROGRESS,
        ("1.0.0", {"1.1.0": 0}, None),
    )
    Worker(org, 2, "1.0.0", "1.1.0").report()
    look(org)
    assert shown(org, begun).state is DeploymentState.LIVE


def test_a_fleet_that_falls_silent_holds_the_rollout(org: Org) -> None:
    worker = Worker(org, 1, "1.0.0", "1.1.0")
    worker.report()
    begun = stepped(org, strategy="canary")
    assert begun.traffic == 5
    org.clock.advance(hours=23)
    worker.report()
    org.clock.advance(hours=1, seconds=1)
    assert waits(org, begun) == {"workers_silent"}
    look(org)
    assert shown(org, begun).held_by == {"workers_silent"}
    worker.report()
    look(org)
    assert shown(org, begun).traffic == 25


def test_why_it_stands_is_told_once_and_again_when_it_is_over(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    org.clock.advance(hours=24)
    (org.folder / "1.1.0.bin").write_bytes(b"edited between two steps")
    for _ in range(3):
        look(org)
    assert types(org, 2) == ["route.moved", "rollout.held"]
    assert bodies(org, 1)[0]["fact"]["reasons"] == ["artifact_mismatch"]  # type: ignore[index]
    assert shares(org)[1] == {"1.1.0": 500}
    with pytest.raises(GateRefused) as denied:
        advance(org, begun)
    assert denied.value.reasons == ("artifact_mismatch",)


def test_a_void_approval_stops_the_next_step(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    org.warden.acting_as("alice").versions.record_metrics(
        "churn", "1.1.0", metrics={"roc_auc": "0.99"}, kind="evaluation"
    )
    org.clock.advance(hours=24)
    look(org)
    assert (shown(org, begun).traffic, shown(org, begun).held_by) == (5, {"approval_void"})


def test_time_goes_on_with_the_rights_of_whoever_started_it(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    org.clock.advance(hours=24)
    org.warden.acting_as("root").users.suspend("dave", reason="on leave")
    look(org)
    assert (shown(org, begun).traffic, shown(org, begun).held_by) == (5, {"not_permitted"})


def test_a_switch_that_names_the_candidate_holds_the_rollout_and_bars_its_release(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    dave = org.warden.acting_as("dave")
    org.clock.advance(hours=24)
    dave.switches.activate(
        {"model": "churn"},
        reason="an observation of all",
        action="observe",
        expires_at=org.clock.now() + timedelta(days=1),
    )
    switch = dave.switches.activate(
        {"model": "churn", "version": "1.1.0"}, reason="it answers nonsense", severity="SEV3"
    )
    look(org)
    assert shown(org, begun).held_by == {"switch_active"}
    with pytest.raises(GateRefused) as denied:
        advance(org, begun)
    assert denied.value.reasons == ("switch_active",)
    dave.switches.request_release(switch.id, notes="it was the feed")
    dave.switches.confirm_release(switch.id, notes="it was the feed")
    look(org)
    assert shown(org, begun).traffic == 25


def test_a_version_that_is_switched_off_does_not_go_live(org: Org) -> None:
    org.approved()
    dave = org.warden.acting_as("dave")
    dave.switches.activate(
        {"model": "churn", "version": {"prefix": "1."}}, reason="all of the first line"
    )
    assert refused(org) == {"switch_active"}


def test_a_worker_that_loads_the_candidate_of_a_rollout_is_no_alarm(org: Org) -> None:
    worker = Worker(org, 1, "1.0.0")
    worker.report()
    begun = stepped(org, strategy="canary")
    worker.loaded = ("1.0.0", "1.1.0")
    worker.report()
    assert seen_by(org) == set()
    abort(org, begun)
    assert seen_by(org) == set()
    worker.loaded = ("1.0.0", "0.9.0")
    worker.report()
    assert seen_by(org) == {"undeployed"}


def seen_by(org: Org) -> set[str]:
    look_at = partial(watching.seen, severities=severities, since=org.clock.now())
    return {each.kind for each in org.warden.view(SYSTEM, look_at) if each.stands}


def test_bytes_that_the_gate_refused_are_not_read_again_at_once(org: Org) -> None:
    begun = stepped(org, strategy="canary")
    org.clock.advance(hours=24)
    artifact = org.folder / "1.1.0.bin"
    good = artifact.read_bytes()
    artifact.write_bytes(b"edited")
    leading = KeepRollouts(org.warden, settings=org.warden.settings, every_s=0)
    leading.idle()
    artifact.write_bytes(good)
    leading.idle()
    assert (shown(org, begun).traffic, shown(org, begun).held_by) == (5, {"artifact_mismatch"})
    look(org)
    assert (shown(org, begun).traffic, shown(org, begun).held_by) == (25, frozenset())
