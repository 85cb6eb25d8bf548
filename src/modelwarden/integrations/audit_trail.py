"""An audit trail for a busy service: `record` costs microseconds, a thread sends batches, nothing is lost unsaid.

    trail = AuditTrail("https://modelwarden.example.org", token=…, component="RiskAgent", spool="/var/spool/risk")
    trail.record("RISK_DECISION", "BLOCK_TRADE", details={"symbol": "AAPL"}, severity="HIGH")

The queue is bounded. When it is full, `record` waits or drops; what was dropped, or refused by the server, is counted,
and one record says how many. With a spool, what was recorded more than a moment ago also survives a crash. After a fork
the child has a queue and thread of its own; one of `multiprocessing` runs no `atexit` and has to call `close` itself.
"""

from __future__ import annotations

import atexit
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from modelwarden.errors import RecordInvalid, TrailDown
from modelwarden.integrations.courier import Courier
from modelwarden.integrations.record_line import fixed_part, line_of
from modelwarden.integrations.sending import HereSender, ServerSender
from modelwarden.integrations.spool import Spool
from modelwarden.integrations.trail_queue import Limits, TrailQueue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelwarden.integrations.sending import Sender
    from modelwarden.integrations.trail_queue import Counts

CLOSE_S: Final = 10.0
OWN_COMPONENT: Final = "AuditTrail"
LONGEST_USER: Final = 256


class AuditTrail:
    """Records of this program on their way to a ledger. Threads share it. Close it, or use it in a `with`."""

    def __init__(  # where to, as whom, and how much
        self,
        target: Any,  # noqa: ANN401  # an address, or anything with a room of the ledger
        *,
        token: str | None = None,
        component: str | None = None,
        spool: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Prepare a trail; nothing is opened before the first record.

        Args:
            target: a server's address, or a warden, or the rooms of an actor.
            token: of the service account, for a server.
            component: what records, where `record` does not say it.
            spool: a folder on a local disk.
            limits: how much is held, and how long.
        """
        self._target, self._token, self._component = target, token, component
        self._limits = limits or Limits()
        self._spool = None if spool is None else Path(spool)
        self._queues: dict[int, TrailQueue] = {}
        self._closed = False

    def record(  # noqa: PLR0913  # the fields of LG-55
        self,
        event_type: str,
        action: str,
        *,
        component: str | None = None,
        details: Mapping[str, Any] | None = None,
        severity: str = "INFO",
        compliance_tags: Sequence[str] = (),
        user_id: str | None = None,
    ) -> str:
        """Record what happens now, and return the record's ref. It is on its way, not there yet.

        What `details` says is fixed here; it may be changed afterwards. Raises RecordInvalid for what no ledger takes,
        and TrailDown after `close`.
        """
        if self._closed:
            raise TrailDown("the audit trail is closed")
        fixed = fixed_part(
            event_type, component or self._component or "", action, severity, tuple(compliance_tags)
        )
        if user_id is not None and not 0 < len(user_id) <= LONGEST_USER:
            raise RecordInvalid(0, "user_id", f"text of 1 to {LONGEST_USER} characters")
        queue = self._queue()
        ref = queue.next_ref()
        queue.put(line_of(ref, fixed, details=details, user_id=user_id))
        return ref

    def settle(self, timeout_s: float = CLOSE_S) -> None:
        """Wait until all that was recorded so far is safe: in the spool, or without one in the ledger.

        Raises TrailDown if it isn't in time, or if something was dropped or refused meanwhile.
        """
        self._queue().settle(timeout_s, sent=False)

    def flush(self, timeout_s: float = CLOSE_S) -> None:
        """Wait until all that was recorded so far is in the ledger. Raises TrailDown if it isn't in time."""
        self._queue().settle(timeout_s, sent=True)

    @property
    def counts(self) -> Counts:
        """Return how many records were taken, sent, dropped and refused by this process, and how many wait."""
        return self._queue().counts

    @property
    def is_full(self) -> bool:
        """Tell whether the next record has to wait for room."""
        return self._queue().is_full

    def is_own_thread(self) -> bool:
        """Tell whether the trail's own thread asks, whose doings are not recorded."""
        return self._queue().is_own_thread()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Send what waits, for so long at most; what a spool holds is sent by the next process."""
        self._closed = True
        queue = self._queues.get(os.getpid())
        if queue is not None:
            queue.close(timeout_s)
            atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _queue(self) -> TrailQueue:
        """Return the queue of this process: after a fork it is another, and nobody else's lock is touched."""
        process = os.getpid()
        queue = self._queues.get(process)
        if queue is None:
            fresh = TrailQueue(self._limits, self._carry)
            queue = self._queues.setdefault(process, fresh)
            if queue is fresh:
                atexit.register(self.close)
        return queue

    def _carry(self, queue: TrailQueue) -> None:
        """Carry the records of a queue, in a thread of its own."""
        folder, most = self._spool, self._limits.spool_bytes
        Courier(
            queue,
            spool=None if folder is None else partial(Spool, folder, most_bytes=most),
            sender=partial(self._sender, queue),
            component=self._component or OWN_COMPONENT,
        ).run()

    def _sender(self, queue: TrailQueue) -> Sender:
        if isinstance(self._target, str):
            return ServerSender(self._target, self._token, queue.pause)
        return HereSender(getattr(self._target, "audit", self._target))
