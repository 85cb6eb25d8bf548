"""A warden whose key for texts is gone, or another: it is read only, shows no words, and lets nothing be written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from modelwarden.access import actions as access
from modelwarden.errors import KeyUnusable, NotPermitted, ReadOnly, TextsLocked
from modelwarden.store.schema.columns import METADATA
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden, open_warden
from tests.api.town import PEOPLE, Town, again, town
from tests.notify.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelwarden.warden.rooms import Rooms

PURPOSE = "predicts which customers leave next month"
KEPT = {"governed", "attached", "text"}


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    with open_warden(f"sqlite:///{tmp_path}/warden.db") as warden:
        for name, roles in PEOPLE.items():
            if name == "grace":  # a second approver would end bootstrap mode
                continue
            warden.add_user(name, roles=roles, email=f"{name}@example.org")
        alice = warden.acting_as("alice")
        alice.models.register("churn", owner="alice", business_purpose=PURPOSE)
        alice.versions.register("churn", "1", description="the first")
        warden.acting_as("carol").server_keys.rotate("encryption")
    return tmp_path


def reopened(folder: Path) -> Warden:
    return open_warden(f"sqlite:///{folder}/warden.db")


def lose(folder: Path) -> dict[Path, bytes]:
    """Take every key for texts away."""
    gone = {path: path.read_bytes() for path in (folder / "warden.keys").glob("encryption*.key")}
    for path in gone:
        path.unlink()
    return gone


def tables(warden: Warden) -> dict[str, list[Any]]:
    """Return every row of what a change could move."""
    with warden.store.database.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in METADATA.tables.values()
            if table.info.get("class") in KEPT
        }


def test_reads_go_on_and_words_are_shown_as_locked(folder: Path) -> None:
    lose(folder)
    with reopened(folder) as warden:
        erin = warden.acting_as("erin")
        model = erin.models.show("churn")
        assert (model.name, model.business_purpose, model.owner) == (
            "churn",
            "locked",
            model.owner_id,
        )
        assert erin.versions.show("churn", "1").description == "locked"
        (carol,) = [
            one for one in warden.acting_as("carol").users.list().items if "admin" in one.roles
        ]
        assert (carol.handle, carol.email) == (carol.id, "locked")
        assert erin.audit.search(subject="model:churn").items
        proven = erin.audit.receipt(3, wait_s=20)
        assert (proven.status, erin.audit.verify(strict=True, state=True).ok) == (
            "checkpointed",
            True,
        )
        with pytest.raises(TextsLocked):
            warden.audit.search(text="leave", include_texts=True)


def writes(rooms: Rooms, people: Callable[[str], Rooms]) -> Iterator[Callable[[], object]]:
    """Yield changes of every room, each of which is fine in itself."""
    admin, operator = people("carol"), people("dave")
    yield partial(rooms.models.register, "late", business_purpose=PURPOSE)
    yield partial(rooms.models.register, "bare")
    yield partial(rooms.models.update, "churn", team="risk")
    yield partial(rooms.models.update, "churn", business_purpose=PURPOSE)
    yield partial(rooms.versions.register, "churn", "2")
    yield partial(rooms.versions.record_metrics, "churn", "1", {"auc": "0.8"}, kind="observed")
    yield partial(admin.users.add, "zoe")
    yield partial(admin.users.suspend, "frank", reason="left")
    yield partial(admin.roles.grant, "frank", "operator")
    yield partial(admin.roles.revoke, "frank", "analyst")
    yield partial(admin.tokens.create, user="frank")
    yield partial(admin.server_keys.rotate, "encryption")
    yield partial(admin.server_keys.rotate, "ledger")
    yield partial(admin.retention.set, deliveries=400)
    yield partial(operator.audit.record, "X", "Agent", "acted", details={"a": 1})


def test_no_change_of_any_room_is_made(folder: Path) -> None:
    lose(folder)
    with reopened(folder) as warden:
        before, refused = tables(warden), 0
        for write in writes(warden.acting_as("alice"), warden.acting_as):
            with pytest.raises((ReadOnly, NotPermitted)) as caught:
                write()
            refused += caught.type is ReadOnly
        with pytest.raises(ReadOnly):
            warden.add_user("late")
        assert (refused >= 12, tables(warden)) == (True, before)


def test_a_refusal_is_still_recorded_and_moves_nothing(folder: Path) -> None:
    lose(folder)
    with reopened(folder) as warden:
        before = tables(warden)
        with pytest.raises(NotPermitted):
            warden.acting_as("frank").users.list()
        (denied,) = warden.acting_as("erin").audit.search(type="access.denied").items
        assert (denied.entry["outcome"], tables(warden)) == ("refused", before)


def test_an_action_that_only_seems_to_move_nothing_is_refused(folder: Path) -> None:
    """A change that writes attached rows or texts, but names no object in its entry."""
    lose(folder)
    with reopened(folder) as warden:
        before = tables(warden)
        for action in (
            partial(access.create_token, user="frank"),
            lambda change: change.text("words"),
        ):
            with pytest.raises(ReadOnly):
                warden.change(system("test"), action)
        assert tables(warden) == before


def test_with_the_key_back_all_is_as_it_was(folder: Path) -> None:
    gone = lose(folder)
    with reopened(folder) as warden, pytest.raises(ReadOnly):
        warden.add_user("late")
    for path, data in gone.items():
        path.write_bytes(data)
        path.chmod(0o600)
    with reopened(folder) as warden:
        alice = warden.acting_as("alice")
        assert alice.models.show("churn").business_purpose == PURPOSE
        alice.versions.register("churn", "2")
        assert warden.acting_as("erin").audit.verify(strict=True, state=True).ok


def test_another_key_in_its_place_opens_nothing_and_seals_nothing(tmp_path: Path) -> None:
    with open_warden(f"sqlite:///{tmp_path}/warden.db") as warden:
        warden.add_user("erin", roles=["auditor"])
    (tmp_path / "other").mkdir()
    with open_warden(f"sqlite:///{tmp_path}/other/warden.db"):
        pass
    other = tmp_path / "other" / "warden.keys" / "encryption.key"
    (tmp_path / "warden.keys" / "encryption.key").write_bytes(other.read_bytes())
    with reopened(tmp_path) as warden:
        with pytest.raises(ReadOnly):
            warden.add_user("late")
        assert warden.acting_as("erin").audit.search().items
        (keys,) = [each for each in warden.operation.health().components if each.name == "keys"]
        assert keys.status == "down"


def test_the_key_before_the_last_rotation_does_not_do(folder: Path) -> None:
    lost = lose(folder)
    first = folder / "warden.keys" / "encryption.key"
    first.write_bytes(lost[first])
    first.chmod(0o600)
    with reopened(folder) as warden, pytest.raises(ReadOnly):
        warden.add_user("late")


@pytest.mark.parametrize("name", ["log.key", "server.pem", "pepper.key"])
def test_without_any_other_key_it_does_not_open(folder: Path, name: str) -> None:
    (folder / "warden.keys" / name).unlink()
    with pytest.raises(KeyUnusable, match=name):
        reopened(folder)


def test_a_key_that_others_may_read_is_no_missing_one(folder: Path) -> None:
    for path in (folder / "warden.keys").glob("encryption*.key"):
        path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        reopened(folder)


def test_an_endpoint_is_neither_served_nor_lost(tmp_path: Path) -> None:
    with receiving() as receiver:
        settings: dict[str, Any] = {"endpoint_allow": ("127.0.0.0/8",)}
        url = f"sqlite:///{tmp_path}/warden.db"
        with open_warden(url, **settings) as warden:
            warden.add_user("root", roles=["admin"])
            root = warden.acting_as("root")
            added = root.notify.add("ours", receiver.url)
        got = len(receiver.requests)
        lose(tmp_path)
        with open_warden(url, **settings) as warden:
            root = warden.acting_as("root")
            with pytest.raises((TextsLocked, ReadOnly)):
                root.notify.test(added.id)
            (endpoint,) = root.notify.list().items
            assert (endpoint.state, endpoint.address) == ("active", "locked")
        assert len(receiver.requests) == got


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Iterator[Town]:
    """Return a town that was opened again without the key, with tokens from before."""
    with town(tmp_path) as first:
        tokens = first.tokens
        first.call("alice", "POST", "/models", {"name": "churn", "business_purpose": PURPOSE})
    gone = lose(tmp_path)
    assert gone
    with again(tmp_path, tokens) as second:
        yield second


def test_over_http_each_write_says_what_to_do_and_the_figures_say_why(place: Town) -> None:
    assert place.call("alice", "GET", "/models/churn").json()["business_purpose"] == "locked"
    refused = place.call("alice", "POST", "/models", {"name": "late"})
    assert (refused.status_code, refused.json()["code"]) == (503, "read_only")
    assert "keys folder" in refused.json()["detail"]
    ready = place.call(None, "GET", "/ready")
    assert (ready.status_code, ready.json()["parts"]) == (503, ["keys"])
    health = place.call(None, "GET", "/health").json()
    assert (
        health["status"],
        [each["status"] for each in health["components"] if each["name"] == "keys"],
    ) == ("down", ["down"])
    assert "modelwarden_read_only 1" in place.call(None, "GET", "/metrics").text
    denied = place.call("frank", "POST", "/users", {"handle": "zoe"})
    assert (denied.status_code, denied.json()["code"]) == (403, "not_permitted")
