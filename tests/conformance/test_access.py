"""Accounts, roles, tokens and keys, the same way everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from tests.conformance.places import Company


def test_an_account_is_added_changed_paused_and_ended(company: Company) -> None:
    root = company.as_user("root")
    made = root.users.add("erin", email="erin@example.org", metadata="team: risk")
    assert (made.handle, made.kind, made.status, made.revision) == ("erin", "user", "active", 1)
    assert root.users.show("erin") == made == root.users.show(made.id)
    assert root.users.update("erin", metadata="team: credit").revision >= 1
    assert root.users.suspend("erin", reason="on leave").status == "suspended"
    assert root.users.reactivate("erin").status == "active"
    assert root.users.link("erin", to="frank").person == root.users.show("frank").person
    assert root.users.deactivate("erin", reason="left").status == "deactivated"
    assert company.as_user("alice").users.me().handle == "alice"


def test_lists_go_on_where_they_ended(company: Company) -> None:
    users = company.as_user("root").users
    whole = users.list(limit=500).items
    first = users.list(limit=2)
    second = users.list(limit=2, cursor=first.next_cursor)
    assert first.items + second.items == whole[:4]
    assert users.list(limit=500).next_cursor is None


def test_a_role_is_granted_where_and_as_long_as_said(company: Company) -> None:
    root = company.as_user("root")
    root.users.add("judy")
    held = root.roles.grant("judy", "operator", scope={"model": "churn"}, days=30, reason="a trial")
    assert (held.user, held.role, held.scope) == ("judy", "operator", {"model": "churn"})
    assert held.expires_at is not None
    assert timedelta(days=29) < held.expires_at - datetime.now(UTC) <= timedelta(days=30)
    assert root.roles.show("judy") == (held,)
    inside = root.users.may("judy", "deploy.production", model="churn", environment="production")
    assert (inside.allow, inside.role, inside.binding) == (True, "operator", held.id)
    outside = root.users.may("judy", "deploy.production", model="other", environment="production")
    assert (outside.allow, outside.role) == (False, None)
    assert [one.id for one in root.roles.revoke("judy", "operator")] == [held.id]
    assert root.roles.show("judy") == ()
    assert {"admin", "auditor", "developer"} <= {one.name for one in root.roles.list()}


def test_a_service_account_has_a_person_behind_it_and_a_token(company: Company) -> None:
    root = company.as_user("root")
    made = root.service_accounts.add("ci", owner="alice")
    assert (made.kind, made.owner) == ("service", "alice")
    assert made.handle in {one.handle for one in root.service_accounts.list().items}
    token = root.tokens.create(user="ci", scopes=["model.read"], days=10, networks=["10.0.0.0/8"])
    assert token.secret is not None
    assert token.secret.startswith("mws_")
    assert (token.user, token.scopes, token.networks) == ("ci", ("model.read",), ("10.0.0.0/8",))
    assert [one.secret for one in root.tokens.list(user="ci").items] == [None]


def test_a_token_is_made_replaced_ended_and_handed_in(company: Company) -> None:
    tokens = company.as_user("alice").tokens
    made = tokens.create(days=5)
    fresh = tokens.rotate(made.id, overlap_minutes=5)
    assert fresh.secret not in {None, made.secret}
    assert tokens.revoke(fresh.id).revoked_at is not None
    found = tokens.create()
    tokens.report(found.secret or "")
    listed = {one.id: one for one in tokens.list(limit=500).items}
    assert listed[found.id].revoked_at is not None
    assert all(one.secret is None for one in listed.values())


def test_a_key_is_enrolled_confirmed_by_another_and_ended(company: Company) -> None:
    dave, root = company.as_user("dave"), company.as_user("root")
    key = SigningKey.generate()
    made = dave.keys.enrol(key, days=30)
    assert (made.id, made.user, made.status, made.pem) == (
        key.keyid,
        "dave",
        "pending",
        key.public_pem,
    )
    assert root.keys.confirm(made.id).confirmed_by == "root"
    since = datetime.now(UTC) - timedelta(minutes=1)
    ended = dave.keys.revoke(made.id, cause="compromised", since=since)
    assert (ended.status, ended.revoked_as) == ("revoked", "compromised")
    assert ended.revoked_at == since
    assert made.id in {one.id for one in root.keys.list(limit=500).items}


@pytest.mark.parametrize("scopes", [None, ["approval.read"]])
def test_a_token_may_be_cut_down(company: Company, scopes: list[str] | None) -> None:
    made = company.as_user("bob").tokens.create(scopes=scopes)
    assert made.scopes == (None if scopes is None else tuple(scopes))
