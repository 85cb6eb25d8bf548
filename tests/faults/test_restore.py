"""Restoring: a sound backup comes back whole; one that is behind or altered never touches what is in place."""

from __future__ import annotations

import json
import shutil
import sqlite3
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions
from modelwarden.config import Settings
from modelwarden.errors import BackupInvalid, KeyUnusable, RestoreRefused
from modelwarden.ledger.checkpoint import Checkpoint, sign_note
from modelwarden.store.backup import backup
from modelwarden.store.restore import Wanted, restore
from modelwarden.values.clock import SystemClock
from modelwarden.warden.warden import Warden, open_warden
from tests import tables
from tests.audit.sample import change, populate, sign, view

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import NewDatabase

CLOCK = SystemClock()


def opened(settings: Settings) -> Warden:
    return Warden(settings)


def settings_in(folder: Path, url: str | None = None) -> Settings:
    return Settings(
        url=url or f"sqlite:///{folder}/warden.db",
        keys_folder=folder / "keys",
        ledger_guard_file=folder / "guard",
    )


def back_up(warden: Warden, output: Path) -> Path:
    change(warden, "carol", actions.record_backup)
    sign(warden)
    return view(warden, "carol", partial(actions.prepare_backup, output=output)).path


@pytest.fixture
def house(tmp_path: Path) -> tuple[Settings, Path]:
    """Return the settings of a closed warden, and a backup of all that was signed there."""
    settings = settings_in(tmp_path, tables.fresh(tmp_path))
    with opened(settings) as warden:
        populate(warden)
        return settings, back_up(warden, tmp_path / "now.backup")


def test_a_lost_database_comes_back_and_goes_on(house: tuple[Settings, Path]) -> None:
    settings, path = house
    for file in path.parent.glob("warden.db*"):
        file.unlink()
    found = restore(path, settings, CLOCK)
    assert found.kept is None
    with opened(settings) as warden:
        assert warden.acting_as("alice").models.show("churn").business_purpose is not None
        told = view(warden, "bob", partial(actions.entry, seq=found.size)).entry
        assert (told["type"], told["severity"]) == ("ledger.restored", "HIGH")
        assert told["fact"] == {"size": found.size, "root": found.root}
        assert told["actor"]["id"] == "system:restore"
        sign(warden)
        whole = partial(actions.verify_database, strict=True, state=True)
        assert view(warden, "bob", whole).problems == ()


def test_a_database_that_was_tampered_with_is_replaced_and_kept(
    house: tuple[Settings, Path],
) -> None:
    settings, path = house
    with sqlite3.connect(f"{path.parent}/warden.db") as database:
        database.execute("UPDATE models SET owner = 'usr_mallory'")
    database.close()
    found = restore(path, settings, CLOCK)
    assert found.kept is not None
    assert found.kept.exists()
    with opened(settings) as warden:
        assert warden.acting_as("alice").models.show("churn").owner == "alice"


def test_a_broken_file_is_replaced(house: tuple[Settings, Path]) -> None:
    settings, path = house
    (path.parent / "warden.db").write_bytes(b"no database " * 1_000)
    restore(path, settings, CLOCK)
    with opened(settings) as warden:
        assert view(warden, "bob", actions.verify_database)


def test_an_older_backup_is_refused_and_nothing_is_touched(house: tuple[Settings, Path]) -> None:
    settings, path = house
    with opened(settings) as warden:
        warden.add_user("late")
        sign(warden)
    before = (path.parent / "warden.db").read_bytes()
    with pytest.raises(RestoreRefused, match="would be lost"):
        restore(path, settings, CLOCK)
    assert (path.parent / "warden.db").read_bytes() == before
    assert list(path.parent.glob(".restore-*")) == []


@pytest.mark.parametrize("lost", ["guard", "database"])
def test_the_guard_file_and_the_database_in_place_each_refuse_alone(
    house: tuple[Settings, Path], lost: str
) -> None:
    settings, path = house
    with opened(settings) as warden:
        warden.add_user("late")
        sign(warden)
    if lost == "guard":
        (path.parent / "guard").unlink()
    else:
        (path.parent / "warden.db").unlink()
    with pytest.raises(RestoreRefused, match="would be lost"):
        restore(path, settings, CLOCK)


def test_a_checkpoint_from_elsewhere_refuses_alone(house: tuple[Settings, Path]) -> None:
    settings, path = house
    with opened(settings) as warden:
        warden.add_user("late")
        note = sign(warden)
    for name in ("guard", "warden.db"):
        (path.parent / name).unlink()
    with pytest.raises(RestoreRefused, match="the checkpoint given knows"):
        restore(path, settings, CLOCK, Wanted(checkpoint=note))
    with pytest.raises(RestoreRefused, match="not of this ledger"):
        restore(path, settings, CLOCK, Wanted(checkpoint="nonsense"))
    assert not (path.parent / "warden.db").exists()
    restore(path, settings, CLOCK)


def test_a_backup_of_a_rewritten_ledger_is_refused_by_root(house: tuple[Settings, Path]) -> None:
    settings, path = house
    guard = path.parent / "guard"
    signed = json.loads(guard.read_text())
    guard.write_text(json.dumps(signed | {"root": "00" * 32}))
    with pytest.raises(RestoreRefused, match="not those that the guard file knows"):
        restore(path, settings, CLOCK)


def test_another_root_in_a_signed_checkpoint_is_refused(house: tuple[Settings, Path]) -> None:
    settings, path = house
    with opened(settings) as warden:
        keys = warden.store.around.keyring
    note = sign_note(Checkpoint(keys.origin, 3, bytes(32)), keys.log_key).decode()
    with pytest.raises(RestoreRefused, match="not those that the checkpoint given knows"):
        restore(path, settings, CLOCK, Wanted(checkpoint=note))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE models SET owner = 'usr_mallory'", "state_mismatch"),
        (
            "UPDATE ledger_entries SET body = x'7b7d' WHERE seq = 4",
            "entry_altered",
        ),
        ("DELETE FROM ledger_index WHERE seq = 4", "index_mismatch"),
        ("UPDATE texts SET ciphertext = zeroblob(60)", "text_altered"),
    ],
)
def test_a_backup_that_does_not_verify_is_refused(
    house: tuple[Settings, Path], statement: str, code: str
) -> None:
    settings, path = house
    with opened(settings) as warden, warden.store.database.writing() as connection:
        keys = warden.store.around.keyring
        connection.exec_driver_sql("DROP TRIGGER ledger_entries_no_update")
        connection.exec_driver_sql(statement)
    with opened(settings) as warden, warden.store.database.reading() as connection:
        bad = backup(connection, keys, path.with_name("bad"), at="2026-11-20T00:00:00.000000Z")
    before = (path.parent / "warden.db").read_bytes()
    with pytest.raises(RestoreRefused, match=code):
        restore(bad.path, settings, CLOCK)
    assert (path.parent / "warden.db").read_bytes() == before


def test_a_damaged_backup_is_refused(house: tuple[Settings, Path]) -> None:
    settings, path = house
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BackupInvalid):
        restore(path, settings, CLOCK)
    path.write_bytes(bytes(data)[:-100])
    with pytest.raises(BackupInvalid):
        restore(path, settings, CLOCK)


def test_a_database_in_use_is_not_replaced(house: tuple[Settings, Path]) -> None:
    settings, path = house
    with opened(settings) as warden, warden.store.database.reading() as connection:
        connection.exec_driver_sql("SELECT 1 FROM models").all()
        with pytest.raises(RestoreRefused, match="stop every process"):
            restore(path, settings, CLOCK)
    with opened(settings) as warden:
        assert view(warden, "bob", actions.verify_database)


def test_without_its_keys_nothing_is_restored(house: tuple[Settings, Path], tmp_path: Path) -> None:
    settings, path = house
    shutil.rmtree(tmp_path / "keys")
    with pytest.raises(KeyUnusable):
        restore(path, settings, CLOCK)
    other = tmp_path / "other"
    other.mkdir()
    with open_warden(f"sqlite:///{other}/warden.db", keys_folder=other / "keys"):
        pass
    with pytest.raises(BackupInvalid):
        restore(path, settings_in(other), CLOCK)


@pytest.mark.services
def test_a_backup_moves_between_the_databases(
    house: tuple[Settings, Path], postgres_url: NewDatabase, tmp_path: Path
) -> None:
    settings, path = house
    there = settings_in(tmp_path, postgres_url())
    restore(path, there, CLOCK)
    with opened(there) as warden:
        warden.add_user("late")
        sign(warden)
        whole = partial(actions.verify_database, strict=True, state=True)
        assert view(warden, "bob", whole).problems == ()
        back = back_up(warden, tmp_path / "back.backup")
    with pytest.raises(RestoreRefused, match="holds a ledger already"):
        restore(back, there, CLOCK)
    for file in tmp_path.glob("warden.db*"):
        file.unlink()
    restore(back, settings, CLOCK)
    with opened(settings) as warden:
        sign(warden)
        whole = partial(actions.verify_database, strict=True, state=True)
        assert view(warden, "bob", whole).problems == ()
        assert warden.acting_as("late").users.me().handle == "late"
