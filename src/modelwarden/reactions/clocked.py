"""A follower's step that looks each so many seconds: no entry concerns it, only the clock."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.ledger.entry import Stored
    from modelwarden.store.follower import Position


class Clocked(ABC):
    """Looks as soon as it leads, since whoever led before may have been killed in between; then by the clock."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._looked_at = float("-inf")

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # nothing was gathered
        """Look at the next chance."""
        self._looked_at = float("-inf")

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:  # noqa: B027  # none concerns it
        """Pass entries by."""

    def idle(self) -> None:
        """Look, if it is time."""
        now = time.monotonic()
        if now - self._looked_at >= self._every_s:
            self._looked_at = now
            self.look()

    @abstractmethod
    def look(self) -> None:
        """Look at everything."""
