"""The recorder: counts attempts and latencies in the host's process, and tells them by the minute (SL-13 to SL-16).

Recording appends to a queue; the thread that fills a batch counts it, a background thread does the rest. No lock is
held while the host's code runs, nothing raises into the host, nothing grows without bound. Delivery is at least once: a
part keeps its number and bytes until it is accepted, so the far end knows a repeat. How bytes travel is the caller's.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import sys
import threading
import time
import weakref
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from modelwarden.guard.fields import LAST_MINUTE
from modelwarden.guard.lanes import (
    BATCH,
    Folded,
    Gathered,
    Kind,
    Lane,
    all_seconds,
    fold,
    fold_array,
    loaded_numpy,
    seconds,
    unreadable,
)
from modelwarden.guard.outbox import SEND_WAIT_S, Outbox, Waiting, outbox_in
from modelwarden.guard.slot_link import SlotLink
from modelwarden.guard.slots import Counts, Part, check_thresholds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

FLUSH_S: Final = 10.0
MOST_FOLDED: Final = 64
MOST_MINUTES: Final = 16


class Recorder:
    """Counts for one SLI. Any thread may record; `close` it, or let the end of the process do so.

    A latency belongs to the minute in which it is folded or the background thread looks, so one recorded in the moment
    between a minute's end and that look counts in the minute before. A forked child is another reporter: it starts from
    nothing, with its own instance and numbers, once it records.
    """

    def __init__(  # noqa: PLR0913 - what each recorder is told once
        self,
        send: str | Callable[[bytes], object],
        *,
        sli: str | Sequence[str],
        thresholds: Sequence[str] = (),
        token: str | None = None,
        spool: str | Path | None = None,
        source: Callable[[], Sequence[Folded]] | None = None,
        flush_s: float = FLUSH_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start recording.

        Args:
            send: the address of a server; or takes the bytes of a report (at most 64 KB), and raises when they did not
                arrive, so that they are sent again; SlotRefused when they never will be accepted, so that they are
                dropped and counted. It has to return within seconds: until then minutes turn late.
            sli: the name of the SLI; or several names, under each of which the same is told.
            thresholds: at most 8 rising decimals of seconds, as text; latencies above each are counted exactly (SL-2).
            token: for a server: one that may record for the SLI.
            spool: a folder where parts wait that did not arrive, at most 64 MB; they outlive the process (SL-16).
            source: asked for what else is to be counted, by one thread at a time.
            flush_s: seconds between reports.
            clock: seconds since 1970.

        Raises SlotInvalid for a bad name or thresholds.
        """
        check_thresholds(tuple(thresholds))
        self._slis: Final = (sli,) if isinstance(sli, str) else tuple(sli)
        for name in self._slis:
            Part(sli=name, minute=0, number=1, counts=Counts())
        self._transport: Final = SlotLink(send, token) if isinstance(send, str) else send
        self._spool: Final = None if spool is None else Path(spool)
        self._source: Final = source
        self._thresholds: Final = tuple(thresholds)
        self._limits: Final = tuple(map(float, thresholds))
        self._flush_s: Final = flush_s
        self._clock: Final = clock
        self._closed = False
        self._begin()
        reset = weakref.WeakMethod(self._begin)
        os.register_at_fork(after_in_child=lambda: (again := reset()) and again())
        atexit.register(self.close)
        self.start()

    def _begin(self) -> None:
        """Begin from nothing: at the start, and in a forked child, whose parent sends what was there."""
        if hasattr(self, "_outbox"):
            self._outbox.after_fork()
            if isinstance(self._transport, SlotLink):
                self._transport.after_fork()
        self.instance = os.urandom(8).hex()
        self.faults = 0
        self._lane = Lane()
        self._is_joined = False
        for name in ("_answered", "_errors"):  # so the first record in a child starts a thread
            self.__dict__.pop(name, None)
        self._numbers = itertools.count(1)
        self._folded: deque[tuple[int, Folded]] = deque()
        self._overflow: deque[int] = deque()
        self._ended: deque[int] = deque(maxlen=MOST_MINUTES)
        self._gathered: dict[int, Gathered] = {}
        self._told: deque[int] = deque(maxlen=2 * MOST_MINUTES)
        self._outbox: Outbox = outbox_in(self._spool, self._transport, instance=self.instance)
        self._lock, self._starting, self._folding = (threading.Lock() for _ in range(3))
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._minute = 0
        self._minute = self._now()

    # --- the host's side: never blocks, never raises -------------------------------------------------

    def record(self, latency_s: float, *, error: bool = False) -> None:
        """Count one attempt and its latency in seconds. What is no valid latency counts as invalid."""
        try:
            queue = self._errors if error else self._answered
        except AttributeError:
            lane = self._join()
            queue = lane.errors if error else lane.answered
        queue.append(latency_s if type(latency_s) is float else seconds(latency_s))
        if len(queue) >= BATCH:
            self._fold(self._lane)

    def record_fallback(self, latency_s: float) -> None:
        """Count an attempt that was answered, but not by the model (SL-4)."""
        self._add(self._join().fallbacks, seconds(latency_s))

    def record_blocked(self) -> None:
        """Count an attempt that a switch stopped; it has no latency (SL-4)."""
        self._add(self._join().blocked, 0.0)

    def _add(self, queue: deque[float], value: float) -> None:
        queue.append(value)
        if len(queue) >= BATCH:
            self._fold(self._lane)

    def record_batch(self, latencies_s: Sequence[float] | NDArray[np.floating[Any]]) -> None:
        """Count many answered attempts at once; an array is counted as one, without a loop."""
        try:
            self.start()
            self._hold(self._turn(), self._fold_batch(latencies_s))
            self._gather_if_free()
        except Exception:  # noqa: BLE001  # the guard's edge: the host must not notice
            self.faults += 1

    def _join(self) -> Lane:
        """Return where attempts wait; in this process at the first time, with a thread that takes them from there."""
        if not self._is_joined:
            self._is_joined = True
            self.start()
            self._answered, self._errors = self._lane.answered, self._lane.errors
        return self._lane

    def _fold(self, lane: Lane) -> None:
        """Count what waits, unless another thread does: many small pieces would cost more than one large one."""
        if not self._folding.acquire(blocking=False):
            return
        try:
            self._drain(lane, self._turn())
            self._gather_if_free()
        except Exception:  # noqa: BLE001  # the guard's edge: the host must not notice
            self.faults += 1
        finally:
            self._folding.release()

    def _fold_batch(self, latencies_s: Sequence[float] | NDArray[np.floating[Any]]) -> Folded:
        numpy = loaded_numpy()
        if numpy is None or not isinstance(latencies_s, numpy.ndarray):
            return fold(Kind.ANSWERED, all_seconds(latencies_s), self._limits)
        try:
            return fold_array(Kind.ANSWERED, latencies_s, self._limits)
        except (TypeError, ValueError):
            return unreadable(Kind.ANSWERED, int(latencies_s.size), self._limits)

    def _turn(self) -> int:
        """Return the minute of what is taken now; when one has ended, give it what waits first."""
        minute, now = self._minute, self._now()
        if now != minute:  # also when the clock was set back
            self._drain(self._lane, minute)
            self._ask(minute)
            self._ended.append(minute)
            self._minute = now
        return now

    def _now(self) -> int:
        try:
            return min(max(int(self._clock() // 60), 0), LAST_MINUTE)
        except Exception:  # noqa: BLE001  # a clock without a time: the minute goes on
            self.faults += 1
            return self._minute

    def _ask(self, minute: int) -> None:
        for folded in () if self._source is None else self._source():
            self._hold(minute, folded)

    def _drain(self, lane: Lane, minute: int) -> None:
        for kind, values in lane.take():
            self._hold(minute, fold(kind, values, self._limits))

    def _hold(self, minute: int, folded: Folded) -> None:
        """Keep what is folded until some thread adds it up; where much is kept, add it to what is alike."""
        if len(self._folded) >= MOST_FOLDED:
            with contextlib.suppress(IndexError):  # meanwhile another thread took all
                of, other = self._folded.popleft()
                if (of, other.kind) == (minute, folded.kind):
                    folded = folded.added(other)
                else:
                    self._folded.append((of, other))
        if self._closed or len(self._folded) > 2 * MOST_FOLDED:
            self._overflow.append(folded.total)
        else:
            self._folded.append((minute, folded))

    def _gather_if_free(self) -> None:
        """Add up what is folded unless another thread does: a record must not wait for one."""
        if self._lock.acquire(blocking=False):
            try:
                self._gather()
            finally:
                self._lock.release()

    # --- the background's side -----------------------------------------------------------------------

    def flush(self) -> bool:
        """Send what was recorded so far; say whether all of it arrived. It waits for `send`."""
        minute = self._turn()
        self._drain(self._lane, minute)
        self._ask(minute)
        with self._lock:
            self._gather()
            self._write_parts()
        return self._outbox.send()

    def close(self) -> None:
        """Send the rest and sign off (SL-15). What is recorded afterwards is dropped. Closing twice is closing once."""
        if self._closed:
            return
        atexit.unregister(self.close)
        if self._thread is None and not self.faults:  # a child that recorded nothing is no reporter
            self._closed = True
            return
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(SEND_WAIT_S)
        if self._flush_quietly():
            with contextlib.suppress(Exception):  # the far end notices the silence instead
                self._outbox.sign_off()
        self._outbox.close()
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def dropped(self) -> int:
        """Return how many attempts were counted and lost since the start."""
        return self._outbox.dropped + sum(self._overflow.copy())

    def _gather(self) -> None:
        while self._overflow:
            self._outbox.lose(self._overflow.popleft())
        while self._folded:
            minute, folded = self._folded.popleft()
            if minute not in self._gathered:
                if len(self._gathered) >= MOST_MINUTES:  # the background thread is gone
                    self._write_parts()
                self._gathered[minute] = Gathered(len(self._limits))
            self._gathered[minute].add(folded)

    def _write_parts(self) -> None:
        for minute in sorted(self._gathered):
            self._write_part(minute, self._gathered.pop(minute).counts(self._thresholds))
        while self._ended:
            minute = self._ended.popleft()
            if minute not in self._told:  # zero traffic is not missing data (SL-15)
                self._write_part(minute, Gathered(len(self._limits)).counts(self._thresholds))

    def _write_part(self, minute: int, counts: Counts) -> None:
        dropped = self._outbox.told()
        for sli in self._slis:
            number = next(self._numbers)
            part = Part(sli=sli, minute=minute, number=number, counts=counts, dropped=dropped)
            lost = (counts.total, dropped) if sli is self._slis[0] else (0, 0)  # it is lost once
            self._outbox.put(Waiting(part.encode(), *lost))
        if minute not in self._told:
            self._told.append(minute)

    def start(self) -> None:
        """Start the background thread unless it runs; a later record tries again where that is not possible now."""
        if self._thread is None and not self._closed and self._starting.acquire(blocking=False):
            try:
                if self._thread is None:
                    thread = threading.Thread(
                        target=self._run,
                        args=(self._stop,),
                        name="modelwarden-recorder",
                        daemon=True,
                    )
                    thread.start()
                    self._thread = thread
                    _close_with_multiprocessing(self)
            except RuntimeError:  # no thread to be had, or the interpreter ends
                self.faults += 1
            finally:
                self._starting.release()

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._pause()):
            self._flush_quietly()

    def _pause(self) -> float:
        return max(0.05, min(self._flush_s, 60.0 - self._clock() % 60.0))

    def _flush_quietly(self) -> bool:
        try:
            return self.flush()
        except Exception:  # noqa: BLE001  # the guard's edge: counting goes on
            self.faults += 1
            return False


def _close_with_multiprocessing(recorder: Recorder) -> None:
    """Close at the end of a multiprocessing child: Python before 3.14 leaves out `atexit` there."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(recorder, recorder.close, exitpriority=10)
