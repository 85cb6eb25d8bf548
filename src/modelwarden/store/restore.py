"""Restoring a backup: verified aside, brought to what is known to have been signed, then put in place (LG-46).

A backup that is behind takes the entries that it lacks from another copy of the ledger; without one it is refused.
"""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from modelwarden.errors import (
    NoteInvalid,
    RestoreRefused,
    ValueInvalid,
)
from modelwarden.ledger.checkpoint import open_note, unverified_checkpoint
from modelwarden.store import entries, guard_file, key_files, keyring, server_keys
from modelwarden.store.backup import open_backup
from modelwarden.store.catching_up import Known
from modelwarden.store.going_on import Extended, Sources, go_on
from modelwarden.store.key_history import trust_of
from modelwarden.store.new_ledger import begin, reader
from modelwarden.store.opening import open_store
from modelwarden.store.placing import close_for_good, opened, put_in_place
from modelwarden.store.state import check_state
from modelwarden.store.verification import verify_ledger
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from modelwarden.config import Settings
    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.store.catching_up import LedgerCopy
    from modelwarden.store.change import View
    from modelwarden.store.guard_file import Signed
    from modelwarden.store.keyring import Keyring
    from modelwarden.store.predecessor import Predecessor
    from modelwarden.values.clock import Clock

SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a restore may rest on beside the backup.

    Attributes:
        checkpoint: a newer signed note, kept elsewhere.
        known: sizes that were signed, as others showed them.
        copies: other copies of the ledger, for entries that the backup lacks.
        unsigned: take what these hold past their last checkpoint too.
        reapply: erases again what the ledger says was erased (AC-86).
    """

    checkpoint: str | None = None
    known: Sequence[Known] = ()
    copies: Sequence[LedgerCopy] = ()
    unsigned: bool = False
    reapply: Callable[[Connection], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A backup that was put in place, what it took from copies, and where the SQLite file that stood there is kept."""

    size: int
    root: str
    kept: Path | None
    taken: int
    unsigned: int
    left: int
    frozen: int


def restore(path: Path, settings: Settings, clock: Clock, wanted: Wanted | None = None) -> Restored:
    """Put a backup in the place that the settings name; the ledger tells of it.

    It is opened and verified aside first, entries, index, state and texts. Entries that were signed and that it lacks
    are taken from a copy; objects that these moved on are frozen. Only then is anything replaced. On SQLite the file
    that stood there is kept beside it; on PostgreSQL the database has to be empty. Every process that uses the database
    has to be stopped.

    Raises:
        BackupInvalid: it does not open.
        RestoreNeedsLedger: it is behind what is known to have been signed, and no copy gives what is missing.
        RestoreRefused: it does not verify, or the place is not free.
        SchemaTooOld, SchemaTooNew, KeyUnusable.
    """
    settings = settings.located()
    keys = keyring.load(settings.keys_folder or Path())
    beside = settings.sqlite_path.absolute().parent if settings.sqlite_path else None
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=beside) as folder:
            aside = Path(folder) / "aside.db"
            open_backup(path, keys, aside)
            guard = settings.ledger_guard_file or Path(f"{aside}.guard")
            with guard_file.held(guard) as signed:
                done = _prepared(aside, settings, keys, clock, _sources(signed, keys, wanted))
                kept = put_in_place(aside, settings, done.size, timestamp(clock.now()))
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise RestoreRefused(
            f"the disk or database gave up, and nothing was replaced: {_reason(error)}"
        ) from error
    open_store(settings, clock).close()  # which signs
    taken = done.taken
    return Restored(
        size=done.size,
        root=done.root,
        kept=kept,
        taken=taken.entries,
        unsigned=taken.unsigned,
        left=taken.left,
        frozen=len(done.frozen),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunAnew:
    """A ledger that was begun because every copy of the old one's end is lost, and what it names (LG-47)."""

    origin: str
    named: Predecessor
    kept: Path | None


def begin_anew(
    path: Path,
    settings: Settings,
    clock: Clock,
    *,
    origin: str,
    confirmed: str,
    archive: Callable[[View], object],
) -> BegunAnew:
    """Put a backup in place under a new origin: what came after it is given up (LG-47).

    It is verified aside first, as for any restore. `archive` keeps its ledger, the old one, whole. The rows go on;
    texts stay locked until two people list the erasures that have to be applied again. Until the new database stands,
    nothing of the old is touched, and a second attempt begins from the start.

    Raises:
        ValueInvalid: `confirmed` is not the old ledger's origin.
        BackupInvalid, RestoreRefused, SchemaTooOld, SchemaTooNew, KeyUnusable.
    """
    settings = settings.located()
    keys = keyring.load(settings.keys_folder or Path())
    if confirmed != keys.origin:
        raise ValueInvalid("the confirmation", f"the origin of the ledger given up, {keys.origin}")
    beside = settings.sqlite_path.absolute().parent if settings.sqlite_path else None
    try:
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=beside) as folder:
            aside, fresh = Path(folder) / "aside.db", Path(folder) / "fresh.db"
            open_backup(path, keys, aside)
            guard = settings.ledger_guard_file or Path(f"{aside}.guard")
            with guard_file.held(guard) as signed, opened(aside) as source:
                current = server_keys.current(source, keys)
                _verify(source, current)
                archive(reader(source, settings, current, clock))
                known = signed.size if signed is not None and signed.origin == keys.origin else 0
                size = entries.read_head(source).size
                named = begin(source, fresh, settings, current, clock, origin=origin, known=known)
            close_for_good(fresh)
            kept = put_in_place(fresh, settings, size, timestamp(clock.now()))
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise RestoreRefused(
            f"the disk or database gave up, and nothing was replaced: {_reason(error)}"
        ) from error
    open_store(settings, clock).close()  # which lets the new key take over, and signs
    return BegunAnew(origin=origin, named=named, kept=kept)


def drill(path: Path, settings: Settings) -> tuple[int, str]:
    """Open and verify a backup in a throwaway database, and return the size and root of its ledger (AC-87).

    Raises BackupInvalid, RestoreRefused, KeyUnusable.
    """
    settings = settings.located()
    keys = keyring.load(settings.keys_folder or Path())
    with tempfile.TemporaryDirectory(prefix=".drill-", dir=path.absolute().parent) as folder:
        aside = Path(folder) / "aside.db"
        manifest = open_backup(path, keys, aside)
        with opened(aside) as connection:
            _verify(connection, server_keys.current(connection, keys))
    return manifest.size, manifest.root


def _prepared(
    aside: Path, settings: Settings, keys: Keyring, clock: Clock, sources: Sources
) -> Extended:
    """Verify the database aside, bring it to what is known, and verify that."""
    with opened(aside) as connection:
        _verify(connection, server_keys.current(connection, keys))
    done = go_on(aside, sources, settings, keys, clock)
    with opened(aside) as connection:
        _verify(connection, server_keys.current(connection, keys))
    close_for_good(aside)
    return done


def _verify(connection: Connection, keys: Keyring) -> None:
    size = entries.read_head(connection).size
    trust = trust_of(connection, [keys.log_key.verifier], below=size)
    note = entries.newest_checkpoint(connection)
    signed = 0 if note is None else unverified_checkpoint(note).size
    found = verify_ledger(connection, origin=keys.origin, keys=trust.at(signed), index=True)
    state, _ = check_state(connection, keys)
    problems = (*found.problems, *state.problems)
    if problems:
        shown = "; ".join(f"{p.code} at {p.seq}: {p.detail}" for p in problems[:SHOWN])
        count = found.problem_count + state.count
        raise RestoreRefused(f"the backup does not verify, {count} problems: {shown}")


def _sources(signed: Signed | None, keys: Keyring, wanted: Wanted | None) -> Sources:
    """Return all that is known to have been signed (step 2)."""
    wanted = wanted or Wanted()
    trusted = [key.verifier for key in key_files.log_keys(keys.folder or Path())]
    known = list(wanted.known)
    if signed is not None:
        if signed.origin != keys.origin:
            raise RestoreRefused(f"the guard file is of another ledger, {signed.origin}")
        known.append(Known(signed.size, bytes.fromhex(signed.root), "the guard file"))
    if wanted.checkpoint is not None:
        known.append(_given(wanted.checkpoint, trusted))
    return Sources(
        known=known,
        copies=wanted.copies,
        keys=trusted,
        unsigned=wanted.unsigned,
        reapply=wanted.reapply,
    )


def _given(checkpoint: str, trusted: Sequence[VerifierKey]) -> Known:
    try:
        note = open_note(checkpoint.encode(), trusted)
    except NoteInvalid as error:
        raise RestoreRefused(f"the checkpoint given is not of this ledger: {error}") from error
    return Known(note.size, note.root, "the checkpoint given")


def _reason(error: Exception) -> str:
    found = error.orig if isinstance(error, DBAPIError) else error
    return str(found)
