"""A snapshot is swapped under readers that never lock: each answer is of one snapshot, and right for it (SG-19)."""

from __future__ import annotations

import sys
import threading
import time
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.guard.match import joined
from modelwarden.guard.switch import Action
from tests.guard.wire import BLOCK_EU, taken, wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.guard.match import Match
    from modelwarden.guard.snapshot import Snapshot

THREADS: Final = 8
CONSUMERS: Final = 6_000
"""More than a matcher or a dimension remembers, so that both forget while others read."""


class Holder:
    """One reference, as a guard has it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.stopped = False
        self.wrong: list[str] = []
        self.asked = 0
        self.seen: set[int] = set()


@pytest.fixture
def _quick_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def snapshot(generation: int) -> Snapshot:
    """In even generations the EU is blocked and the US falls back; in odd ones the other way round."""
    regions = ("eu", "us") if generation % 2 == 0 else ("us", "eu")
    fields = (
        {"action": "block"},
        {"action": "fallback", "fallback": [f"step-{generation}", "last"]},
        {"action": "observe"},
    )
    scopes = (
        {"region": [regions[0]]},
        {"region": [regions[1]], "consumer": {"prefix": "c"}},
        {"version": {"prefix": "1."}, "region": {"not_in": ["asia"]}},
    )
    switches = [
        BLOCK_EU | {"id": f"{generation}-{n}", "scope": scope} | field
        for n, (scope, field) in enumerate(zip(scopes, fields, strict=True))
    ]
    return taken(wire(generation=generation, switches=switches))


def fault(found: Match, generation: int, region: str) -> str | None:
    blocked = (region == "eu") == (generation % 2 == 0)
    number = 0 if blocked else 1
    expected: tuple[object, ...] = (
        Action.BLOCK if blocked else Action.FALLBACK,
        (f"{generation}-{number}", f"{generation}-2"),
        () if blocked else (f"step-{generation}", "last"),
    )
    given = (found.action, found.switches, found.steps)
    return None if given == expected else f"{given} in generation {generation} for {region}"


def read(holder: Holder, first: int) -> None:
    for number in count(first):
        if holder.stopped:
            return
        region, consumer = ("eu", "us")[number % 2], f"c-{number * 7 % CONSUMERS}"
        context = {"region": region, "consumer": consumer, "version": "1.4.0"}
        current = holder.snapshot
        found = joined(current.switches.match(context), current.version_switches.match(context))
        problem = fault(found, current.head.at.generation, region)
        holder.asked += 1  # may lose counts: it only has to grow
        if number % 64 == 0:
            holder.seen.add(current.head.at.generation)
        if problem is not None:
            holder.wrong.append(problem)
            return


def run(seconds: float, *, at_least: int) -> Holder:
    """Swap for some time, and until readers have seen so many snapshots."""
    holder = Holder(snapshot(0))
    readers = [threading.Thread(target=read, args=(holder, n)) for n in range(THREADS)]
    for reader in readers:
        reader.start()
    ends = time.monotonic() + seconds
    for generation in count(1):
        if holder.wrong or (time.monotonic() > ends and len(holder.seen) >= at_least):
            break
        holder.snapshot = snapshot(generation)
    holder.stopped = True
    for reader in readers:
        reader.join()
    return holder


@pytest.mark.usefixtures("_quick_switching")
def test_no_answer_mixes_two_snapshots() -> None:
    holder = run(1.5, at_least=5)
    assert holder.wrong == []
    assert holder.asked > 0


@pytest.mark.soak
@pytest.mark.usefixtures("_quick_switching")
def test_no_answer_mixes_two_snapshots_in_a_minute() -> None:
    holder = run(60, at_least=100)
    assert holder.wrong == []
    assert holder.asked > 0


def test_a_mixed_answer_is_seen() -> None:
    """The check can fail: an answer of one snapshot is wrong for the next, and so is a mixture."""
    one, next_one = snapshot(2), snapshot(3)
    context = {"region": "eu", "consumer": "c-1", "version": "1.4.0"}
    right = joined(one.switches.match(context), one.version_switches.match(context))
    assert fault(right, 2, "eu") is None
    assert fault(right, 3, "eu") is not None
    mixed = joined(one.switches.match(context), next_one.version_switches.match(context))
    assert fault(mixed, 2, "eu") is not None
    assert fault(mixed, 3, "eu") is not None
