"""Restoring a backup: verified aside, never back behind what is known to have been signed (LG-46, steps 1 and 2).

Not here yet: taking the entries that a backup lacks from a copy of the ledger. Until then a backup that is behind is
refused, whatever the need; point `ledger.guard_file` and a checkpoint of your own to what you know.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DatabaseError

from modelwarden.errors import LedgerUnavailable, NoteInvalid, ProofInvalid, RestoreRefused
from modelwarden.facts.ledger import LedgerRestored
from modelwarden.ledger.checkpoint import open_note
from modelwarden.ledger.merkle import range_root
from modelwarden.store import entries, guard_file, keyring, migrate
from modelwarden.store.backup import copy_rows, open_backup
from modelwarden.store.database import Database
from modelwarden.store.opening import open_store
from modelwarden.store.state import check_state
from modelwarden.store.tiles import StoredNodes
from modelwarden.store.verification import verify_ledger
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import Digest
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from modelwarden.config import Settings
    from modelwarden.store.change import Change
    from modelwarden.store.guard_file import Signed
    from modelwarden.store.keyring import Keyring
    from modelwarden.values.clock import Clock

SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A backup that was put in place, and where the SQLite file that stood there is kept."""

    size: int
    root: str
    kept: Path | None


def restore(
    path: Path, settings: Settings, clock: Clock, *, checkpoint: str | None = None
) -> Restored:
    """Put a backup in the place that the settings name, and record it there.

    It is opened and verified aside first, entries, index, state and texts; only then is anything replaced. On SQLite
    the file that stood there is kept beside it; on PostgreSQL the database has to be empty. `checkpoint` is a newer
    signed note, kept elsewhere. Every process that uses the database has to be stopped.

    Raises:
        BackupInvalid: it does not open.
        RestoreRefused: it does not verify, is behind what is known to have been signed, or the place is not free.
        SchemaTooOld, SchemaTooNew, KeyUnusable.
    """
    settings = settings.located()
    keys = keyring.load(settings.keys_folder or Path())
    beside = settings.sqlite_path.absolute().parent if settings.sqlite_path else None
    if beside is not None:
        beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=beside) as folder:
        aside = Path(folder) / "aside.db"
        manifest = open_backup(path, keys, aside)
        guard = settings.ledger_guard_file or Path(f"{aside}.guard")
        with guard_file.held(guard) as signed:
            with _opened(aside) as connection:
                _verify(connection, keys)
                _refuse_going_back(connection, signed, keys, checkpoint)
            kept = _put_in_place(aside, settings, manifest.size, timestamp(clock.now()))
    _record(settings, clock, LedgerRestored(size=manifest.size, root=Digest(manifest.root)))
    return Restored(size=manifest.size, root=manifest.root, kept=kept)


def _verify(connection: Connection, keys: Keyring) -> None:
    found = verify_ledger(connection, origin=keys.origin, keys=[keys.log_key.verifier], index=True)
    state, _ = check_state(connection, keys)
    problems = (*found.problems, *state.problems)
    if problems:
        shown = "; ".join(f"{p.code} at {p.seq}: {p.detail}" for p in problems[:SHOWN])
        count = found.problem_count + state.count
        raise RestoreRefused(f"the backup does not verify, {count} problems: {shown}")


def _refuse_going_back(
    connection: Connection, signed: Signed | None, keys: Keyring, checkpoint: str | None
) -> None:
    """Raise RestoreRefused unless the backup extends all that is known to have been signed (step 2)."""
    if signed is not None:
        if signed.origin != keys.origin:
            raise RestoreRefused(f"the guard file is of another ledger, {signed.origin}")
        known = (signed.size, bytes.fromhex(signed.root))
        _hold_against(connection, known, "the guard file")
    if checkpoint is not None:
        try:
            note = open_note(checkpoint.encode(), [keys.log_key.verifier])
        except NoteInvalid as error:
            raise RestoreRefused(f"the checkpoint given is not of this ledger: {error}") from error
        _hold_against(connection, (note.size, note.root), "the checkpoint given")


def _hold_against(connection: Connection, known: tuple[int, bytes], holder: str) -> None:
    size, root = known
    _refuse_smaller(entries.read_head(connection).size, size, holder)
    if range_root(size, StoredNodes(connection)) != root:
        raise RestoreRefused(
            f"the first {size} entries of the backup are not those that {holder} knows"
        )


def _refuse_smaller(size: int, known: int, holder: str) -> None:
    if size < known:
        raise RestoreRefused(
            f"the backup ends at {size} entries, but {holder} knows {known}: {known - size} entries would be lost."
            " Restore a newer backup; taking the missing entries from a copy of the ledger comes with a later release"
        )


def _put_in_place(aside: Path, settings: Settings, size: int, at: str) -> Path | None:
    target = settings.sqlite_path
    if target is None:
        _fill(aside, settings.url)
        return None
    if not target.exists():
        _replace(aside, target)
        return None
    _refuse_smaller(size, _size_of(target), "the database in place")
    _close_for_good(target)
    kept = target.with_name(f"{target.name}.before-{at.replace(':', '')}")
    try:
        os.link(target, kept)
    except OSError:  # a file system without links
        shutil.copy2(target, kept)
    _replace(aside, target)
    return kept


def _replace(aside: Path, target: Path) -> None:
    """Put a file in place, durably and at once."""
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(target)
    folder = os.open(target.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _size_of(path: Path) -> int:
    """Return how many entries a database in place has; 0 for one that can't be read any more."""
    try:
        with _opened(path) as connection:
            return entries.read_head(connection).size
    except (DatabaseError, LedgerUnavailable, ProofInvalid):
        return 0


def _close_for_good(path: Path) -> None:
    """Take the log of a SQLite file into it, which works only while nobody else has it open."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=1)) as database:
            (mode,) = database.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.OperationalError as error:
        raise RestoreRefused("the database is in use: stop every process that uses it") from error
    except sqlite3.DatabaseError:  # no database any more: what is left of its log is nothing either
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    else:
        if mode != "delete":
            raise RestoreRefused("the database is in use: stop every process that uses it")


def _fill(aside: Path, url: str) -> None:
    """Copy the rows into an empty database, in one transaction."""
    target = Database(url)
    try:
        if not migrate.require_current(target):
            migrate.migrate(target)
        with target.writing() as writing, _opened(aside) as connection:
            if entries.origin_of(writing) is not None:
                raise RestoreRefused(
                    "this database holds a ledger already: make an empty one and point `url` to it"
                )
            copy_rows(connection, writing)
    finally:
        target.close()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Connection]:
    """Open a SQLite file for reading. Raises SchemaTooOld or SchemaTooNew for another release's."""
    database = Database(f"sqlite:///{path}")
    try:
        migrate.require_current(database)
        with database.reading() as connection:
            yield connection
    finally:
        database.close()


def _record(settings: Settings, clock: Clock, fact: LedgerRestored) -> None:
    def tell(change: Change) -> None:
        change.record(fact)

    store = open_store(settings, clock)
    try:
        store.writer.submit(system("restore"), tell).result()
    finally:
        store.close()
