"""Bootstrap mode and set-up: how a warden gets its first people, and how that ends (AC-41, AC-53)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.access import actions
from modelwarden.errors import PermitNeeded, RoleConflict, SelfGrant, SetUpRefused
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden, open_warden
from tests.access.company import Company, HeldClock
from tests.store.deeds import ME, bodies, files_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SET_UP = system("set_up")


def _bootstraps(company: Company) -> bool:
    return company.warden.view(ME, actions.in_bootstrap)


def test_a_fresh_warden_bootstraps_until_two_people_may_approve(company: Company) -> None:
    for name, lasts in (("bob", True), ("carol", False)):
        company.join(name, "approver")
        assert _bootstraps(company) is lasts


def test_two_accounts_of_one_person_are_one_approver(company: Company) -> None:
    company.join("bob", "approver", email="bob@example.org")
    company.join("bob2", "approver", email="bob@example.org")
    assert _bootstraps(company)


def test_a_program_is_no_approver(company: Company) -> None:
    company.join("alice", "developer")
    company.join("bob", "approver")
    root = company.acting("root")
    root.service_accounts.add("ci", owner="alice")
    root.roles.grant("ci", "approver")
    assert _bootstraps(company)


def test_bootstrap_mode_lasts_seven_days_at_most(company: Company) -> None:
    company.join("dave")
    company.clock.advance(days=7, microseconds=-1)
    assert _bootstraps(company)
    company.clock.advance(microseconds=1)
    assert not _bootstraps(company)
    with pytest.raises(PermitNeeded):
        company.acting("root").roles.grant("dave", "approver")


def test_bootstrap_mode_never_comes_back(company: Company) -> None:
    for name in ("bob", "carol"):
        company.join(name, "approver")
    root = company.acting("root")
    for name in ("bob", "carol"):
        root.users.deactivate(name, reason="left")
    company.join("dave")
    with pytest.raises(PermitNeeded):
        root.roles.grant("dave", "approver")


def test_an_approver_who_comes_back_ends_bootstrap_before_the_next_grant(company: Company) -> None:
    root = company.acting("root")
    company.join("bob", "approver")
    root.users.suspend("bob", reason="on leave")
    company.join("carol", "approver")
    assert _bootstraps(company)
    root.users.reactivate("bob")
    company.join("dave")
    with pytest.raises(PermitNeeded):
        root.roles.grant("dave", "approver")


def test_a_role_that_comes_to_decide_makes_its_holders_approvers(company: Company) -> None:
    root = company.acting("root")
    root.roles.define("judge", permissions=["audit.read"])
    for name in ("bob", "carol"):
        company.join(name, "judge")
    assert _bootstraps(company)
    root.roles.define("judge", permissions=["audit.read", "approval.decide"])
    assert not _bootstraps(company)


def test_bootstrap_relaxes_no_duty(company: Company) -> None:
    company.join("bob", "approver")
    root = company.acting("root")
    with pytest.raises(SelfGrant):
        root.roles.grant("root", "operator")
    with pytest.raises(RoleConflict):
        root.roles.grant("bob", "admin")


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def warden(store_url: str, tmp_path: Path, clock: HeldClock) -> Iterator[Warden]:
    with open_warden(store_url, keys_folder=tmp_path / "keys", clock=clock) as opened:
        yield opened


def _set_up(warden: Warden, secret: str) -> actions.NewToken:
    return warden.change(
        SET_UP, lambda change: actions.set_up(change, secret=secret, handle="root")
    )


def test_the_link_makes_the_first_administrator_once(warden: Warden) -> None:
    assert warden.view(SET_UP, actions.needs_set_up)
    secret = warden.telemetry(SET_UP, actions.new_link)
    made = _set_up(warden, secret)
    assert not warden.view(SET_UP, actions.needs_set_up)
    rooms = warden.bound(warden.authenticate(made.secret))
    assert rooms.users.me().roles == ("admin",)
    assert [body["type"] for body in bodies(warden)[1:]] == [
        "user.added",
        "role.granted",
        "token.issued",
        "set.up_completed",
    ]
    with pytest.raises(SetUpRefused):
        _set_up(warden, secret)


def test_the_link_works_for_thirty_minutes(warden: Warden, clock: HeldClock) -> None:
    secret = warden.telemetry(SET_UP, actions.new_link)
    clock.advance(minutes=30)
    with pytest.raises(SetUpRefused):
        _set_up(warden, secret)
    clock.advance(microseconds=-1)
    assert _set_up(warden, secret).secret.startswith("mwp_")


def test_no_link_works_once_somebody_exists(warden: Warden) -> None:
    secrets = [warden.telemetry(SET_UP, actions.new_link) for _ in range(2)]
    _set_up(warden, secrets[0])
    with pytest.raises(SetUpRefused):
        _set_up(warden, secrets[1])
    assert len(warden.bound(warden.authenticate(_a_token(warden))).users.list().items) == 1


@pytest.mark.parametrize("secret", ["", "guess", "\ud800"])
def test_a_guessed_link_is_refused(warden: Warden, secret: str) -> None:
    warden.telemetry(SET_UP, actions.new_link)
    with pytest.raises(SetUpRefused):
        _set_up(warden, secret)
    assert warden.view(SET_UP, actions.needs_set_up)


def test_the_secret_of_a_link_is_kept_nowhere(warden: Warden, tmp_path: Path) -> None:
    secret = warden.telemetry(SET_UP, actions.new_link)
    warden.store.signer.close()  # it replaces its file from time to time
    assert files_with(tmp_path, secret.encode()) == []


def _a_token(warden: Warden) -> str:
    secret = warden.acting_as("root").tokens.create().secret
    assert secret is not None
    return secret
