"""Personal data, the same way everywhere: erase with a permit, hold, keep for some days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.errors import (
    AccountActive,
    AlreadyErased,
    NotFound,
    NotPermitted,
    PermitNeeded,
    ValueInvalid,
)

if TYPE_CHECKING:
    from tests.conformance.places import Company

WHY: Final = "a letter of the person asks for it"


def permitted(company: Company, action: str, payload: dict[str, Any]) -> None:
    """Let bob and carol agree to what root asks."""
    request = company.as_user("root").approvals.request_access(
        action=action, payload=payload, justification=WHY
    )
    for name in ("bob", "carol"):
        company.as_user(name).approvals.approve(request.id, key=company.keys[name])


def test_a_person_is_erased_once_two_agreed_and_no_hold_is_left(company: Company) -> None:
    root, frank = company.as_user("root"), company.as_user("frank")
    hugo = root.users.add("hugo", email="hugo@example.org")
    asked = {"user": "hugo", "basis": "objection", "scope": "authored"}
    permitted(company, "person.erase", asked)
    with pytest.raises(AccountActive):
        root.audit.erase("hugo", basis="objection", scope="authored", reason=WHY)
    root.users.deactivate("hugo", reason="he left")
    done = root.audit.erase("hugo", basis="objection", scope="authored", reason=WHY)
    assert (done.user, done.state, done.texts, done.reason) == (hugo.id, "done", 3, WHY)
    assert frank.audit.erasures().items[0].id == done.id
    shown = root.users.show(hugo.id)
    assert (shown.handle, shown.email) == (hugo.id, "erased")
    with pytest.raises(AlreadyErased):
        root.audit.erase(hugo.id, basis="objection", scope="authored", reason=WHY)
    assert frank.audit.verify(strict=True, state=True).ok


def test_texts_are_unlocked_only_where_a_ledger_began_anew(company: Company) -> None:
    with pytest.raises(NotFound):
        company.as_user("root").audit.unlock_texts(identity=["alice"], reason=WHY)
    with pytest.raises(NotPermitted):
        company.as_user("alice").audit.unlock_texts(reason=WHY)


def test_a_hold_is_placed_by_one_and_released_by_two(company: Company) -> None:
    root, frank = company.as_user("root"), company.as_user("frank")
    since = datetime(2026, 1, 1, tzinfo=UTC)
    hold = root.holds.add(reason="proceedings", incident="INC-2041", since=since)
    assert (hold.incident, hold.since, hold.placed_by) == ("INC-2041", since, "root")
    assert frank.holds.show(hold.id) == hold
    assert frank.holds.list().items[0] == hold
    with pytest.raises(PermitNeeded):
        root.holds.release(hold.id)
    permitted(company, "hold.release", {"hold": hold.id})
    released = root.holds.release(hold.id)
    assert (released.released_by, released.released_at is None) == ("root", False)
    with pytest.raises(NotFound):
        frank.holds.show("hld_0")
    with pytest.raises(ValueInvalid):
        root.holds.add(reason="proceedings")


def test_days_are_shown_and_changed(company: Company) -> None:
    root, frank = company.as_user("root"), company.as_user("frank")
    before = frank.retention.show()
    assert (before.texts, before.leavers, before.changed_by) == (2_555, 365, None)
    with pytest.raises(PermitNeeded):
        root.retention.set(leavers=100)
    permitted(company, "retention.change", {"leavers": 100})
    after = root.retention.set(leavers=100)
    assert (after.leavers, after.texts, after.changed_by) == (100, 2_555, "root")
    assert frank.retention.show() == after


def test_others_do_none_of_it(company: Company) -> None:
    for name in ("alice", "bob", "frank"):
        rooms = company.as_user(name)
        with pytest.raises(NotPermitted):
            rooms.audit.erase("dave", basis="other", reason=WHY)
        with pytest.raises(NotPermitted):
            rooms.holds.add(reason="proceedings", user="dave")
        with pytest.raises(NotPermitted):
            rooms.retention.set(texts=3_000)


def test_words_of_a_list_are_checked(company: Company) -> None:
    with pytest.raises(ValueInvalid):
        company.as_user("root").audit.erase("dave", basis="because", reason=WHY)
