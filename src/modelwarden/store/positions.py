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
    """How far a follower is behind: entries, and seconds since the oldest of them was recorded."""

    entries: int
    seconds: float


def stored(database: Database, name: str) -> Position:
    """Return where a follower goes on; the beginning if it never saved. Raises LedgerUnavailable."""
    with database.reading() as connection:
        return _stored(connection, name)


def lag(database: Database, name: str, *, now: datetime) -> Lag:
    """Return how far a follower is behind. It saves its position every few seconds. Raises LedgerUnavailable."""
    with database.reading() as connection:
        next_seq = _stored(connection, name).next_seq
        size = entries.read_head(connection).size
        oldest = entries.entry(connection, next_seq) if next_seq < size else None
    if oldest is None:
        return Lag(0, 0.0)
    at = moment(orjson.loads(oldest.body)["at"])
    return Lag(size - next_seq, max(0.0, (now - at).total_seconds()))


def _stored(connection: Connection, name: str) -> Position:
    row = connection.execute(_STORED, {"name": name}).first()
    return Position(0, b"") if row is None else Position(row.next_seq, row.entry_hash)
