"""Who may manage endpoints, what is refused, and what the ledger and the answers say of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    EndpointAddressRefused,
    EndpointExists,
    EndpointLimit,
    ExpiryNeeded,
    IllegalMove,
    NotFound,
    NotPermitted,
    ValueInvalid,
)
from modelwarden.notify.endpoint import MOST_ENDPOINTS
from modelwarden.store.erasing import needed
from modelwarden.values.ids import Commitment
from modelwarden.values.system import system
from tests.store.deeds import verified

if TYPE_CHECKING:
    from tests.notify.desk import Desk
    from tests.notify.receiver import Receiver

URL = "https://hooks.example/services/T0/secret-part"


def test_an_endpoint_is_added_and_told_of_without_address_or_secret(any_desk: Desk) -> None:
    made = any_desk.add("ops", URL, types=["deployment.*", "incident"], severity="warning")
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert (made.name, made.address, made.state) == ("ops", "https://hooks.example/…", "active")
    assert (made.types, made.severity) == (("deployment.*", "incident"), "WARNING")
    assert (made.owner, made.revision) == ("root", 1)
    fact = any_desk.company.last()["fact"]
    assert {key: fact[key] for key in ("endpoint", "types", "severity")} == {
        "endpoint": made.id,
        "types": ["deployment.*", "incident"],
        "severity": "WARNING",
    }
    assert replace(any_desk.show("ops"), waiting=0) == replace(any_desk.show(made.id), waiting=0)
    assert any_desk.show("ops").secret is None
    assert [each.secret for each in any_desk.notify.list().items] == [None]
    assert verified(any_desk.company.warden, state=True).problems == ()


def test_a_change_moves_who_stands_behind_it(desk: Desk) -> None:
    made = desk.add("ops", URL)
    desk.company.join("rita", "admin")
    rita = desk.company.acting("rita").notify
    changed = rita.update("ops", url="https://other.example/x", subjects=["model:churn"])
    assert (changed.owner, changed.address) == ("rita", "https://other.example/…")
    assert (changed.subjects, changed.revision) == (("model:churn",), 2)
    fact = desk.company.last()["fact"]
    assert (fact["endpoint"], fact["moved"]) == (made.id, True)
    assert "subjects" in fact
    before = len(desk.company.entries())
    assert rita.update("ops", url="https://other.example/x").revision == 2
    assert rita.update("ops").revision == 2
    assert len(desk.company.entries()) == before


@pytest.mark.parametrize(
    ("name", "url", "kwargs", "error"),
    [
        ("Ops", URL, {}, ValueInvalid),
        ("ops\r\nX-Injected: 1", URL, {}, ValueInvalid),
        ("", URL, {}, ValueInvalid),
        ("ops", "http://hooks.example/", {}, EndpointAddressRefused),
        ("ops", "https://169.254.169.254/latest/meta-data", {}, EndpointAddressRefused),
        ("ops", URL, {"types": ["no.such"]}, ValueInvalid),
        ("ops", URL, {"types": [""]}, ValueInvalid),
        ("ops", URL, {"types": ["model.*"] * 51}, ValueInvalid),
        ("ops", URL, {"severity": "loud"}, ValueInvalid),
        ("ops", URL, {"subjects": ["churn"]}, ValueInvalid),
        ("ops", URL, {"subjects": ["model:a\nb"]}, ValueInvalid),
    ],
)
def test_what_has_no_meaning_is_refused(
    desk: Desk, name: str, url: str, kwargs: dict[str, list[str]], error: type[Exception]
) -> None:
    before = len(desk.company.entries())
    if error is ValueInvalid and kwargs.get("types") == ["model.*"] * 51:
        kwargs = {"types": [f"{word}" for word in sorted(_types())[:51]]}
    with pytest.raises(error):
        desk.notify.add(name, url, **kwargs)  # type: ignore[arg-type]  # one case is wrong on purpose
    assert len(desk.company.entries()) == before


def _types() -> frozenset[str]:
    from modelwarden.facts.catalogue import TYPES  # noqa: PLC0415  # for one case

    return frozenset(TYPES)


def test_a_name_is_given_once_and_endpoints_are_not_without_number(desk: Desk) -> None:
    desk.add("ops", URL)
    with pytest.raises(EndpointExists):
        desk.add("ops", URL)
    for n in range(MOST_ENDPOINTS - 1):
        desk.add(f"ops{n}", URL)
    with pytest.raises(EndpointLimit):
        desk.add("more", URL)
    desk.notify.disable("ops0")
    desk.add("more", URL)


def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    notify = desk.notify
    for call in (notify.show, notify.disable, notify.enable, notify.test, notify.rotate_secret):
        with pytest.raises(NotFound):
            call("ops")
    for again in (notify.update, notify.deliveries):
        with pytest.raises(NotFound):
            again("ops")
    with pytest.raises(NotFound):
        notify.replay("ops", first=0)


def test_disabling_and_enabling_are_moves_that_are_told(desk: Desk) -> None:
    made = desk.add("ops", URL)
    with pytest.raises(IllegalMove):
        desk.notify.enable("ops")
    assert desk.notify.disable("ops").cause == "by_person"
    assert desk.notify.disable("ops").revision == 2
    with pytest.raises(IllegalMove):
        desk.notify.replay("ops", first=0)
    desk.company.join("rita", "admin")
    enabled = desk.company.acting("rita").notify.enable("ops")
    assert (enabled.state, enabled.cause, enabled.owner) == ("active", None, "rita")
    assert desk.company.facts("endpoint.disabled") == [{"endpoint": made.id, "cause": "by_person"}]
    assert len(desk.company.facts("endpoint.enabled")) == 1


@pytest.mark.parametrize("first", [-1, 10**6])
def test_a_replay_begins_at_an_entry_that_is_there(desk: Desk, first: int) -> None:
    desk.add("ops", URL)
    with pytest.raises(ValueInvalid):
        desk.notify.replay("ops", first=first)


def test_a_secret_is_replaced_and_the_one_before_last_is_destroyed(desk: Desk) -> None:
    desk.add("ops", URL)
    texts = _texts(desk)
    first = desk.notify.rotate_secret("ops", overlap_minutes=10)
    assert first.previous_until is not None
    second = desk.notify.rotate_secret("ops")
    assert first.secret != second.secret
    assert _texts(desk) == texts + 1
    for minutes in (-1, 1_441):
        with pytest.raises(ExpiryNeeded):
            desk.notify.rotate_secret("ops", overlap_minutes=minutes)
    desk.notify.update("ops", url="https://other.example/")
    assert _texts(desk) == texts + 1


def _texts(desk: Desk) -> int:
    with desk.company.warden.store.database.reading() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM texts").scalar() or 0)


def test_a_test_message_says_what_came_back_and_is_told(desk: Desk, receiver: Receiver) -> None:
    made = desk.add("ops", receiver.url)
    good = desk.notify.test("ops")
    assert (good.ok, good.status, good.problem) == (True, 200, None)
    receiver.always = 503
    assert desk.notify.test("ops").status == 503
    desk.notify.update("ops", url="http://127.0.0.1:1/")
    assert desk.notify.test("ops").problem == "unreachable"
    assert desk.company.facts("endpoint.tested") == [
        {"endpoint": made.id, "status": 200},
        {"endpoint": made.id, "status": 503},
        {"endpoint": made.id, "status": 0, "problem": "unreachable"},
    ]
    assert receiver.requests[0].told["endpoint"] == made.id


@pytest.mark.parametrize("role", ["operator", "analyst", "approver", "auditor", "developer"])
def test_only_administrators_manage_endpoints(desk: Desk, role: str) -> None:
    desk.add("ops", URL)
    notify = desk.company.join("sam", role).notify
    before = len(desk.company.denials())
    calls = (
        lambda: notify.add("mine", URL),
        lambda: notify.update("ops", url=URL),
        notify.list,
        lambda: notify.show("ops"),
        lambda: notify.test("ops"),
        lambda: notify.rotate_secret("ops"),
        lambda: notify.disable("ops"),
        lambda: notify.enable("ops"),
        lambda: notify.replay("ops", first=0),
        lambda: notify.deliveries("ops"),
        lambda: notify.show("absent"),
    )
    for call in calls:
        with pytest.raises(NotPermitted):
            call()
    denied = desk.company.denials()[before:]
    assert {each["permission"] for each in denied} == {"endpoint.manage"}
    assert desk.show().revision == 1


def test_words_of_an_endpoint_in_use_are_erased_with_nobody(any_desk: Desk) -> None:
    any_desk.add("ops", URL)
    any_desk.notify.rotate_secret("ops")
    warden = any_desk.company.warden
    with warden.store.database.reading() as connection:
        row = connection.exec_driver_sql("SELECT url, secret, previous_secret FROM endpoints").one()
    words = {Commitment(each) for each in row}
    find = partial(needed, commitments=sorted(words))
    assert set(warden.view(system("tester"), find)) == words
    any_desk.notify.disable("ops")
    assert set(warden.view(system("tester"), find)) == set()


def test_an_address_that_was_erased_is_said_to_be(desk: Desk) -> None:
    desk.add("ops", URL)
    with desk.company.warden.store.database.writing() as connection:
        connection.exec_driver_sql(
            "DELETE FROM texts WHERE commitment = (SELECT url FROM endpoints)"
        )
    assert desk.show().address == "erased"
    with pytest.raises(NotFound):
        desk.notify.test("ops")
