"""A backup that is behind goes on from another copy of the ledger, if that proves itself, and only then (LG-46)."""

from __future__ import annotations

import json
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.audit import actions
from modelwarden.config import Settings
from modelwarden.errors import (
    ActorNotFound,
    ObjectBehind,
    RestoreNeedsLedger,
    RestoreRefused,
    Unauthenticated,
)
from modelwarden.store import entries, frozen
from modelwarden.values.system import system
from modelwarden.warden import upkeep
from modelwarden.warden.warden import Warden
from tests import tables
from tests.access.company import Company
from tests.audit.sample import PURPOSE, populate, sign, view

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.postgres import NewDatabase


def export(warden: Warden, output: Path, **asked: Any) -> None:  # noqa: ANN401
    """Write a copy as a sink would leave it: the ledger does not tell of it."""
    view(warden, "bob", partial(actions.prepare_export, output=output, **asked)).release()


class House:
    """A warden whose backup is older than its ledger, and an export that holds all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(
            url=tables.fresh(folder),
            keys_folder=folder / "keys",
            ledger_guard_file=folder / "guard",
        )
        with self.opened() as warden:
            populate(warden)
            self.secret = warden.acting_as("alice").tokens.create().secret or ""
            self.backup = upkeep.backup(warden, folder / "monday").path
            self.old_size = warden.audit.checkpoint().size
            alice = warden.acting_as("alice")
            alice.models.register("later", owner="alice", business_purpose=PURPOSE)
            alice.models.update("churn", team="fraud")
            token = alice.tokens.list().items[0].id
            alice.tokens.revoke(token)
            warden.acting_as("carol").server_keys.rotate("ledger")
            warden.acting_as("carol").server_keys.rotate("decision")
            sign(warden)
            warden.add_user("dora")
            self.note = sign(warden)
            export(warden, folder / "copy")
            self.size = warden.audit.checkpoint().size
            self.last = self.size - 1

    def opened(self) -> Warden:
        return Warden(self.settings)

    def lose(self, *more: str) -> None:
        for path in self.folder.glob("warden.db*"):
            path.unlink()
        for name in more:
            (self.folder / name).unlink()

    def restore(self, *ledgers: str | Path, **asked: Any) -> Any:  # noqa: ANN401
        asked.setdefault("tell", print)
        return upkeep.restore(
            self.backup, self.settings, ledgers=[str(each) for each in ledgers], **asked
        )

    def altered(self, change: Callable[[list[bytes]], list[bytes]]) -> Path:
        """Return a copy whose lines somebody changed."""
        copy = self.folder / "altered"
        shutil.copytree(self.folder / "copy", copy)
        lines = (copy / "entries.jsonl").read_bytes().splitlines(keepends=True)
        (copy / "entries.jsonl").write_bytes(b"".join(change(lines)))
        return copy


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_it_comes_back_whole_and_says_what_is_in_an_older_state(house: House) -> None:
    house.lose()
    done = house.restore(house.folder / "copy")
    assert (done.size, done.taken, done.unsigned) == (house.size, house.size - house.old_size, 0)
    with house.opened() as warden:
        sign(warden)
        found = view(warden, "bob", partial(actions.verify_database, strict=True, state=True))
        assert found.problems == ()
        frozen_now = [line for line in found.not_checked if "frozen" in line]
        assert frozen_now == [f"objects frozen after a restore: {done.frozen}; see `frozen`"]
        (told,) = warden.audit.search(type="epoch.started").items
        fact = told.entry["fact"]
        assert (fact["epoch"], fact["size"], fact["known"]) == (2, house.old_size, house.size)
        assert (fact["taken"], fact["frozen"]) == (done.taken, done.frozen)
        with warden.store.database.reading() as connection:
            assert entries.read_head(connection).epoch == 2
            kinds = {each.kind for each in frozen.standing(connection)}
        assert kinds == {"model", "token", "actor"}
        assert warden.acting_as("bob").audit.search(subject="model:later").items
    guard = json.loads((house.folder / "guard").read_text())
    assert guard["epoch"] == 2


def test_keys_that_were_rotated_since_are_the_current_ones(house: House) -> None:
    house.lose()
    house.restore(house.folder / "copy")
    with house.opened() as warden:
        assert len(warden.audit.keys()) == 2
        listed = warden.acting_as("carol").server_keys.list()
        assert [key.status for key in listed if key.purpose != "encryption"] == [
            "retiring",
            "current",
            "retired",
            "current",
        ]
        sign(warden)
        assert view(warden, "bob", actions.verify_database).problems == ()


def test_a_frozen_object_changes_only_once_somebody_decided(house: House) -> None:
    house.lose()
    house.restore(house.folder / "copy")
    with house.opened() as warden:
        alice = warden.acting_as("alice")
        with pytest.raises(ObjectBehind):
            alice.models.update("churn", team="other")
        upkeep.accept(warden, "model", "churn")
        alice.models.update("churn", team="other")
        alice.models.register("later", owner="alice", business_purpose=PURPOSE)  # made again
        assert alice.models.show("later").revision > 1
        sign(warden)
        whole = partial(actions.verify_database, strict=True, state=True)
        assert view(warden, "bob", whole).problems == ()
        told = warden.audit.search(type="object.accepted").items[0].entry
        assert [moved["id"] for moved in told["objects"]] == ["churn"]


def test_a_token_that_was_revoked_since_opens_nothing(house: House) -> None:
    house.lose()
    house.restore(house.folder / "copy")
    with house.opened() as warden, pytest.raises(Unauthenticated):
        warden.authenticate(house.secret)


def test_without_a_copy_it_is_refused_and_nothing_is_touched(house: House) -> None:
    house.lose()
    with pytest.raises(RestoreNeedsLedger, match="the guard file knows"):
        house.restore()
    assert not (house.folder / "warden.db").exists()
    assert list(house.folder.glob(".restore-*")) == []


def flip(lines: list[bytes]) -> list[bytes]:
    lines[-4] = lines[-4].replace(b'"v":1', b'"v":2')
    return lines


def drop(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-5], *lines[-4:]]


def swap(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-5], lines[-4], lines[-5], *lines[-3:]]


def late(lines: list[bytes]) -> list[bytes]:
    return lines[-3:]


def torn(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-2], lines[-2][:40] + b"\n", lines[-1]]


@pytest.mark.parametrize("spoil", [flip, drop, swap, late, torn])
def test_a_copy_that_was_tampered_with_is_refused_by_name_and_another_is_taken(
    house: House, spoil: Callable[[list[bytes]], list[bytes]]
) -> None:
    house.lose()
    bad = house.altered(spoil)
    with pytest.raises(RestoreNeedsLedger, match=str(bad)):
        house.restore(bad)
    assert not (house.folder / "warden.db").exists()
    assert house.restore(bad, house.folder / "copy").size == house.size


def test_a_copy_of_another_ledger_of_the_same_origin_is_refused(
    house: House, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(house.folder / "keys", other / "keys")
    settings = Settings(
        url=f"sqlite:///{other}/warden.db",
        keys_folder=other / "keys",
        ledger_guard_file=other / "guard",
    )
    with Warden(settings) as warden:
        for n in range(60):
            warden.add_user(f"user{n}", roles=["auditor"] if n == 0 else [])
        sign(warden)
        view(warden, "user0", partial(actions.prepare_export, output=other / "copy")).release()
    house.lose()
    with pytest.raises(RestoreRefused, match=r"two roots|are not those|does not follow"):
        house.restore(other / "copy")
    assert not (house.folder / "warden.db").exists()


def test_a_guard_file_that_is_ahead_of_all_copies_refuses(house: House) -> None:
    with house.opened() as warden:
        warden.add_user("eve")
        sign(warden)
    house.lose()
    with pytest.raises(RestoreNeedsLedger, match="the guard file knows"):
        house.restore(house.folder / "copy")


def test_two_copies_that_each_hold_a_part_are_taken_together(house: House) -> None:
    with house.opened() as warden:
        export(warden, house.folder / "early", first=0, last=house.old_size + 1)
        export(warden, house.folder / "later", first=house.old_size + 1)
    house.lose()
    done = house.restore(house.folder / "later", house.folder / "early", house.folder / "copy")
    assert done.size >= house.size


def unsigned(house: House) -> Path:
    """Return a copy with two entries past its newest checkpoint, as a sink has when the host dies."""
    with house.opened() as warden:
        warden.add_user("late")
        warden.add_user("last")
        sign(warden)
        export(warden, house.folder / "longer")
    copy = house.folder / "longer"
    shutil.copy(house.folder / "copy" / "checkpoint", copy / "checkpoint")
    for path in (copy / "checkpoints").iterdir():
        if int(path.name) > house.size:
            path.unlink()
    house.lose("guard")
    return copy


def test_what_no_checkpoint_covers_is_left_unless_asked_for(house: House) -> None:
    copy = unsigned(house)
    done = house.restore(copy)
    assert (done.size, done.unsigned) == (house.size, 0)
    assert done.left > 0
    house.lose("guard")
    more = house.restore(copy, unsigned=True)
    assert (more.size, more.unsigned, more.left) == (house.size + done.left, done.left, 0)
    with house.opened() as warden:
        sign(warden)
        assert view(warden, "bob", actions.verify_database).problems == ()


@pytest.mark.services
def test_it_goes_on_on_postgresql_too(
    house: House, postgres_url: NewDatabase, tmp_path: Path
) -> None:
    house.settings = Settings(
        url=postgres_url(), keys_folder=tmp_path / "keys", ledger_guard_file=tmp_path / "guard"
    )
    assert house.restore(house.folder / "copy").size == house.size
    with house.opened() as warden:
        sign(warden)
        whole = partial(actions.verify_database, strict=True, state=True)
        assert view(warden, "bob", whole).problems == ()
        with pytest.raises(ObjectBehind):
            warden.acting_as("alice").models.update("churn", team="other")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE models SET team = 'mallory' WHERE name = 'churn'",
        "UPDATE models SET team = 'mallory' WHERE name = 'fraud'",
        "DELETE FROM frozen_objects WHERE kind = 'model'",
        "UPDATE frozen_objects SET seq = seq - 1",
        "INSERT INTO frozen_objects VALUES (2, 'model', 'fraud', 9, 'x', 3, NULL)",
    ],
)
def test_being_frozen_hides_no_tampering(house: House, statement: str) -> None:
    house.lose()
    house.restore(house.folder / "copy")
    with house.opened() as warden:
        with warden.store.database.writing() as connection:
            connection.exec_driver_sql(statement)
        sign(warden)
        found = view(warden, "bob", partial(actions.verify_database, state=True))
        assert "state_mismatch" in {problem.code for problem in found.problems}


def test_who_was_erased_since_stays_erased(tmp_path: Path) -> None:
    company = Company.at(f"sqlite:///{tmp_path}/warden.db", tmp_path)
    company.with_approvers()
    for name in ("alice", "aud"):
        company.join(name)
    company.warden.acting_as("root").users.deactivate("alice", reason="left")
    asked = {"user": "alice", "basis": "no_longer_needed", "scope": "authored"}
    company.permitted("root", "person.erase", asked)
    backup = upkeep.backup(company.warden, tmp_path / "monday").path
    company.acting("root").audit.erase(**asked, reason="a letter asks for it")
    company.warden.sign()
    settings = company.warden.settings
    company.warden.view(
        system("host"), partial(actions.prepare_export, output=tmp_path / "copy")
    ).release()
    company.warden.close()
    for path in tmp_path.glob("warden.db*"):
        path.unlink()
    upkeep.restore(backup, settings, ledgers=[str(tmp_path / "copy")], tell=print)
    with Warden(settings) as warden:
        with pytest.raises(ActorNotFound):
            warden.acting_as("root").users.show("alice")
        sign(warden)
        found = warden.audit.verify(strict=True, state=True)
        assert found.problems == ()
