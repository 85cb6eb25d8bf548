"""A database that was put back, its guard file too: a copy that our key signed stops writes, and nothing else does."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import RollbackSuspected
from modelwarden.ledger.checkpoint import Checkpoint, sign_note, unverified_checkpoint
from modelwarden.ledger.entry import Stored, line
from modelwarden.ledger.keys import LogKey, new_seed
from modelwarden.ledger.merkle import leaf_hash
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.far_ends import FarEnds
from modelwarden.store import entries
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.sinks import archive, logs
from tests.sinks.brokers import mock_cluster, produced
from tests.sinks.test_upkeep import _told, _upkeep
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.values.answers import VerificationAnswer
    from modelwarden.warden.warden import Warden
    from tests.services.s3 import S3

KINDS = ("tiles", "worm", "s3", "tiles+s3")


@dataclass(frozen=True, slots=True)
class House:
    """A ledger whose whole folder, guard file and keys included, can be put back; its copy lies elsewhere."""

    folder: Path
    address: str

    @contextmanager
    def opened(self, *addresses: str) -> Iterator[Warden]:
        url = f"sqlite:///{self.folder}/warden.db"
        with open_warden(url, sinks=addresses, scrub_hours=0) as warden:
            yield warden

    def keep(self) -> None:
        """Keep a snapshot of the folder."""
        shutil.copytree(self.folder, self.folder.with_name("kept"))

    def put_back(self) -> None:
        """Put the snapshot back."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.folder.with_name("kept"), self.folder)

    def grow(self, *names: str) -> None:
        """Record, sign, and carry all of it to the copy."""
        with self.opened() as warden:
            for name in names:
                submitted(warden, define(name))
            warden.sign()
            follow = archive.follow if self.address.startswith("s3:") else logs.follow
            follow(warden, self.address)


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    return tmp_path / "tiles"


def _house(tmp_path: Path, address: str) -> House:
    house = House(tmp_path / "house", address)
    house.folder.mkdir()
    tables.fresh(house.folder)
    house.grow("one", "two")
    house.keep()
    house.grow("three", "four")
    return house


@pytest.fixture
def house(tmp_path: Path, tiles: Path) -> House:
    return _house(tmp_path, f"tiles://{tiles}")


@pytest.fixture(params=KINDS)
def any_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Give a house with a copy of each kind that keeps signed checkpoints."""
    if request.param in {"tiles", "worm"}:
        address = f"{request.param}://{tmp_path}/copy"
    else:
        s3: S3 = request.getfixturevalue("s3")
        address = s3.address(s3.bucket())
        if request.param == "tiles+s3":
            address = f"tiles+{address}"
    yield _house(tmp_path, address)
    if (tmp_path / "copy").exists():
        logs.loosen(tmp_path / "copy")


def _blocked(warden: Warden) -> str:
    """Return why writes are refused; nothing was recorded of it, which would be signed onto a forked past."""
    size = _size(warden)
    with pytest.raises(RollbackSuspected) as refused:
        submitted(warden, define("after"))
    assert _size(warden) == size
    return str(refused.value)


def _size(warden: Warden) -> int:
    with warden.store.database.reading() as connection:
        return entries.read_head(connection).size


def _signed_by(warden: Warden, size: int, *keys: LogKey) -> bytes:
    return sign_note(Checkpoint(warden.store.around.keyring.origin, size, bytes(32)), *keys)


def _codes(found: VerificationAnswer) -> set[str]:
    return {problem.code for problem in found.problems}


def _tenth(found: VerificationAnswer) -> tuple[str, str]:
    return next((step.status, step.detail) for step in found.steps if step.number == 10)


def test_a_put_back_database_is_stopped_at_the_start_by_any_signed_copy(any_house: House) -> None:
    any_house.put_back()
    with any_house.opened(any_house.address) as warden:
        told = _blocked(warden)
        assert "5 entries that this log's key signed, the ledger has 3" in told
        assert warden.operation.unready() == ("ledger",)
        assert len(warden.audit.search().items) == 3  # reads go on


def test_a_sound_database_is_not_stopped(any_house: House) -> None:
    with any_house.opened(any_house.address) as warden:
        submitted(warden, define("five"))
        assert warden.far_ends.check()
        submitted(warden, define("six"))
        assert warden.far_ends.differing == {}


def test_growing_past_the_copy_on_another_past_is_found_by_root(house: House) -> None:
    house.put_back()
    with house.opened() as warden:  # without the sink: nobody notices
        for name in ("other", "past", "and", "more"):
            submitted(warden, define(name))
        warden.sign()
    with house.opened(house.address) as warden:
        assert "first 5 entries are not those that its key signed" in _blocked(warden)


def test_nothing_is_signed_before_the_copies_were_looked_at(house: House) -> None:
    house.put_back()
    with house.opened() as warden:
        submitted(warden, define("other"))
    with sqlite3.connect(house.folder / "warden.db") as database:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
        for (name,) in database.execute(triggers, ("ledger_checkpoints",)).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("DELETE FROM ledger_checkpoints WHERE size > 3")
    database.close()
    with house.opened(house.address) as warden:
        _blocked(warden)
        with pytest.raises(RollbackSuspected):
            warden.sign()
        with warden.store.database.reading() as connection:
            note = entries.newest_checkpoint(connection)
        assert note is not None
        assert unverified_checkpoint(note).size == 3


def test_a_database_that_is_put_back_while_it_runs_is_found_by_the_next_look(
    house: House, tiles: Path
) -> None:
    with house.opened(house.address) as warden:
        assert warden.far_ends.check()
        for follower in warden.followers:
            follower.close()
        key = warden.store.around.keyring.log_key
        (tiles / "checkpoint").write_bytes(_signed_by(warden, 5_000, key))
        assert warden.far_ends.check()
        assert "5000 entries" in _blocked(warden)


def test_a_checkpoint_by_another_key_stops_nothing_and_is_told(house: House, tiles: Path) -> None:
    with house.opened() as warden:
        stranger = LogKey(warden.store.around.keyring.origin, new_seed())
        (tiles / "checkpoint").write_bytes(_signed_by(warden, 5_000, stranger))
    with house.opened(house.address) as warden:
        submitted(warden, define("goes on"))
        warden.far_ends.check()
        submitted(warden, define("goes on still"))
        upkeep = _upkeep(warden)
        upkeep.look()
        upkeep.look()
        (told,) = _told(warden, "sink.differs")
        assert (told["sink"], told["problem"]) == ("tiles", "sink_differs")
        found = warden.audit.verify()
        assert _codes(found) == {"sink_differs"}
        assert "no key of this log signed" in _tenth(found)[1]


def test_a_checkpoint_by_another_key_laid_over_ours_hides_nothing(
    house: House, tiles: Path
) -> None:
    with house.opened() as warden:
        stranger = LogKey(warden.store.around.keyring.origin, new_seed())
        (tiles / "checkpoint").write_bytes(_signed_by(warden, 3, stranger))
        for size in (4, 6, 7_000):
            (tiles / "checkpoints" / str(size)).write_bytes(_signed_by(warden, size, stranger))
    house.put_back()
    with house.opened(house.address) as warden:
        assert "5 entries" in _blocked(warden)


@pytest.mark.parametrize("forged", [b"", b"nonsense", b"x\n1\n\n\xff", b"\n" * 2_000_000])
def test_what_is_no_checkpoint_stops_nothing(house: House, tiles: Path, forged: bytes) -> None:
    (tiles / "checkpoint").write_bytes(forged)
    with house.opened(house.address) as warden:
        warden.far_ends.check()
        submitted(warden, define("goes on"))
        assert warden.far_ends.differing["tiles"].code == "sink_differs"


@pytest.mark.parametrize("seq", [1_000, 2**53, 10**19 - 1])
def test_a_forged_message_in_a_topic_stops_nothing_and_is_told(house: House, seq: int) -> None:
    with mock_cluster() as brokers:
        address = f"kafka://{brokers}/ledger"
        with house.opened(address) as warden:
            assert archive.caught_up(warden)
            warden.sinks[0].follower.close()
            forged = line(Stored(seq, b"{}", bytes(32), bytes(32)), bytes(32))
            key = warden.store.around.keyring.origin.encode()
            produced(brokers, "ledger", forged.rstrip(b"\n"), key=key)
            warden.far_ends.check()
            submitted(warden, define("goes on"))
            upkeep = _upkeep(warden)
            upkeep.look()
            upkeep.look()
            (told,) = _told(warden, "sink.differs")
            assert told["seq"] == min(seq, 2**53 - 1)
            found = warden.audit.verify()
            assert (_tenth(found)[0], _codes(found)) == ("failed", {"sink_differs"})
            assert f"kafka holds entry {seq}" in _tenth(found)[1]


def test_lines_beyond_the_ledger_that_nobody_signed_stop_nothing(tmp_path: Path) -> None:
    house = _house(tmp_path, f"worm://{tmp_path}/copy?immutable=false")
    (path,) = (tmp_path / "copy").rglob("*.jsonl")
    with path.open("ab") as file:
        file.write(line(Stored(5, b"{}", leaf_hash(b"{}"), bytes(32)), bytes(32)))
    with house.opened(house.address) as warden:
        warden.far_ends.check()
        submitted(warden, define("goes on"))
        assert warden.far_ends.differing["worm"].seq == 5


def test_what_is_not_there_stops_nothing_and_is_named(house: House, tiles: Path) -> None:
    shutil.rmtree(tiles)
    with house.opened("worm:///proc/none", house.address) as warden:
        submitted(warden, define("goes on"))
        for follower in warden.followers:
            follower.close()
        shutil.rmtree(tiles, ignore_errors=True)
        found = warden.audit.verify()
        status, detail = _tenth(found)
        assert (found.ok, status) == (True, "not_checked")
        assert "sinks: worm: there is no copy" in detail
        assert "sinks: tiles: there is no static log" in detail


def test_a_far_end_that_never_answers_is_not_waited_for(house: House, s3: S3) -> None:
    with house.opened() as warden, closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        port = deaf.getsockname()[1]
        address = s3.address("bucket", endpoint=f"http://127.0.0.1:{port}")
        ends = FarEnds(warden.store, [parse_address(address)])
        for _ in range(2):  # the second look does not add a thread to the one that hangs
            (end,) = ends.read(0.1)
            assert end.unread == "it has not answered yet"
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("modelwarden-look-s3") == 1


def test_a_sound_copy_is_named_as_compared(any_house: House) -> None:
    with any_house.opened(any_house.address) as warden:
        assert archive.caught_up(warden)
        found = warden.audit.verify()
        name = parse_address(any_house.address).name
        assert found.problems == ()
        assert _tenth(found) == ("proved", f"guard file, sink {name}")


def test_a_copy_that_is_ahead_fails_verification_too(house: House) -> None:
    house.put_back()
    with house.opened() as warden:
        warden.far_ends = FarEnds(warden.store, [parse_address(house.address)])
        found = warden.audit.verify()
        assert (_codes(found), _tenth(found)[0]) == ({"rolled_back"}, "failed")


def test_a_stopped_ledger_can_still_be_verified(house: House) -> None:
    house.put_back()
    with house.opened(house.address) as warden:
        _blocked(warden)
        found = warden.audit.verify()
        assert (_codes(found), _tenth(found)[0]) == ({"rolled_back"}, "failed")
