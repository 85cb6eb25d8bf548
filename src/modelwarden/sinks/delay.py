"""How long a sink keeps entries waiting, by this process's own steady clock.

Entries say when they were recorded by the clock of whoever recorded them. Clocks are set forward and back, and those of
two hosts differ: held against them, a sink would seem late for ever, or never. So only what waits at our first look is
measured by the entries' own time.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from modelwarden.store import positions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from modelwarden.store.database import Database
    from modelwarden.store.follower import Follower
    from modelwarden.store.positions import Lag

MOST_LOOKS: Final = 3_600
"""Looks that are remembered while nothing moves: the first of them says how late the sink is."""


class Delay:
    """One follower's lag, look by look. Not safe to share between threads."""

    def __init__(
        self,
        name: str,
        database: Database,
        *,
        follower: Follower | None = None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._database, self._follower = name, database, follower
        self._elapsed = elapsed
        self._looks: deque[tuple[float, int]] | None = None  # when the ledger had how many entries

    def lag(self, *, now: datetime) -> Lag:
        """Return how far the follower is behind. Raises LedgerUnavailable."""
        at = None if self._follower is None else self._follower.done
        found = positions.lag(self._database, self._name, now=now, at=at)
        passed, size = self._elapsed(), found.next_seq + found.entries
        if self._looks is None:
            self._looks = deque([(passed - found.seconds, size)])
        looks = self._looks
        while looks and looks[0][1] <= found.next_seq:
            looks.popleft()
        if found.entries and len(looks) < MOST_LOOKS and (not looks or looks[-1][1] < size):
            looks.append((passed, size))
        return found._replace(seconds=passed - looks[0][0] if looks else 0.0)
