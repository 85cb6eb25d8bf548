"""Brings what a guard counted for drift to the server, on a daemon thread of its own, each 10 seconds (SG-49).

A flush is sent, byte for byte the same, until it arrives or is refused for good; the server knows a repeat by its
number. What waits is bounded: the oldest is dropped and counted.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.guard.link import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelwarden.guard.drift_meter import Meter
    from modelwarden.guard.feed import Pace
    from modelwarden.guard.link import Server

MAX_BYTES: Final = 1_048_576
CLOSING_S: Final = 2.0
LATER: Final = frozenset({401, 403, 408, 425, 429})
"""Answers of a 4xx that another time may be different: a token can be renewed, a rate passes."""


class Waiting(NamedTuple):
    """A flush that is to be sent."""

    version: str
    dimension: str
    data: bytes


class DriftSender:
    """Sends the flushes of one guard.

    Attributes:
        sent, refused, dropped: flushes that arrived, that the server does not take, that waited too long.
        size_bytes: how much waits.
    """

    def __init__(
        self,
        server: Server,
        *,
        model: str,
        environment: str,
        meters: Callable[[], Iterator[Meter]],
        pace: Pace,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.sent = 0
        self.refused = 0
        self.dropped = 0
        self._server = server
        self._model = model
        self._environment = environment
        self._meters = meters
        self._pace = pace
        self._wall = wall
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.size_bytes = 0
        self._waiting: deque[Waiting] = deque()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start the thread, once there is something to count."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._link = Link(self._server)
                self._thread = threading.Thread(target=self._run, name="guard-drift", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Send what was counted so far, for at most two seconds, and stop."""
        with self._lock:
            self._closed.set()
            thread, link = self._thread, self._link
        if thread is None or link is None:
            return
        ends = time.monotonic() + CLOSING_S
        thread.join(CLOSING_S / 2)
        if thread.is_alive():
            link.abort()
            thread.join(max(0.0, ends - time.monotonic()))
            return
        last = Link(self._server)
        self.gather()
        self._send(last, ends)
        last.drop()

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        if self._link is not None:
            self._link.after_fork()
        was_closed = self._closed.is_set()
        self._begin_anew()
        if was_closed:
            self._closed.set()

    def gather(self) -> None:
        """Take what was counted, as flushes that wait."""
        minute = int(self._wall()) // 60
        for meter in self._meters():
            for data in meter.counter.flush(minute=minute):
                self._waiting.append(Waiting(meter.version, meter.dimension, data))
                self.size_bytes += len(data)
        while self.size_bytes > MAX_BYTES:
            self.size_bytes -= len(self._waiting.popleft().data)
            self.dropped += 1

    def _run(self) -> None:
        link = self._link
        while link is not None and not self._closed.wait(self._pace.drift_s):
            self.gather()
            self._send(link)
        if link is not None:
            link.drop()

    def _send(self, link: Link, ends: float | None = None) -> None:
        while self._waiting and (ends is None or time.monotonic() < ends):
            if ends is None and self._closed.is_set():
                return
            timeout_s = self._pace.answer_s
            if ends is not None:
                timeout_s = max(0.05, min(timeout_s, ends - time.monotonic()))
            if not self._post(link, self._waiting[0], timeout_s):
                return
            self.size_bytes -= len(self._waiting.popleft().data)

    def _post(self, link: Link, one: Waiting, timeout_s: float) -> bool:
        """Send one; say whether it is done with."""
        body = {
            "model": self._model,
            "environment": self._environment,
            "version": one.version,
            "dimension": one.dimension or None,
            "flush": json.loads(one.data),
        }
        try:
            status = link.post("drift", body, timeout_s=timeout_s).status
        except OSError:
            return False
        if status < 300:  # noqa: PLR2004 - HTTP's own borders
            self.sent += 1
            return True
        if 400 <= status < 500 and status not in LATER:  # noqa: PLR2004
            self.refused += 1
            return True
        return False
