"""Merkle tiles in the database: written when full, read to prove (LG-11, C2SP tlog-tiles).

A tile of level L holds 256 hashes of tree level 8·L. Only full tiles are stored; what stands right of them is
read from the leaves, of which there are fewer than 256 then, or from the roots of full tiles one level below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select

from modelwarden.ledger.merkle import TILE_WIDTH, tree_root
from modelwarden.store.database import insert_many
from modelwarden.store.running import run
from modelwarden.store.schema.ledger import entries, tiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

HEIGHT: Final = 8
HASH_BYTES: Final = 32

_LEAVES: Final = (
    select(entries.c.leaf)
    .where(entries.c.seq >= bindparam("first"), entries.c.seq < bindparam("end"))
    .order_by(entries.c.seq)
)
_TILES: Final = (
    select(tiles.c.hashes)
    .where(
        tiles.c.level == bindparam("level"),
        tiles.c.n >= bindparam("first"),
        tiles.c.n < bindparam("end"),
    )
    .order_by(tiles.c.n)
)
_ROOTS: Final = (
    select(tiles.c.root)
    .where(
        tiles.c.level == bindparam("level"),
        tiles.c.n >= bindparam("first"),
        tiles.c.n < bindparam("end"),
    )
    .order_by(tiles.c.n)
)


def store_full(connection: Connection, old_size: int, new_size: int) -> None:
    """Store each tile that became full when the ledger grew from `old_size` to `new_size`."""
    level, old, new = 0, old_size, new_size
    while new // TILE_WIDTH > old // TILE_WIDTH:
        first, end = old // TILE_WIDTH, new // TILE_WIDTH
        found = _compute(connection, level, first, end)
        insert_many(connection, tiles, [(level, n, hashes, fold(hashes)) for n, hashes in found])
        level, old, new = level + 1, first, end


def _compute(
    connection: Connection, level: int, first: int, end: int
) -> Iterator[tuple[int, bytes]]:
    for n in range(first, end):
        below = {"first": n * TILE_WIDTH, "end": (n + 1) * TILE_WIDTH}
        if level == 0:
            yield n, b"".join(row.leaf for row in connection.execute(_LEAVES, below))
        else:
            found = connection.execute(_ROOTS, below | {"level": level - 1})
            yield n, b"".join(row.root for row in found)


def fold(hashes: bytes) -> bytes:
    """Return the root of the perfect tree over these hashes; their number is a power of two."""
    return tree_root(split(hashes))


def split(hashes: bytes) -> list[bytes]:
    """Cut a tile into its hashes."""
    return [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]


class StoredNodes:
    """Reads hashes of perfect subtrees for proofs; each tile once a call, whatever is asked for out of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self, wanted: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the hash at each (tree level, index)."""
        read: dict[tuple[int, int], list[bytes]] = {}
        return [self._node(level, index, read) for level, index in wanted]

    def _node(self, level: int, index: int, read: dict[tuple[int, int], list[bytes]]) -> bytes:
        tile_level, above = divmod(level, HEIGHT)
        tile, offset = divmod(index << above, TILE_WIDTH)
        if (tile_level, tile) not in read:
            read[tile_level, tile] = hashes(self._connection, tile_level, tile)
        return tree_root(read[tile_level, tile][offset : offset + (1 << above)])


def hashes(connection: Connection, level: int, n: int) -> list[bytes]:
    """Return the hashes of a tile, as many as there are: of one that is not full from what lies below it."""
    stored = run(connection, _TILES, {"level": level, "first": n, "end": n + 1}).rows
    if stored:
        return split(stored[0].hashes)
    below = {"first": n * TILE_WIDTH, "end": (n + 1) * TILE_WIDTH}
    if level == 0:
        return [row.leaf for row in run(connection, _LEAVES, below).rows]
    found = run(connection, _ROOTS, below | {"level": level - 1}).rows
    return [row.root for row in found]
