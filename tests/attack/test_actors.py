"""Nobody chooses who they are: the actor comes from the credential, or from a process that says so (AC-5, attack 2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import ActorNotFound, NotPermitted, Unauthenticated
from modelwarden.permissions import Permission
from modelwarden.values.ids import ActorId, BindingId
from modelwarden.values.principal import ActorKind, Grant, Principal
from modelwarden.warden.warden import open_warden
from tests.access.company import Company

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def company(store_url: str, tmp_path: Path) -> Iterator[Company]:
    opened = Company.at(store_url, tmp_path)
    yield opened
    opened.warden.close()


def test_a_server_acts_for_credentials_alone(
    company: Company, store_url: str, tmp_path: Path
) -> None:
    with open_warden(store_url, keys_folder=tmp_path / "keys", embedded=False) as server:
        with pytest.raises(NotPermitted):
            server.acting_as("root")
        secret = company.acting("root").tokens.create().secret
        assert server.bound(server.authenticate(secret or "")).users.me().handle == "root"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nobody",
        "usr_x",
        "system:process",
        "system:ledger",
        "root\0",
        "root\n",
        "' OR 1=1 --",
        "\ud800",
        "%",
    ],
)
def test_nobody_acts_as_who_does_not_exist(company: Company, name: str) -> None:
    with pytest.raises(ActorNotFound):
        company.acting(name)


def test_what_a_process_vouches_for_says_so(company: Company) -> None:
    company.acting("root").users.add("dave")
    actor = company.last()["actor"]
    assert (actor["via"], actor["vouched"]) == ("process", "process")


def _principal(company: Company, name: str) -> Principal:
    secret = company.acting(name).tokens.create().secret
    return company.warden.authenticate(secret or "")


def test_rights_that_are_out_of_date_are_read_again_not_believed(company: Company) -> None:
    company.join("alice", "developer")
    principal = _principal(company, "alice")
    everything = {each.value: (Grant(binding=BindingId("b"), role="admin"),) for each in Permission}
    stale = replace(principal, grants=everything, epoch=principal.epoch - 1)
    with pytest.raises(NotPermitted):
        company.warden.bound(stale).users.add("eve")


def test_a_token_of_one_is_not_used_for_another(company: Company) -> None:
    company.join("alice", "developer")
    alice, root = _principal(company, "alice"), _principal(company, "root")
    mixed = replace(alice, credential=root.credential, epoch=0)
    company.acting("root").tokens.revoke(root.credential or "")
    with pytest.raises(Unauthenticated):
        company.warden.bound(mixed).users.me()


def test_somebody_who_never_existed_is_unauthenticated(company: Company) -> None:
    ghost = replace(_principal(company, "root"), actor=ActorId("usr_ghost"), epoch=7)
    with pytest.raises(Unauthenticated):
        company.warden.bound(ghost).users.add("eve")


def test_handles_do_not_pass_for_ids_nor_ids_for_handles(company: Company) -> None:
    me = company.acting("root").users.me()
    dave = company.join("dave")
    with pytest.raises(ActorNotFound):
        dave.users.show(me.id)
    with pytest.raises(NotPermitted):
        dave.tokens.list(user=me.id)


def test_the_programs_own_actors_are_no_accounts(company: Company) -> None:
    root = company.acting("root")
    for name in ("system:process", "system:set_up", "system:approvals"):
        with pytest.raises(ActorNotFound):
            root.roles.grant(name, "operator")
        with pytest.raises(ActorNotFound):
            root.tokens.create(user=name)
    assert ActorKind.SYSTEM not in {user.kind for user in root.users.list().items}
