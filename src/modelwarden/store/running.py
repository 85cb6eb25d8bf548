"""Running a statement on the driver itself, compiled once (decision 0003).

SQLAlchemy builds and compiles our statements; running them through it costs several times what SQLite takes to answer.
A statement that comes again is therefore kept as the text that it compiled to, one for each length of its lists.
Errors are SQLAlchemy's either way.
"""

from __future__ import annotations

import threading
from collections import namedtuple
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from sqlalchemy import Boolean
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TupleType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql import Executable

MOST_KEPT: Final = 2_000
LONGEST_LIST: Final = 16
"""Longer lists (`IN`) are expanded at each run, by SQLAlchemy: so a statement has few texts."""


Row: TypeAlias = Any
"""A named tuple of a statement's columns."""


Lengths: TypeAlias = "tuple[int, ...]"
"""How long each list of a statement is."""


class Text(NamedTuple):
    """A statement as the driver takes it, its parameters in order where it has to know, and those of each list."""

    sql: str
    names: tuple[str, ...] | None
    lists: Mapping[str, Sequence[str]]

    def arguments(self, given: dict[str, Any]) -> Any:  # noqa: ANN401  # what a driver takes
        """Return the parameters as the driver takes them."""
        for name, members in self.lists.items():
            given.update(zip(members, given.pop(name), strict=True))
        return given if self.names is None else [given[name] for name in self.names]


class Known(NamedTuple):
    """A compiled statement: what it is called with by itself, its lists, its texts, and how its rows are read."""

    compiled: Any
    defaults: Mapping[str, object]
    lists: tuple[str, ...]
    texts: dict[Lengths, Text]
    make: Callable[[Sequence[Any]], Any] | None

    def text(self, given: Mapping[str, Any]) -> Text | None:
        """Return the text for lists of these lengths, or None when SQLAlchemy has to expand them."""
        lengths = tuple([len(given[name]) for name in self.lists])
        found = self.texts.get(lengths)
        if found is None and max(lengths, default=0) <= LONGEST_LIST:
            return self.texts.setdefault(lengths, _text(self.compiled, given))
        return found


class Found(NamedTuple):
    """Rows, and how many a write touched."""

    rows: Sequence[Any]
    touched: int


class Kept:
    """Statements compiled for one dialect. A statement seen once may be a passing one; the second run compiles it."""

    def __init__(self) -> None:
        self._seen: dict[int, Executable] = {}
        self._known: dict[int, Known | None] = {}
        self._lock = threading.Lock()

    def known(self, statement: Executable, connection: Connection) -> Known | None:
        """Return the compiled statement, or None when SQLAlchemy has to run it."""
        key = id(statement)
        found = self._known.get(key)
        if found is not None or key in self._known:
            return found
        with self._lock:
            if self._seen.get(key) is not statement:
                if len(self._seen) < MOST_KEPT:
                    self._seen[key] = statement  # held, so that its id stays its own
                return None
            return self._known.setdefault(key, _compiled(statement, connection))


_KEPT: Final[dict[str, Kept]] = {"sqlite": Kept(), "postgresql": Kept()}


def run(
    connection: Connection, statement: Executable, params: Mapping[str, Any] | None = None
) -> Found:
    """Run a statement and return its rows. Raises SQLAlchemy's errors."""
    known = _KEPT[connection.dialect.name].known(statement, connection)
    given = {} if known is None else {**known.defaults, **(params or {})}
    text = None if known is None else known.text(given)
    if known is None or text is None:
        result = connection.execute(statement, params)
        rows: Sequence[Any] = result.all() if result.returns_rows else ()
        return Found(rows, result.rowcount)
    cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
    try:
        cursor.execute(text.sql, text.arguments(given))
        if known.make is None:
            return Found((), cursor.rowcount)
        return Found([known.make(row) for row in cursor.fetchall()], -1)
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            text.sql, None, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect
        ) from error
    finally:
        cursor.close()


def _compiled(statement: Executable, connection: Connection) -> Known | None:
    compiled: Any = statement.compile(dialect=connection.dialect)  # type: ignore[attr-defined]
    of_rows = any(isinstance(each.type, TupleType) for each in compiled.post_compile_params)
    if of_rows or compiled.literal_execute_params:
        return None
    if compiled.insert_prefetch or compiled.update_prefetch:
        return None
    lists = tuple(sorted(compiled.bind_names[each] for each in compiled.post_compile_params))
    return Known(compiled, compiled.construct_params(_check=False), lists, {}, _maker(statement))


def _text(compiled: Any, given: Mapping[str, Any]) -> Text:  # noqa: ANN401  # what SQLAlchemy compiled
    """Return the text for the lengths of these lists, as SQLAlchemy itself would send it."""
    if not compiled.post_compile_params:
        names = tuple(compiled.positiontup) if compiled.positional else None
        return Text(compiled.string, names, {})
    state = compiled.construct_expanded_state(dict(given))
    names = tuple(state.positiontup) if compiled.positional else None
    return Text(state.statement, names, state.parameter_expansion)


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
