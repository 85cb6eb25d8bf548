"""Measuring a call: what only computes is taken at its best round, what waits for a disk at its median.

The best round of a computation is the one that other programs disturbed least. A disk has no such floor, so rivals take
turns: a slow minute of the disk slows all of them.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Work:
    """Something to run, and how many things it does."""

    count: int
    run: Callable[[], object]


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def bests(runs: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Return the least seconds of each; they take turns."""
    found = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            found[name] = min(found[name], seconds(run))
    return found


def rates(works: Mapping[str, Work], *, rounds: int) -> dict[str, float]:
    """Return the middle rate of each, in things a second; each round runs all of them, one after the other."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(work.count / seconds(work.run))
    return {name: statistics.median(several) for name, several in found.items()}
