"""What a guard counts of its calls: plain numbers, read by whoever reports, measures or shows them."""

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from modelwarden.guard.by_version import ByVersion
from modelwarden.guard.checks import NOT_FINITE
from modelwarden.guard.decision import Status
from modelwarden.guard.router import Why
from modelwarden.guard.signals import DISAGREEMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.guard.breaker import Breaker
    from modelwarden.guard.place import Place

SIGNALS: Final = frozenset({NOT_FINITE, DISAGREEMENT})
"""Reasons that are counted apart from what became of the call."""
RAISED: Final = "raised:"
"""How the reason begins of a call whose model raised; what it raised stands behind."""
NEVER: Final = -1
"""Of which every number has some bit: no call is timed."""
LATENCIES: Final = 1_024
"""Latencies that wait for whoever measures; the newest are kept."""


class Counts:
    """What a guard counts; plain numbers, to which threads add without a lock.

    Args:
        timed: somebody asks for latencies, so that they are kept.
    """

    def __init__(self, *, timed: bool = True) -> None:
        self._timed = timed
        self.by_status = [0] * 8
        self.drilled = [0] * 8
        self.drilled_stopped = 0  # of those that a drill struck and a switch blocked
        self._short: list[Breaker] = []
        self.unknown_context = 0
        self.stale_inputs = 0
        self.raised = self.slow = 0
        self.inputs = self.bad_inputs = 0
        self.faults = 0
        self.noticed: dict[str, int] = {}
        self.routed = dict.fromkeys(Why, 0)
        self.by_version = ByVersion()
        self.steps: dict[str, int] = {}
        self.stopped = 0  # of those blocked, by a switch
        self.stored = self.not_stored = 0  # of those ok and failed, what was only to be remembered
        self.latencies: deque[float] = deque(maxlen=LATENCIES)

    def add(self, place: Place, breaker: Breaker) -> None:
        """Count with the good answers those of a place's short way, which its breaker alone counts."""
        self._short.append(breaker)
        breaker.untimed = 0 if self._timed else NEVER
        weakref.finalize(place, self._keep, breaker)

    def _keep(self, breaker: Breaker) -> None:
        """Keep the number of a place that is gone; taken away before it is added, so that no report is too high."""
        self._short.remove(breaker)
        self.by_status[Status.OK] += breaker.short

    def end(self, status: Status, struck: object) -> None:
        """Count a decision, and whether a drill struck its call."""
        self.by_status[status] += 1
        if struck is not None:
            self.drilled[status] += 1

    def drills(self) -> dict[str, int]:
        """Return how many answers a drill struck, and what became of them (SG-53)."""
        return {
            "drilled": sum(self.drilled),
            "drilled_fell": sum(self.drilled[Status.LAST_KNOWN_GOOD : Status.BLOCKED]),
            "drilled_unanswered": sum(self.drilled[Status.BLOCKED :]),
        }

    def notice(self, reasons: Mapping[str, int] | tuple[str, ...]) -> None:
        """Count reasons that are signals of their own, such as answers that are no finite number (SG-51)."""
        times = reasons if isinstance(reasons, dict) else dict.fromkeys(reasons, 1)
        self.raised += sum(n for reason, n in times.items() if reason.startswith(RAISED))
        for reason in SIGNALS.intersection(times):
            self.noticed[reason] = self.noticed.get(reason, 0) + times[reason]

    def places(self) -> tuple[Breaker, ...]:
        """Return the breakers that count what took the short way."""
        return tuple(self._short)

    def decided(self) -> int:
        """Return how many decisions there were."""
        return sum(self.by_status) + sum(breaker.short for breaker in tuple(self._short))

    def of(self, status: Status) -> int:
        """Return how many answers had a status."""
        short = sum(breaker.short for breaker in tuple(self._short)) if status is Status.OK else 0
        return self.by_status[status] + short
