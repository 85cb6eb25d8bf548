"""Accounts in other systems, the same way everywhere: mapped with a permit, listed, moved (RL-54)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import NotPermitted, PayloadChanged, PermitNeeded, ValueInvalid
from tests.conformance.test_server_keys import permitted

if TYPE_CHECKING:
    from tests.conformance.places import Company

GITHUB = "https://github.com"


def test_an_account_elsewhere_is_somebodys_once_two_others_agreed(company: Company) -> None:
    root = company.as_user("root")
    with pytest.raises(PermitNeeded):
        root.users.map_identity("bob", issuer=GITHUB, subject="583231")
    with pytest.raises(NotPermitted):
        company.as_user("alice").users.map_identity("bob", issuer=GITHUB, subject="583231")
    with pytest.raises(ValueInvalid):
        root.users.map_identity("bob", issuer="GitHub", subject="583231")
    payload = {"user": "alice", "issuer": GITHUB, "subject": "583231"}
    permitted(company, "identity.map", payload)
    with pytest.raises(PayloadChanged):
        root.users.map_identity("alice", issuer=GITHUB, subject="583232")
    found = root.users.map_identity("alice", issuer=GITHUB, subject="583231")
    assert (found.user, found.issuer, found.subject) == ("alice", GITHUB, "583231")
    assert root.users.map_identity("alice", issuer=GITHUB, subject="583231") == found
    assert company.as_user("alice").users.identities("alice") == (found,)
    assert root.users.identities("bob") == ()
