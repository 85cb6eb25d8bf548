"""How far each follower is, as the database knows it: whichever process leads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
from sqlalchemy import bindparam, select

from modelwarden.store import entries
from modelwarden.store.follower import Position
from modelwarden.store.schema.ledger import follower_positions as positions
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from modelwarden.store.database import Database

_STORED: Final = select(positions.c.next_seq, positions.c.entry_hash).where(
    positions.c.name == bindparam("name")
)


class Lag(NamedTuple):
    """How far a follower is behind: entries, seconds since the oldest of them was recorded, and where it goes on."""

    entries: int
    seconds: float
    next_seq: int


def stored(database: Database, name: str) -> Position:
    """Return where a follower goes on; the beginning if it never saved. Raises LedgerUnavailable."""
    with database.reading() as connection:
        return _stored(connection, name)


def lag(database: Database, name: str, *, now: datetime, at: Position | None = None) -> Lag:
    """Return how far a follower is behind. Raises LedgerUnavailable.

    It saves its position every few seconds; whoever leads it knows better, and says `at`. A stored position whose hash
    is not the ledger's says nothing: then the follower counts as not having begun.
    """
    with database.reading() as connection:
        position = at or _stored(connection, name)
        next_seq = position.next_seq if _stands(connection, position) else 0
        size = entries.read_head(connection).size
        oldest = entries.entry(connection, next_seq) if next_seq < size else None
    if oldest is None:
        return Lag(0, 0.0, next_seq)
    return Lag(
        size - next_seq, max(0.0, (now - _time_of(oldest.body, now)).total_seconds()), next_seq
    )


def _stored(connection: Connection, name: str) -> Position:
    row = connection.execute(_STORED, {"name": name}).first()
    return Position(0, b"") if row is None else Position(row.next_seq, row.entry_hash)


def _stands(connection: Connection, position: Position) -> bool:
    """Tell whether the entry before a position is the one that it remembers."""
    before = entries.entry(connection, position.next_seq - 1) if position.next_seq else None
    return before is not None and before.entry_hash == position.entry_hash


def _time_of(body: bytes, otherwise: datetime) -> datetime:
    """Return an entry's time; of an edited body that has none, `otherwise`."""
    try:
        return moment(orjson.loads(body)["at"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return otherwise
