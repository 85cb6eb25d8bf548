"""The database as a static log (C2SP tlog-tiles, LG-52): the bytes at a path, computed from entries and stored tiles.

Nothing is kept for it. Whoever asks says up to which size: that of a signed checkpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.ledger.tile_paths import ENTRIES, bundle
from modelwarden.store import entries
from modelwarden.store.tiles import hashes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modelwarden.ledger.tile_paths import TilePath


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
