"""The words of entries, for free-text search (LG-42): FTS5 in SQLite, `tsvector` in PostgreSQL. Derived.

What a caller types is cut into plain words here, before it comes near a database: no operator of a query language can
be typed. A word is a run of letters and digits in small letters; words in double quotes have to follow one another.
"""

from __future__ import annotations

import json
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import bindparam, literal_column, text

from modelwarden.store.database import driver, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from modelwarden.ledger.entry import Stored

MOST_WORDS: Final = 2_000
"""Words of one entry that are kept."""
LONGEST_WORD: Final = 100
MOST_ASKED: Final = 32

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
"""How each database keeps the words, and up to which entry they are kept. Dropping all is safe: they are made again."""

_WORD: Final = re.compile(r"[^\W_]+")
_PART: Final = re.compile(r'"([^"]*)"|([^\s"]+)')
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
"""Digests and commitments are no words."""

_MARK: Final = text("SELECT next_seq FROM ledger_words_mark WHERE id = 1")
_BEGIN: Final = text("INSERT INTO ledger_words_mark (id, next_seq) VALUES (1, :next)")
_MOVE: Final = text("UPDATE ledger_words_mark SET next_seq = :next WHERE id = 1")
_ADD: Final = MappingProxyType(
    {
        "sqlite": "INSERT INTO ledger_words (rowid, words) VALUES (?, ?)",
        "postgresql": "INSERT INTO ledger_words (seq, words) VALUES (%s, CAST(%s AS tsvector))"
        " ON CONFLICT DO NOTHING",
    }
)


class Asked(NamedTuple):
    """What to look for: phrases of one word or more, all of which have to stand in an entry."""

    phrases: tuple[tuple[str, ...], ...]

    def fits(self, words: Sequence[str]) -> bool:
        """Tell whether words hold all phrases."""
        return all(_holds(words, phrase) for phrase in self.phrases)

    def query(self, dialect: str) -> str:
        """Return the question as this database understands it; it holds nothing but our own operators."""
        if dialect == "sqlite":
            return " ".join(f'"{" ".join(phrase)}"' for phrase in self.phrases)
        return " & ".join(
            "(" + " <-> ".join(f"'{word}'" for word in phrase) + ")" for phrase in self.phrases
        )


def asked(typed: str) -> Asked:
    """Return what somebody typed as plain words and phrases; empty when it holds no word."""
    phrases = []
    for quoted, bare in _PART.findall(typed):
        phrase = tuple(words_of(quoted or bare))
        if phrase:
            phrases.append(phrase[:MOST_ASKED])
    return Asked(tuple(dict.fromkeys(phrases[:MOST_ASKED])))


def words_of(words: str) -> list[str]:
    """Return the words of a text, in small letters."""
    return [word[:LONGEST_WORD] for word in _WORD.findall(words.casefold())]


def public_words(body: bytes) -> list[str]:
    """Return the words that stand openly in an entry: type, codes, names, ids, tags; none of an altered one."""
    try:
        said = json.loads(body)
    except ValueError:
        return []
    found: list[str] = []
    for part in _texts(said):
        found += words_of(part)
    return found[:MOST_WORDS]


def indexed_to(connection: Connection) -> int:
    """Return how many entries have their words in the index, from the first on."""
    return int(connection.execute(_MARK).scalar() or 0)


def add(connection: Connection, batch: Iterable[Stored]) -> int:
    """Keep the words of entries that follow those that are kept; those before are passed over. Return the new mark."""
    mark = connection.execute(_MARK).scalar()
    next_seq = mark or 0
    rows = []
    dialect = connection.dialect.name
    for stored in batch:
        if stored.seq != next_seq:
            continue
        rows.append((stored.seq, _kept(public_words(stored.body), dialect)))
        next_seq += 1
    if not rows:
        return next_seq
    raw = driver(connection)
    with translated(connection, "INSERT INTO ledger_words"):
        raw.cursor().executemany(_ADD[dialect], rows)
    connection.execute(_BEGIN if mark is None else _MOVE, {"next": next_seq})
    return next_seq


def matching(dialect: str) -> tuple[ColumnElement[int], list[ColumnElement[bool]]]:
    """Return the numbers of entries and the condition that their words answer the parameter `words`."""
    if dialect == "sqlite":
        seq: ColumnElement[int] = literal_column("ledger_words.rowid").label("seq")
        return seq, [text("ledger_words MATCH :words").bindparams(bindparam("words"))]  # type: ignore[list-item]
    return literal_column("ledger_words.seq").label("seq"), [
        text("ledger_words.words @@ CAST(:words AS tsquery)").bindparams(bindparam("words"))  # type: ignore[list-item]
    ]


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401  # JSON
    if not isinstance(value, dict):
        return
    yield str(value.get("type", ""))
    yield f"{value.get('severity', '')} {value.get('outcome', '')}"
    actor = value.get("actor", {})
    yield str(actor.get("id", "")) if isinstance(actor, dict) else ""
    for name in ("about", "fact", "tags", "context"):
        yield from _leaves(value.get(name))


def _leaves(value: Any) -> Iterator[str]:  # noqa: ANN401  # JSON
    if isinstance(value, str):
        if _DIGEST.fullmatch(value) is None:
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)


def _kept(words: Sequence[str], dialect: str) -> str:
    if dialect == "sqlite":
        return " ".join(words)
    return " ".join(f"'{word}':{place}" for place, word in enumerate(words, 1))


def _holds(words: Sequence[str], phrase: Sequence[str]) -> bool:
    first, length = phrase[0], len(phrase)
    return any(
        word == first and tuple(words[place : place + length]) == tuple(phrase)
        for place, word in enumerate(words)
    )
