"""The WORM folder: dated segments, sealed and read-only, resumed after crashes, and never written over (LG-51)."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import stat
from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SettingInvalid, SinkDiffers, SinkUnusable, Unreadable
from modelwarden.ledger.entry import parse_line
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.sink import kind_of
from modelwarden.sinks.worm_folder import folder_of, is_frozen, origins
from modelwarden.warden.warden import open_warden
from tests.sinks import logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "worm"
    logs.loosen(tmp_path / "worm")


@pytest.fixture
def address(root: Path) -> str:
    return f"worm://{root}"


def _folder(warden: Warden, root: Path) -> Path:
    return folder_of(root, warden.store.around.keyring.origin)


def _names(warden: Warden, root: Path) -> list[str]:
    folder = _folder(warden, root)
    return [str(path.relative_to(folder)) for path in logs.files(folder)]


def _newest(warden: Warden, root: Path) -> Path:
    return max(_folder(warden, root).glob("*/*/*.jsonl"), key=lambda path: path.name)


def test_a_later_day_begins_a_segment_and_seals_the_one_before(
    warden: Warden, root: Path, address: str
) -> None:
    logs.grow(warden, 1)
    first = json.loads(warden.audit.show(0).line)["entry"]["at"][:10]
    logs.grow_days(warden, 30, 31)
    logs.follow(warden, address)
    assert _names(warden, root) == [
        *sorted(
            f"{first[:4]}/{first[5:7]}/{first}.{0:020d}.{kind}" for kind in ("jsonl", "seal.json")
        ),
        f"2026/12/2026-12-20.{1:020d}.jsonl",
        f"2026/12/2026-12-20.{1:020d}.seal.json",
        f"2026/12/2026-12-21.{6:020d}.jsonl",
        "checkpoint",
    ]
    result = logs.verified(warden, address)
    assert (result.problems, result.size, result.uncovered) == ((), 11, 0)


def test_a_seal_tells_what_its_segment_holds(warden: Warden, root: Path, address: str) -> None:
    logs.grow_days(warden, 30, 31)
    logs.follow(warden, address)
    (path,) = (
        path
        for path in logs.files(root)
        if path.name.startswith("2026-12-20") and path.suffix == ".json"
    )
    lines = path.with_name(path.name.replace("seal.json", "jsonl"))
    seal = json.loads(path.read_bytes())
    known = [parse_line(data) for data in lines.read_bytes().splitlines(keepends=True)]
    assert (seal["first"], seal["last"]) == (known[0].stored.seq, known[-1].stored.seq)
    assert seal["sha256"] == sha256(lines.read_bytes()).hexdigest()
    assert seal["previous_hash"] == known[0].previous_hash.hex()
    assert seal["entry_hash"] == known[-1].stored.entry_hash.hex()
    assert seal["checkpoint"].split("\n")[1] == str(known[-1].stored.seq + 1)
    assert {stat.S_IMODE(each.stat().st_mode) for each in (path, lines)} == {0o444}


def test_a_full_segment_is_followed_by_another_of_the_same_day(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 8_000)
    logs.follow(sqlite_warden, f"{address}?segment_mb=1")
    sizes = [path.stat().st_size for path in logs.files(root) if path.suffix == ".jsonl"]
    assert len(sizes) == 3
    assert max(sizes) < 1_048_576 + 65_536
    assert logs.verified(sqlite_warden, address).problems == ()


def test_a_clock_that_goes_back_a_day_does_not_open_an_older_segment(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow_days(sqlite_warden, 31, 30, 29, 32)
    logs.follow(sqlite_warden, address)
    dates = [path.name[:10] for path in logs.files(root) if path.suffix == ".jsonl"]
    assert dates[1:] == ["2026-12-21", "2026-12-22"]
    assert logs.verified(sqlite_warden, address).problems == ()
    logs.grow_days(sqlite_warden, 30)
    logs.follow(sqlite_warden, address)
    assert _newest(sqlite_warden, root).name.startswith("2026-12-22")


def test_a_torn_last_line_is_ended_and_its_entry_written_again(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 40)
    logs.follow(sqlite_warden, f"{address}?name=first")
    path = _newest(sqlite_warden, root)
    data = path.read_bytes()
    begin = data.rindex(b"\n", 0, -1) + 1
    for cut in (*range(begin + 1, len(data), 17), len(data) - 1):
        path.write_bytes(data[:cut])
        logs.follow(sqlite_warden, f"{address}?name=cut{cut}")
        again = path.read_bytes()
        is_whole = cut == len(data) - 1  # its LF alone was missing
        assert again == (data if is_whole else data[:cut] + b"\n" + data[begin:])
        result = logs.verified(sqlite_warden, address)
        assert (result.problems, result.size) == ((), 40)


def test_many_torn_lines_in_a_row_are_left_out_and_counted(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 9)
    logs.follow(sqlite_warden, f"{address}?name=first")
    path = _newest(sqlite_warden, root)
    for n in range(5):
        data = path.read_bytes()
        path.write_bytes(data[: -20 - n])
        logs.follow(sqlite_warden, f"{address}?name=again{n}")
    result = logs.verified(sqlite_warden, address)
    assert (result.problems, result.size) == ((), 9)
    assert any(note.startswith("5 lines that a crash tore") for note in result.not_checked)
    logs.grow_days(sqlite_warden, 60)
    logs.follow(sqlite_warden, address)
    assert logs.verified(sqlite_warden, address).problems == ()


def test_entries_that_the_folder_holds_already_are_not_written_again(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 20)
    logs.follow(sqlite_warden, f"{address}?name=first")
    before = _newest(sqlite_warden, root).read_bytes()
    logs.follow(sqlite_warden, f"{address}?name=second")
    assert _newest(sqlite_warden, root).read_bytes() == before
    logs.grow(sqlite_warden, 25)
    logs.follow(sqlite_warden, f"{address}?name=third")
    assert logs.numbers(address) == list(range(25))


def test_another_entry_where_the_ledgers_has_to_be_stops_it(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 3)
    logs.follow(sqlite_warden, f"{address}?name=first")
    path = _newest(sqlite_warden, root)
    lines = path.read_bytes().splitlines(keepends=True)
    forged = lines[-1].replace(b'"entry_hash":"', b'"entry_hash":"00', 1)
    start = forged.index(b'"entry_hash":"') + 14
    path.write_bytes(b"".join(lines[:-1]) + forged[: start + 64] + forged[start + 66 :])
    with pytest.raises(SinkDiffers, match="another entry of that number: entry 2"):
        logs.follow(sqlite_warden, f"{address}?name=second")


def test_lost_lines_are_told_and_nothing_is_written_over(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 10)
    logs.follow(sqlite_warden, address)
    path = _newest(sqlite_warden, root)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    with pytest.raises(SinkDiffers, match="ends with entry 3, but held 9 before"):
        logs.follow(sqlite_warden, address)
    path.unlink()
    with pytest.raises(SinkDiffers, match="ends with entry -1"):
        logs.follow(sqlite_warden, address)


def test_a_line_cut_out_of_the_open_segment_is_told(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 10)
    logs.follow(sqlite_warden, address)
    path = _newest(sqlite_warden, root)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4] + lines[5:]))
    with pytest.raises(SinkDiffers, match="has entry 5 where 4 has to be"):
        logs.follow(sqlite_warden, address)


def test_a_segment_that_is_gone_is_told_at_the_next_start(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow_days(sqlite_warden, 30, 31)
    logs.follow(sqlite_warden, address)
    logs.loosen(root)
    for path in root.rglob("2026-12-20*"):
        path.unlink()
    with pytest.raises(SinkDiffers, match="a segment or its seal is gone"):
        logs.follow(sqlite_warden, address)


def test_a_database_that_was_put_back_is_told(
    sqlite_warden: Warden, tmp_path: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 5)
    keys = sqlite_warden.settings.keys_folder
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(tmp_path / "warden.db")) as connection:
        connection.execute(f"VACUUM INTO '{older}'")
    logs.grow(sqlite_warden, 9)
    logs.follow(sqlite_warden, address)
    with (
        open_warden(f"sqlite:///{older}", keys_folder=keys) as put_back,
        pytest.raises(SinkDiffers, match="put back to an older state"),
    ):
        logs.follow(put_back, address)


def test_a_second_process_waits_while_one_writes(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 5)
    logs.follow(sqlite_warden, address)
    with (_folder(sqlite_warden, root) / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SinkUnusable, match="just now"):
            logs.follow(sqlite_warden, address)
    logs.follow(sqlite_warden, address)


def test_two_followers_of_one_name_write_nothing_twice(sqlite_warden: Warden, address: str) -> None:
    logs.grow(sqlite_warden, 5)
    one, other = (logs.follower_at(sqlite_warden, address) for _ in range(2))
    for turn in range(6):
        logs.grow(sqlite_warden, 10 * (turn + 1))
        for follower in (one, other):
            for _ in range(3):
                try:
                    follower.follow_once()
                except SinkUnusable as error:
                    assert "meanwhile" in str(error)  # noqa: PT017  # the other one wrote
    assert logs.numbers(address) == list(range(60))
    assert logs.verified(sqlite_warden, address).problems == ()


def test_a_crash_after_the_seal_still_closes_the_segment(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow_days(sqlite_warden, 30, 31)
    logs.follow(sqlite_warden, address)
    logs.loosen(root)
    _newest(sqlite_warden, root).unlink()  # the next one was not begun, the modes not set
    logs.follow(sqlite_warden, f"{address}?name=again")
    sealed = [path for path in logs.files(root) if "2026-12-20" in path.name]
    assert {stat.S_IMODE(path.stat().st_mode) for path in sealed} == {0o444}
    assert logs.verified(sqlite_warden, address).problems == ()


def test_an_empty_segment_of_a_crash_is_gone_on_with(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow_days(sqlite_warden, 30, 31)
    logs.follow(sqlite_warden, address)
    _newest(sqlite_warden, root).write_bytes(b"")
    logs.follow(sqlite_warden, f"{address}?name=again")
    assert logs.verified(sqlite_warden, address).problems == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="the immutable flag needs rights that we lack")
def test_closed_files_are_immutable_where_that_is_allowed(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    sink = logs.sink_at(sqlite_warden, address)
    if "no immutable flag" in sink.probe():
        pytest.skip("this file system has no immutable flag")
    logs.grow_days(sqlite_warden, 30, 31)
    logs.follow(sqlite_warden, address)
    sealed = [path for path in logs.files(root) if "2026-12-20" in path.name]
    assert [is_frozen(path) for path in sealed] == [True, True]
    for path in sealed:
        with pytest.raises(PermissionError):
            path.unlink()
        with pytest.raises(PermissionError):
            path.open("ab")
    assert not any(
        "closed files" in note for note in logs.verified(sqlite_warden, address).not_checked
    )


def test_without_the_flag_and_with_another_mode_the_result_says_so(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow_days(sqlite_warden, 30, 31)
    logs.follow(sqlite_warden, f"{address}?immutable=false")
    told = logs.verified(sqlite_warden, address).not_checked
    assert [note.split()[0] for note in told if "closed files" in note] == ["4"]
    logs.loosen(root)
    told = logs.verified(sqlite_warden, address).not_checked
    assert sum("closed files" in note for note in told) == 2


def test_the_probe_says_what_the_folder_can_and_leaves_nothing(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    found = logs.sink_at(sqlite_warden, f"{address}?immutable=false").probe()
    assert found == f"folder {_folder(sqlite_warden, root)}, no immutable flag here"
    logs.sink_at(sqlite_warden, address).probe()
    assert logs.files(root) == []


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("modelwarden.local/00ff", "modelwarden.local%2F00ff"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../../etc", "..%2F..%2Fetc"),
        ("a\u0301/b", "a%CC%81%2Fb"),
    ],
)
def test_a_ledgers_name_is_one_word_of_the_path(tmp_path: Path, origin: str, name: str) -> None:
    folder = folder_of(tmp_path, origin)
    assert folder == tmp_path / name
    folder.mkdir()
    assert (folder.resolve().parent, origins(tmp_path)) == (tmp_path.resolve(), [origin])


@pytest.mark.parametrize(
    "query", ["segment_mb=0", "segment_mb=5000", "segment_mb=x", "immutable=maybe", "days=3"]
)
def test_wrong_options_are_refused(sqlite_warden: Warden, address: str, query: str) -> None:
    with pytest.raises(SettingInvalid):
        logs.sink_at(sqlite_warden, f"{address}?{query}")


def test_a_place_that_is_no_folder_from_the_root_on_is_refused(sqlite_warden: Warden) -> None:
    for address in ("worm:///", "worm://host/srv/worm"):
        with pytest.raises(SettingInvalid, match="from the root on"):
            logs.sink_at(sqlite_warden, address)


def test_several_ledgers_share_a_root_and_one_has_to_be_named(
    sqlite_warden: Warden, tmp_path: Path, root: Path, address: str
) -> None:
    logs.grow(sqlite_warden, 3)
    logs.follow(sqlite_warden, address)
    with open_warden(f"sqlite:///{tmp_path}/other.db") as other:
        logs.grow(other, 5)
        logs.follow(other, address)
        assert logs.verified(other, address).size == 5
    assert logs.verified(sqlite_warden, address).size == 3
    with pytest.raises(Unreadable, match="2 ledgers lie"):
        logs.numbers(address)
    with pytest.raises(Unreadable, match="no ledger lies"):
        logs.numbers(f"worm://{root}/none")


def test_reading_begins_in_the_segment_that_holds_the_first_entry(
    sqlite_warden: Warden, root: Path, address: str
) -> None:
    logs.grow_days(sqlite_warden, 30, 31, 32)
    logs.follow(sqlite_warden, address)
    size = sqlite_warden.audit.checkpoint().size
    for first in range(size):
        assert logs.numbers(address, first) == list(range(first, size))
    logs.loosen(root)
    next(iter(sorted(root.rglob("*.jsonl")))).unlink()
    assert logs.numbers(address, size - 1) == [size - 1]
    result = logs.verified(sqlite_warden, address, first=size - 4)
    assert (result.ok, result.first) == (False, size - 4)
    assert {problem.code for problem in result.problems} == {"seal_invalid"}


def test_a_warden_with_a_worm_folder_keeps_it_up_to_date(tmp_path: Path, root: Path) -> None:
    address = f"worm://{root}?required=true"
    with open_warden(f"sqlite:///{tmp_path}/house.db", sinks=(address,)) as warden:
        warden.add_user("ada")
        for _ in range(600):
            if warden.sinks[0].follower.lag() == 0:
                break
            warden.sinks[0].follower._closing.wait(0.02)
        size = warden.audit.checkpoint().size
    assert logs.numbers(f"worm://{root}") == list(range(size))


def test_a_folder_that_is_written_to_while_it_is_read_verifies(
    sqlite_warden: Warden, address: str
) -> None:
    logs.grow_days(sqlite_warden, 30)
    logs.follow(sqlite_warden, address)
    parsed = parse_address(address)
    copy = kind_of(parsed).open_copy(parsed, origin=None)
    reading = copy.lines()
    seen = [next(reading) for _ in range(3)]
    logs.grow_days(sqlite_warden, 30, 31)  # the segment under our eyes grows and is closed
    logs.follow(sqlite_warden, address)
    seen += list(reading)
    assert [parse_line(data).stored.seq for data in seen] == list(range(len(seen)))
    assert list(copy.problems()) == []
