"""The queue of one process's audit trail: lines that wait, and what became of those before."""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.errors import TrailDown

if TYPE_CHECKING:
    from collections.abc import Callable

LOG: Final = logging.getLogger("modelwarden.audit_trail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a trail holds, and how long it waits.

    Attributes:
        size: records that wait in memory.
        block_s: how long `record` waits when the queue is full, before the record is dropped and counted; 0 drops at
            once.
        batch: records that are sent together.
        batch_bytes: bytes that are sent together.
        age_s: how long a record waits for others.
        spool_bytes: what the spool may hold.
    """

    size: int = 100_000
    block_s: float = 5.0
    batch: int = 1_000
    batch_bytes: int = 4 * 1024 * 1024
    age_s: float = 0.2
    spool_bytes: int = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of records. `spooled` are safe on the disk, and not yet sent; `failing` says why not."""

    recorded: int
    sent: int
    waiting: int
    spooled: int
    dropped: int
    refused: int
    failing: str | None


class TrailQueue:
    """Lines that wait to be sent. `put` is the hot path; a courier's thread takes them out."""

    def __init__(self, limits: Limits, courier: Callable[[TrailQueue], None]) -> None:
        self.limits: Final = limits
        self._courier = courier
        self._prefix, self._numbers = secrets.token_hex(8), itertools.count()
        self._lines: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._moved = threading.Condition(self._lock)
        self._work, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._taken = self._safe = self._sent = self._dropped = self._refused = 0
        self._failing: str | None = None
        self._hurry = False
        self._deadline = float("inf")

    def next_ref(self) -> str:
        """Return a ref that no other record has."""
        return f"{self._prefix}-{next(self._numbers)}"

    def put(self, line: bytes) -> None:
        """Queue a line; wait for room, and drop and count it where there is none in time."""
        with self._lock:
            if len(self._lines) >= self.limits.size and not self._has_room():
                self._dropped += 1
                return
            self._taken += 1
            self._lines.append(line)
            waiting = len(self._lines)
        if waiting in {1, self.limits.batch} or self._thread is None:
            self._wake()

    def settle(self, timeout_s: float, *, sent: bool) -> None:
        """Wait until what was taken is safe, or sent. Raises TrailDown, also when some of it can't be safe any more."""
        self._hurry = True
        self._wake()
        with self._lock:
            wanted, lost = self._taken, self._dropped + self._refused

            def is_done() -> bool:
                return (self._sent + self._refused if sent else self._safe) >= wanted

            if not self._moved.wait_for(is_done, timeout_s):
                why = self._failing or "it takes longer than it may"
                raise TrailDown(f"records could not be made safe in {timeout_s:g} s: {why}")
            if not sent and self._dropped + self._refused > lost:
                raise TrailDown("a record was dropped or refused; see the trail's counts")

    @property
    def counts(self) -> Counts:
        """Return how many records there were."""
        with self._lock:
            done = self._sent + self._refused
            return Counts(
                recorded=self._taken,
                sent=self._sent,
                waiting=self._taken - done,
                spooled=self._safe - done,
                dropped=self._dropped,
                refused=self._refused,
                failing=self._failing,
            )

    @property
    def is_full(self) -> bool:
        """Tell whether there is no room."""
        return len(self._lines) >= self.limits.size

    def is_own_thread(self) -> bool:
        """Tell whether the queue's thread asks."""
        return threading.current_thread() is self._thread

    def close(self, timeout_s: float) -> None:
        """Send what waits, for so long at most, and end the thread."""
        self._deadline = time.monotonic() + timeout_s
        self._stop.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join(timeout_s + 1)
        left = self.counts
        if left.waiting > left.spooled:
            lost = left.waiting - left.spooled
            LOG.error("%d records of the audit trail were lost: %s", lost, left.failing)

    @property
    def is_closing(self) -> bool:
        """Tell whether nothing more will come."""
        return self._stop.is_set()

    def wait(self, timeout_s: float | None, *, for_lines: bool) -> None:
        """Wait for lines, and a moment longer for others to join them; or for so long."""
        if self._stop.is_set():
            return
        if not (for_lines and self._lines) and self._work.wait(timeout_s):
            self._work.clear()
        if for_lines and not self._hurry and 0 < len(self._lines) < self.limits.batch:
            self._work.wait(self.limits.age_s)
            self._work.clear()

    def pause(self, seconds: float) -> None:
        """Wait between two tries; only shortly while the trail is being closed."""
        if self._stop.wait(seconds):
            time.sleep(min(seconds, 0.05))

    def take(self, own: bytes | None) -> list[bytes]:
        """Take the next batch out, behind a line of the courier's own."""
        with self._lock:
            batch = [] if own is None else [own]
            self._taken += len(batch)
            size = sum(map(len, batch))
            while self._lines and len(batch) < self.limits.batch:
                size += len(self._lines[0]) + 1
                if batch and size > self.limits.batch_bytes:
                    break
                batch.append(self._lines.popleft())
            self._hurry = self._hurry and bool(self._lines)
            self._moved.notify_all()
            return batch

    def mark(
        self, *, safe: int = 0, sent: int = 0, refused: int = 0, failing: str | None = None
    ) -> None:
        """Say what became of lines, and why nothing is sent."""
        with self._lock:
            self._safe += safe
            self._sent += sent
            self._refused += refused
            self._failing = failing
            self._moved.notify_all()

    def is_over(self, *, holding: bool) -> bool:
        """Tell whether the courier may go: all was delivered, or the time for it is over."""
        if not self._stop.is_set():
            return False
        return time.monotonic() > self._deadline or not (self._lines or holding)

    def _has_room(self) -> bool:
        self._work.set()
        return self.limits.block_s > 0 and self._moved.wait_for(
            lambda: len(self._lines) < self.limits.size, self.limits.block_s
        )

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(
                    target=self._courier, args=(self,), name="modelwarden-audit-trail", daemon=True
                )
                self._thread.start()
        self._work.set()
