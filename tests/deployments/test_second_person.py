"""Where one other human signs before an emergency change is made: who counts as another, and who does not (RL-44)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.deployments.rollout import DeploymentState
from modelwarden.errors import GateRefused, SelfApproval
from modelwarden.policies.governing import join
from modelwarden.registry.lifecycle import Environment
from tests.deployments.fleet import govern
from tests.deployments.test_emergency import labels, told
from tests.deployments.urgent import burning, permitted, settle, urgent
from tests.policies.sample import governs, policy

if TYPE_CHECKING:
    from tests.approvals.org import Org

TWO = "{humans: 2, emergency: {second_person: true}}"


def grant(org: Org, name: str, role: str) -> None:
    permitted(org, "role.grant", {"user": name, "role": role, "scope": {}})
    org.warden.acting_as("root").roles.grant(name, role=role)


def opened(org: Org) -> str:
    """Let dave ask for an emergency change under a policy that wants a second person; return the request."""
    burning(org)
    govern(org, asks=TWO)
    done = urgent(org)
    assert (done.deployment, [reason.code for reason in done.waits]) == (
        None,
        ["second_person_missing"],
    )
    return done.request.id


def refused(org: Org, **given: str) -> set[str]:
    with pytest.raises(GateRefused) as denied:
        urgent(org, **given)
    return set(denied.value.reasons)


def test_it_is_opened_and_nothing_moves_until_one_other_human_signed(org: Org) -> None:
    request = opened(org)
    assert labels(org) == ("1.0.0", "1.0.0")
    assert told(org, "approval.requested")[-1]["context"]["flags"] == ["emergency"]
    assert not told(org, "emergency.change_made")
    again = urgent(org)
    assert (again.request.id, again.deployment) == (request, None)
    org.approve("bob", request)
    done = urgent(org)
    assert done.deployment is not None
    assert (done.deployment.state, done.deployment.request) == (DeploymentState.LIVE, request)
    (fact,) = told(org, "emergency.change_made")
    bob = told(org, "approval.decided")[-1]["fact"]["person"]
    assert (fact["fact"]["signed"], fact["fact"]["overridden"]) == ([bob], ["not_approved"])
    org.approve("carol", request)
    settle(org)
    assert told(org, "emergency.change_approved")


def test_whoever_asks_is_no_second_person(org: Org) -> None:
    request = opened(org)
    org.enrol("dave")
    grant(org, "dave", "approver")
    with pytest.raises(SelfApproval):
        org.approve("dave", request)
    assert urgent(org).deployment is None


def test_an_account_that_turns_out_to_be_the_same_person_is_none(org: Org) -> None:
    request = opened(org)
    org.approve("bob", request)
    org.warden.acting_as("root").users.link("dave", to="bob")
    assert refused(org) == {"self_approval", "second_person_missing"}


def test_the_owner_does_not_sign_for_another(org: Org) -> None:
    request = opened(org)
    org.enrol("alice")
    grant(org, "alice", "approver")
    with pytest.raises(SelfApproval):
        org.approve("alice", request)


def test_a_rejection_is_not_passed_over(org: Org) -> None:
    burning(org)
    govern(org, asks="{humans: 2, rejection: all_seats, emergency: {second_person: true}}")
    request = urgent(org).request.id
    org.reject("bob", request, comment="it is no better than what is live")
    assert refused(org) == {"emergency_rejected"}
    org.approve("carol", request)
    done = urgent(org)  # all were heard, so the question is closed, and is put anew
    assert (done.deployment, done.request.id != request) == (None, True)


def test_an_emergency_request_ends_the_one_of_the_release_and_its_signatures(org: Org) -> None:
    burning(org)
    govern(org, asks=TWO)
    before = org.request("1.1.0")
    org.approve("bob", before.id)
    done = urgent(org)
    assert done.deployment is None
    asked = org.warden.acting_as("bob").approvals.show(before.id)
    assert (asked.state, asked.cause) == ("void", "superseded")


def test_a_signature_for_other_bytes_or_figures_does_not_carry_over(org: Org) -> None:
    request = opened(org)
    org.approve("bob", request)
    org.warden.acting_as("alice").versions.record_metrics(
        "churn", "1.1.0", {"recall": "0.2"}, kind="evaluation"
    )
    done = urgent(org)
    assert (done.deployment, done.request.id != request) == (None, True)


def test_one_policy_that_wants_a_second_person_is_enough() -> None:
    plain, strict = governs(policy("{humans: 1}", name="a")), governs(policy(TWO, name="b"))
    assert not join([plain], Environment.PRODUCTION).second_person
    assert join([plain, strict], Environment.PRODUCTION).second_person


def test_two_who_are_authorised_may_share_the_work(org: Org) -> None:
    request = opened(org)
    grant(org, "alice", "firefighter")
    org.approve("bob", request)
    done = urgent(org, by="alice")
    assert done.deployment is not None
    assert done.deployment.request == request


def test_who_acts_does_not_sign_in_anothers_stead_as_the_second_person(org: Org) -> None:
    request = opened(org)
    org.warden.add_user("quinn", roles=["operator"])
    org.enrol("quinn")
    for name, role in (("quinn", "approver"), ("quinn", "firefighter")):
        grant(org, name, role)
    org.warden.acting_as("bob").delegations.delegate("quinn", reason="on leave")
    rooms = org.warden.acting_as("quinn")
    rooms.approvals.approve(request, key=org.keys["quinn"], on_behalf_of="bob")
    waits = urgent(org, by="quinn")
    assert waits.deployment is None, "bob has signed nothing, and quinn is one person"
    assert urgent(org).deployment is not None, "dave acts, and quinn is another"
