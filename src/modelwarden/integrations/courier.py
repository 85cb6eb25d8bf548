"""The thread that carries an audit trail's batches: to the spool, then to the ledger, until they are there."""

from __future__ import annotations

import json
import logging
import random
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.errors import WardenError
from modelwarden.integrations.record_line import fixed_part, line_of
from modelwarden.integrations.sending import Fate, fate_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from modelwarden.integrations.sending import Sender
    from modelwarden.integrations.spool import Spool
    from modelwarden.integrations.trail_queue import TrailQueue

FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 30.0
MOST_REFS: Final = 20
LOST: Final = "RECORDS_LOST"
LOG: Final = logging.getLogger("modelwarden.audit_trail")


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines on their way: in memory, or in a file of the spool. `count` is 0 for those of a dead process."""

    lines: Sequence[bytes]
    place: Path | None
    count: int


class Courier:
    """Carries the batches of one queue. What it can't deliver it tries again, ever more slowly."""

    def __init__(
        self,
        queue: TrailQueue,
        *,
        spool: Callable[[], Spool] | None,
        sender: Callable[[], Sender],
        component: str,
    ) -> None:
        self._queue, self._component = queue, component
        self._open_spool, self._open_sender = spool, sender
        self._spool: Spool | None = None
        self._sender: Sender | None = None
        self._batches: deque[Batch] = deque()
        self._wait_s, self._next_try = FIRST_WAIT_S, 0.0
        self._told = 0
        self._refs: list[str] = []

    def run(self) -> None:
        """Carry until the trail is closed."""
        with ExitStack() as opened:
            self._adopt(opened)
            while not self._queue.is_over(holding=bool(self._batches) or self._owed() > 0):
                if not self._is_due() and not (self._owed() and self._takes_more()):
                    left_s = self._next_try - time.monotonic() if self._batches else None
                    self._queue.wait(left_s, for_lines=self._takes_more())
                self._gather()
                if self._is_due():
                    self._deliver(opened)

    def _adopt(self, opened: ExitStack) -> None:
        """Open the spool, and take over what dead processes left there."""
        if self._open_spool is None:
            return
        try:
            self._spool = self._open_spool()
            opened.callback(self._spool.close)
            self._batches.extend(Batch((), place, 0) for place in self._spool.left())
        except OSError as error:
            LOG.error("the audit trail has no spool: %s", error)  # noqa: TRY400  # no stack: an operator reads it

    def _is_due(self) -> bool:
        """Tell whether a batch can be sent now."""
        return bool(self._batches) and time.monotonic() >= self._next_try

    def _takes_more(self) -> bool:
        """Tell whether there is room: lines in memory are delivered, or safe on the disk, before more are taken."""
        return not any(batch.lines for batch in self._batches)

    def _gather(self) -> None:
        if not self._takes_more():
            return
        lines = self._queue.take(self._report())
        if not lines:
            return
        if self._spool is not None:
            try:
                place = self._spool.keep(lines)
            except OSError as error:
                LOG.warning("the audit trail's spool takes nothing: %s", error)
            else:
                self._batches.append(Batch((), place, len(lines)))
                self._queue.mark(safe=len(lines), failing=self._queue.counts.failing)
                return
        self._batches.append(Batch(lines, None, len(lines)))

    def _deliver(self, opened: ExitStack) -> None:
        """Send the oldest batch, and forget it once it is there."""
        batch = self._batches[0]
        try:
            if self._sender is None:
                self._sender = self._open_sender()
                opened.callback(self._sender.close)
            refused = self._sent(self._sender, batch)
        except (WardenError, OSError) as error:
            self._fail(error)
            return
        self._wait_s, self._next_try = FIRST_WAIT_S, 0.0
        self._batches.popleft()
        if batch.place is not None and self._spool is not None:
            self._spool.drop(batch.place)
        is_own = batch.count > 0
        fresh = batch.count if batch.place is None else 0
        done = batch.count - len(refused) if is_own else 0
        self._queue.mark(safe=fresh, sent=done, refused=len(refused) if is_own else 0)

    def _sent(self, sender: Sender, batch: Batch) -> list[bytes]:
        """Send a batch without the records that the ledger never takes; return those. Raises WardenError, OSError."""
        refused: list[bytes] = []
        lines = batch.lines
        if batch.place is not None and self._spool is not None:
            lines = self._spool.read(batch.place)
        parts = [list(lines)] if lines else []
        while parts:
            part = parts.pop()
            try:
                sender.send(part)
            except WardenError as error:
                if fate_of(error) is Fate.WAIT:
                    raise
                bad, rest = _parted(part, getattr(error, "number", None))
                refused += bad
                parts += rest
                if bad:
                    LOG.warning("the ledger refused %s: %s", _ref_of(bad[0]), error)
        for line in refused:
            self._keep_refused(line)
            if json.loads(line)["event_type"] == LOST:
                self._told += 1  # a report that is refused is not reported in its turn
        return refused

    def _keep_refused(self, line: bytes) -> None:
        self._refs = [*self._refs, _ref_of(line)][:MOST_REFS]
        if self._spool is not None:
            self._spool.keep_refused(line)

    def _fail(self, error: Exception) -> None:
        if self._queue.counts.failing is None:
            LOG.warning("the audit trail waits: %s", error)
        self._queue.mark(failing=f"{type(error).__name__}: {error}")
        pause_s = self._wait_s * random.uniform(0.5, 1.0)  # noqa: S311  # not all at once
        self._next_try = time.monotonic() + pause_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        if self._queue.is_closing:
            self._next_try = 0.0
            self._queue.pause(pause_s)

    def _owed(self) -> int:
        """Return how many records were lost that no record has told of."""
        counts = self._queue.counts
        return counts.dropped + counts.refused - self._told

    def _report(self) -> bytes | None:
        """Return a record that says how many were lost since the last one said so."""
        counts, lost = self._queue.counts, self._owed()
        if not lost:
            return None
        self._told += lost
        details = {
            "lost": lost,
            "dropped_so_far": counts.dropped,
            "refused_so_far": counts.refused,
            "refs": self._refs,
        }
        self._refs = []
        fixed = fixed_part(LOST, self._component, "report", "HIGH", ())
        return line_of(self._queue.next_ref(), fixed, details=details, user_id=None)


def _parted(part: list[bytes], number: object) -> tuple[list[bytes], list[list[bytes]]]:
    """Return which record is refused, if that is known, and the parts to try next."""
    if len(part) == 1:
        return part, []
    if isinstance(number, int) and 0 <= number < len(part):
        return [part[number]], [part[:number] + part[number + 1 :]]
    half = len(part) // 2
    return [], [part[half:], part[:half]]


def _ref_of(line: bytes) -> str:
    return str(json.loads(line)["ref"])
