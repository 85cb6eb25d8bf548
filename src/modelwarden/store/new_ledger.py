"""A backup that goes on under a new name, once every copy of the entries after it is lost (LG-47).

The rows are carried into an empty database; its ledger begins anew. Entry 0 names the old ledger's last checkpoint, the
entries after it pin every governed row, and what holds attached rows, as they came. The old entries stay whole in an
export, which the caller writes. Keys change over when the database is first opened: until then the old ones stand.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, select, update

from modelwarden.errors import RestoreRefused
from modelwarden.facts.kinds import Code, KeyText, OriginName, Severity
from modelwarden.facts.ledger import LedgerStarted, ObjectsCarried, RowsCarried
from modelwarden.ledger.entry import chain_start
from modelwarden.store import entries, key_files, migrate, server_keys
from modelwarden.store.change import Surroundings, View
from modelwarden.store.database import Database, insert_many
from modelwarden.store.governed import Moved, state_digest
from modelwarden.store.predecessor import predecessor, predecessor_of
from modelwarden.store.schema.keys import server_keys as key_rows
from modelwarden.store.schema.ledger import texts
from modelwarden.store.tables import all_tables, governed_tables
from modelwarden.store.writer import Writer
from modelwarden.values.canonical import encode
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import Digest
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Table

    from modelwarden.config import Settings
    from modelwarden.ledger.keys import LogKey
    from modelwarden.store.change import Change
    from modelwarden.store.keyring import Keyring
    from modelwarden.store.predecessor import Predecessor
    from modelwarden.values.clock import Clock

AN_ENTRY: Final = 64
"""Objects that one entry names: far below the 32 KiB of an entry (LG-3)."""
PAGE: Final = 1_000
CARRIED: Final = frozenset({"actor_epochs", "bootstrap"})
"""Plumbing that is no part of the old ledger; all other is left behind with it."""
LEFT: Final = frozenset({"external_records"})
"""Refs of records name entries of the old ledger: there they were recorded once."""
PINNED: Final = ("metrics", "person_links")
_ACTOR: Final = system("restore")
_CLAMP: Final = (
    update(texts).where(texts.c.kept_at > bindparam("now")).values(kept_at=bindparam("now"))
)


def reader(source: Connection, settings: Settings, keys: Keyring, clock: Clock) -> View:
    """Return what the program itself reads of a database that is opened aside."""
    around = Surroundings(keyring=keys, settings=settings)
    return View(source, now=clock.now(), principal=_ACTOR, around=around)


def begin(  # noqa: PLR0913  # from where, to where, with what
    source: Connection,
    target: Path,
    settings: Settings,
    keys: Keyring,
    clock: Clock,
    *,
    origin: str,
    known: int,
) -> Predecessor:
    """Make a database at `target` with the rows of `source` and a ledger of its own, and return what that names.

    Raises RestoreRefused, KeyUnusable.
    """
    given_up = predecessor(source, known=known)
    if origin == given_up.origin:
        raise RestoreRefused(f"{origin} is the old ledger's name; a new one needs another")
    key = _log_key(keys, origin)
    database = Database(f"sqlite:///{target}")
    try:
        migrate.migrate(database)
        now = timestamp(clock.now())
        with database.writing() as connection:
            _carry_rows(source, connection)
            connection.execute(_CLAMP, {"now": now})
            entries.start(connection, origin=origin, chain_start=chain_start(origin), at=now)
            first = replace(keys, log_key=key, retiring=(), state=())
            current = server_keys.current(connection, first)
        _tell(database, Surroundings(keyring=current, settings=settings), clock, given_up)
    finally:
        database.close()
    return given_up


def finish(connection: Connection, folder: Path, keys: Keyring, origin: str) -> Keyring:
    """Let the new ledger's key take the old one's place, and return the keys; the same ones where it has it already.

    What says that it may is entry 0: it names that key, and the ledger that the old one is of.
    """
    named = predecessor_of(connection)
    if keys.origin == origin or named is None or named != keys.origin:
        return keys
    for key in key_files.log_keys(folder):
        if key.name == origin and any(
            key.vkey.encode() in body for body in entries.key_bodies(connection)
        ):
            key_files.take_first_place(folder, key)
            return replace(keys, log_key=key_files.first_log_key(folder))
    return keys


def rows_of(connection: Connection, name: str) -> Iterator[Any]:
    """Yield the rows of a table in the order of its key."""
    (table,) = (each for each in all_tables() if each.name == name)
    statement = select(table).order_by(*table.primary_key.columns)
    yield from connection.execute(statement.execution_options(yield_per=PAGE))


def rows_digest(rows: Iterable[Any]) -> tuple[int, str]:
    """Return how many rows of an attached table these are, and their digest: canonical lines, as they come."""
    hashed, count = hashlib.sha256(), 0
    for row in rows:
        hashed.update(encode([_plain(value) for value in row]) + b"\n")
        count += 1
    return count, hashed.hexdigest()


def _plain(value: object) -> str | list[str]:
    return [] if value is None else str(value)


def _log_key(keys: Keyring, origin: str) -> LogKey:
    folder = keys.folder
    if folder is None:
        raise RestoreRefused("the keys were not read from a folder")
    return key_files.new_log_key(folder, origin)


def _carry_rows(source: Connection, target: Connection) -> None:
    reading = source.execution_options(yield_per=PAGE)
    for table in all_tables():
        is_of_ledger = table.info["class"] == "plumbing" and table.name not in CARRIED
        if is_of_ledger or table.name in LEFT:
            continue
        with reading.execute(select(table)) as found:
            for part in found.partitions():
                insert_many(target, table, [tuple(row) for row in part])
    target.execute(delete(key_rows).where(key_rows.c.purpose == server_keys.LEDGER))


def _tell(database: Database, around: Surroundings, clock: Clock, given_up: Predecessor) -> None:
    writer = Writer(database, clock, around)
    try:
        writer.submit(_ACTOR, partial(_start, given_up=given_up)).result()
        for table in governed_tables():
            with database.reading() as connection:
                moved = _rows(connection, table)
            for start in range(0, len(moved), AN_ENTRY):
                part = moved[start : start + AN_ENTRY]
                writer.submit(_ACTOR, partial(_carry, kind=table.info["kind"], moved=part)).result()
    finally:
        writer.close()


def _start(change: Change, *, given_up: Predecessor) -> None:
    keys = change.keyring
    change.record(
        LedgerStarted(
            origin=OriginName(keys.origin),
            epoch=1,
            log_key=KeyText(keys.log_key.vkey),
            server_key=KeyText(base64.b64encode(keys.server_key.spki).decode("ascii")),
            predecessor=OriginName(given_up.origin),
            predecessor_size=given_up.size,
            predecessor_root=Digest(given_up.root),
            predecessor_checkpoint=Digest(given_up.note_sha256),
            predecessor_known=given_up.known,
        ),
        severity=Severity.HIGH,
    )
    for name in PINNED:
        count, digest = rows_digest(rows_of(change.connection, name))
        change.record(RowsCarried(table=Code(name), rows=count, digest=Digest(digest)))


def _rows(connection: Connection, table: Table) -> list[Moved]:
    names = [str(column.name) for column in table.columns]
    (key,) = table.primary_key.columns
    found = connection.execute(select(table).order_by(key))
    rows = (dict(zip(names, row, strict=True)) for row in found)
    return [
        Moved(table.info["kind"], row[key.name], row["revision"], state_digest(row)) for row in rows
    ]


def _carry(change: Change, *, kind: str, moved: list[Moved]) -> None:
    for each in moved:
        change.carry(each)
    change.record(ObjectsCarried(kind=Code(kind), count=len(moved)))
