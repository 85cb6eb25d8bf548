"""How many decisions a guard made in the last hour, by what is known of their calls without asking any (SG-7).

It reads plain numbers that are counted anyhow, on the thread that reports; no call knows of it. What a place has fixed
(its endpoint, its version, a region that it is bound to) is known of the calls that took its short way; of all others
nothing is, and they stand under no value at all.
"""

from __future__ import annotations

import weakref
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modelwarden.guard.site import Site

    Known = tuple[tuple[str, str], ...]

HOUR_S: Final = 3_600
PART_S: Final = 300
MOST_CELLS: Final = 32
TOLD: Final = ("endpoint", "version", "region")
"""Dimensions whose values are told; those of others may be customers' names."""
LONGEST: Final = 200


class Traffic:
    """Decisions of the last hour, in parts of five minutes. For one thread."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._parts: deque[tuple[float, Counter[Known]]] = deque()
        self._seen: weakref.WeakKeyDictionary[Site, int] = weakref.WeakKeyDictionary()
        self._decided = 0

    def note(self, sites: Iterable[Site], *, decided: int) -> None:
        """Take in what was counted since the last time: by place, and in all."""
        now = self._clock()
        found: Counter[Known] = Counter()
        for site in list(sites):
            total = site.place.short
            found[_known(site)] += max(0, total - self._seen.get(site, 0))
            self._seen[site] = total
        found[()] += max(0, decided - self._decided - sum(found.values()))
        self._decided = decided
        if not self._parts or now - self._parts[-1][0] >= PART_S:
            self._parts.append((now, Counter()))
        self._parts[-1][1].update(found)
        while self._parts and now - self._parts[0][0] >= HOUR_S:
            self._parts.popleft()

    def told(self) -> dict[str, object]:
        """Return what is reported; beyond 32 different contexts, the rest is of none."""
        total: Counter[Known] = Counter()
        for _, part in self._parts:
            total.update(part)
        cells = [(known, n) for known, n in total.most_common() if known and n]
        kept = cells[: MOST_CELLS - 1]
        rest = total[()] + sum(n for _, n in cells[MOST_CELLS - 1 :])
        found = [{"context": dict(known), "n": n} for known, n in kept]
        if rest:
            found.append({"context": {}, "n": rest})
        return {"span_s": min(HOUR_S, int(self._clock() - self._began)), "cells": found}


def _known(site: Site) -> Known:
    """Return what is the same for every call of a place."""
    place = site.place
    fixed = {**place.bound, "version": place.version}
    pairs = ((name, fixed.get(name)) for name in TOLD)
    return tuple(
        (name, value)
        for name, value in pairs
        if isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()
    )
