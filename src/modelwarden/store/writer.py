"""One writer, group commit: whatever waits runs in one transaction, and is answered after its one commit (LG-10).

Each change runs in its own savepoint: an error undoes that one and harms no neighbour. Facts are sealed into the ledger
under the head row's lock, taken last and once. A lost connection or full disk fails every waiting change with an error
that says "try again", and loses nothing that was answered.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from modelwarden.errors import LedgerUnavailable, NothingRecorded, ReadOnly, Refusal, WardenError
from modelwarden.facts.catalogue import URGENT
from modelwarden.facts.ledger import ClockStepped
from modelwarden.store import denials, entries
from modelwarden.store.change import NO_FACT, Change, Surroundings, Telemetry
from modelwarden.store.database import concerns_all, in_transaction, is_retriable, savepoint
from modelwarden.store.receipt import Answer, receipt_of
from modelwarden.values.clock import moment
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from modelwarden.ledger.entry import Stored
    from modelwarden.store.database import Database
    from modelwarden.store.denials import Denial
    from modelwarden.store.entries import Draft, Head, SealedBatch
    from modelwarden.values.clock import Clock
    from modelwarden.values.principal import Principal

T = TypeVar("T")
L = TypeVar("L", Change, Telemetry)
MOST: Final = 1_000
TRIES: Final = 5
SEARCH_S: Final = 20.0
STEP_S: Final = 5
"""How far the clock may go back before the ledger says so (LG-13)."""


@dataclass(slots=True)
class Job:
    """A change that waits, and after its run what is needed to answer it."""

    principal: Principal
    action: Callable[[Any], Any]
    future: Future[Any]
    telemetry: bool = False
    value: Any = None
    drafts: int = 0
    standing: Stored | None = None
    place: int | None = None
    when_sealed: Callable[[Connection, int], None] | None = None
    error: BaseException | None = None

    def refusal(self) -> Refusal | None:
        """Return the rule that said no, if one did."""
        return self.error if isinstance(self.error, Refusal) else None


class Writer:
    """The writer thread of one process. `submit` hands it work; `close` drains what waits."""

    def __init__(
        self, database: Database, clock: Clock, around: Surroundings, *, indexed: bool = True
    ) -> None:
        self._database = database
        self._clock = clock
        self._around = around
        self._indexed = indexed
        self._denials = denials.Denials()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self.blocked: WardenError | None = None
        self.held: WardenError | None = None  # what is not urgent waits for a required sink (LG-51)
        self.after_commit: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="modelwarden-writer", daemon=True)
        self._thread.start()

    def submit(self, principal: Principal, action: Callable[[Change], Any]) -> Future[Answer]:
        """Queue an action; its future is answered after the commit, never before."""
        future: Future[Answer] = Future()
        self._queue(Job(principal, action, future))
        return future

    def submit_telemetry(self, principal: Principal, action: Callable[[Telemetry], T]) -> Future[T]:
        """Queue writes that are no change: rows of telemetry and plumbing tables, without a fact (LG-9)."""
        future: Future[T] = Future()
        self._queue(Job(principal, action, future, telemetry=True))
        return future

    def waiting(self) -> int:
        """Return how many changes wait."""
        return self._jobs.qsize()

    def is_alive(self) -> bool:
        """Tell whether the thread still runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Answer what waits, then stop."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._jobs.put(None)
        self._thread.join()

    def _queue(self, job: Job) -> None:
        with self._door:  # nothing is queued behind the end, where nobody would answer it
            if self._closed:
                raise ReadOnly("the warden is closed")
            self._jobs.put(job)

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._waiting()
            if batch or self._denials.due_in(now=time.monotonic()) is not None:
                self._answer(batch)

    def _waiting(self) -> tuple[list[Job], bool]:
        """Return what waits, as soon as something does or counted refusals are due; and whether more may come."""
        batch: list[Job] = []
        try:
            job = self._jobs.get(timeout=self._denials.due_in(now=time.monotonic()))
            while job is not None:
                if job.future.set_running_or_notify_cancel():  # from here on it can't be cancelled
                    batch.append(job)
                if len(batch) >= MOST or self._jobs.empty():
                    return batch, True
                job = self._jobs.get()
        except queue.Empty:
            return batch, True
        return batch, False

    def _answer(self, batch: list[Job]) -> None:
        if self.blocked is not None:
            return _fail(batch, self.blocked)
        for attempt in range(TRIES):
            try:
                return self._commit(batch)
            except DBAPIError as error:
                if is_retriable(error) and attempt < TRIES - 1:
                    time.sleep(0.01 * 2**attempt)
                    continue
                self._database.forget_connections()
                return _fail(batch, LedgerUnavailable(_reason(error)), cause=error)
            except WardenError as error:
                self._database.forget_connections()
                return _fail(batch, error)
            except Exception as error:  # noqa: BLE001  # the edge: a defect must not end the thread
                return _fail(
                    batch, LedgerUnavailable("the batch failed and was rolled back"), cause=error
                )
        return None

    def _commit(self, batch: list[Job]) -> None:
        sealed: SealedBatch | None = None
        try:
            with self._database.writing() as connection:
                drafts = self._execute(connection, batch)
                if drafts:
                    before = entries.read_head(connection, lock=True)
                    drafts += self._stepped(connection, before, drafts)
                    sealed = entries.append(
                        connection, drafts, before=before, indexed=self._indexed
                    )
                    _tell_places(connection, batch, sealed.first)
        except (OperationalError, InterfaceError) as error:
            if sealed is None or is_retriable(error) or not self._was_committed(sealed):
                raise
        self._denials.commit()
        self._deliver(batch, sealed)
        if sealed is not None:
            for wake in self.after_commit:
                wake()

    def _execute(self, connection: Connection, batch: list[Job]) -> list[Draft]:
        drafts: list[Draft] = []
        self._denials.begin()
        for job in batch:
            job.error, job.drafts, job.when_sealed = None, 0, None
            job.standing = job.place = None
            change: Change | None = None
            if job.telemetry:
                self._attempt(connection, job, Telemetry)
            else:
                change = self._attempt(connection, job, Change)
            refusal = job.refusal()
            if refusal is not None:
                change = self._deny(connection, job, refusal)
            if change is not None:
                _place(connection, job, change, drafts)
                drafts += change.drafts
        for denial in self._denials.overdue(now=time.monotonic(), closing=self._closed):
            drafts += self._told(connection, denial)
        return drafts

    def _attempt(self, connection: Connection, job: Job, lane: type[L]) -> L | None:
        change = lane(
            connection, now=self._clock.now(), principal=job.principal, around=self._around
        )
        savepoint(connection, "SAVEPOINT")
        try:
            job.value = job.action(change)
            change.finish()
            self._hold_back(change)
        except Exception as error:  # whatever an action raises undoes that action alone
            if concerns_all(error) or not in_transaction(connection):
                raise
            savepoint(connection, "ROLLBACK TO SAVEPOINT")
            savepoint(connection, "RELEASE SAVEPOINT")
            job.error = error
            return None
        if not in_transaction(
            connection
        ):  # a full disk may end the transaction without an error (LG-12)
            raise LedgerUnavailable(
                "the disk may be full: the transaction ended early; nothing was changed"
            )
        savepoint(connection, "RELEASE SAVEPOINT")
        return change

    def _hold_back(self, change: Change | Telemetry) -> None:
        """Raise SinkBehind for a change that can wait, while a required sink is too far behind."""
        held = self.held
        if held is None or not isinstance(change, Change) or not change.drafts:
            return
        if not any(draft.type in URGENT for draft in change.drafts):
            raise type(held)(*held.args)

    def _deny(self, connection: Connection, job: Job, refusal: Refusal) -> Change | None:
        """Record a refusal although its action was undone (AC-61)."""
        denial = self._denials.told(job.principal, refusal, now=time.monotonic())
        if denial is None:
            return None
        change = self._of(connection, denial.principal)
        try:
            denials.record(change, denial)
        except WardenError as error:
            job.error = LedgerUnavailable("the refusal could not be recorded; nothing was changed")
            job.error.__cause__ = error
            return None
        return change

    def _told(self, connection: Connection, denial: Denial) -> list[Draft]:
        change = self._of(connection, denial.principal)
        denials.record(change, denial)
        return change.drafts

    def _stepped(self, connection: Connection, before: Head, drafts: list[Draft]) -> list[Draft]:
        """Return the fact that the clock went back by more than some seconds since the last entry (LG-13)."""
        back = (moment(before.at) - moment(drafts[0].at)).total_seconds()
        if back <= STEP_S:
            return []
        change = self._of(connection, system("ledger"))
        change.record(ClockStepped(seconds=int(back)))
        return change.drafts

    def _of(self, connection: Connection, principal: Principal) -> Change:
        return Change(connection, now=self._clock.now(), principal=principal, around=self._around)

    def _was_committed(self, sealed: SealedBatch) -> bool:
        """Look up our last entry after a connection was lost in COMMIT, for as long as the database needs (LG-12).

        Behind the head's lock, since the database may still be at that commit.
        """
        last, wanted = sealed.first + len(sealed.leaves) - 1, sealed.entry_hashes[-1]
        deadline = time.monotonic() + SEARCH_S
        while time.monotonic() < deadline:
            self._database.forget_connections()
            try:
                with self._database.writing() as connection:
                    entries.read_head(connection, lock=True)
                    found = entries.entry(connection, last)
                    return found is not None and found.entry_hash == wanted
            except (DBAPIError, LedgerUnavailable):
                time.sleep(0.1)
        return False

    def _deliver(self, batch: list[Job], sealed: SealedBatch | None) -> None:
        position, origin = 0, self._around.keyring.origin
        for job in batch:
            position += job.drafts
            if job.error is not None:
                if isinstance(job.error, Refusal) and sealed is not None and job.drafts:
                    job.error.entry = sealed.first + position - 1
                job.future.set_exception(job.error)
            elif job.telemetry:
                job.future.set_result(job.value)
            elif sealed is not None and (job.drafts or job.place is not None):
                place = position - 1 if job.place is None else job.place
                job.future.set_result(Answer(job.value, receipt_of(sealed.stored(place), origin)))
            elif job.standing is not None:
                job.future.set_result(Answer(job.value, receipt_of(job.standing, origin)))
            else:
                job.future.set_exception(
                    LedgerUnavailable("the entry that recorded this is missing; verify the ledger")
                )


def _place(connection: Connection, job: Job, change: Change, before: list[Draft]) -> None:
    """Note what is needed to answer: how many entries are its own, or which one says what it found as it should be."""
    job.drafts, job.when_sealed = len(change.drafts), change.when_sealed
    if change.drafts:
        return
    for place, draft in enumerate(before):
        if any(found[:2] == change.stands_on and found[2] for found in draft.subjects):
            job.place = place  # the last one counts
    if change.stands_at is not None:
        job.standing = entries.entry(connection, change.stands_at)
    elif job.place is None:
        job.error = NothingRecorded(NO_FACT)


def _tell_places(connection: Connection, batch: list[Job], first: int) -> None:
    """Tell each change that asked where its last entry stands, before the commit."""
    end = first
    for job in batch:
        end += job.drafts
        if job.when_sealed is not None and job.drafts:
            job.when_sealed(connection, end - 1)


def _fail(batch: list[Job], error: WardenError, *, cause: BaseException | None = None) -> None:
    for job in batch:
        if not job.future.done():
            again = type(error)(*error.args)
            again.__cause__ = cause
            job.future.set_exception(again)


def _reason(error: DBAPIError) -> str:
    text = str(error.orig).lower()
    if "full" in text or "no space" in text:
        return "the disk is full; nothing was changed; free some space and try again"
    if "locked" in text:
        return "another process kept the database busy for too long; nothing was changed; try again"
    return "the database did not take the changes; nothing was answered; try again in a moment"
