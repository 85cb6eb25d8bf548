"""Attempts to read through an endpoint what one may not, to reach into the house by one, and to find its secret."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import EndpointAddressRefused, NotPermitted
from tests.notify.desk import Desk
from tests.notify.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Iterator[Desk]:
    made = Desk.at(store_url, tmp_path)
    yield made
    made.company.warden.close()


def told(receiver: Receiver) -> list[str]:
    return [each.told["type"] for each in receiver.news]


def registers(desk: Desk, *names: str) -> None:
    alice = desk.company.acting("alice")
    for name in names:
        alice.models.register(name, owner="alice", business_purpose="to find out what happens")


def test_whoever_may_read_no_entry_gets_none_by_an_endpoint(desk: Desk, receiver: Receiver) -> None:
    root = desk.company.acting("root")
    desk.company.join("mallory")
    root.roles.define("messenger", permissions=["endpoint.manage"])
    root.roles.grant("mallory", "messenger")
    mallory = desk.company.acting("mallory").notify
    with pytest.raises(NotPermitted, match=r"audit\.read"):
        mallory.add("mine", receiver.url)
    desk.add("ops", receiver.url)
    with pytest.raises(NotPermitted, match=r"audit\.read"):
        mallory.update("ops", url=receiver.url + "/mine")
    desk.notify.disable("ops")
    with pytest.raises(NotPermitted, match=r"audit\.read"):
        mallory.enable("ops")


def test_a_token_that_was_cut_down_adds_nothing_that_reads_more(
    desk: Desk, receiver: Receiver
) -> None:
    made = desk.company.acting("root").tokens.create(scopes=["endpoint.manage"])
    narrow = desk.company.using(made.secret)
    with pytest.raises(NotPermitted):
        narrow.notify.add("mine", receiver.url)


def test_rights_for_some_models_carry_the_news_of_those_alone(
    desk: Desk, receiver: Receiver
) -> None:
    root = desk.company.acting("root")
    desk.company.join("alice", "developer")
    desk.company.join("sam")
    root.roles.define("messenger", permissions=["endpoint.manage"])
    root.roles.define("reader", permissions=["audit.read", "model.read"])
    registers(desk, "churn", "fraud")
    root.roles.grant("sam", "messenger")
    root.roles.grant("sam", "reader", scope={"model": "churn"})
    desk.company.acting("sam").notify.add("sams", receiver.url)
    alice = desk.company.acting("alice")
    for name in ("fraud", "churn"):
        alice.models.update(name, tags=["new"])
    desk.company.warden.add_user("somebody")
    desk.turn("sams")
    assert told(receiver) == ["model.updated"]
    assert receiver.news[0].told["fact"]["model"] == "churn"


@pytest.mark.parametrize("how", ["revoked", "deactivated", "suspended"])
def test_an_endpoint_ends_with_the_rights_of_whoever_stands_behind_it(
    desk: Desk, receiver: Receiver, how: str
) -> None:
    root = desk.company.acting("root")
    rita = desk.company.join("rita", "admin")
    made = rita.notify.add("ritas", receiver.url, types=["user.added"])
    desk.happen(2)
    receiver.answers.extend([200, 500])
    desk.turn("ritas")
    assert len(receiver.news) == 2
    if how == "revoked":
        root.roles.revoke("rita", "admin")
    elif how == "deactivated":
        root.users.deactivate("rita", reason="left the company")
    else:
        root.users.suspend("rita", reason="on leave")
    desk.happen()
    desk.clock.advance(minutes=1)
    desk.turn("ritas", times=2)
    assert len(receiver.news) == 2
    assert (desk.show("ritas").state, desk.show("ritas").cause) == ("disabled", "rights_lost")
    fact = desk.company.facts("endpoint.disabled")[-1]
    assert fact == {"endpoint": made.id, "cause": "rights_lost"}


def test_words_need_their_own_right_when_added_and_when_sent(
    desk: Desk, receiver: Receiver
) -> None:
    root = desk.company.acting("root")
    with pytest.raises(NotPermitted, match=r"personal\.read"):
        root.notify.add("ops", receiver.url, include_text=True)
    rita = desk.company.join("rita", "admin")
    root.roles.define("privacy", permissions=["personal.read"])
    root.roles.grant("rita", "privacy")
    rita.notify.add("words", receiver.url, types=["actor.suspended"], include_text=True)
    desk.add("plain", receiver.url, types=["actor.suspended"])
    desk.company.join("sam")
    root.users.suspend("sam", reason="suspected of something delicate")
    desk.turn("words")
    desk.turn("plain")
    first, second = receiver.news
    assert first.told["texts"] == {"reason": "suspected of something delicate"}
    assert "texts" not in second.told
    assert b"delicate" not in second.body
    root.roles.revoke("rita", "privacy")
    desk.company.join("tom")
    root.users.suspend("tom", reason="something else that is delicate")
    desk.turn("words")
    assert b"delicate" not in receiver.news[-1].body


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:169.254.169.254]/",
        "https://[fd00:ec2::254]/",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://10.0.0.1:8321/",
        "https://[::]/",
        "http://hooks.example/",
        "https://user:pw@hooks.example/",
        "https://hooks.example\r\nX-Injected: 1/",
        "https://hooks.example/\r\nX-Injected: 1",
        "gopher://127.0.0.1/",
    ],
)
def test_an_endpoint_reaches_nothing_in_the_house(desk: Desk, url: str) -> None:
    with pytest.raises(EndpointAddressRefused):
        desk.add("ops", url)


def test_a_redirect_into_the_house_is_not_followed(desk: Desk, receiver: Receiver) -> None:
    with receiving() as inside:
        receiver.always = (302, {"Location": inside.url})
        desk.add("ops", receiver.url, types=["user.added"])
        desk.happen()
        desk.turn()
        assert desk.notify.test("ops").status == 302
        assert inside.requests == []


def test_secret_and_address_are_in_no_log_entry_error_or_row(
    desk: Desk, receiver: Receiver, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    made = desk.add("ops", receiver.url, types=["user.added"])
    fresh = desk.notify.rotate_secret("ops")
    desk.notify.test("ops")
    desk.happen()
    receiver.answers.extend([500, "garbage"])
    desk.turn()
    desk.clock.advance(minutes=1)
    desk.turn()
    hidden = [str(made.secret), str(fresh.secret), "secret-in-the-path"]
    seen = caplog.text + json.dumps(desk.company.entries()) + repr(desk.notify.list())
    seen += repr(desk.show()) + repr(desk.notify.deliveries("ops")) + dumped(desk)
    if desk.company.warden.store.database.path is not None:
        seen += b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file()).decode(
            "latin-1"
        )
    assert [each for each in hidden if each in seen] == []


def dumped(desk: Desk) -> str:
    """Return all rows of the tables that are about endpoints, as they are stored."""
    rows: list[Any] = []
    with desk.company.warden.store.database.reading() as connection:
        for table in ("endpoints", "deliveries", "texts", "idempotency_keys"):
            found = connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608  # our tables
            rows += [tuple(row) for row in found]
    return repr(rows)


def test_an_edited_endpoint_is_named_by_verification(desk: Desk, receiver: Receiver) -> None:
    made = desk.add("ops", receiver.url)
    with desk.company.warden.store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE endpoints SET severity = 'CRITICAL'")
    (problem,) = desk.company.acting("root").audit.verify(state=True).problems
    assert (problem.code, made.id in problem.detail) == ("state_mismatch", True)


def test_an_endpoint_whose_secret_was_erased_is_disabled(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    with desk.company.warden.store.database.writing() as connection:
        connection.exec_driver_sql(
            "DELETE FROM texts WHERE commitment = (SELECT secret FROM endpoints)"
        )
    desk.happen()
    desk.turn()
    assert receiver.requests == []
    assert desk.show().cause == "secret_lost"


def test_a_name_that_comes_to_mean_the_house_is_not_called(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelwarden.notify import address  # noqa: PLC0415

    desk.add("ops", f"https://hooks.example:{receiver.port}/", types=["user.added"])
    (seq,) = desk.happen()
    found = [(2, 1, 6, "", ("169.254.169.254", receiver.port))]
    monkeypatch.setattr(address.socket, "getaddrinfo", lambda *_args, **_kwargs: found)
    desk.turn()
    row = desk.notify.deliveries("ops").items[0]
    assert (row.first, row.status, row.problem) == (seq, 0, "endpoint_address_refused")
    assert receiver.requests == []
