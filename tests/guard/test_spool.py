"""Parts that wait on disk outlive the process, count once, and stay within their bounds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SlotTooLate
from modelwarden.guard.outbox import Outbox, Waiting
from modelwarden.guard.recorder import Recorder
from modelwarden.guard.slots import Counts, Part
from modelwarden.guard.spool import Spool
from tests.guard.far_end import FarEnd

if TYPE_CHECKING:
    from collections.abc import Callable

CHILD = Path(__file__).with_name("recorder_child.py")
DEAD, ALIVE = "0" * 16, "1" * 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def recorder(send: Callable[[bytes], object], folder: Path) -> Recorder:
    return Recorder(send, sli="child", flush_s=3600, clock=lambda: 1.8e9, spool=folder)


def part(number: int, total: int = 5) -> Waiting:
    made = Part(sli="child", minute=30_000_000, number=number, counts=Counts(total=total))
    return Waiting(made.encode(), total)


def parts_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.part"))


def test_a_killed_reporter_is_replayed_under_its_own_name_and_counts_once(tmp_path: Path) -> None:
    words = [sys.executable, str(CHILD), str(tmp_path), "killed"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    assert child.stdout is not None
    instance = child.stdout.readline().strip()
    far, spool = FarEnd(), tmp_path / "spool"
    with recorder(far, spool) as beside:  # the other process lives: its parts are its own
        assert beside.flush()
        assert far.total() == 0
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    far.answers_lost = True
    with recorder(far, spool) as ours:
        ours.record(0.1)
        assert not ours.flush()
        assert not ours.flush()
        far.answers_lost = False
        assert ours.flush()
    assert far.total() == 3 + 4 + 1
    assert {report.instance for report in far.reports if report.parts} == {instance, ours.instance}
    assert list(spool.iterdir()) == []


def test_what_arrived_leaves_the_disk_and_what_did_not_stays(folder: Path) -> None:
    far = FarEnd()
    ours = recorder(far, folder)
    ours.record(0.1)
    assert ours.flush()
    assert parts_in(folder) == []
    far.failure = ConnectionRefusedError()
    ours.record(0.1)
    ours.record(0.1)
    ours.close()
    assert len(parts_in(folder)) == 1
    far.failure = None
    recorder(far, folder).close()
    later = recorder(far, folder)
    assert later.flush()
    later.close()
    assert far.total() == 3


def test_the_oldest_go_first_and_are_told(folder: Path) -> None:
    far = FarEnd()
    before = Outbox(far, instance=DEAD, spool=Spool(folder, DEAD))
    for number in (1, 2):
        before.put(part(number))
    before.close()
    size = len(part(1).data)
    ours = Outbox(far, instance=ALIVE, spool=Spool(folder, ALIVE), spool_bytes=3 * size)
    for number in (1, 2, 3, 4):
        ours.put(part(number))
    assert (ours.dropped, ours.told(), ours.told()) == (15, 15, 0)
    assert ours.spooled_bytes == 3 * size == sum(p.stat().st_size for p in parts_in(folder))
    assert ours.send()
    assert [p.number for p in far.parts] == [2, 3, 4]
    assert parts_in(folder) == []


def test_what_a_killed_reporter_left_and_nobody_takes_is_told_as_lost(folder: Path) -> None:
    before = Outbox(lambda _: None, instance=DEAD, spool=Spool(folder, DEAD))
    before.put(part(1))
    before.close()

    def refuse(_: bytes) -> None:
        raise SlotTooLate("two days ago")

    ours = Outbox(refuse, instance=ALIVE, spool=Spool(folder, ALIVE))
    assert ours.send()
    assert (ours.told(), parts_in(folder)) == (5, [])


@pytest.mark.parametrize("junk", [b"", b"\xff", b"{}", b'{"total":"many"}'], ids=str)
def test_a_damaged_file_stops_nothing(folder: Path, junk: bytes) -> None:
    folder.mkdir()
    (folder / f"{DEAD}-{1:012d}.part").write_bytes(junk)
    (folder / "note.part").write_bytes(b"not ours")
    far = FarEnd()
    with recorder(far, folder) as ours:
        ours.record(0.1)
        assert ours.flush()
    assert far.total() == 1
    assert [path.name for path in parts_in(folder)] == ["note.part"]


def test_without_a_folder_to_be_had_memory_has_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    far = FarEnd()
    with recorder(far, tmp_path / "file" / "spool") as ours:
        ours.record(0.1)
        assert ours.flush()
    assert far.total() == 1


def test_a_disk_that_fails_later_is_done_without(folder: Path) -> None:
    far = FarEnd()
    ours = Outbox(far, instance=ALIVE, spool=Spool(folder, ALIVE))
    ours.put(part(1))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    ours.put(part(2))
    assert ours.send()
    assert [p.number for p in far.parts] == [2]
