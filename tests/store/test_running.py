"""A statement kept as text answers as SQLAlchemy does, whatever lists it is given (decision 0003)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import bindparam, insert, select, tuple_
from sqlalchemy.exc import DBAPIError

from modelwarden.store import migrate
from modelwarden.store.database import Database
from modelwarden.store.running import LONGEST_LIST, run
from modelwarden.store.schema.ledger import subjects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

LEVELS = (0, 1)
CHOSEN = (
    select(subjects.c.rev, subjects.c.seq)
    .where(
        subjects.c.seq.in_(bindparam("numbers", expanding=True)),
        subjects.c.rev.in_(LEVELS),
        subjects.c.seq >= bindparam("least"),
        subjects.c.seq.not_in(bindparam("left_out", expanding=True)),
    )
    .order_by(subjects.c.rev, subjects.c.seq)
    .limit(bindparam("limit"))
)
PAIRS = (
    select(subjects.c.seq)
    .where(tuple_(subjects.c.rev, subjects.c.seq).in_(bindparam("pairs", expanding=True)))
    .order_by(subjects.c.seq)
)


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    """Give a connection to a database with forty rows on each of three levels."""
    database = Database(store_url)
    try:
        migrate.migrate(database)
        with database.writing() as opened:
            rows = [
                {"kind": "test", "id": f"{level}", "seq": n, "rev": level}
                for level in range(3)
                for n in range(40)
            ]
            opened.execute(insert(subjects), rows)
            yield opened
    finally:
        database.close()


NUMBERS = ([], [3], [7, 3], list(range(LONGEST_LIST)), list(range(30)))
LEFT_OUT = ([], [3], [1, 2, 5])


def test_a_list_of_any_length_finds_what_sqlalchemy_finds(connection: Connection) -> None:
    for numbers, left_out in itertools.product(NUMBERS, LEFT_OUT):
        params = {"numbers": numbers, "left_out": left_out, "least": 3, "limit": 1_000}
        wanted = [
            (level, n) for level in LEVELS for n in sorted(numbers) if n >= 3 and n not in left_out
        ]
        assert [tuple(row) for row in connection.execute(CHOSEN, params)] == wanted
        for _ in range(3):  # the first run is SQLAlchemy's, the second keeps the text
            assert [tuple(row) for row in run(connection, CHOSEN, params).rows] == wanted


def test_what_is_in_a_list_is_never_read_as_sql(connection: Connection) -> None:
    named = select(subjects.c.kind).where(subjects.c.kind.in_(bindparam("some", expanding=True)))
    for _ in range(3):
        assert run(connection, named, {"some": ["') OR 1=1 --", "%s", "?"]}).rows == []


def test_lists_of_rows_are_left_to_sqlalchemy(connection: Connection) -> None:
    for pairs in ([(0, 1), (2, 5)], [(1, 7)], []):
        for _ in range(3):
            found = [row.seq for row in run(connection, PAIRS, {"pairs": pairs}).rows]
            assert found == [n for _, n in pairs]


def test_what_the_database_refuses_is_sqlalchemys_error(connection: Connection) -> None:
    row = {"kind": "test", "id": "0", "seq": 0, "rev": None}
    again = insert(subjects)
    for _ in range(3):
        with pytest.raises(DBAPIError), connection.begin_nested():
            run(connection, again, row)
