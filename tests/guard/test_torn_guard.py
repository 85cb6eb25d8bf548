"""Snapshots are swapped under a whole guard: each decision is of one snapshot, none older than the call, and counted.

In even generations the EU is blocked, in odd ones the US; Asia never is, and takes the short way.
"""

from __future__ import annotations

import sys
import threading
import time
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.guard.decision import Status
from tests.guard.hosts import from_file
from tests.guard.wire import BLOCK_EU, taken, wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.guard.decision import Decision
    from modelwarden.guard.guard import Guard

THREADS: Final = 8
REGIONS: Final = ("eu", "us", "asia")


@pytest.fixture
def _quick_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def predict(value: float, region: str) -> float:
    _ = region
    return value


def fault(decision: Decision, region: str, *, before: int) -> str | None:
    """Say what is wrong with a decision on a call that began when generation `before` was held."""
    generation = decision.generation
    is_blocked = region == ("eu", "us")[generation % 2]
    expected = (Status.BLOCKED, (f"swi_{generation}",)) if is_blocked else (Status.OK, ())
    given = (decision.status, decision.switches)
    if generation >= before and given == expected:
        return None
    return f"{given} in generation {generation} for {region}, begun in {before}"


class Readers:
    """Threads that call one guarded function until they are stopped."""

    def __init__(self, guard: Guard) -> None:
        self.holder = guard._parts.holder
        self.guarded: Any = guard.protect(predict, low=0.0, high=1.0)
        self.stopped = False
        self.wrong: list[str] = []
        self.calls = [0] * THREADS
        self.seen: set[int] = set()
        self.threads = [threading.Thread(target=self.read, args=(n,)) for n in range(THREADS)]

    def read(self, number: int) -> None:
        for turn in count(number):
            if self.stopped or self.wrong:
                return
            region, before = REGIONS[turn % 3], self.holder.held.generation
            self.calls[number] += 1
            decision = self.guarded(0.5, region)
            problem = fault(decision, region, before=before)
            if problem is not None:
                self.wrong.append(problem)
            if turn % 64 == 0:
                self.seen.add(decision.generation)


def run(guard: Guard, seconds: float, *, at_least: int) -> Readers:
    """Swap for some time, and until readers have seen so many snapshots."""
    swap(guard, 2_000)
    readers = Readers(guard)
    for thread in readers.threads:
        thread.start()
    ends = time.monotonic() + seconds
    for generation in count(2_001):
        if readers.wrong or (time.monotonic() > ends and len(readers.seen) >= at_least):
            break
        swap(guard, generation)
    readers.stopped = True
    for thread in readers.threads:
        thread.join()
    return readers


def swap(guard: Guard, generation: int) -> None:
    scope = {"region": [("eu", "us")[generation % 2]]}
    switch = BLOCK_EU | {"id": f"swi_{generation}", "scope": scope}
    snapshot = taken(wire(generation=generation, switches=[switch]))
    guard._parts.holder.take(snapshot, source="file")


@pytest.mark.usefixtures("_quick_switching")
@pytest.mark.parametrize(
    ("seconds", "at_least"),
    [
        pytest.param(1.5, 5, id="for a moment"),
        pytest.param(60, 100, id="for a minute", marks=pytest.mark.soak),
    ],
)
def test_no_decision_is_torn_missed_or_uncounted(
    tmp_path: Path, seconds: float, at_least: int
) -> None:
    with from_file(tmp_path) as guard:
        readers = run(guard, seconds, at_least=at_least)
        assert readers.wrong == []
        counts: Any = guard.status()["counts"]
        assert sum(counts[status.name.lower()] for status in Status) == sum(readers.calls) > 0
        assert counts["faults"] == 0


def test_a_torn_a_missed_and_a_late_decision_are_seen(tmp_path: Path) -> None:
    """The check can fail."""
    with from_file(tmp_path) as guard:
        swap(guard, 2_000)
        blocked = guard.protect(predict)(0.5, "eu")
        passed = guard.protect(predict)(0.5, "us")
    assert fault(blocked, "eu", before=2_000) is None
    assert fault(passed, "us", before=2_000) is None
    assert fault(blocked._replace(generation=2_001), "eu", before=2_000) is not None
    assert fault(passed._replace(generation=2_001), "us", before=2_000) is not None
    assert fault(passed, "us", before=2_001) is not None
