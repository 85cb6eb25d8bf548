"""Running a statement on the driver itself, compiled once (decision 0003).

SQLAlchemy builds and compiles our statements; running them through it costs several times what SQLite takes to answer.
A statement that comes again is therefore kept as the text that it compiled to. Errors are SQLAlchemy's either way.
"""

from __future__ import annotations

import threading
from collections import namedtuple
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from sqlalchemy import Boolean
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql import Executable

MOST_KEPT: Final = 2_000
POSTPONED: Final = "[POSTCOMPILE"
"""Lists of unknown length (`IN`) are expanded at each run, by SQLAlchemy."""


Row: TypeAlias = Any
"""A named tuple of a statement's columns."""


class Text(NamedTuple):
    """A compiled statement: its text, its parameters, and how its rows are read."""

    sql: str
    names: tuple[str, ...] | None
    defaults: Mapping[str, object]
    make: Callable[[Sequence[Any]], Any] | None


class Found(NamedTuple):
    """Rows, and how many a write touched."""

    rows: Sequence[Any]
    touched: int


class Kept:
    """Statements compiled for one dialect. A statement seen once may be a passing one; the second run compiles it."""

    def __init__(self) -> None:
        self._seen: dict[int, Executable] = {}
        self._texts: dict[int, Text | None] = {}
        self._lock = threading.Lock()

    def text(self, statement: Executable, connection: Connection) -> Text | None:
        """Return the compiled text, or None when SQLAlchemy has to run the statement."""
        key = id(statement)
        found = self._texts.get(key)
        if found is not None or key in self._texts:
            return found
        with self._lock:
            if self._seen.get(key) is not statement:
                if len(self._seen) < MOST_KEPT:
                    self._seen[key] = statement  # held, so that its id stays its own
                return None
            return self._texts.setdefault(key, _compiled(statement, connection))


_KEPT: Final[dict[str, Kept]] = {"sqlite": Kept(), "postgresql": Kept()}


def run(
    connection: Connection, statement: Executable, params: Mapping[str, Any] | None = None
) -> Found:
    """Run a statement and return its rows. Raises SQLAlchemy's errors."""
    text = _KEPT[connection.dialect.name].text(statement, connection)
    if text is None:
        result = connection.execute(statement, params)
        rows: Sequence[Any] = result.all() if result.returns_rows else ()
        return Found(rows, result.rowcount)
    given = {**text.defaults, **(params or {})}
    arguments: Any = given if text.names is None else [given[name] for name in text.names]
    cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
    try:
        cursor.execute(text.sql, arguments)
        if text.make is None:
            return Found((), cursor.rowcount)
        return Found([text.make(row) for row in cursor.fetchall()], -1)
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            text.sql, None, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect
        ) from error
    finally:
        cursor.close()


def _compiled(statement: Executable, connection: Connection) -> Text | None:
    compiled: Any = statement.compile(dialect=connection.dialect)  # type: ignore[attr-defined]
    if POSTPONED in compiled.string or compiled.insert_prefetch or compiled.update_prefetch:
        return None
    names = tuple(compiled.positiontup) if compiled.positional else None
    return Text(compiled.string, names, compiled.construct_params(_check=False), _maker(statement))


def _maker(statement: Executable) -> Callable[[Sequence[Any]], Any] | None:
    columns = getattr(statement, "selected_columns", None)
    if columns is None:
        return None
    names = [getattr(column, "name", None) or f"column_{n}" for n, column in enumerate(columns)]
    row = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024  # one class a statement
    truths = tuple(n for n, column in enumerate(columns) if isinstance(column.type, Boolean))
    if not truths:
        return row._make

    def make(values: Sequence[Any]) -> Any:  # noqa: ANN401
        fixed = list(values)
        for n in truths:  # SQLite keeps them as 0 and 1
            fixed[n] = None if fixed[n] is None else bool(fixed[n])
        return row._make(fixed)

    return make
