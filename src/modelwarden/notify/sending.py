"""Sending to all endpoints: in one process at a time, a follower for each, started and stopped as they come and go.

The process that leads also fixes each day of the delivery log by a fact, and deletes what is older than 90 days.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.notify import outcomes, queries
from modelwarden.notify.address import Egress, system_resolve
from modelwarden.notify.outcomes import Which
from modelwarden.notify.post import DEADLINE_S, Line
from modelwarden.notify.sender import ACTOR, Sender
from modelwarden.store.change import View
from modelwarden.store.database import Lead
from modelwarden.store.follower import Follower
from modelwarden.values.system import system

if TYPE_CHECKING:
    from modelwarden.config import Settings
    from modelwarden.notify.address import Resolve
    from modelwarden.store.opening import Store
    from modelwarden.values.clock import Clock

NAME: Final = "endpoints"
LOOK_S: Final = 1.0
UPKEEP_S: Final = 600.0
SEALER: Final = system("sealer")
LOG: Final = logging.getLogger("modelwarden.notify")


class Served(NamedTuple):
    """An endpoint at work."""

    sender: Sender
    follower: Follower


class Sending:
    """A thread that looks which endpoints there are. Raises SettingInvalid for an `endpoint_allow` that is none."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        *,
        resolve: Resolve = system_resolve,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._store, self._clock = store, clock
        self._egress = Egress(settings.endpoint_allow)
        self._resolve, self._deadline_s = resolve, deadline_s
        self._served: dict[Which, Served] = {}
        self._kept_up_at: float | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelwarden-endpoints", daemon=True)

    def start(self) -> None:
        """Begin to look and to send."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be new entries."""
        for served in tuple(self._served.values()):
            served.follower.wake()

    def close(self) -> None:
        """Stop: what is under way is cut, positions are saved."""
        self._closing.set()
        for served in tuple(self._served.values()):
            served.sender.stop()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                lead = self._store.database.lead(NAME) if self._is_needed() else None
                if lead is not None:
                    with contextlib.closing(lead):
                        self._lead(lead)
            except Exception as error:  # noqa: BLE001  # the edge: whatever it is, look again
                LOG.warning("could not serve the endpoints: %s", error)
            self._closing.wait(LOOK_S)

    def _lead(self, lead: Lead) -> None:
        """Serve while this process leads."""
        try:
            while not self._closing.is_set() and lead.holds():
                self.look()
                self._closing.wait(LOOK_S)
        finally:
            self._match({})

    def look(self) -> None:
        """Serve the endpoints that there are now, and no others; do the day's upkeep."""
        with self._store.database.reading() as connection:
            found = queries.enabled(self._view(connection))
        self._match({Which(each.id, each.round): each.follower for each in found})
        now = time.monotonic()
        if self._kept_up_at is None or now - self._kept_up_at > UPKEEP_S:
            self._kept_up_at = now
            self.keep_up()

    def keep_up(self) -> None:
        """Fix the days of the log that are over, and delete what is too old."""
        while not self._closing.is_set():
            with self._store.database.reading() as connection:
                due = outcomes.due_seal(self._view(connection))
            if due is None:
                break
            self._store.writer.submit(SEALER, partial(outcomes.seal, due=due)).result()
        with self._store.database.reading() as connection:
            before = outcomes.due_pruning(self._view(connection))
        if before is not None:
            self._store.writer.submit(ACTOR, partial(outcomes.prune, before=before)).result()

    def _match(self, wanted: dict[Which, str]) -> None:
        for which in [each for each in self._served if each not in wanted]:
            served = self._served.pop(which)
            served.sender.stop()
            served.follower.close()
        for which, name in wanted.items():
            if which not in self._served and not self._closing.is_set():
                line = Line(self._egress, self._resolve, self._deadline_s)
                sender = Sender(which, self._store, self._clock, line)
                follower = Follower(name, self._store, sender, lead=_borrowed)
                self._served = {**self._served, which: Served(sender, follower)}
                follower.start()

    def _is_needed(self) -> bool:
        with self._store.database.reading() as connection:
            return bool(queries.count_by_state(self._view(connection)))

    def _view(self, connection: object) -> View:
        return View(
            connection,  # type: ignore[arg-type]  # as the database gave it
            now=self._clock.now(),
            principal=ACTOR,
            around=self._store.around,
        )


def _borrowed(_name: str) -> Lead:
    """Lead without a lock of its own: the thread that starts the followers holds one for all of them."""
    return Lead(contextlib.ExitStack())
