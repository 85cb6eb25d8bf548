"""The database as a static log (C2SP tlog-tiles, LG-52): the bytes at a path, computed from entries and stored tiles.

Nothing is kept for it. Whoever asks says up to which size: that of a signed checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.ledger.tile_paths import ENTRIES, bundle, paths_of
from modelwarden.store import entries
from modelwarden.store.follower import Position
from modelwarden.store.tiles import hashes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from modelwarden.ledger.tile_paths import TilePath
    from modelwarden.store.database import Database


def tile(connection: Connection, path: TilePath, *, size: int) -> bytes | None:
    """Return a tile or an entry bundle of the tree of `size` entries, or None where that has none there."""
    if path.needs > size:
        return None
    if path.level == ENTRIES:
        return _entries(connection, path)
    found = hashes(connection, path.level, path.index)[: path.width]
    return b"".join(found) if len(found) == path.width else None


def _entries(connection: Connection, path: TilePath) -> bytes | None:
    last = path.first + path.width - 1
    bodies = [row[1] for part in entries.between(connection, path.first, last) for row in part]
    return bundle(bodies) if len(bodies) == path.width else None


class StaticLog:
    """The static log of a database, for a follower that carries it elsewhere. Raises LedgerUnavailable throughout."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def size(self) -> int:
        """Return how many entries there are, signed or not."""
        with self._database.reading() as connection:
            return entries.read_head(connection).size

    def signed_at(self, size: int) -> bytes | None:
        """Return the checkpoint that was signed at a size, or None."""
        with self._database.reading() as connection:
            return entries.checkpoint_at(connection, size)

    def signed_to(self, size: int) -> tuple[int, bytes] | None:
        """Return size and note of the newest checkpoint that covers no more than so many entries, or None."""
        with self._database.reading() as connection:
            return entries.checkpoint_to(connection, size)

    def position(self, size: int) -> Position | None:
        """Return the position behind so many entries; None if they are not there."""
        with self._database.reading() as connection:
            last = entries.entry(connection, size - 1)
        return None if last is None else Position.after(last)

    def files(self, size: int, *, since: int) -> Iterator[tuple[TilePath, bytes | None]]:
        """Yield what the log of this size has and one of size `since` had not; None for what can't be made."""
        with self._database.reading() as connection:
            for path in paths_of(size, since=since):
                yield path, tile(connection, path, size=size)
