"""Followers read entries on from a stored position: at least once, in order; the number tells repeats (LG-50).

What a follower remembers of the entry before its position is compared with the ledger first; a difference stops it for
good. One process leads each follower: on PostgreSQL by an advisory lock, on SQLite by a locked file.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

from sqlalchemy import bindparam, insert, select, update

from modelwarden.errors import EvidenceError
from modelwarden.ledger.entry import Stored, chain_start
from modelwarden.store import entries
from modelwarden.store.schema.ledger import follower_positions as positions
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from modelwarden.store.change import Telemetry
    from modelwarden.store.database import Lead
    from modelwarden.store.opening import Store

CHUNK: Final = 1_000
POLL_S: Final = 1.0
SAVE_S: Final = 5.0
GATHER_S: Final = 0.05
"""Commits that follow each other closely are read together."""
BACK_OFF_MOST_S: Final = 300.0
LOG: Final = logging.getLogger("modelwarden.followers")

_POSITION: Final = select(positions).where(positions.c.name == bindparam("name"))
_BEGIN: Final = insert(positions)
_MOVE: Final = (
    update(positions)
    .where(positions.c.name == bindparam("which"))
    .values(next_seq=bindparam("after"), entry_hash=bindparam("last"))
)


class Position(NamedTuple):
    """Where a follower goes on, and the hash of the entry before."""

    next_seq: int
    entry_hash: bytes

    @classmethod
    def after(cls, entry: Stored) -> Position:
        """Return the position right behind an entry."""
        return cls(entry.seq + 1, entry.entry_hash)


class Step(Protocol):
    """What a follower does with entries: it may be called again with the same ones.

    `__call__` and `idle` answer how far it is done for good, which is what the follower saves; None from `__call__`
    says that all it was given is. A step that gathers answers an earlier position, and gets no entry twice unless
    something fails or another process took over: `begin` tells.
    """

    def begin(self, at: Position, /) -> None:
        """Forget what was gathered: the next entries are those from this position on."""
        ...

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> Position | None:
        """Act on entries, in order; `before` is the hash of the one before. An error means that they come again."""
        ...

    def idle(self) -> Position | None:
        """Do what time alone makes due; called about once a second. None says that nothing more is done for good."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A step that may be slower than the ledger grows: it takes no more than it can hold."""

    def room(self) -> int:
        """Return how many entries it takes now; 0 while it is full."""
        ...

    def is_busy(self) -> bool:
        """Tell whether it would go on at once, new entries or not; `idle` is called then."""
        ...


class ChainMismatch(EvidenceError):
    """The entry before the follower's position is not the one that it remembers."""

    code, status = "follower_chain_mismatch", 500


class Follower:
    """A thread that hands entries to a step, from the stored position of its name on.

    The position is saved every few seconds and on closing: after a crash the step sees some entries again. `lead` says
    how one process comes to lead, where that is not by the follower's own name.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        step: Step,
        *,
        lead: Callable[[str], Lead | None] | None = None,
    ) -> None:
        self.name: Final = name
        self.stopped: Exception | None = None
        self.failing: Exception | None = None
        self.failing_since: datetime | None = None
        self._store, self._step = store, step
        self._paced = step if isinstance(step, Paced) else None
        self._lead = lead or store.database.lead
        self._at: Position | None = None  # what was read
        self._done: Position | None = None  # what is done for good
        self._saved: Position | None = None
        self._saved_at = self._idled_at = 0.0
        self._work, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"modelwarden-{name}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be new entries."""
        self._work.set()

    @property
    def done(self) -> Position | None:
        """How far it is done for good, while this process leads: what is stored may lag behind, or was edited."""
        return self._done

    def lag(self) -> int:
        """Return how many entries were not acted on yet."""
        with self._store.database.reading() as connection:
            size = entries.read_head(connection).size
            at = self._done or self._stored(connection)
        return size - at.next_seq

    def stop(self) -> None:
        """Ask it to end, without waiting."""
        self._closing.set()
        self._work.set()

    def close(self) -> None:
        """Stop after the step under way, and save the position."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set() and self.stopped is None:
            lead = self._try_to_lead()
            if lead is None:
                self._closing.wait(POLL_S)
                continue
            with contextlib.closing(lead):
                self._at = self._done = None  # whoever led meanwhile may have gone on
                self._saved_at = time.monotonic()
                self._follow(lead)
                self._save_last()
                self._at = self._done = None

    def _try_to_lead(self) -> Lead | None:
        try:
            return self._lead(self.name)
        except Exception as error:  # noqa: BLE001  # the edge: whatever keeps us from leading may pass
            LOG.warning("follower %s could not try to lead: %s", self.name, error)
            self.failing = error
            return None

    def _follow(self, lead: Lead) -> None:
        """Act on entries until closing, or until another process may lead."""
        pause = POLL_S
        while not self._closing.is_set() and lead.holds():
            try:
                more = self.follow_once()
                pause, self.failing, self.failing_since = POLL_S, None, None
            except ChainMismatch as error:
                self.stopped = error
                LOG.critical("follower %s stopped: %s", self.name, error)
                return
            except Exception as error:  # noqa: BLE001  # the edge: a step may raise anything; it comes again
                LOG.warning("follower %s tries again in %.0f s: %s", self.name, pause, error)
                self.failing = error
                self.failing_since = self.failing_since or datetime.now(UTC)
                self._closing.wait(pause)
                more, pause = True, min(pause * 2, BACK_OFF_MOST_S)
            if not more and not self._closing.is_set():
                self._work.wait(pause)
                self._work.clear()
                self._closing.wait(GATHER_S)

    def _save_last(self) -> None:
        try:
            self._save(force=True)
        except Exception as error:  # noqa: BLE001  # the edge: entries since the last save come again
            LOG.warning("follower %s could not save its position: %s", self.name, error)

    def follow_once(self) -> bool:
        """Act on the next entries. Returns whether there may be more. Raises ChainMismatch."""
        at = self._at or self._begin()
        self._at = None  # whatever fails from here on makes the step begin again
        room = CHUNK if self._paced is None else min(CHUNK, self._paced.room())
        with self._store.database.reading() as connection:
            before = entries.entry(connection, at.next_seq - 1) if at.next_seq else None
            if at.next_seq and (before is None or before.entry_hash != at.entry_hash):
                raise ChainMismatch(
                    f"entry {at.next_seq - 1} is not the one that {self.name} acted on"
                )
            found = [
                e
                for part in entries.between(connection, at.next_seq, at.next_seq + room - 1)
                for e in part
            ]
        if found:
            batch = [Stored(*each) for each in found]
            done = self._step(batch, at.entry_hash)
            at = Position.after(batch[-1])
            self._done = done or at
        busy = self._paced is not None and self._paced.is_busy()
        if busy or time.monotonic() - self._idled_at > POLL_S:
            self._done = self._step.idle() or self._done
            self._idled_at = time.monotonic()
        self._at = at
        self._save(force=False)
        return busy or 0 < len(found) == room

    def _begin(self) -> Position:
        """Go on from what is done for good: after a start, a failure, or when another process led."""
        at = self._done
        if at is None:
            with self._store.database.reading() as connection:
                at = self._stored(connection)
        self._step.begin(at)
        self._done = at
        return at

    def _stored(self, connection: Connection) -> Position:
        row = connection.execute(_POSITION, {"name": self.name}).first()
        if row is None:
            return Position(0, chain_start(self._store.around.keyring.origin))
        self._saved = Position(row.next_seq, row.entry_hash)
        return self._saved

    def _save(self, *, force: bool) -> None:
        after, before, now = self._done, self._saved, time.monotonic()
        if after is None or after == before or not (force or now - self._saved_at > SAVE_S):
            return

        def save(telemetry: Telemetry) -> Position | None:
            row = telemetry.connection.execute(_POSITION, {"name": self.name}).first()
            to = {"next_seq": after.next_seq, "entry_hash": after.entry_hash}
            if row is None:
                telemetry.execute(_BEGIN, {"name": self.name} | to)
                return None
            moved = {"which": self.name, "after": after.next_seq, "last": after.entry_hash}
            telemetry.execute(_MOVE, moved)
            return Position(row.next_seq, row.entry_hash)

        found = self._store.writer.submit_telemetry(system("ledger"), save).result()
        if found != before:  # who led before us may have saved last; what we know to be done stands
            LOG.error(
                "follower %s: its position was moved by somebody else, to %s", self.name, found
            )
        self._saved, self._saved_at = after, now


def close_all(followers: Sequence[Follower]) -> None:
    """Close them; all are asked before the first is waited for, so that their last positions share a commit."""
    for follower in followers:
        follower.stop()
    for follower in followers:
        follower.close()
