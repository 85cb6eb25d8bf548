"""A disk that is full or refuses to be written: the copy waits, says so, and goes on where it was."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SinkUnusable
from modelwarden.ledger.entry import Stored, chain_start
from modelwarden.sinks.worm_folder import folder_of, freeze, thaw
from modelwarden.store import entries
from modelwarden.store.follower import Position
from modelwarden.warden.warden import open_warden
from tests.sinks import logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.sinks.sink import Sink
    from modelwarden.warden.warden import Warden


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "copy"
    logs.loosen(tmp_path / "copy")


@pytest.fixture(params=["worm", "tiles"])
def address(request: pytest.FixtureRequest, place: Path) -> str:
    return f"{request.param}://{place}"


@contextmanager
def _no_larger_than(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: writes fail in the middle, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def _unwritable(folder: Path) -> Iterator[None]:
    """Let nothing be made in a folder; root needs the immutable flag to be kept out."""
    if os.geteuid() == 0 and not freeze(folder):
        pytest.skip("root writes everywhere on this file system")
    mode = folder.stat().st_mode
    if os.geteuid():
        folder.chmod(0o555)
    try:
        yield
    finally:
        thaw(folder)
        folder.chmod(mode)


def _carry(warden: Warden, sink: Sink) -> None:
    """Hand all entries to a sink, in batches, without a follower, which would write to the database."""
    origin = warden.store.around.keyring.origin
    before = chain_start(origin)
    sink.begin(Position(0, before))
    with warden.store.database.reading() as connection:
        for rows in entries.between(connection, 0, 2**62):
            batch = [Stored(*row) for row in rows]
            sink(batch, before)
            before = batch[-1].entry_hash
    sink.idle()


@pytest.mark.parametrize("room", [1, 700, 5_000, 20_000])
def test_a_full_disk_in_the_middle_of_a_write_loses_nothing(
    sqlite_warden: Warden, address: str, room: int
) -> None:
    logs.grow(sqlite_warden, 1_500)
    sink = logs.sink_at(sqlite_warden, address)
    for _ in range(3):
        with _no_larger_than(room), pytest.raises(SinkUnusable):
            _carry(sqlite_warden, sink)
    sink.close()
    logs.follow(sqlite_warden, address)
    result = logs.verified(sqlite_warden, address)
    assert (result.problems, result.size) == ((), 1_500)
    assert logs.numbers(address) == list(range(1_500))


def test_a_folder_that_was_made_read_only_holds_the_copy_up_and_no_more(
    sqlite_warden: Warden, place: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 10)
    logs.follow(sqlite_warden, address)
    folder = place
    if address.startswith("worm"):
        folder = folder_of(place, sqlite_warden.store.around.keyring.origin) / "2026"
    logs.grow_days(sqlite_warden, 40)
    with _unwritable(folder), pytest.raises(SinkUnusable):
        logs.follow(sqlite_warden, address)
    logs.follow(sqlite_warden, address)
    assert logs.verified(sqlite_warden, address).problems == ()
    assert logs.numbers(address) == list(range(15))


def test_a_required_copy_that_can_not_be_written_shows_and_holds_writes_back(
    tmp_path: Path, place: Path
) -> None:
    place.write_text("a file where the folder has to be")
    address = f"worm://{place}?required=true"
    with open_warden(f"sqlite:///{tmp_path}/warden.db", sinks=(address,)) as warden:
        for _ in range(600):
            if warden.sinks[0].follower.failing is not None:
                break
            warden.sinks[0].follower._closing.wait(0.01)
        parts = {part.name: part for part in warden.operation.health().components}
        assert parts["sink worm"].status == "degraded"
        assert "failing since" in parts["sink worm"].detail
        assert "sink_unusable" in parts["sink worm"].detail
        assert str(place) not in parts["sink worm"].detail
        assert warden.operation.unready() == ()
        logs.grow(warden, 10_050)
        assert warden.operation.unready() == ("sink worm",)
        assert warden.operation.health().status == "down"
        place.unlink()
        warden.sinks[0].follower._closing.wait(0)
