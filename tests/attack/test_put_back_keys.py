"""Which of our keys stops writes from afar: the newest, though the database forgot it; no retired or revoked one."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import RollbackSuspected
from modelwarden.ledger.checkpoint import Checkpoint, sign_note
from modelwarden.store import key_files
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.audit.sample import populate, sign
from tests.sinks import logs

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.ledger.keys import LogKey
    from modelwarden.warden.warden import Warden


class House:
    """A ledger whose database can be put back to before its log key was rotated; the keys folder stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "db").mkdir()
        tables.fresh(folder / "db")
        with self.opened(sinks=()) as warden:
            populate(warden)
            self.began = warden.clock.now()
            logs.follow(warden, self.address)
        shutil.copytree(folder / "db", folder / "kept")
        with self.opened(sinks=()) as warden:
            carol = warden.acting_as("carol")
            warden.add_user("between")
            carol.server_keys.rotate("ledger")
            sign(warden)
            logs.follow(warden, self.address)
            self.rotated = warden.audit.checkpoint().size
        self.old, self.new = self._keys()

    @property
    def address(self) -> str:
        return f"tiles://{self.folder}/tiles"

    def opened(self, *, sinks: tuple[str, ...] | None = None) -> Warden:
        return open_warden(
            f"sqlite:///{self.folder}/db/warden.db",
            keys_folder=self.folder / "keys",
            sinks=(self.address,) if sinks is None else sinks,
            scrub_hours=0,
        )

    def put_back(self) -> None:
        shutil.rmtree(self.folder / "db")
        shutil.copytree(self.folder / "kept", self.folder / "db")

    def lay(self, size: int, *keys: LogKey) -> None:
        """Lay a checkpoint into the static log, as whoever has these keys can."""
        note = sign_note(Checkpoint(self.old.name, size, bytes(32)), *keys)
        shutil.rmtree(self.folder / "tiles" / "checkpoints", ignore_errors=True)
        (self.folder / "tiles" / "checkpoint").write_bytes(note)

    def _keys(self) -> tuple[LogKey, LogKey]:
        first = key_files.first_log_key(self.folder / "keys")
        (new,) = (key for key in key_files.log_keys(self.folder / "keys") if key.vkey != first.vkey)
        return first, new


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def _stops(house: House) -> bool:
    with house.opened() as warden:
        try:
            warden.add_user(f"after-{secrets.token_hex(4)}")
        except RollbackSuspected:
            return True
        return False


def test_the_newest_key_counts_though_the_database_was_put_back_to_before_it(
    house: House,
) -> None:
    house.put_back()
    house.lay(house.rotated, house.new)  # as after the days in which both sign
    assert _stops(house)


def test_a_stolen_key_that_was_retired_cannot_stop_writes(house: House) -> None:
    house.lay(5_000, house.old)
    assert not _stops(house)


def test_a_key_that_was_revoked_cannot_stop_writes_at_any_size_past_that(house: House) -> None:
    with house.opened(sinks=()) as warden:
        carol = warden.acting_as("carol")
        first = next(key for key in carol.server_keys.list() if key.public == house.old.vkey)
        carol.server_keys.revoke("ledger", first.id, since=house.began)
    for size in (house.rotated - 1, 5_000):
        house.lay(size, house.old)
        assert not _stops(house)


def test_a_key_file_of_another_ledger_name_is_no_key_of_ours(house: House, tmp_path: Path) -> None:
    other = key_files.new_log_key(tmp_path / "keys", "another.example/log")
    house.lay(5_000, other)
    assert not _stops(house)
