"""Signing what is committed: a second after it at most, never a smaller size or two roots of one (LG-23, LG-24).

A thread of its own waits for commits, so that signing delays nobody. At the start and every ten minutes the head is
compared with the guard file and the newest checkpoint; a head that fell behind stops all writes (LG-26).
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from modelwarden.errors import NotReplicated, RollbackSuspected, WardenError
from modelwarden.ledger.checkpoint import (
    Checkpoint,
    parse_checkpoint,
    sign_note,
    unverified_checkpoint,
)
from modelwarden.ledger.merkle import range_root
from modelwarden.store import entries, guard_file, predecessor, replication, server_keys
from modelwarden.store.guard_file import Signed
from modelwarden.store.tiles import StoredNodes
from modelwarden.values.system import system

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from modelwarden.ledger.keys import LogKey
    from modelwarden.store.change import Surroundings, Telemetry
    from modelwarden.store.database import Database
    from modelwarden.store.entries import Head
    from modelwarden.store.writer import Writer
    from modelwarden.values.clock import Clock

PAUSE_S: Final = 1.0
AGAIN_S: Final = 600.0
LOG: Final = logging.getLogger("modelwarden.checkpoints")


class Signer:
    """Signs checkpoints of one database in one process. `close` signs a last time."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        around: Surroundings,
        clock: Clock,
        guard: Path,
    ) -> None:
        self._database, self._writer, self._guard = database, writer, guard
        self._around, self._clock = around, clock
        self._looked_at: tuple[Head, int] | None = None
        self.lacking: str | None = None
        self._told = ""
        self._work = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelwarden-signer", daemon=True)

    def start(self) -> None:
        """Compare the head with what is known to have been signed, then begin to sign."""
        self.check()
        self._writer.after_commit.append(self._work.set)
        self._work.set()
        self._thread.start()

    def check(self) -> None:
        """Stop all writes if the database is behind what was signed; never raises."""
        try:
            with guard_file.held(self._guard) as signed, self._database.reading() as connection:
                head = entries.read_head(connection)
                _compare(connection, head, signed)
                note = entries.newest_checkpoint(connection)
                if note is not None:
                    if signed is None:
                        LOG.critical(
                            "there is no guard file at %s although checkpoints were signed; unless you moved the"
                            " database, compare it with a copy or a checkpoint kept elsewhere",
                            self._guard,
                        )
                    _compare(connection, head, _from_note(note, head))
        except RollbackSuspected as error:
            self._writer.blocked = error
            LOG.critical("writes stopped: %s", error)
        except (WardenError, DBAPIError) as error:
            LOG.warning("could not compare the ledger's head: %s", error)

    def sign(self) -> bytes:
        """Sign the committed head now and return the note.

        With `ledger.sign_after: replicated`, it signs the newest head that every synchronous standby is known to have
        flushed: one is looked at until they have it, so that under steady writing signing comes after, not never.

        Raises RollbackSuspected, LedgerUnavailable, and NotReplicated while a standby lacks the head that is looked at.
        """
        with guard_file.held(self._guard) as signed:
            with self._database.reading() as connection:
                head = self._head(connection, signed)
                _compare(connection, head, signed)
                known = entries.checkpoint_at(connection, head.size)
                keys = self._keys(connection)
            if known is not None:
                return known
            if self._writer.blocked is not None:  # nothing is signed that may be another past
                raise self._writer.blocked
            root = head.frontier.root()
            guard_file.write(self._guard, Signed(head.origin, head.epoch, head.size, root.hex()))
        note = sign_note(Checkpoint(head.origin, head.size, root), *keys)

        def keep(telemetry: Telemetry) -> None:
            entries.keep_checkpoint(telemetry.connection, head.size, note)

        self._writer.submit_telemetry(system("ledger"), keep).result()
        return note

    def _head(self, connection: Connection, signed: Signed | None) -> Head:
        """Return the head that may be signed; the guard file's lock is held."""
        head = entries.read_head(connection)
        if self._around.settings.ledger_sign_after != replication.REPLICATED:
            return head
        if self._looked_at is None or not _stands(connection, self._looked_at[0], signed):
            self._looked_at = (head, replication.position(connection))
        found, end = self._looked_at
        self.lacking = replication.missing(connection, end)
        if self.lacking is not None:
            raise NotReplicated(f"nothing newer is signed: {self.lacking}")
        self._looked_at = None
        if found.size < head.size:
            self._work.set()  # what was committed meanwhile comes next
        return found

    def _keys(self, connection: Connection) -> tuple[LogKey, ...]:
        """Return the keys that sign this state of the ledger: the database says which, whoever rotated them (LG-64)."""
        keyring = server_keys.current(connection, self._around.keyring)
        self._around.keyring = keyring
        note = entries.newest_checkpoint(connection)
        signed = 0 if note is None else unverified_checkpoint(note).size
        return keyring.signing(self._clock.now(), signed)

    def close(self) -> None:
        """Sign what is committed, then stop."""
        if self._thread.is_alive():
            self._closing.set()
            self._work.set()
            self._thread.join()
            if self._writer.blocked is None:
                self._try_to_sign()

    def _run(self) -> None:
        while not self._closing.is_set():
            if not self._work.wait(AGAIN_S):
                self.check()
            self._work.clear()
            if self._closing.is_set():
                return
            self._try_to_sign()
            self._closing.wait(PAUSE_S)

    def _try_to_sign(self) -> None:
        try:
            self.sign()
        except RollbackSuspected as error:
            self._writer.blocked = error
            LOG.critical("writes stopped: %s", error)
        except NotReplicated as error:
            self._tell(str(error))
            self._work.set()  # until the standby has it
        except (WardenError, DBAPIError) as error:
            LOG.warning("no checkpoint was signed: %s", error)
        else:
            self._told = ""

    def _tell(self, words: str) -> None:
        """Log why nothing is signed, once until that changes."""
        if words != self._told:
            LOG.warning(words)
        self._told = words


def _stands(connection: Connection, head: Head, signed: Signed | None) -> bool:
    """Tell whether a head of before is still part of the ledger, and no smaller than what another process signed."""
    if signed is not None and head.size < signed.size:
        return False
    last = entries.entry(connection, head.size - 1)
    return head.size == 0 or (last is not None and last.entry_hash == head.entry_hash)


def _compare(connection: Connection, head: Head, signed: Signed | None) -> None:
    """Raise RollbackSuspected unless the head extends what was signed."""
    if signed is None:
        return
    if signed.origin != head.origin:
        if predecessor.predecessor_of(connection) == signed.origin:
            return  # begun anew, and nothing was signed under its own name yet (LG-47)
        raise RollbackSuspected(
            f"the guard file is of another ledger, {signed.origin}; point to the right one"
        )
    if head.size < signed.size:
        raise RollbackSuspected(
            f"the database ends at {head.size} entries, but {signed.size} were signed: it was put back to an older"
            " state. Restore the newest backup; `modelwarden audit verify` shows what is there"
        )
    if range_root(signed.size, StoredNodes(connection)).hex() != signed.root:
        raise RollbackSuspected(
            f"the first {signed.size} entries are not those that were signed: the ledger was rewritten"
        )


def _from_note(note: bytes, head: Head) -> Signed:
    checkpoint = parse_checkpoint(note.partition(b"\n\n")[0] + b"\n")
    return Signed(checkpoint.origin, head.epoch, checkpoint.size, checkpoint.root.hex())
