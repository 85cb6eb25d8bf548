"""Going forward before people have agreed: what is passed over, what never is, and what follows (RL-44)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modelwarden.approvals.offline import verify_release
from modelwarden.deployments import actions as deployments
from modelwarden.deployments.rollout import DeploymentKind, DeploymentState, ReviewOutcome
from modelwarden.errors import (
    EmergencyNotNeeded,
    GateRefused,
    JustificationMissing,
    NothingToRollBackTo,
    NotPermitted,
    RequestClosed,
    ReviewNotDue,
    SelfApproval,
    SelfReview,
    ValueInvalid,
)
from modelwarden.ledger.dsse import parse_envelope
from tests.deployments.fleet import STEPS, Worker, govern, look, route
from tests.deployments.test_actions import bodies, live
from tests.deployments.urgent import REASON, authorise, burning, made, settle, urgent

if TYPE_CHECKING:
    from typing import Any

    from modelwarden.deployments.actions import Deployment
    from tests.approvals.org import Org

CHECK = "checks: [{id: auc, type: metric, params: {metric: roc_auc, min: 0.99}, severity: block}]\n"
FOUND = "the new version answers as it should; the old one had a bad feature"


def told(org: Org, kind: str) -> list[dict[str, Any]]:
    return [body for body in bodies(org, 10_000) if body["type"] == kind]


def reasons(org: Org, label: str = "1.1.0", *, by: str = "dave") -> set[str]:
    with pytest.raises(GateRefused) as denied:
        urgent(org, label, by=by)
    return set(denied.value.reasons)


def shown(org: Org, deployment: Deployment) -> Deployment:
    found: Deployment = org.see("alice", deployments.deployment, deployment.id)
    return found


def labels(org: Org) -> tuple[str, str]:
    """Return what is live by the books, and what guards are told."""
    found = live(org)
    assert found is not None
    return found.label, route(org).stable


def test_a_version_goes_live_before_anybody_agreed_and_nothing_is_forged(org: Org) -> None:
    burning(org)
    done = urgent(org)
    assert done.deployment is not None
    assert (done.deployment.kind, done.deployment.state, done.waits) == (
        DeploymentKind.EMERGENCY,
        DeploymentState.LIVE,
        (),
    )
    assert labels(org) == ("1.1.0", "1.1.0")
    (fact,) = told(org, "emergency.change_made")
    assert (fact["severity"], fact["context"]["flags"]) == ("CRITICAL", ["emergency"])
    assert fact["fact"]["overridden"] == ["not_approved"]
    assert fact["fact"]["signed"] == []
    gate = told(org, "gate.evaluated")[-1]
    assert (gate["context"]["flags"], gate["fact"]["decisions"]) == (["emergency"], 0)
    request = org.warden.acting_as("bob").approvals.show(done.request.id)
    assert (request.type, request.state, request.payload) == (
        "emergency",
        "open",
        {"ticket": "INC-4711"},
    )
    assert (request.expires_at - request.opened_at).total_seconds() == 72 * 3_600
    assert done.request.id not in {b["fact"]["request"] for b in told(org, "approval.decided")}


def test_the_gates_word_says_what_was_passed_over_and_names_no_approval(org: Org) -> None:
    burning(org)
    done = urgent(org)
    file = org.see("bob", deployments.release_file, done.request.id)
    payload = json.loads(parse_envelope(file.splitlines()[-1]).payload)
    assert payload["predicate"]["properties"] == [
        "MODELWARDEN_GATE_ALLOWED",
        "MODELWARDEN_ENVIRONMENT_PRODUCTION",
        "MODELWARDEN_OVERRIDDEN_NOT_APPROVED",
    ]
    found = {one.code for one in verify_release(file, trust=(), at=org.clock.now())}
    assert "not_approved" in found


def test_failing_checks_are_passed_over_and_named(org: Org) -> None:
    burning(org)
    govern(org, CHECK)
    done = urgent(org)
    assert done.deployment is not None
    assert told(org, "emergency.change_made")[-1]["fact"]["overridden"] == [
        "not_approved",
        "checks_blocking",
    ]
    org.approve("bob", done.request.id)
    assert org.approve("carol", done.request.id).request.state == "approved"


def test_it_goes_to_all_traffic_at_once_whatever_the_policy_steps(org: Org) -> None:
    burning(org)
    govern(org, STEPS)
    assert made(org).state is DeploymentState.LIVE
    assert labels(org) == ("1.1.0", "1.1.0")


def test_workers_load_it_first_and_time_takes_it_on_under_the_same_gate(org: Org) -> None:
    burning(org)
    worker = Worker(org, 1, "1.0.0")
    worker.report()
    begun = made(org)
    assert (begun.state, labels(org)) == (DeploymentState.IN_PROGRESS, ("1.0.0", "1.0.0"))
    look(org)
    assert shown(org, begun).held_by == {"not_loaded"}
    worker.loaded = ("1.0.0", "1.1.0")
    worker.report()
    look(org)
    ended = shown(org, begun)
    assert (ended.state, ended.review_due_at) == (DeploymentState.LIVE, begun.review_due_at)
    assert labels(org) == ("1.1.0", "1.1.0")


def test_a_person_without_the_permission_is_refused_whatever_else_they_hold(org: Org) -> None:
    burning(org, "alice")
    for name in ("dave", "root", "bob"):
        with pytest.raises(NotPermitted, match="granted singly"):
            urgent(org, by=name)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"reason": "x" * 19}, JustificationMissing),
        ({"reason": " " * 40}, JustificationMissing),
        ({"reason": "x" * 4_001}, JustificationMissing),
        ({"ticket": ""}, ValueInvalid),
        ({"ticket": "two words"}, ValueInvalid),
        ({"ticket": "x" * 129}, ValueInvalid),
    ],
)
def test_a_reason_and_a_ticket_are_asked_for(
    org: Org, given: dict[str, str], error: type[Exception]
) -> None:
    burning(org)
    with pytest.raises(error):
        urgent(org, **given)
    assert labels(org) == ("1.0.0", "1.0.0")
    assert not told(org, "emergency.change_made")


def test_what_may_go_the_ordinary_way_is_no_emergency(org: Org) -> None:
    burning(org)
    with pytest.raises(EmergencyNotNeeded, match="live already"):
        urgent(org, "1.0.0")
    org.approved("1.1.0")
    with pytest.raises(EmergencyNotNeeded, match="deploy it"):
        urgent(org)


def test_nothing_goes_forward_where_nothing_was_before(org: Org) -> None:
    burning(org)
    org.warden.acting_as("alice").models.register(
        "fraud", owner="alice", business_purpose="predicts which payments are fraud"
    )
    org.clock.advance(seconds=1)
    path = org.folder / "fraud.bin"
    path.write_bytes(b"fraud")
    org.warden.acting_as("alice").versions.register("fraud", "1.0.0", artifact=str(path))
    with pytest.raises(NothingToRollBackTo):
        org.warden.acting_as("dave").deployments.emergency(
            "fraud", "1.0.0", reason=REASON, ticket="INC-1"
        )


def test_an_approval_in_time_lets_it_stay(org: Org) -> None:
    burning(org)
    done = urgent(org)
    org.approve("bob", done.request.id)
    settle(org)
    assert not told(org, "emergency.change_approved")
    org.approve("carol", done.request.id)
    settle(org)
    settle(org)
    (fact,) = told(org, "emergency.change_approved")
    assert fact["actor"]["id"] == "system:emergency"
    org.clock.advance(days=60)
    settle(org)
    assert labels(org) == ("1.1.0", "1.1.0")


def test_what_nobody_approved_in_72_hours_goes_back(org: Org) -> None:
    burning(org)
    done = urgent(org)
    org.approve("bob", done.request.id)
    org.clock.advance(hours=71, minutes=59)
    settle(org)
    assert labels(org) == ("1.1.0", "1.1.0")
    org.clock.advance(minutes=1)
    settle(org)
    assert labels(org) == ("1.0.0", "1.0.0")
    assert done.deployment is not None
    assert shown(org, done.deployment).state is DeploymentState.ROLLED_BACK
    (fact,) = told(org, "deployment.rolled_back")
    assert fact["actor"]["id"] == "system:emergency"
    assert fact["context"]["flags"] == ["emergency"]
    back = live(org)
    assert back is not None
    assert (back.kind, back.started_by) == (DeploymentKind.ROLLBACK, "system:emergency")
    assert back.review_due_at is not None
    assert org.warden.acting_as("bob").approvals.show(done.request.id).state == "expired"
    with pytest.raises(RequestClosed):
        org.approve("carol", done.request.id)
    settle(org)
    assert len(told(org, "deployment.rolled_back")) == 1


def test_another_request_that_was_approved_in_time_lets_it_stay_too(org: Org) -> None:
    burning(org)
    done = urgent(org)
    org.reject("bob", done.request.id, comment="say what it does to old customers")
    org.approved("1.1.0")
    settle(org)
    org.clock.advance(hours=80)
    settle(org)
    assert labels(org) == ("1.1.0", "1.1.0")


def test_what_was_rejected_goes_back_when_its_time_is_over(org: Org) -> None:
    burning(org)
    done = urgent(org)
    org.reject("bob", done.request.id, comment="it is worse than what it replaces")
    org.clock.advance(hours=72)
    settle(org)
    assert labels(org) == ("1.0.0", "1.0.0")


def test_what_workers_never_loaded_is_broken_off(org: Org) -> None:
    burning(org)
    Worker(org, 1, "1.0.0").report()
    begun = made(org)
    org.clock.advance(hours=72)
    settle(org)
    assert shown(org, begun).state is DeploymentState.ABORTED
    assert told(org, "deployment.aborted")[-1]["fact"]["cause"] == "emergency_not_approved"


def test_it_goes_back_past_a_version_whose_bytes_are_others(org: Org) -> None:
    org.approved()
    org.deploy()
    org.register("1.0.5")
    org.approved("1.0.5")
    org.deploy("1.0.5")
    org.register("1.1.0")
    authorise(org, "dave")
    made(org)
    (org.folder / "1.0.5.bin").write_bytes(b"altered")
    org.clock.advance(hours=72)
    settle(org)
    assert labels(org) == ("1.0.0", "1.0.0")


def test_where_it_can_not_go_back_that_is_told_once_and_tried_again(org: Org) -> None:
    burning(org)
    begun = made(org)
    good = (org.folder / "1.0.0.bin").read_bytes()
    (org.folder / "1.0.0.bin").unlink()
    org.clock.advance(hours=72)
    settle(org)
    settle(org)
    (fact,) = told(org, "emergency.change_stands")
    assert (fact["severity"], fact["fact"]["reasons"]) == ("CRITICAL", ["artifact_unreadable"])
    assert shown(org, begun).held_by == {"artifact_unreadable"}
    (org.folder / "1.0.0.bin").write_bytes(good)
    settle(org)
    assert labels(org) == ("1.0.0", "1.0.0")


def test_it_is_looked_back_at_within_two_business_days_by_somebody_without_a_part(
    org: Org,
) -> None:
    burning(org)  # a Friday
    begun = made(org)
    assert begun.review_due_at is not None
    assert (begun.review_due_at - begun.started_at).days == 4
    done = org.see("bob", deployments.deployment, begun.id)
    org.approve("bob", done.request)

    def review(name: str) -> Deployment:
        found: Deployment = org.do(
            name, deployments.review, begun.id, outcome=ReviewOutcome.AS_EXPECTED, findings=FOUND
        )
        return found

    for name in ("dave", "bob"):
        with pytest.raises(SelfReview):
            review(name)
    assert review("carol").outcome is ReviewOutcome.AS_EXPECTED
    with pytest.raises(ReviewNotDue):
        review("root")


def test_no_second_one_on_the_model_until_somebody_looked_back(org: Org) -> None:
    burning(org)
    begun = made(org)
    org.register("1.2.0")
    assert reasons(org, "1.2.0") == {"emergency_unreviewed"}
    org.roll_back()
    assert reasons(org, "1.2.0") == {"emergency_unreviewed"}
    org.do(
        "carol",
        deployments.review,
        begun.id,
        outcome=ReviewOutcome.REVERT,
        findings=FOUND,
    )
    assert made(org, "1.2.0").state is DeploymentState.LIVE


def test_duties_are_never_passed_over(org: Org) -> None:
    burning(org)
    done = urgent(org)
    org.enrol("dave")
    org.enrol("alice")
    for name in ("alice", "dave"):
        with pytest.raises((SelfApproval, NotPermitted)):
            org.approve(name, done.request.id)
