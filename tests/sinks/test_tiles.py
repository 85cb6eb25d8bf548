"""The static log holds what the tree holds, grows without rewriting, survives crashes, and verifies by itself."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SinkDiffers, SinkUnusable
from modelwarden.ledger.checkpoint import unverified_checkpoint
from modelwarden.ledger.tile_paths import bundled
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.sink import kind_of
from modelwarden.sinks.upkeep import Upkeep
from modelwarden.store.follower import Position
from modelwarden.warden.warden import open_warden
from tests.sinks import logs

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def address(folder: Path) -> str:
    return f"tiles://{folder}"


def _names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in logs.files(folder)]


def test_a_small_log_has_the_files_that_tlog_tiles_names(
    warden: Warden, folder: Path, address: str
) -> None:
    logs.grow(warden, 3)
    logs.follow(warden, address)
    logs.grow(warden, 258)
    logs.follow(warden, address)
    assert _names(folder) == [
        "checkpoint",
        "checkpoints/258",
        "checkpoints/3",
        "log.vkey",
        "tile/0/000",
        "tile/0/001.p/2",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/2",
    ]
    assert (folder / "log.vkey").read_text() == f"{warden.audit.keys()[0]}\n"
    assert unverified_checkpoint((folder / "checkpoint").read_bytes()).size == 258
    assert (folder / "tile/0/000").stat().st_size == 8_192
    assert len(bundled((folder / "tile/entries/000").read_bytes())) == 256


@pytest.mark.parametrize("size", [1, 255, 256, 257, 513])
def test_a_log_of_any_size_verifies(warden: Warden, address: str, size: int) -> None:
    logs.grow(warden, size)
    logs.follow(warden, address)
    result = logs.verified(warden, address)
    assert (result.problems, result.size, result.uncovered) == ((), size, 0)
    assert result.signer == warden.audit.keys()[0]
    assert result.not_checked == ("the chain of entry hashes (step 5): a static log holds none",)
    assert logs.numbers(address, size - 1) == [size - 1]


def test_growing_in_many_steps_gives_the_files_of_one(
    sqlite_warden: Warden, tmp_path: Path
) -> None:
    chance, size = random.Random(5), 1  # noqa: S311  # a seed, so that a failure comes again
    while size < 1_500:
        size += chance.randint(1, 120)
        logs.grow(sqlite_warden, size)
        logs.follow(sqlite_warden, f"tiles://{tmp_path}/steps?name=steps")
        assert logs.verified(sqlite_warden, f"tiles://{tmp_path}/steps").problems == ()
    logs.follow(sqlite_warden, f"tiles://{tmp_path}/once?name=once")
    once = {path: (tmp_path / "once" / path).read_bytes() for path in _names(tmp_path / "once")}
    steps = {path: (tmp_path / "steps" / path).read_bytes() for path in _names(tmp_path / "steps")}
    assert once.items() <= steps.items()
    narrow = [path for path in steps if ".p/" in path and path not in once]
    assert {path.rpartition(".p/")[0] for path in narrow} <= {
        "tile/0/005",
        "tile/1/000",
        "tile/entries/005",
    }


def test_entries_that_no_checkpoint_covers_wait(sqlite_warden: Warden, address: str) -> None:
    logs.grow(sqlite_warden, 10)
    follower = logs.follower_at(sqlite_warden, address)
    follower.follow_once()
    sqlite_warden.store.signer.close()
    sqlite_warden.add_user("ada")
    follower.follow_once()
    assert follower.lag() == 1
    assert logs.numbers(address) == list(range(10))


def test_a_checkpoint_signed_meanwhile_is_published_when_idle(
    sqlite_warden: Warden, address: str
) -> None:
    logs.grow(sqlite_warden, 2)
    sink = logs.sink_at(sqlite_warden, address)
    follower = logs.follower_at(sqlite_warden, address)
    follower._step = sink
    follower.follow_once()
    sqlite_warden.add_user("ada")
    size = sqlite_warden.audit.checkpoint().size
    follower.follow_once()
    done = sink.idle()
    assert done is not None
    assert (done.next_seq, logs.numbers(address)) == (size, list(range(size)))


def test_catching_up_passes_most_checkpoints_over(
    sqlite_warden: Warden, folder: Path, address: str
) -> None:
    for size in range(1_000, 40_001, 1_000):
        logs.grow(sqlite_warden, size)
    logs.follow(sqlite_warden, address)
    sizes = {int(path.name) for path in logs.files(folder / "checkpoints")}
    assert 40_000 in sizes
    assert 3 <= len(sizes) < 30
    assert logs.verified(sqlite_warden, address).problems == ()


def test_another_ledgers_folder_is_not_written_to(
    sqlite_warden: Warden, tmp_path: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 5)
    logs.follow(sqlite_warden, address)
    with open_warden(f"sqlite:///{tmp_path}/other.db") as other:
        logs.grow(other, 9)
        with pytest.raises(SinkDiffers, match="none that this ledger signed"):
            logs.follower_at(other, address).follow_once()


def test_a_log_that_was_emptied_is_told(sqlite_warden: Warden, folder: Path, address: str) -> None:
    logs.grow(sqlite_warden, 5)
    logs.follow(sqlite_warden, address)
    (folder / "checkpoint").unlink()
    with pytest.raises(SinkDiffers, match="ends at size 0"):
        logs.follower_at(sqlite_warden, address).follow_once()


def test_a_damaged_full_tile_is_not_written_over(
    sqlite_warden: Warden, folder: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 300)
    logs.follow(sqlite_warden, f"{address}?name=first")
    logs.flip(folder / "tile/0/000", 100)
    (folder / "checkpoint").unlink()
    with pytest.raises(SinkDiffers, match="holds other bytes"):
        logs.follower_at(sqlite_warden, f"{address}?name=second").follow_once()


def test_whatever_part_of_a_publication_a_crash_left_the_next_start_completes_it(
    sqlite_warden: Warden, folder: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 700)
    logs.follow(sqlite_warden, address)
    whole = {path: path.read_bytes() for path in logs.files(folder)}
    paths = sorted(path for path in whole if path.name != "log.vkey")
    for n in range(len(paths)):
        for path in paths[: n + 1]:
            path.unlink(missing_ok=True)
        (folder / "checkpoint").unlink(missing_ok=True)
        logs.follow(sqlite_warden, f"{address}?name=again{n}")
        assert {path: path.read_bytes() for path in logs.files(folder)} == whole


def test_two_processes_that_publish_at_once_go_on_and_never_back(
    sqlite_warden: Warden, address: str
) -> None:
    logs.grow(sqlite_warden, 5)
    one, other = (logs.follower_at(sqlite_warden, address) for _ in range(2))
    one.follow_once()
    other.follow_once()
    logs.grow(sqlite_warden, 9)
    one.follow_once()
    one._step.idle()
    with pytest.raises(SinkUnusable, match="meanwhile"):
        other.follow_once()
    other.follow_once()
    assert logs.verified(sqlite_warden, address).problems == ()


def test_the_key_that_signs_now_stands_before_older_ones(
    sqlite_warden: Warden, folder: Path, address: str
) -> None:
    folder.mkdir()
    (folder / "log.vkey").write_text("older\n")
    logs.sink_at(sqlite_warden, address).begin(Position(0, b""))
    assert (folder / "log.vkey").read_text() == f"{sqlite_warden.audit.keys()[0]}\nolder\n"


def test_a_place_that_can_be_written_is_told_and_left_as_it_was(
    sqlite_warden: Warden, folder: Path, address: str
) -> None:
    assert logs.sink_at(sqlite_warden, address).probe() == f"folder {folder}"
    assert logs.files(folder) == []


def test_a_part_of_a_log_verifies(sqlite_warden: Warden, address: str) -> None:
    logs.grow(sqlite_warden, 1_000)
    logs.follow(sqlite_warden, address)
    result = logs.verified(sqlite_warden, address, first=300, last=600)
    assert (result.problems, result.first, result.size) == ((), 300, 601)


def test_the_lines_are_those_of_every_other_copy(
    sqlite_warden: Warden, tmp_path: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 600)
    logs.follow(sqlite_warden, address)
    logs.follow(sqlite_warden, f"worm://{tmp_path}/worm?immutable=false")
    for first in (0, 255, 599):
        ours, theirs = (
            list(kind_of(parsed).open_copy(parsed, origin=None).lines(first))
            for parsed in (parse_address(address), parse_address(f"worm://{tmp_path}/worm"))
        )
        assert ours == theirs


def test_a_log_that_grows_while_it_is_read_verifies_at_the_size_that_it_had(
    sqlite_warden: Warden, address: str
) -> None:
    parsed = parse_address(address)
    for old, sizes in ((300, (310, 320, 330)), (400, (450, 500, 520))):
        logs.grow(sqlite_warden, old)
        logs.follow(sqlite_warden, address)
        copy = kind_of(parsed).open_copy(parsed, origin=None)
        for size in sizes:
            logs.grow(sqlite_warden, size)
            logs.follow(sqlite_warden, address)
        assert len(list(copy.lines())) == old
        assert list(copy.problems()) == []


def test_the_hourly_comparison_names_what_was_changed_in_a_folder(
    tmp_path: Path, folder: Path, address: str
) -> None:
    sinks = (address, f"worm://{tmp_path}/worm?immutable=false")
    with open_warden(f"sqlite:///{tmp_path}/house.db", sinks=sinks) as warden:
        logs.grow(warden, 200)
        for each in warden.sinks:
            for _ in range(600):
                if each.follower.lag() == 0:
                    break
                each.follower._closing.wait(0.02)
            each.follower.close()
        upkeep = Upkeep(
            warden, warden.store, warden.sinks, (), warden.clock, far_ends=warden.far_ends
        )
        upkeep.read_back()
        assert not upkeep._differing
        bundle = max((folder / "tile/entries/000.p").iterdir(), key=lambda path: int(path.name))
        logs.flip(bundle, 5_000)
        (lines,) = (tmp_path / "worm").rglob("*.jsonl")
        logs.flip(lines, 5_000)
        upkeep.read_back()
        assert upkeep._differing == {"tiles", "worm"}
