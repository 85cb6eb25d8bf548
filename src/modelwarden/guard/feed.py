"""Brings a guard its snapshots, on a daemon thread: from a server (`stream`), or from a file (SG-20).

Whatever fails, what is held stays: an unreachable server changes no answer, and a token that is refused is shown, not
obeyed (`red`). After a fork the child begins with a thread and sockets of its own (SG-22).
"""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from modelwarden.guard.intake import LOGGED_S
from modelwarden.guard.wire import MAX_WIRE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.guard.intake import Intake

_LOG: Final = logging.getLogger("modelwarden.guard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long things wait, in seconds (SG-13, SG-20).

    Attributes:
        silence_s: a stream that says nothing for so long is dropped.
        spread: part of `poll_s` by which polls come earlier or later.
        answer_s: how long a server may take to answer.
        lowered_s: how long a lesser way is kept before streaming is tried again.
        drift_s: how often what was counted for drift is told (SG-49).
    """

    silence_s: float = 15.0
    long_poll_s: float = 25.0
    poll_s: float = 5.0
    spread: float = 0.2
    answer_s: float = 5.0
    file_s: float = 1.0
    report_s: float = 5.0
    slots_s: float = 10.0
    first_back_off_s: float = 0.25
    most_back_off_s: float = 10.0
    lowered_s: float = 60.0
    drift_s: float = 10.0


class Source(Protocol):
    """Where snapshots come from. One thread uses it, apart from `abort`.

    Attributes:
        spread_s: over how long a fleet should spread its answers to news.
    """

    spread_s: float

    def once(self, closed: threading.Event, take: Callable[[bytes, str], str | None]) -> float:
        """Ask once, hand over what comes, and return after how many seconds to ask again. Raises what went wrong."""
        ...

    def failed(self, error: Exception, *, was_heard: bool) -> None:
        """Take in that asking failed, so that the next time goes better."""
        ...

    def abort(self) -> None:
        """End what `once` waits for."""
        ...

    def close(self) -> None:
        """Close what is open; `once` is not called again."""
        ...

    def after_fork(self) -> None:
        """Leave what belongs to the parent."""
        ...


class FileSource:
    """A snapshot in a file, that somebody or something puts there; it is read again each second."""

    def __init__(self, path: Path, pace: Pace) -> None:
        self._path = path
        self._pace = pace
        self._read: bytes | None = None
        self.spread_s = 0.0

    def once(self, closed: threading.Event, take: Callable[[bytes, str], str | None]) -> float:  # noqa: ARG002
        """Read the file, and hand it over if it has changed. Raises OSError."""
        with self._path.open("rb") as file:
            data = file.read(MAX_WIRE_BYTES + 1)
        if data != self._read:
            self._read = data
            take(data, "file")
        return self._pace.file_s

    def failed(self, error: Exception, *, was_heard: bool) -> None:
        """Read whatever is there the next time."""

    def abort(self) -> None:
        """Do nothing: reading a file ends by itself."""

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def after_fork(self) -> None:
        """Do nothing: the file is anybody's."""


class Feed:
    """Brings snapshots to an intake until it is closed.

    Attributes:
        settled: set once the first attempt succeeded or failed, so that a constructor need not wait longer.
        loaded: set once what was kept on disk is held.
        changed: set whenever there is news to report or to save; a head signed anew can wait for the next report.
        red: why there is no news at present, or None.
    """

    def __init__(
        self,
        intake: Intake,
        source: Source,
        *,
        pace: Pace,
        bootstrap: Path | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._intake = intake
        self._source = source
        self._bootstrap = bootstrap
        self._pace = pace
        self._chance = chance
        self._heard = 0
        self._logged_at = float("-inf")
        self.red: str | None = None
        self._begin_anew(loaded=False)

    def _begin_anew(self, *, loaded: bool) -> None:
        self.loaded = threading.Event()
        self.settled = threading.Event()
        self.changed = threading.Event()
        self._closed = threading.Event()
        if loaded:
            self.loaded.set()
        self._thread = threading.Thread(target=self._run, name="guard-feed", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop bringing news; what is held stays."""
        self._closed.set()
        self._source.abort()
        self._thread.join(timeout_s)

    def after_fork(self) -> None:
        """Begin anew in a forked child, where only the thread that forked goes on."""
        self._source.after_fork()
        was_closed = self._closed.is_set()
        self._begin_anew(loaded=self.loaded.is_set())
        if was_closed:
            self._closed.set()
        else:
            self.start()

    def _run(self) -> None:
        try:
            if not self.loaded.is_set():
                self._intake.load(self._bootstrap)
        finally:
            self.loaded.set()
        attempts = 0
        while not self._closed.is_set():
            heard = self._heard
            try:
                pause_s = self._source.once(self._closed, self._take)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: told, and tried again
                was_heard = self._heard > heard
                attempts = 1 if was_heard else attempts + 1
                self._failed(error, was_heard=was_heard)
                pause_s = self._back_off(attempts)
            else:
                attempts = 0
                self.red = None
            self.settled.set()
            self._closed.wait(pause_s)
        self._source.close()

    def _take(self, wire: bytes, source: str) -> str | None:
        before = self._intake.applied
        reason = self._intake.receive(wire, source=source)
        is_news = reason is not None or self._intake.applied is not before
        if reason is None:
            is_news = is_news or self.red is not None or not self._heard
            self._heard += 1
            self.red = None
            self.settled.set()
        if is_news:
            self.changed.set()
        return reason

    @property
    def spread_s(self) -> float:
        """Over how long a fleet should spread its answers to news."""
        return self._source.spread_s

    def _failed(self, error: Exception, *, was_heard: bool) -> None:
        if self._closed.is_set():
            return
        red = f"{type(error).__name__}: {error}"[:200]
        now = time.monotonic()
        if self.red != red and now - self._logged_at >= LOGGED_S:
            self._logged_at = now
            _LOG.warning("guard of %s keeps what it has: %s", self._intake.model, red)
        self.red = red
        self.changed.set()
        self._source.failed(error, was_heard=was_heard)

    def _back_off(self, attempts: int) -> float:
        """Full jitter: a fleet that lost its server together comes back spread out."""
        most = self._pace.first_back_off_s * 2.0 ** min(attempts - 1, 32)
        return self._chance() * min(most, self._pace.most_back_off_s)
