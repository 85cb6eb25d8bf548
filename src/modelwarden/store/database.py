"""Connections: one writer's, and a pool of readers', to SQLite or PostgreSQL. Dialect differences live here.

SQLite runs in WAL mode with `synchronous=FULL`: a commit that was answered is on the disk. Writers of several processes
queue at `BEGIN IMMEDIATE`; readers never wait. On PostgreSQL the head row orders writers, and readers see one snapshot.
"""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from modelwarden.errors import LedgerUnavailable, SettingInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine, Table

READ_CACHE, WRITE_CACHE = -2_000, -16_000
"""Page caches in KiB: a reader streams or looks up, the writer comes back to the same pages."""
BUSY_TIMEOUT_S: Final = 30
_ANNOUNCE: Final = text("NOTIFY modelwarden")
WAIT_S: Final = 0.5
SQLITE_WAIT_S: Final = 0.1
"""Between two looks at whether another connection wrote: each takes microseconds, and reads no page."""
_ALIVE: Final = text("SELECT 1")
_TRY_LOCK: Final = text("SELECT pg_try_advisory_lock(hashtext(:name))")
_VACUUM: Final = tuple(text(f"VACUUM {table}") for table in ("texts", "actors"))
COPY_FROM_ROWS: Final = 24
"""From this many rows on, PostgreSQL's binary COPY beats single inserts."""
RETRIABLE: Final = frozenset({"40001", "40P01"})  # serialization failure, deadlock (LG-12)


class Database:
    """One database. `close` ends all connections."""

    def __init__(self, url: str) -> None:
        self.url: Final = url
        parsed = make_url(url)
        self.dialect: Final = parsed.get_backend_name()
        self._writing = threading.Lock()
        self._writer: Connection | None = None
        if self.dialect == "sqlite":
            self._write_engine, self._read_engine = (
                _sqlite(url, read_only=False),
                _sqlite(url, read_only=True),
            )
        elif self.dialect == "postgresql":
            full = parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
            self._write_engine, self._read_engine = (
                _postgres(full, read_only=False),
                _postgres(full, read_only=True),
            )
        else:
            raise SettingInvalid(
                f"url: {self.dialect} is not supported; use sqlite:///FILE or postgresql://…"
            )

    @property
    def path(self) -> Path | None:
        """Return the SQLite file, or None."""
        return Path(self.url.partition(":///")[2]) if self.dialect == "sqlite" else None

    @property
    def read_engine(self) -> Engine:
        """Return what readers' connections come from, for code of the store itself."""
        return self._read_engine

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open the writing transaction and commit it at the end. Only the writer and migrations use this.

        The connection is kept for the next one: taking it from a pool would cost a tenth of a small commit.
        """
        with self._writing:
            if self._writer is None:
                self._writer = self._write_engine.connect()
            with self._writer.begin():
                yield self._writer

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state and can't write. Raises LedgerUnavailable when there is no answer."""
        try:
            with self._read_engine.connect() as connection, connection.begin():
                yield connection
        except (OperationalError, InterfaceError) as error:
            if not concerns_all(error):
                raise
            raise LedgerUnavailable(
                "the database does not answer; try again in a moment"
            ) from error

    def lead(self, name: str) -> Lead | None:
        """Become the one process that leads this name, until that is closed; None while another one does."""
        if self.path is not None:
            return _lead_by_file(self.path.with_suffix(f".{name}.lock"))
        return _lead_by_connection(self._read_engine, f"modelwarden:{name}")

    def forget_connections(self) -> None:
        """Drop the writer's connection, so that it opens a fresh one. Readers' are tried before each use."""
        with self._writing:
            if self._writer is not None:
                self._writer.invalidate()
                self._writer.close()
                self._writer = None
            self._write_engine.dispose()

    def overwrite_deleted(self) -> bool:
        """Let nothing of deleted rows remain in this database's own files; False when it has to be tried again.

        SQLite overwrites rows as it deletes them; what its log still holds of them goes here. PostgreSQL lets go of
        old rows by VACUUM; its own log and archives keep them for as long as the operator says.
        """
        engine = self._write_engine.execution_options(isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                if self.dialect == "sqlite":
                    raw = driver(connection)
                    return not raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                for statement in _VACUUM:
                    connection.execute(statement)
                return True
        except (DBAPIError, sqlite3.Error):
            return False

    def close(self) -> None:
        """Close all connections."""
        self.forget_connections()
        self._read_engine.dispose()


def announce(connection: Connection) -> None:
    """Tell other processes, once this transaction commits; on SQLite they see it by themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ANNOUNCE)


def announcements(database: Database, *, until: Callable[[], bool]) -> Iterator[None]:
    """Yield once listening has begun, and after commits of others: those announced, and on SQLite after any."""
    engine = database.read_engine.execution_options(isolation_level="AUTOCOMMIT")
    with contextlib.closing(engine.connect()) as connection:
        raw = driver(connection)
        connection.detach()  # it listens until it is closed: nobody else may get it
        heard = _notified(raw) if database.dialect == "postgresql" else _written(raw)
        next(heard)  # from here on it listens
        yield
        while not until():
            if next(heard):
                yield


def _notified(raw: Any) -> Iterator[bool]:  # noqa: ANN401  # psycopg's connection
    raw.execute("LISTEN modelwarden")
    while True:
        yield bool(list(raw.notifies(timeout=WAIT_S, stop_after=1)))


def _written(raw: Any) -> Iterator[bool]:  # noqa: ANN401  # sqlite3's connection
    seen = _version(raw)
    while True:
        time.sleep(SQLITE_WAIT_S)
        before, seen = seen, _version(raw)
        yield seen != before


def _version(raw: Any) -> int:  # noqa: ANN401  # sqlite3's connection
    return int(raw.execute("PRAGMA data_version").fetchone()[0])


class Lead:
    """What makes this process the leader of a name: a locked file, or a connection of its own that holds a lock."""

    def __init__(self, held: contextlib.ExitStack, connection: Connection | None = None) -> None:
        self._held, self._connection = held, connection

    def holds(self) -> bool:
        """Tell whether the lock is still ours: it ends with its connection, as when the database restarts."""
        try:
            return self._connection is None or bool(self._connection.execute(_ALIVE).scalar())
        except DBAPIError:
            return False

    def close(self) -> None:
        """Let another process lead."""
        self._held.close()


def _lead_by_file(path: Path) -> Lead | None:
    with contextlib.ExitStack() as trying:
        file = trying.enter_context(path.open("ab"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return Lead(trying.pop_all())


def _lead_by_connection(engine: Engine, name: str) -> Lead | None:
    with contextlib.ExitStack() as trying:
        try:
            connection = trying.enter_context(engine.connect())
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # closing ends the session and its lock, instead of pooling both
            if connection.execute(_TRY_LOCK, {"name": name}).scalar():
                return Lead(trying.pop_all(), connection)
        except DBAPIError:
            return None
    return None


def savepoint(connection: Connection, command: str) -> None:
    """Run `SAVEPOINT c`, `RELEASE c` or `ROLLBACK TO c` on the driver itself."""
    sql = f"{command} c"
    with translated(connection, sql), contextlib.closing(driver(connection).cursor()) as cursor:
        cursor.execute(sql)


def driver(connection: Connection) -> Any:  # noqa: ANN401  # sqlite3 or psycopg
    """Return the driver's own connection."""
    return connection.connection.driver_connection


def in_transaction(connection: Connection) -> bool:
    """Tell whether the transaction still stands: a full disk can end it inside a savepoint (LG-12)."""
    raw = driver(connection)
    return bool(raw.in_transaction) if connection.dialect.name == "sqlite" else not raw.broken


def insert_many(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows, given in the table's column order, by the fastest way that the driver has."""
    if rows:
        with translated(connection, f"INSERT INTO {table.name}"):
            _insert(connection, table, rows)


def _insert(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)  # `user` is a word of SQL
    raw = driver(connection)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(table.columns))
        raw.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608  # names are ours
        return
    with raw.cursor() as cursor:
        if len(rows) < COPY_FROM_ROWS:
            marks = ", ".join(["%s"] * len(table.columns))
            cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608
            return
        types = [_COPY_TYPES[type(column.type).__name__] for column in table.columns]
        with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


_COPY_TYPES: Final = {
    "BigInteger": "int8",
    "Boolean": "bool",
    "Integer": "int4",
    "LargeBinary": "bytea",
    "Text": "text",
}


@contextlib.contextmanager
def translated(connection: Connection, sql: str) -> Iterator[None]:
    """Raise the driver's own errors as SQLAlchemy's, whichever way a statement was run."""
    found = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except found as error:
        raise DBAPIError.instance(sql, None, error, found, dialect=connection.dialect) from error


def concerns_all(error: Exception) -> bool:
    """Tell whether an error is the database's, which the whole batch shares, not the one statement's."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF not in {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG}


def is_retriable(error: DBAPIError) -> bool:
    """Tell whether the batch may simply run again: a deadlock or serialization failure."""
    return getattr(error.orig, "sqlstate", None) in RETRIABLE


def _sqlite(url: str, *, read_only: bool) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def configure(raw: Any, _record: object) -> None:  # noqa: ANN401
        raw.isolation_level = None  # we say BEGIN ourselves
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA foreign_keys=ON")
        raw.execute(f"PRAGMA cache_size={READ_CACHE if read_only else WRITE_CACHE}")
        if read_only:
            raw.execute("PRAGMA query_only=ON")
        else:
            raw.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten too (LG-61)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _postgres(url: str, *, read_only: bool) -> Engine:
    try:
        return create_engine(
            url,
            isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
            pool_size=8 if read_only else 2,
            pool_pre_ping=True,
            connect_args={"options": "-c default_transaction_read_only=on"} if read_only else {},
        )
    except ModuleNotFoundError as error:
        raise SettingInvalid(
            "PostgreSQL needs the extra: pip install 'modelwarden[postgres]'"
        ) from error


def reason_of(error: DBAPIError) -> str:
    """Return why the database took no changes, and what to do about it."""
    text = str(error.orig).lower()
    if "full" in text or "no space" in text:
        return "the disk is full; nothing was changed; free some space and try again"
    if "locked" in text:
        return "another process kept the database busy for too long; nothing was changed; try again"
    return "the database did not take the changes; nothing was answered; try again in a moment"
