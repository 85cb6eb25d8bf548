"""An administrator issues a token in another's name, and tries to decide with it (decision 0007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SamePerson, SignatureNeeded
from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from modelwarden.warden.rooms import Rooms
    from modelwarden.warden.warden import Warden

PURPOSE = "Find customers who are about to leave."
DECIDING = ["approval.decide", "approval.read", "model.read"]
WHY = "It is better than the rule that it replaces."


@pytest.fixture
def company(sqlite_warden: Warden) -> Warden:
    """Return a warden with two administrators and two approvers, so past bootstrap, under the policy `basic`."""
    for handle, role in (
        ("ada", "admin"),
        ("eve", "admin"),
        ("alice", "developer"),
        ("bob", "approver"),
    ):
        sqlite_warden.add_user(handle, roles=[role])
    ada, alice = sqlite_warden.acting_as("ada"), sqlite_warden.acting_as("alice")
    alice.models.register("churn", owner="alice", business_purpose=PURPOSE)
    ada.policies.assign("builtin/basic", model="churn")
    sqlite_warden.add_user("carol", roles=["approver"])
    alice.versions.register("churn", "1.0.0", metrics={"roc_auc": "0.81"})
    alice.approvals.request("churn", "1.0.0", justification=WHY)
    return sqlite_warden


def as_bob(warden: Warden, issuer: Rooms) -> Rooms:
    """Return bob's rooms, as whoever holds a token that the issuer made in bob's name."""
    token = issuer.tokens.create(user="bob")
    return warden.bound(warden.authenticate(token.secret or ""))


def open_request(warden: Warden) -> str:
    return warden.acting_as("alice").approvals.list(state="open").items[0].id


def test_a_lent_token_decides_nothing_without_the_persons_own_key(company: Warden) -> None:
    token = company.acting_as("ada").tokens.create(user="bob", scopes=DECIDING)
    lent = company.bound(company.authenticate(token.secret or ""))
    with pytest.raises(SignatureNeeded):
        lent.approvals.approve(open_request(company))


def test_a_token_issued_with_a_lent_one_is_lent_too(company: Warden) -> None:
    lent = as_bob(company, company.acting_as("ada"))
    second = lent.tokens.create(scopes=DECIDING)
    with pytest.raises(SignatureNeeded):
        company.bound(company.authenticate(second.secret or "")).approvals.approve(
            open_request(company)
        )


def test_a_token_of_ones_own_decides_where_the_policy_lets_it(company: Warden) -> None:
    own = company.acting_as("bob").tokens.create(scopes=DECIDING)
    decided = company.bound(company.authenticate(own.secret or "")).approvals.approve(
        open_request(company)
    )
    assert (decided.state, decided.decisions[0].custody) == ("approved", "token")


def test_whoever_issued_the_token_cannot_confirm_the_key_enrolled_with_it(company: Warden) -> None:
    key = as_bob(company, company.acting_as("ada")).keys.enrol(SigningKey.generate())
    with pytest.raises(SamePerson):
        company.acting_as("ada").keys.confirm(key.id)
    assert company.acting_as("eve").keys.confirm(key.id).status == "active"
