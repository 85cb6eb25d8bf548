"""Accounts: who may add, change, suspend and link them; each refusal is in the ledger (AC-1 to AC-5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import (
    ActorNotFound,
    HandleTaken,
    IllegalMove,
    LastAdmin,
    NotPermitted,
    RoleConflict,
    SelfGrant,
    Unauthenticated,
    ValueInvalid,
)
from tests.store.deeds import verified

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.warden.rooms import Rooms
    from tests.access.company import Company

MANAGED: dict[str, Callable[[Rooms], Any]] = {
    "user.manage add": lambda rooms: rooms.users.add("eve"),
    "user.manage add service": lambda rooms: rooms.service_accounts.add("ci", owner="alice"),
    "user.manage update": lambda rooms: rooms.users.update("dave", metadata="team risk"),
    "user.manage suspend": lambda rooms: rooms.users.suspend("dave", reason="left"),
    "user.manage reactivate": lambda rooms: rooms.users.reactivate("dave"),
    "user.manage deactivate": lambda rooms: rooms.users.deactivate("dave", reason="left"),
    "user.manage link": lambda rooms: rooms.users.link("dave", to="alice"),
    "user.manage list": lambda rooms: rooms.users.list(),
    "user.manage list services": lambda rooms: rooms.service_accounts.list(),
    "role.assign grant": lambda rooms: rooms.roles.grant("dave", "operator"),
    "role.assign revoke": lambda rooms: rooms.roles.revoke("dave", "developer"),
    "role.manage define": lambda rooms: rooms.roles.define("r", permissions=["model.read"]),
    "token.issue_other create": lambda rooms: rooms.tokens.create(user="dave"),
    "token.issue_other list": lambda rooms: rooms.tokens.list(user="dave"),
}


@pytest.mark.parametrize("case", MANAGED)
def test_whoever_lacks_the_permission_is_refused_and_the_ledger_says_so(
    company: Company, case: str
) -> None:
    alice = company.join("alice", "developer")
    company.join("dave", "developer")
    before = len(company.entries())
    with pytest.raises(NotPermitted) as refused:
        MANAGED[case](alice)
    told = company.last()
    assert refused.value.status == 403
    assert len(company.entries()) == before + 1
    assert (told["type"], told["outcome"]) == ("access.denied", "refused")
    assert told["fact"]["rule"] == "not_permitted"
    assert told["fact"]["permission"] == case.split(maxsplit=1)[0]
    assert told["actor"]["id"] == alice.users.me().id


@pytest.mark.parametrize("case", [case for case in MANAGED if "add" not in case])
def test_whoever_lacks_the_permission_learns_not_who_exists(company: Company, case: str) -> None:
    alice = company.join("alice", "developer")
    company.join("other", "developer")
    with pytest.raises(NotPermitted) as absent:
        MANAGED[case](alice)
    company.join("dave", "developer")
    with pytest.raises(NotPermitted) as present:
        MANAGED[case](alice)
    assert str(absent.value) == str(present.value)


def test_a_user_is_added_and_the_ledger_names_ids_alone(company: Company) -> None:
    added = company.acting("root").users.add("dave", email="dave@example.org", metadata="risk")
    told = company.last()
    assert told["type"] == "user.added"
    assert told["fact"] == {"person": added.person, "user": added.id}
    assert added.id.startswith("usr_")
    assert (added.handle, added.status, added.roles) == ("dave", "active", ())


def test_a_handle_is_taken_once_however_it_is_written(company: Company) -> None:
    company.join("dave")
    for name in ("dave",):
        with pytest.raises(HandleTaken):
            company.acting("root").users.add(name)
    assert company.acting("root").users.show("DAVE").handle == "dave"


@pytest.mark.parametrize(
    "handle", ["", "Dave", "a b", "-dave", "é", "x" * 65, "dave\n", "a\0", "\ud800"]
)
def test_a_handle_has_a_plain_form(company: Company, handle: str) -> None:
    with pytest.raises(ValueInvalid):
        company.acting("root").users.add(handle)


@pytest.mark.parametrize("email", ["", "dave", "dave@", "@example.org", "a b@example.org", "a@b"])
def test_an_email_has_the_form_of_one(company: Company, email: str) -> None:
    with pytest.raises(ValueInvalid):
        company.acting("root").users.add("dave", email=email)


def test_the_same_email_means_the_same_person(company: Company) -> None:
    one = company.acting("root").users.add("dave", email="dave@example.org")
    two = company.acting("root").users.add("dave2", email="Dave@Example.ORG")
    other = company.acting("root").users.add("erin", email="erin@example.org")
    assert one.person == two.person != other.person
    assert one.id != two.id


def test_an_email_is_masked_for_all_but_its_owner(company: Company) -> None:
    company.join("dave", email="dave@example.org")
    company.join("erin", "auditor")
    assert company.acting("root").users.show("dave").email == "d***@e***"
    assert company.acting("erin").users.show("dave").email == "d***@e***"
    assert company.acting("dave").users.me().email == "dave@example.org"


def test_reading_an_email_in_clear_takes_a_permission_and_is_recorded(company: Company) -> None:
    company.join("dave", email="dave@example.org")
    company.join("erin")
    root = company.acting("root")
    root.roles.define("privacy", permissions=["personal.read", "access.review"])
    root.roles.grant("erin", "privacy")
    before = len(company.entries())
    assert company.acting("erin").users.show("dave").email == "dave@example.org"
    told = company.entries()[before:]
    assert [(entry["type"], entry["fact"]) for entry in told] == [
        ("access.used", {"permission": "personal.read"})
    ]


def test_changed_details_are_recorded_without_their_words(company: Company) -> None:
    company.join("dave")
    company.acting("root").users.update("dave", email="new@example.org", metadata="team risk")
    told = company.last()
    assert told["type"] == "user.updated"
    assert set(told["fact"]) == {"user"}
    assert company.acting("dave").users.me().email == "new@example.org"


def test_others_look_absent_to_whoever_may_not_see_them(company: Company) -> None:
    alice = company.join("alice", "developer")
    company.join("dave")
    for name in ("dave", "nobody", "usr_nobody", "\ud800", "a\0b"):
        with pytest.raises(ActorNotFound) as absent:
            alice.users.show(name)
        assert absent.value.status == 404


def test_a_suspended_user_does_nothing_until_reactivated(company: Company) -> None:
    alice = company.join("alice", "developer")
    secret = alice.tokens.create().secret
    bearer = company.using(secret)
    root = company.acting("root")
    assert root.users.suspend("alice", reason="on leave").status == "suspended"
    for rooms in (alice, bearer):
        with pytest.raises(NotPermitted):
            rooms.models.register("churn", owner="root")
    root.users.reactivate("alice")
    assert alice.models.register("churn").name == "churn"
    types = [entry["type"] for entry in company.entries()]
    assert {"actor.suspended", "actor.reactivated"} <= set(types)


def test_deactivation_ends_tokens_and_bindings_at_once_and_for_good(company: Company) -> None:
    alice = company.join("alice", "developer", "operator")
    secrets = [alice.tokens.create().secret for _ in range(3)]
    root = company.acting("root")
    assert root.users.deactivate("alice", reason="left").roles == ()
    told = company.last()
    assert told["type"] == "actor.deactivated"
    assert (told["fact"]["tokens"], told["fact"]["bindings"]) == (3, 2)
    for secret in secrets:
        with pytest.raises((Unauthenticated, NotPermitted)):
            company.using(secret).users.me()
    with pytest.raises(IllegalMove):
        root.users.reactivate("alice")
    with pytest.raises(ValueInvalid):
        root.roles.grant("alice", "operator")
    assert verified(company.warden, state=True).problems == ()


def test_somebody_with_hundreds_of_tokens_can_be_deactivated(company: Company) -> None:
    alice = company.join("alice", "developer")
    for _ in range(300):
        alice.tokens.create()
    company.acting("root").users.deactivate("alice", reason="left")
    assert len(company.facts("token.revoked")) == 300


@pytest.mark.parametrize("reason", ["", " ", "x" * 2_001])
def test_a_reason_is_asked_for(company: Company, reason: str) -> None:
    company.join("dave")
    with pytest.raises(ValueInvalid):
        company.acting("root").users.suspend("dave", reason=reason)


def test_the_last_administrator_stays(company: Company) -> None:
    company.join("alice", "developer")
    root = company.acting("root")
    for attempt in (
        lambda: root.users.suspend("root", reason="x"),
        lambda: root.users.deactivate("root", reason="x"),
        lambda: root.roles.revoke("root", "admin"),
    ):
        with pytest.raises(LastAdmin):
            attempt()
        assert company.last()["fact"]["rule"] == "last_admin"
    assert root.users.me().roles == ("admin",)


def test_an_administrator_may_go_while_another_stays(company: Company) -> None:
    company.join("ruth", "admin")
    company.acting("ruth").users.deactivate("root", reason="left")
    with pytest.raises(LastAdmin):
        company.acting("ruth").roles.revoke("ruth", "admin")


def test_an_administrator_by_another_name_stays_too(company: Company) -> None:
    root = company.acting("root")
    root.roles.define("chief", permissions=[], includes=["admin"])
    company.join("ruth", "chief")
    ruth = company.acting("ruth")
    ruth.roles.revoke("root", "admin")
    with pytest.raises(LastAdmin):
        ruth.roles.revoke("ruth", "chief")
    with pytest.raises(LastAdmin):
        ruth.roles.define("chief", permissions=["user.manage", "role.manage"], includes=[])
    assert ruth.users.me().roles == ("chief",)


def test_an_administrator_of_one_team_alone_is_not_the_last_one_left(company: Company) -> None:
    company.join("ruth")
    company.acting("root").roles.grant("ruth", "admin", scope={"team": "risk"})
    with pytest.raises(LastAdmin):
        company.acting("root").users.suspend("root", reason="x")


def test_a_service_account_has_the_person_of_its_owner(company: Company) -> None:
    owner = company.join("alice", "developer").users.me()
    added = company.acting("root").service_accounts.add("ci", owner="alice")
    assert (added.kind, added.person, added.owner) == ("service", owner.person, "alice")
    assert company.last()["fact"] == {"owner": owner.id, "service": added.id}


@pytest.mark.parametrize("owner", ["ci", "gone"])
def test_the_owner_of_a_service_account_is_an_active_person(company: Company, owner: str) -> None:
    company.join("alice")
    root = company.acting("root")
    root.service_accounts.add("ci", owner="alice")
    company.join("gone")
    root.users.deactivate("gone", reason="left")
    with pytest.raises(ValueInvalid):
        root.service_accounts.add("ci2", owner=owner)


def test_linked_accounts_are_one_person_in_every_direction(company: Company) -> None:
    company.join("alice", "developer")
    company.join("alice2")
    root = company.acting("root")
    root.service_accounts.add("ci", owner="alice2")
    person = company.acting("alice").users.me().person
    previous = company.acting("alice2").users.me().person
    assert root.users.link("alice2", to="alice").person == person
    assert root.users.show("ci").person == person
    told = company.last()
    assert (told["type"], told["fact"]["previous"]) == ("persons.linked", previous)
    assert len(told["objects"]) == 2
    before = len(company.entries())
    root.users.link("alice", to="alice2")
    assert len(company.entries()) == before
    assert verified(company.warden, state=True).problems == ()


def test_a_link_that_joins_what_must_not_meet_is_refused(company: Company) -> None:
    company.join("bob", "approver")
    company.join("ruth", "admin")
    with pytest.raises(RoleConflict):
        company.acting("root").users.link("bob", to="ruth")
    people = company.acting("root").users
    assert people.show("bob").person != people.show("ruth").person


def test_a_link_gives_no_rights(company: Company) -> None:
    company.join("alice", "developer")
    company.join("alice2")
    company.acting("root").users.link("alice2", to="alice")
    with pytest.raises(NotPermitted):
        company.acting("alice2").models.register("churn")


def test_nobody_grants_to_an_account_linked_to_their_own(company: Company) -> None:
    company.join("root2")
    company.acting("root").users.link("root2", to="root")
    with pytest.raises(SelfGrant):
        company.acting("root").roles.grant("root2", "operator")


def test_lists_come_in_pages(company: Company) -> None:
    for n in range(5):
        company.clock.advance(seconds=1)
        company.join(f"user{n}")
    root = company.acting("root").users
    first = root.list(limit=4)
    rest = root.list(limit=4, cursor=first.next_cursor)
    names = [user.handle for user in (*first.items, *rest.items)]
    assert names == ["root", *(f"user{n}" for n in range(5))]
    assert rest.next_cursor is None
