"""Backups: one consistent snapshot of the database, sealed, without any key in it (LG-46, AC-87).

Whatever the database, a backup holds a SQLite database of the same schema: SQLite's own online copy, or on PostgreSQL
the rows of all tables as one transaction saw them. So one procedure verifies both, and a backup of one can be restored
into the other. Artifacts that were uploaded lie in their own folder and are not part of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from modelwarden.errors import BackupInvalid, NotCanonical, ValueInvalid
from modelwarden.store import entries, migrate
from modelwarden.store.database import Database, driver, insert_many
from modelwarden.store.sealing import CHUNK, seal_stream, unseal_stream
from modelwarden.store.tables import all_tables
from modelwarden.values.canonical import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from modelwarden.store.keyring import Keyring

ROWS: Final = 2_000
LENGTH_BYTES: Final = 8
MANIFEST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupManifest:
    """What a backup holds. It stands inside the seal, before the database.

    Attributes:
        size, root: of the ledger, the entries that no checkpoint covers yet among them.
        checkpoint: the newest signed note, empty before the first.
        bytes, sha256: of the database file.
    """

    origin: str
    schema: str
    size: int
    root: str
    checkpoint: str
    bytes: int
    sha256: str
    made_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was written: where, what ledger, and the digest of the file."""

    path: Path
    size: int
    root: str
    sha256: str


def backup(connection: Connection, keyring: Keyring, output: Path, *, at: str) -> Backup:
    """Write a backup of what this read transaction sees. Nothing stands at `output` before it is whole.

    Raises ValueInvalid when something stands there already. Writers go on meanwhile.
    """
    output = output.absolute()
    if output.exists():
        raise ValueInvalid("output", f"a place where nothing is yet, not {output}")
    output.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        copy, sealed = place / "copy.db", place / "sealed"
        copy_database(connection, copy)
        manifest = _manifest(connection, copy, at)
        with sealed.open("xb") as file:
            seal_stream(_content(manifest, copy), file, keyring)
        digest = sha256_of(sealed)
        sealed.rename(output)
    finally:
        shutil.rmtree(place)
    return Backup(path=output, size=manifest.size, root=manifest.root, sha256=digest)


def open_backup(path: Path, keyring: Keyring, target: Path) -> BackupManifest:
    """Write the database of a backup to `target` and return its manifest. Raises BackupInvalid.

    The bytes are those that were backed up; what they say is for the caller to verify.
    """
    try:
        with path.open("rb") as source, target.open("xb") as file:
            manifest, rest = _split(unseal_stream(source, keyring))
            for part in rest:
                file.write(part)
    except OSError as error:
        raise BackupInvalid(f"{path} can't be read: {error.strerror}") from error
    if (target.stat().st_size, sha256_of(target)) != (manifest.bytes, manifest.sha256):
        raise BackupInvalid("the database in the backup is not the one that its manifest names")
    return manifest


def copy_database(connection: Connection, target: Path) -> None:
    """Write what this transaction sees as one SQLite file."""
    if connection.dialect.name == "sqlite":
        with contextlib.closing(sqlite3.connect(target)) as copy:
            driver(connection).backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        return
    database = Database(f"sqlite:///{target}")
    try:
        migrate.migrate(database)
        with database.writing() as writing:
            copy_rows(connection, writing)
    finally:
        database.close()
    with contextlib.closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")


def copy_rows(source: Connection, target: Connection) -> None:
    """Write all rows of all tables into empty ones of the same schema; memory does not grow with them."""
    reading = source.execution_options(yield_per=ROWS)
    for table in all_tables():
        with reading.execute(select(table)) as found:
            for part in found.partitions():
                insert_many(target, table, [tuple(row) for row in part])


def sha256_of(path: Path) -> str:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(connection: Connection, copy: Path, at: str) -> BackupManifest:
    head = entries.read_head(connection)
    note = entries.newest_checkpoint(connection)
    return BackupManifest(
        origin=head.origin,
        schema=migrate.NEWEST,
        size=head.size,
        root=head.frontier.root().hex(),
        checkpoint="" if note is None else note.decode(),
        bytes=copy.stat().st_size,
        sha256=sha256_of(copy),
        made_at=at,
    )


def _content(manifest: BackupManifest, copy: Path) -> Iterator[bytes]:
    data = json.dumps(asdict(manifest)).encode()
    yield len(data).to_bytes(LENGTH_BYTES) + data
    with copy.open("rb") as file:
        while part := file.read(CHUNK):
            yield part


def _split(parts: Iterator[bytes]) -> tuple[BackupManifest, Iterator[bytes]]:
    """Return the manifest, and the rest, which still has to be read to its end."""
    held = next(parts)
    length = int.from_bytes(held[:LENGTH_BYTES])
    if length > min(MANIFEST_BYTES, len(held) - LENGTH_BYTES):
        raise BackupInvalid("the backup begins with no manifest")
    end = LENGTH_BYTES + length

    def rest() -> Iterator[bytes]:
        yield held[end:]
        yield from parts

    try:
        value = parse(held[LENGTH_BYTES:end])
        manifest = BackupManifest(**value)  # type: ignore[arg-type]  # authenticated: we wrote it
    except (NotCanonical, TypeError) as error:
        raise BackupInvalid("the backup was made by another release; use that one") from error
    return manifest, rest()
