"""Where the words of entries are kept for free-text search (LG-42): FTS5 in SQLite, `tsvector` in PostgreSQL.

Derived, and no part of the metadata: each database keeps them in tables of its own kind, with a mark that says up to
which entry. Neither a backup nor verification needs them; where they are gone, they are made again from the entries.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, cast, column, literal_column, table, text
from sqlalchemy.dialects.postgresql import TSQUERY

from modelwarden.store.database import driver, translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

TABLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sqlite": (
            """CREATE VIRTUAL TABLE ledger_words
            USING fts5(words, content='', columnsize=0, tokenize="unicode61 remove_diacritics 0")""",
            "CREATE TABLE ledger_words_mark (id INTEGER PRIMARY KEY, next_seq INTEGER NOT NULL) STRICT",
        ),
        "postgresql": (
            "CREATE TABLE ledger_words (seq BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
            "CREATE INDEX ix_ledger_words_words ON ledger_words USING gin (words)",
            "CREATE TABLE ledger_words_mark (id INTEGER PRIMARY KEY, next_seq BIGINT NOT NULL)",
        ),
    }
)

_MARK: Final = text("SELECT next_seq FROM ledger_words_mark WHERE id = 1")
_BEGIN: Final = text("INSERT INTO ledger_words_mark (id, next_seq) VALUES (1, :next)")
_MOVE: Final = text("UPDATE ledger_words_mark SET next_seq = :next WHERE id = 1")
_ADD: Final = MappingProxyType(
    {
        "sqlite": "INSERT INTO ledger_words (rowid, words) VALUES (?, ?)",
        "postgresql": "INSERT INTO ledger_words (seq, words) VALUES (%s, CAST(%s AS tsvector))",
    }
)
_SQLITE: Final = table("ledger_words", column("rowid"))
_POSTGRESQL: Final = table("ledger_words", column("seq"), column("words"))

Phrases = tuple[tuple[str, ...], ...]


def indexed_to(connection: Connection) -> int:
    """Return how many entries have their words kept, from the first on."""
    return int(connection.execute(_MARK).scalar() or 0)


def add(connection: Connection, first: int, words: Sequence[Sequence[str]]) -> int:
    """Keep the words of entries from number `first` on, which has to be the mark. Return the new mark.

    Nothing is kept when another process moved the mark meanwhile.
    """
    mark = connection.execute(_MARK).scalar()
    if first != (mark or 0) or not words:
        return int(mark or 0)
    dialect = connection.dialect.name
    rows = [(seq, _kept(each, dialect)) for seq, each in enumerate(words, first)]
    with translated(connection, _ADD[dialect]):
        driver(connection).cursor().executemany(_ADD[dialect], rows)
    after = first + len(rows)
    connection.execute(_BEGIN if mark is None else _MOVE, {"next": after})
    return after


def matching(dialect: str) -> tuple[ColumnElement[int], ColumnElement[bool]]:
    """Return the number of an entry, and the condition that its words answer the parameter `words`."""
    if dialect == "sqlite":
        return _SQLITE.c.rowid, literal_column("ledger_words").op("MATCH")(bindparam("words"))
    asked = cast(bindparam("words"), TSQUERY)
    return _POSTGRESQL.c.seq, _POSTGRESQL.c.words.op("@@")(asked)


def question(phrases: Phrases, dialect: str) -> str:
    """Return phrases of plain words in this database's language, with no operators but ours."""
    if dialect == "sqlite":
        return " ".join(f'"{" ".join(phrase)}"' for phrase in phrases)
    return " & ".join(
        "(" + " <-> ".join(f"'{word}'" for word in phrase) + ")" for phrase in phrases
    )


def _kept(words: Sequence[str], dialect: str) -> str:
    if dialect == "sqlite":
        return " ".join(words)
    return " ".join(f"'{word}':{place}" for place, word in enumerate(words, 1))
