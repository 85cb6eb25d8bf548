"""kill -9 in the middle of writing: what was answered is kept, the ledger verifies, the next start works (LG-12)."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import pytest

from tests.faults import processes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.conftest import Server

MANY = 10_000


def _kill_while_writing(
    url: str, keys: Path, *, name: str, after: int
) -> dict[int, tuple[str, str]]:
    """Let a child answer so many changes, kill it, and return everything that it had answered."""
    child = processes.started(url, keys, name, count=MANY)
    lines: list[str] = []
    assert child.stdout is not None
    assert child.stderr is not None
    with child:
        for line in child.stdout:
            lines.append(line)
            if len(lines) == after:
                child.kill()
        told = child.stderr.read()
    assert child.returncode == -signal.SIGKILL, told
    assert len(lines) >= after, told
    return processes.receipts(lines)


def _survives(url: str, keys: Path, *, kills: int, most: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # a seed, so that a failure comes again
    answered: dict[int, tuple[str, str]] = {}
    for n in range(kills):
        answered |= _kill_while_writing(url, keys, name=f"run{n}", after=chance.randint(2, most))
        processes.check(url, keys, answered)


def test_a_killed_process_keeps_what_it_answered_on_sqlite(tmp_path: Path) -> None:
    _survives(f"sqlite:///{tmp_path}/warden.db", tmp_path / "keys", kills=3, most=800, seed=1)


@pytest.mark.services
def test_a_killed_process_keeps_what_it_answered_on_postgresql(
    server: Server, tmp_path: Path
) -> None:
    _survives(server.url, tmp_path / "keys", kills=2, most=800, seed=2)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_a_hundred_kills_on_sqlite(tmp_path: Path) -> None:
    _survives(f"sqlite:///{tmp_path}/warden.db", tmp_path / "keys", kills=100, most=400, seed=3)


@pytest.mark.soak
@pytest.mark.services
@pytest.mark.timeout(3_600)
def test_a_hundred_kills_on_postgresql(server: Server, tmp_path: Path) -> None:
    _survives(server.url, tmp_path / "keys", kills=100, most=400, seed=4)
