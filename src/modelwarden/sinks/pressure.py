"""Writes wait for required sinks (LG-51): past 60 s or 10,000 entries of lag they are refused, except what stops harm.

Each process looks for itself, at the positions in the database, since another one may lead the sink. Of a sink that it
leads, it knows how far that is, whatever the database says.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from modelwarden.errors import SinkBehind
from modelwarden.sinks.delay import Delay
from modelwarden.sinks.opening import follower_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.store.follower import Follower
    from modelwarden.store.opening import Store
    from modelwarden.values.clock import Clock

LOOK_S: Final = 1.0
MOST_ENTRIES: Final = 10_000
MOST_S: Final = 60
LOG: Final = logging.getLogger("modelwarden.sinks")


class Pressure:
    """A thread that holds writes back while a required sink is too far behind. Not started if none is required."""

    def __init__(
        self,
        required: Sequence[str],
        store: Store,
        clock: Clock,
        *,
        followers: Sequence[Follower] = (),
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._clock = store, clock
        ours = {each.name: each for each in followers}
        self._required = {
            name: Delay(
                follower_name(name),
                store.database,
                follower=ours.get(follower_name(name)),
                elapsed=elapsed,
            )
            for name in required
        }
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelwarden-pressure", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self._required:
            self._thread.start()

    def look(self) -> None:
        """Compare the required sinks' positions with the ledger now, and hold writes back or let them go on."""
        try:
            behind = [found for name in self._required if (found := self._behind(name))]
        except Exception as error:  # noqa: BLE001  # the edge: without an answer, what was found last stands
            LOG.warning("could not see how far the sinks are: %s", error)
            return
        held = behind[0] if behind else None
        if held is not None and self._store.writer.held is None:
            LOG.error("writes are held back: %s", held)
        self._store.writer.held = held

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self.look()
            self._closing.wait(LOOK_S)

    def _behind(self, name: str) -> SinkBehind | None:
        lag = self._required[name].lag(now=self._clock.now())
        if lag.entries > MOST_ENTRIES or lag.seconds > MOST_S:
            return SinkBehind(
                f"the required sink {name} is {lag.entries:,} entries and {lag.seconds:.0f} s behind; nothing was"
                " changed. Rollbacks and revocations still work; see `health` for what keeps the sink"
            )
        return None
