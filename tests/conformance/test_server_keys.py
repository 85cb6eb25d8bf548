"""The server's own keys, the same way everywhere: asked for, rotated, revoked, listed (LG-64)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import NotPermitted, PermitNeeded, ValueInvalid, WardenError

if TYPE_CHECKING:
    from tests.conformance.places import AnyRooms, Company

WHY = "the yearly rotation of the server's keys"


def permitted(company: Company, action: str, payload: dict[str, str]) -> AnyRooms:
    root = company.as_user("root")
    asked = root.approvals.request_access(action=action, payload=payload, justification=WHY)
    for name in ("bob", "carol"):
        company.as_user(name).approvals.approve(asked.id, comment="agreed", key=company.keys[name])
    return root


def test_a_key_is_rotated_and_the_older_one_revoked(company: Company) -> None:
    root = company.as_user("root")
    with pytest.raises(PermitNeeded):
        root.server_keys.rotate("ledger")
    with pytest.raises(ValueInvalid):
        root.server_keys.rotate("sessions")
    with pytest.raises(NotPermitted):
        company.as_user("alice").server_keys.rotate("ledger")
    old = next(key for key in root.server_keys.list() if key.purpose == "ledger")
    new = permitted(company, "server_key.rotate", {"purpose": "ledger"}).server_keys.rotate(
        "ledger"
    )
    assert (new.status, new.purpose, new.texts) == ("current", "ledger", 0)
    first, second = [key for key in root.server_keys.list() if key.purpose == "ledger"]
    assert (first.id, first.status, second) == (old.id, "retiring", new)
    assert first.until == second.since
    since = first.until
    assert since is not None
    told = since.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    payload = {"purpose": "ledger", "key": first.id, "since": told}
    permitted(company, "server_key.revoke", payload)
    assert root.server_keys.revoke("ledger", first.id, since=since).status == "revoked"
    with pytest.raises(WardenError):
        root.server_keys.revoke("ledger", first.id, since=since)
    assert company.as_user("alice") is not None
