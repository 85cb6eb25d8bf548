"""Somebody makes the policy weaker while a release is on its way (POL-3, RL-13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import GateRefused, PayloadChanged, PermitNeeded
from modelwarden.policies import actions as policies
from modelwarden.registry.lifecycle import Environment
from tests.approvals.org import Org
from tests.approvals.test_checks import permit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAGING = Environment.STAGING


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    found = Org(tmp_path)
    yield found
    found.warden.close()


def text_of(humans: int, *, void_on: str = "") -> str:
    return (
        "schema: modelwarden.policy/v1\nname: mine\n"
        f"approvals: {{humans: {humans}, seats: [{{any: {humans}, of: [{{role: approver}}]}}],"
        f" void_on: [{void_on}]}}\n"
    )


def published(org: Org, text: str) -> None:
    found = org.see("root", policies.lint, text)
    permit(org, policies.publish_payload("mine", found.hash), "policy.publish")
    org.do("root", policies.publish, policies.prepare_policy(text))


def assigned(org: Org) -> None:
    permit(org, policies.assign_payload("mine", model="churn", environment=None), "policy.assign")
    org.do("root", policies.assign, "mine", model="churn")


def reasons(org: Org) -> set[str]:
    with pytest.raises(GateRefused) as refused:
        org.deploy()
    return set(refused.value.reasons)


def test_a_policy_weakened_after_the_approval_voids_it_where_it_says_so(org: Org) -> None:
    published(org, text_of(2, void_on="policy"))
    assigned(org)
    org.approved()
    published(org, text_of(1, void_on="policy"))
    assert "policy_changed" in reasons(org)


def test_a_question_keeps_the_seats_that_it_was_asked_with(org: Org) -> None:
    published(org, text_of(2))
    assigned(org)
    request = org.request()
    org.approve("bob", request.id)
    published(org, text_of(1))
    assert reasons(org) == {"not_approved"}
    org.approve("carol", request.id)
    assert org.deploy().version == "churn@1.0.0"


def test_a_permit_for_the_tighter_step_does_not_let_the_weaker_one_through(org: Org) -> None:
    tighter = org.see("root", policies.lint, text_of(3))
    permit(org, policies.publish_payload("mine", tighter.hash), "policy.publish")
    with pytest.raises(PayloadChanged):
        org.do("root", policies.publish, policies.prepare_policy(text_of(1)))
    org.do("root", policies.publish, policies.prepare_policy(text_of(3)))
    with pytest.raises((PermitNeeded, PayloadChanged)):
        org.do("root", policies.publish, policies.prepare_policy(text_of(2)))


def test_a_weaker_policy_for_staging_alone_needs_leave_too_and_leaves_production_as_it_is(
    org: Org,
) -> None:
    published(org, text_of(1))
    with pytest.raises((PermitNeeded, PayloadChanged)):
        org.do("root", policies.assign, "mine", model="churn", environment=STAGING)
    payload = policies.assign_payload("mine", model="churn", environment=STAGING)
    permit(org, payload, "policy.assign")
    org.do("root", policies.assign, "mine", model="churn", environment=STAGING)
    request = org.request()
    assert [*request.policies] == [
        {**pin, "name": "builtin/moderate", "version": 1} for pin in request.policies
    ]
    org.approve("bob", request.id)
    assert "not_approved" in reasons(org)
