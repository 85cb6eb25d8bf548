"""A database that was made aside takes its place: durably, at once, and only where nobody is at work."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy.exc import DatabaseError

from modelwarden.errors import (
    LedgerUnavailable,
    ProofInvalid,
    RestoreNeedsLedger,
    RestoreRefused,
)
from modelwarden.store import entries, migrate
from modelwarden.store.backup import copy_rows
from modelwarden.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from modelwarden.config import Settings


def put_in_place(aside: Path, settings: Settings, size: int, at: str) -> Path | None:
    """Put a database of so many entries in the place that the settings name; return where the file that stood there is.

    Raises:
        RestoreNeedsLedger: the one in place has more entries.
        RestoreRefused: it is in use, or the PostgreSQL database is not empty.
    """
    target = settings.sqlite_path
    if target is None:
        _fill(aside, settings.url)
        return None
    if not target.exists():
        _replace(aside, target)
        return None
    _refuse_smaller(size, _size_of(target), "the database in place")
    close_for_good(target)
    kept = target.with_name(f"{target.name}.before-{at.replace(':', '')}")
    try:
        os.link(target, kept)
    except OSError:  # a file system without links
        shutil.copy2(target, kept)
    _replace(aside, target)
    return kept


def close_for_good(path: Path) -> None:
    """Take the log of a SQLite file into it. Raises RestoreRefused while anybody else has it open."""
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


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """Open a SQLite file for reading. Raises SchemaTooOld or SchemaTooNew for another release's."""
    database = Database(f"sqlite:///{path}")
    try:
        migrate.require_current(database)
        with database.reading() as connection:
            yield connection
    finally:
        database.close()


def _refuse_smaller(size: int, known: int, holder: str) -> None:
    if size < known:
        raise RestoreNeedsLedger(
            f"the backup comes to {size} entries, but {holder} has {known}: {known - size} entries would be lost."
            " Name a copy of the ledger that holds them with --ledger, or move what is there away"
        )


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
        with opened(path) as connection:
            return entries.read_head(connection).size
    except (DatabaseError, LedgerUnavailable, ProofInvalid):
        return 0


def _fill(aside: Path, url: str) -> None:
    """Copy the rows into an empty database, in one transaction."""
    target = Database(url)
    try:
        if not migrate.require_current(target):
            migrate.migrate(target)
        with target.writing() as writing, opened(aside) as connection:
            if entries.origin_of(writing) is not None:
                raise RestoreRefused(
                    "this database holds a ledger already: make an empty one and point `url` to it"
                )
            copy_rows(connection, writing)
    finally:
        target.close()
