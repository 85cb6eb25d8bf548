"""What became of the calls that a route gave to a version, counted by version: for whoever compares two (RL-37).

A call is bad if its version raised, answered what no contract allows, or was refused by its own breaker; what switches,
limits and old inputs stop says nothing about a version. Plain numbers, to which threads add without a lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from modelwarden.guard.begun import Begun
    from modelwarden.guard.breaker import Amiss

MOST_VERSIONS: Final = 16
"""Versions that one guard counts; of a further one nothing is known."""


class VersionCounts:
    """One version: calls, how many were bad, how long they took in all, how many answers differed in its shadow."""

    __slots__ = ("calls", "differed", "failed", "seconds")

    def __init__(self) -> None:
        self.calls = self.failed = self.differed = 0
        self.seconds = 0.0


class ByVersion:
    """The versions of one guard."""

    def __init__(self) -> None:
        self._found: dict[str, VersionCounts] = {}

    def ended(self, begun: Begun, ended: float, amiss: Amiss | None) -> None:
        """Count a call that a routed version answered, well or badly; a drill's is none of its own."""
        if begun.function is not None and begun.struck is None:
            self.add(begun.version, seconds=ended - begun.started, failed=amiss is not None)

    def refused(self, begun: Begun) -> None:
        """Count a call that the breaker of a routed version refused."""
        if begun.function is not None and begun.struck is None:
            self.add(begun.version, seconds=0.0, failed=True)

    def add(
        self, label: str | None, *, seconds: float, failed: bool, differed: bool = False
    ) -> None:
        """Count one call of a version."""
        if label is None:
            return
        one = self._found.get(label)
        if one is None:
            if len(self._found) >= MOST_VERSIONS:
                return
            one = self._found.setdefault(label, VersionCounts())
        one.calls += 1
        one.failed += failed
        one.differed += differed
        one.seconds += seconds

    def told(self) -> list[dict[str, object]]:
        """Return what is reported: totals since the guard began, by label."""
        return [
            {
                "label": label,
                "calls": one.calls,
                "failed": one.failed,
                "busy_ms": int(one.seconds * 1000),
                "differed": one.differed,
            }
            for label, one in sorted(self._found.items())
        ]
