"""Last known good answers in a file that survives restarts (SG-38). The only SQL of the guard, on the host's own disk.

Answers wait in memory for up to a second, or until there are a thousand, and are written together by one thread; a
crash loses those, `close` and a normal exit of the process lose none. Several processes may share a file: of each key
the newest answer stands. Keys are stored as salted hashes, values as JSON; what has no JSON form is not kept.

`forget` overwrites what it erases, here and in the file's log, and for a minute keeps the hash, so that another
process can't write back what it still holds. No fault of the file reaches a prediction: `problem` says what is wrong,
and answers are then kept in memory alone.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import secrets
import sqlite3
import threading
import time
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelwarden.guard.remembered import MOST, Good

if TYPE_CHECKING:
    from collections.abc import Callable

FLUSH_S: Final = 1.0
FLUSH_ROWS: Final = 1_000
BUSY_S: Final = 2.0
GONE_S: Final = 60.0
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS good (
  id BLOB PRIMARY KEY, value TEXT NOT NULL, version TEXT, made_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS good_made_at ON good (made_at);
CREATE TABLE IF NOT EXISTS gone (id BLOB PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS salt (salt BLOB NOT NULL);
"""
_KEEP: Final = """
INSERT INTO good (id, value, version, made_at) SELECT ?1, ?2, ?3, ?4
WHERE NOT EXISTS (SELECT 1 FROM gone WHERE id = ?1 AND at >= ?4)
ON CONFLICT (id) DO UPDATE SET value = excluded.value, version = excluded.version, made_at = excluded.made_at
WHERE excluded.made_at >= good.made_at
"""
_BEGIN: Final = "BEGIN IMMEDIATE"
_SALT: Final = "INSERT INTO salt (salt) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM salt)"
_TRIM: Final = """
DELETE FROM good WHERE id IN (
  SELECT id FROM good ORDER BY made_at LIMIT max(0, (SELECT count(*) FROM good) - ?)
)
"""
_Row = tuple[str, str | None, float]


class SqliteStore:
    """The 100,000 answers that were made last, in a SQLite file of mode 0600. Safe for threads, forks and processes.

    Args:
        path: the file; made if missing, moved aside as `….broken` if it is no database.
        most: answers in the file; the oldest are dropped when it is written.
        now: Unix seconds.
    """

    def __init__(
        self, path: str | Path, *, most: int = MOST, now: Callable[[], float] = time.time
    ) -> None:
        self.path: Final = Path(path)
        self.problem: str | None = None
        self._most = most
        self._now = now
        self._salt = secrets.token_bytes(16)
        self._connection: sqlite3.Connection | None = None
        self._left_behind: list[sqlite3.Connection] = []
        self._begin()
        try:
            self._tried(lambda _: None)
        except _Broken:
            self.path.replace(f"{self.path}.broken")
            self._tried(lambda _: None)
        atexit.register(_close, weakref.ref(self))

    def _begin(self) -> None:
        """Start with fresh locks and nothing waiting, as a new process and a forked child do."""
        self._process = os.getpid()
        self._lock = threading.Lock()  # guards what waits; never held while the file is touched
        self._file = threading.Lock()
        self._due = threading.Event()
        self._waiting: dict[bytes, _Row] = {}
        self._writer: threading.Thread | None = None
        self._closed = False

    def keep(self, model: str, key: str, good: Good) -> bool:
        """Keep an answer unless a newer one waits; return whether it is kept. Does not wait for the disk."""
        try:
            text = json.dumps(good.value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return False
        self._in_this_process()
        at = self._id(model, key)
        with self._lock:
            waiting = self._waiting.get(at)
            if self._closed or (waiting is not None and waiting[2] > good.made_at):
                return False
            self._waiting[at] = (text, good.version, good.made_at)
            if len(self._waiting) > self._most:
                del self._waiting[next(iter(self._waiting))]
            if len(self._waiting) >= FLUSH_ROWS:
                self._due.set()
            if self._writer is None:
                self._writer = threading.Thread(
                    target=_write, args=(weakref.ref(self), self._due), daemon=True
                )
                self._writer.start()
        return True

    def find(self, model: str, key: str) -> Good | None:
        """Return what is kept, however old: what waits, or what the file has, whichever is newer."""
        self._in_this_process()
        at = self._id(model, key)
        rows: list[_Row] = []
        with self._file:  # first, so that nothing is on its way from the one to the other
            with self._lock:
                if at in self._waiting:
                    rows.append(self._waiting[at])
            self._tried(partial(_read, at, rows))
        if not rows:
            return None
        text, version, made_at = max(rows, key=lambda row: row[2])
        return Good(json.loads(text), version, made_at)

    def forget(self, model: str, key: str) -> bool:
        """Erase what is kept under the key; False when the file could not be reached, and so is not erased."""
        self._in_this_process()
        at = self._id(model, key)
        with self._file:
            with self._lock:
                self._waiting.pop(at, None)
            return self._tried(partial(_erase, at, self._now()))

    def flush(self) -> bool:
        """Write what waits; return whether all of it is in the file."""
        self._in_this_process()
        with self._file:
            with self._lock:
                rows = dict(self._waiting)
            if rows and not self._tried(partial(_store, rows, self._now(), self._most)):
                return False
            with self._lock:  # what came meanwhile under the same key stays
                for at, row in rows.items():
                    if self._waiting.get(at) is row:
                        del self._waiting[at]
        return True

    def after_fork(self) -> None:
        (
            """Leave the parent's connection unclosed, as SQLite asks of forks; what waits is the parent's to write."""
            ""
        )
        if self._connection is not None:
            self._left_behind.append(self._connection)
        self._connection = None
        self._begin()

    def close(self) -> None:
        """Write what waits and close the file; nothing is kept afterwards. Harmless when repeated."""
        self._in_this_process()
        with self._lock:
            self._closed = True
        self._due.set()
        self.flush()
        with self._file:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @property
    def is_closed(self) -> bool:
        """Say whether `close` was called."""
        return self._closed

    def _in_this_process(self) -> None:
        if self._process != os.getpid():
            self.after_fork()

    def _id(self, model: str, key: str) -> bytes:
        text = f"{len(model)}:{model}{key}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._salt, digest_size=16).digest()

    def _tried(self, action: Callable[[sqlite3.Connection], None]) -> bool:
        """Do something with the file; the caller holds its lock. Whatever goes wrong is told by `problem` alone."""
        try:
            if self._connection is None:
                self._connection = self._open()
            action(self._connection)
        except (sqlite3.Error, OSError) as error:
            first = self.problem is None and self._connection is None
            self.problem = f"{type(error).__name__}: {error}"
            self._roll_back()
            if first and _is_no_database(error):
                raise _Broken from error
            return False
        self.problem = None
        return True

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            self._connection.rollback()

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=BUSY_S, check_same_thread=False, isolation_level=None
        )
        try:
            for setting in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
                connection.execute(f"PRAGMA {setting}")
            connection.executescript(_TABLES)
            connection.execute(_SALT, (self._salt,))
            (self._salt,) = connection.execute("SELECT salt FROM salt LIMIT 1").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
        return connection


class _Broken(Exception):
    """The file is no database."""


def _is_no_database(error: Exception) -> bool:
    return isinstance(error, sqlite3.DatabaseError) and error.sqlite_errorcode in {
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CORRUPT,
    }


def _read(at: bytes, rows: list[_Row], connection: sqlite3.Connection) -> None:
    query = "SELECT value, version, made_at FROM good WHERE id = ?"
    rows.extend(connection.execute(query, (at,)).fetchall())


def _store(rows: dict[bytes, _Row], now: float, most: int, connection: sqlite3.Connection) -> None:
    connection.execute(_BEGIN)
    connection.execute("DELETE FROM gone WHERE at < ?", (now - GONE_S,))
    connection.executemany(_KEEP, [(at, *row) for at, row in rows.items()])
    connection.execute(_TRIM, (most,))
    connection.commit()


def _erase(at: bytes, now: float, connection: sqlite3.Connection) -> None:
    connection.execute(_BEGIN)
    connection.execute("DELETE FROM good WHERE id = ?", (at,))
    connection.execute("INSERT OR REPLACE INTO gone (id, at) VALUES (?, ?)", (at, now))
    connection.commit()
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("erased, but the log still holds it: another process reads")


def _write(store: weakref.ref[SqliteStore], due: threading.Event) -> None:
    """Write what waits, each second, until the store is closed or nobody holds it any more."""
    while True:
        due.wait(FLUSH_S)
        due.clear()
        held = store()
        if held is None or held.is_closed:
            return
        held.flush()
        del held


def _close(store: weakref.ref[SqliteStore]) -> None:
    held = store()
    if held is not None:
        held.close()
