"""How a guard stands, for whoever asks: ready or not, what counts now, what was counted (SG-21, SG-57)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.guard.held import State
from modelwarden.guard.metrics import exposition

if TYPE_CHECKING:
    from modelwarden.guard.held import Held
    from modelwarden.guard.metrics import Figure
    from modelwarden.guard.setting_up import Parts


class Standing:
    """The part of a guard that tells of it and ends it."""

    _parts: Parts

    @property
    def is_ready(self) -> bool:
        """Say whether there is a snapshot that is not stale."""
        return self._parts.judged().state is State.FRESH

    @property
    def state(self) -> State:
        """How the guard stands."""
        return self._parts.judged().state

    @property
    def held(self) -> Held:
        """What counts now: rules, snapshot, state, generation."""
        return self._parts.judged()

    def status(self) -> dict[str, object]:
        """Return what is reported to the server, and why there is no news at present (`red`)."""
        self._parts.judged()
        return {**self._parts.reports.report(), "red": self._parts.feed.red}

    def figures(self) -> tuple[Figure, ...]:
        """Return what is counted, for `metrics.exposition` and whatever else shows it (SG-57)."""
        return self._parts.figures()

    def metrics(self) -> str:
        """Return what is counted as Prometheus reads it."""
        return exposition(self._parts.figures())

    def close(self) -> None:
        """End the threads. What is held goes on counting, and grows old."""
        self._parts.close()
