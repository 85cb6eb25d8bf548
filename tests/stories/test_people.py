"""People join, change what they do, lend tokens, and leave: rights follow at once and nothing stays behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.access import actions
from modelwarden.errors import NotPermitted, PermitNeeded, RoleConflict, Unauthenticated
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden
from tests.access.company import Company, HeldClock
from tests.store.deeds import verified

if TYPE_CHECKING:
    from pathlib import Path

SET_UP = system("set_up")


def test_from_the_set_up_link_to_the_last_day(store_url: str, tmp_path: Path) -> None:
    clock = HeldClock()
    with open_warden(store_url, keys_folder=tmp_path / "keys", clock=clock) as warden:
        company = Company(warden, clock)
        link = warden.telemetry(SET_UP, actions.new_link)
        first = warden.change(
            SET_UP, lambda change: actions.set_up(change, secret=link, handle="root")
        )
        root = company.using(first.secret)

        for name, role in (("alice", "developer"), ("bob", "approver"), ("carol", "approver")):
            root.users.add(name, email=f"{name}@example.org")
            root.roles.grant(name, role)
        lent = {name: root.tokens.create(user=name).secret for name in ("alice", "bob", "carol")}
        root.users.add("ruth")
        with pytest.raises(PermitNeeded):
            root.roles.grant("ruth", "admin")

        alice = company.using(lent["alice"])
        own = alice.tokens.create(days=30)
        company.using(own.secret).models.register("churn", owner="alice")

        with pytest.raises(RoleConflict):
            root.roles.grant("alice", "auditor")
        root.roles.revoke("alice", "developer")
        with pytest.raises(NotPermitted):
            company.using(own.secret).models.register("other")
        root.roles.grant("alice", "auditor")
        assert company.using(own.secret).users.list().items

        root.users.deactivate("alice", reason="left on 20 November")
        for secret in (lent["alice"], own.secret):
            with pytest.raises((Unauthenticated, NotPermitted)):
                company.using(secret).users.list()
        assert root.roles.show("alice") == ()
        assert all(token.revoked_at for token in root.tokens.list(user="alice").items)

        types = [entry["type"] for entry in company.entries()]
        for kind in ("set.up_completed", "role.granted", "role.revoked", "actor.deactivated"):
            assert kind in types
        assert verified(warden, state=True).problems == ()
