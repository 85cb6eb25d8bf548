"""A server that turned on its guards and sends without end: they answer, hold what is signed, and stay small."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from modelwarden.guard.guard import Guard
from modelwarden.guard.stream import BURST_S, SHARE
from tests.guard.hosts import soon

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parents[2]
WATCHED_S: Final = 8.0
MIB: Final = 2**20


@contextlib.contextmanager
def flooding(kind: str) -> Iterator[str]:
    """Start a server that floods in this way, and return its address."""
    words = [sys.executable, "-m", "tests.services.flooding", kind]
    with subprocess.Popen(words, cwd=HERE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


class Caller(threading.Thread):
    """Asks a guard again and again which regions are blocked, of one snapshot at a time."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(daemon=True)
        self.guard, self.ending = guard, threading.Event()
        self.calls, self.generations, self.torn = 0, set[int](), list[object]()

    def run(self) -> None:
        while not self.ending.is_set():
            held = self.guard._parts.holder.held
            snapshot = held.rules.snapshot
            if snapshot is None:
                continue
            blocked = [
                r
                for r in ("eu", "us")
                if snapshot.switches.match({"region": r, "consumer": "none"})
            ]
            if blocked != [("us", "eu")[held.generation % 2]] or snapshot is not held.snapshot:
                self.torn.append((held.generation, blocked))
            self.guard.check(region="eu", consumer="none")
            self.calls += 1
            self.generations.add(held.generation)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["valid", "mixed"])
def test_snapshots_without_end_tear_nothing_and_memory_stays_flat(
    kind: str, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(flooding(kind))
        guards = [
            Guard(address, "churn", state_dir=tmp_path / f"{n}", init_wait=30.0) for n in range(3)
        ]
        for guard in guards:
            stack.callback(guard.close)
        callers = [Caller(guard) for guard in guards]
        for caller in callers:
            caller.start()
        soon(lambda: all(len(caller.generations) > 20 for caller in callers))
        time.sleep(WATCHED_S)
        before = psutil.Process().memory_info().rss
        time.sleep(WATCHED_S)
        grown = psutil.Process().memory_info().rss - before
        for caller in callers:
            caller.ending.set()
            caller.join()
        assert [caller.torn for caller in callers] == [[], [], []]
        assert grown < 16 * MIB
        for caller, guard in zip(callers, guards, strict=True):
            assert caller.calls > len(caller.generations)  # callers come before the flood
            assert guard.state == "fresh"
            written = sum(file.stat().st_size for file in (tmp_path / "0").iterdir())
            assert written < MIB


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["garbage", "endless", "lines"])
def test_bytes_without_end_leave_the_guard_what_it_holds(kind: str, tmp_path: Path) -> None:
    with flooding(kind) as address:
        guard = Guard(address, "churn", state_dir=tmp_path, init_wait=30.0)
        with contextlib.closing(guard):
            soon(lambda: guard.status()["generation"] == 1)
            before = psutil.Process().memory_info().rss
            most = 0
            for _ in itertools.repeat(None, 80):
                time.sleep(0.1)
                assert guard.check(region="eu").diverts
                assert not guard.check(region="us").diverts
                most = max(most, psutil.Process().memory_info().rss - before)
            assert most < 48 * MIB  # one event that is too large, and what reading it takes
            assert guard.status()["generation"] == 1


@pytest.mark.soak
def test_a_flood_takes_a_share_of_one_core_and_no_more(tmp_path: Path) -> None:
    """CPU time of the receiving thread, whatever else the machine does: what it may take at once, and over a while."""
    with flooding("lines") as address:
        guard = Guard(address, "churn", state_dir=tmp_path, init_wait=30.0)
        with contextlib.closing(guard):
            thread = next(
                each for each in threading.enumerate() if each is guard._parts.feed._thread
            )
            assert thread.ident is not None
            clock = time.pthread_getcpuclockid(thread.ident)
            began = time.monotonic()
            time.sleep(WATCHED_S)
            spent, passed = time.clock_gettime(clock), time.monotonic() - began
            assert guard.check(region="eu").diverts
        assert spent < BURST_S + SHARE * passed + 0.5
