"""kill -9 while entries are recorded and carried: each copy on the disk has every entry once, and verifies (LG-50)."""

from __future__ import annotations

import random
import signal
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from modelwarden.sinks.address import parse_address
from modelwarden.sinks.sink import kind_of
from modelwarden.warden.warden import open_warden
from tests.faults import processes
from tests.sinks import logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

MANY = 10_000


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """Name a WORM folder with small segments and a static log, for the child and for us."""
    addresses = (f"worm://{tmp_path}/worm?segment_mb=1", f"tiles://{tmp_path}/tiles")
    monkeypatch.setenv("MODELWARDEN_SINKS", " ".join(addresses))
    yield addresses
    logs.loosen(tmp_path / "worm")


def _killed(
    url: str, keys: Path, *, name: str, after: int, wait_s: float
) -> dict[int, tuple[str, str]]:
    """Let a child answer so many changes, kill it a moment later, and return what it had answered."""
    child = processes.started(url, keys, name, count=MANY)
    lines: list[str] = []
    assert child.stdout is not None
    assert child.stderr is not None
    with child:
        for line in child.stdout:
            lines.append(line)
            if len(lines) == after:
                time.sleep(wait_s)
                child.kill()
        told = child.stderr.read()
    assert child.returncode == -signal.SIGKILL, told
    return processes.receipts(lines)


def _carried(warden: Warden) -> bool:
    """Wait until every sink holds everything."""
    warden.sign()
    for _ in range(3_000):
        if all(each.follower.lag() == 0 for each in warden.sinks):
            return True
        time.sleep(0.01)
    return False


def _seqs(address: str) -> list[int]:
    parsed = parse_address(address)
    with closing(kind_of(parsed).open_copy(parsed, origin=None)) as copy:
        return [int(data[7 : data.index(b",")]) for data in copy.lines()]


def _survive(url: str, keys: Path, copies: tuple[str, ...], *, kills: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # a seed, so that a failure comes again
    answered: dict[int, tuple[str, str]] = {}
    for n in range(kills):
        after, wait_s = chance.randint(2, 400), chance.random() / 5
        answered |= _killed(url, keys, name=f"run{n}", after=after, wait_s=wait_s)
        with open_warden(url, keys_folder=keys) as warden:
            assert _carried(warden), [each.follower.failing for each in warden.sinks]
            size = warden.audit.checkpoint().size
            for address in copies:
                result = logs.verified(warden, address)
                assert (result.problems, result.size, result.uncovered) == ((), size, 0)
                assert _seqs(address) == list(range(size))
    size = processes.check(url, keys, answered)
    assert size > kills


def test_a_killed_process_leaves_copies_that_are_whole(
    tmp_path: Path, copies: tuple[str, ...]
) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    _survive(url, tmp_path / "keys", copies, kills=2, seed=21)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_fifty_kills_leave_copies_that_are_whole(tmp_path: Path, copies: tuple[str, ...]) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    _survive(url, tmp_path / "keys", copies, kills=50, seed=22)
