"""What a guard tells the server of itself, and what it writes to disk: on a daemon thread of its own (SG-22, step 6).

So neither a slow server nor a slow disk keeps news from arriving: it counts before it is told or kept. A fleet hears of
a stop in one moment; each guard tells at a moment of its own within the time that the server asks for. Reports are
telemetry: one that is lost is not sent again, the next says everything anew. A guard that reads a file has nobody to
report to.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import socket
import sys
import threading
import time
import uuid
import weakref
from typing import TYPE_CHECKING, Final

from modelwarden.guard.intake import KEPT_S
from modelwarden.guard.link import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelwarden.guard.feed import Feed, Pace
    from modelwarden.guard.held import Holder
    from modelwarden.guard.intake import Intake
    from modelwarden.guard.link import Server

APART_S: Final = 0.1
"""Reports begin at least so far apart, however often news comes."""

NOWHERE: Final = "none"
GONE: Final = "gone"
GOODBYE_S: Final = 1.0
"""How long the end of a process waits at most to have told of it."""
SOURCES: Final = {"bootstrap": "file"}
"""Words of this guard's that have another name on the wire."""


class Reports:
    """Saves and reports until it is closed.

    Attributes:
        instance: what this process is called; another one after a fork (SG-22).
        sent: reports that the server took.
        failed: reports that did not get there.
    """

    def __init__(
        self,
        server: Server | None,
        *,
        intake: Intake,
        holder: Holder,
        feed: Feed,
        pace: Pace,
        told: Callable[[], Mapping[str, object]],
    ) -> None:
        self._server = server
        self._intake = intake
        self._holder = holder
        self._feed = feed
        self._pace = pace
        self._told = told
        self.sent = 0
        self.failed = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.instance = str(uuid.uuid4())
        self._closed = False
        self._reported_at = float("-inf")
        self._link = None if self._server is None else Link(self._server)
        self._thread = threading.Thread(target=self._run, name="guard-reports", daemon=True)

    def start(self) -> None:
        """Start the thread; the end of the process ends it, and says goodbye."""
        self._thread.start()
        mine = weakref.WeakMethod(self.close)  # what is registered keeps nothing alive

        def close() -> None:
            found = mine()
            if found is not None:
                found()

        atexit.register(close)
        util = sys.modules.get("multiprocessing.util")
        if util is not None:  # its children end without `atexit` before Python 3.14
            util.Finalize(None, close, exitpriority=10)

    def close(self, timeout_s: float = 2.0) -> None:
        """Save what is not saved, say goodbye, and stop. Closing twice is closing once."""
        if self._closed:
            return
        self._closed = True
        self._feed.changed.set()
        if self._link is not None:
            self._link.abort()
        self._thread.join(timeout_s)

    def after_fork(self) -> None:
        """Begin anew in a forked child, as another instance."""
        if self._link is not None:
            self._link.after_fork()
        was_closed = self._closed
        self._begin_anew()
        self._closed = was_closed
        if not was_closed:
            self.start()

    def _run(self) -> None:
        while not self._closed:
            self._report()
            self._rest(self._intake.save())
        self._intake.save(is_last=True)
        if self._link is not None:
            self._say_goodbye(self._link)

    def _say_goodbye(self, link: Link) -> None:
        """Tell that this guard ends, so that nobody takes its silence for a loss (SG-23)."""
        link.drop()
        if self.sent:
            with contextlib.suppress(OSError):
                link.post("snapshot/applied", self.report() | {"state": GONE}, timeout_s=GOODBYE_S)
        link.drop()

    def _rest(self, unsaved_s: float) -> None:
        """Wait for news, the next beat or what is to be written, and after news a while more for what else comes."""
        changed = self._feed.changed
        if not changed.wait(min(self._pace.report_s, unsaved_s)):
            return
        now = time.monotonic()
        spread_s = random.random() * self._feed.spread_s  # noqa: S311 - no secret
        if spread_s > KEPT_S:  # the file does not wait for so long
            self._wait(now + KEPT_S)
            self._intake.save()
        self._wait(max(self._reported_at + APART_S, now + spread_s))
        changed.clear()

    def _wait(self, ends: float) -> None:
        changed = self._feed.changed
        while not self._closed and (left_s := ends - time.monotonic()) > 0:
            changed.clear()
            if not self._closed:
                changed.wait(left_s)

    def _report(self) -> None:
        link = self._link
        if link is None or not self._feed.settled.is_set():
            return
        self._reported_at = time.monotonic()
        try:
            answer = link.post("snapshot/applied", self.report(), timeout_s=self._pace.answer_s)
        except OSError:
            self.failed += 1
            return
        if answer.status < 300:  # noqa: PLR2004 - HTTP's own border
            self.sent += 1
        else:
            self.failed += 1

    def report(self) -> dict[str, object]:
        """Return what is reported now."""
        held, applied = self._holder.judge(), self._intake.applied
        at = None if held.snapshot is None else held.snapshot.head.at
        source = held.source
        return {
            "instance": self.instance,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "model": self._intake.model,
            "environment": self._intake.environment,
            "epoch": 0 if at is None else at.epoch,
            "generation": 0 if at is None else at.generation,
            "source": NOWHERE if source is None else SOURCES.get(source, source),
            "applied_ms": 0.0 if applied is None else round(applied.applied_ms, 3),
            "age_s": self._holder.age_s(),
            "state": str(held.state),
            "rejected": self._intake.rejected,
            **self._told(),
        }
