"""Groups, delegations and the time to decide, the same way everywhere (AC-7, RL-18, RL-19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    DelegationChain,
    IllegalMove,
    NotFound,
    NotPermitted,
    SelfGrant,
    ValueInvalid,
)

if TYPE_CHECKING:
    from tests.conformance.places import Company


def test_a_group_is_made_filled_and_emptied(company: Company) -> None:
    root, bob = company.as_user("root"), company.as_user("bob")
    assert root.groups.create("risk").members == ()
    with pytest.raises(SelfGrant):
        root.groups.add_member("risk", "root")
    with pytest.raises(NotPermitted):
        bob.groups.add_member("risk", "carol")
    with pytest.raises(ValueInvalid):
        root.groups.create("Risk managers")
    found = root.groups.add_member("risk", "bob")
    assert [one.user for one in found.members] == ["bob"]
    assert bob.groups.show("risk") == root.groups.list().items[0] == found
    assert company.as_user("alice").groups.list().items == ()
    with pytest.raises(NotFound):
        company.as_user("alice").groups.show("risk")
    assert root.groups.remove_member("risk", "bob").members == ()
    with pytest.raises(NotFound):
        bob.groups.show("risk")


def test_a_delegation_is_given_used_and_ended(company: Company) -> None:
    alice, bob, carol, root = (company.as_user(n) for n in ("alice", "bob", "carol", "root"))
    alice.models.register("churn", owner="alice", business_purpose="predicts who leaves next month")
    alice.versions.register("churn", "1.0.0", artifact=company.artifact("first"))
    asked = alice.approvals.request("churn", "1.0.0", justification="evaluated on the hold-out set")
    given = carol.delegations.delegate("bob", reason="on leave", days=2)
    assert (given.state, given.delegator, given.delegate) == ("current", "carol", "bob")
    assert bob.delegations.list() == (given,)
    with pytest.raises(DelegationChain):
        bob.delegations.delegate("carol", reason="back to her")
    with pytest.raises(NotPermitted):
        bob.delegations.list(everyone=True)
    assert root.delegations.list(everyone=True) == (given,)
    with pytest.raises(NotPermitted):
        carol.approvals.approve(asked.id, key=company.keys["carol"], on_behalf_of="bob")
    answered = bob.approvals.approve(asked.id, key=company.keys["bob"], on_behalf_of="carol")
    (decision,) = answered.decisions
    assert (decision.approver, decision.on_behalf_of) == ("bob", "carol")
    figure = alice.approvals.times()
    decided = answered.state == "approved"
    assert (figure.open, figure.decided) == ((0, 1) if decided else (1, 0))
    assert carol.delegations.end(given.id).state == "ended"
    with pytest.raises(IllegalMove):
        carol.delegations.end(given.id)
    with pytest.raises(ValueInvalid):
        alice.approvals.times(days=0)
