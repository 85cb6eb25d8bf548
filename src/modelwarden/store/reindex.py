"""The search index and the tiles, built anew from the entries (LG-41): for a database whose derived rows were damaged.

One transaction: whoever searches meanwhile sees what was there before, whoever writes waits, and a killed process
changes nothing. Memory does not grow with the ledger. Entries are read and never written; tiles that do not lead to the
root of the newest checkpoint are not kept, for that is damage of another kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import delete, func, select

from modelwarden.errors import LedgerDamaged, NoteInvalid, ProofInvalid
from modelwarden.ledger.checkpoint import unverified_checkpoint
from modelwarden.ledger.merkle import range_root
from modelwarden.store import entries
from modelwarden.store import tiles as stored_tiles
from modelwarden.store.database import insert_many
from modelwarden.store.derived import derived
from modelwarden.store.schema.ledger import index, subjects, tags, tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from modelwarden.ledger.entry import Stored
    from modelwarden.store.database import Database
    from modelwarden.store.entries import Head

TILED_AT_ONCE: Final = 2**16
"""Entries whose tiles are made at once: two megabytes of hashes."""
_COUNT_TILES: Final = select(func.count()).select_from(tiles)


class Reindexed(NamedTuple):
    """How many entries were read, and tiles written."""

    entries: int
    tiles: int


def reindex(database: Database, *, progress: Callable[[int, int], None]) -> Reindexed:
    """Build index, subjects, tags and tiles anew; `progress` is told how many entries are done, of how many.

    Raises:
        LedgerDamaged: an entry can't be read, or the leaves do not lead to the newest checkpoint. Nothing was changed.
        LedgerUnavailable: there is no head row.
    """
    with database.writing() as connection:
        head = entries.read_head(connection, lock=True)
        size = head.size
        for table in (index, subjects, tags, tiles):
            connection.execute(delete(table))
        done = 0
        for batch in entries.between(connection, 0, size - 1):
            _index(connection, batch)
            done += len(batch)
            progress(done, size)
        if done != size:
            raise LedgerDamaged(f"the head says {size} entries, {done} are there")
        for begin in range(0, size, TILED_AT_ONCE):
            stored_tiles.store_full(connection, begin, min(begin + TILED_AT_ONCE, size))
        _check(connection, head)
        return Reindexed(size, connection.execute(_COUNT_TILES).scalar() or 0)


def _index(connection: Connection, batch: Sequence[Stored]) -> None:
    rows, named, tagged = [], [], []
    for seq, body, _, _ in batch:
        row, marks = derived(seq, body)
        if row is None:
            raise LedgerDamaged(f"entry {seq} can't be read; run `modelwarden audit verify`")
        rows.append(row)
        named += [mark for mark in marks if mark[0]]
        tagged += [(mark[1], mark[2]) for mark in marks if not mark[0]]
    insert_many(connection, index, rows)
    insert_many(connection, subjects, named)
    insert_many(connection, tags, tagged)


def _check(connection: Connection, head: Head) -> None:
    """Hold the new tiles against the head and the newest checkpoint."""
    known = {head.size: head.frontier.root()}
    note = entries.newest_checkpoint(connection)
    try:
        if note is not None:
            newest = unverified_checkpoint(note)
            known[newest.size] = newest.root
        nodes = stored_tiles.StoredNodes(connection)
        differing = [size for size, root in known.items() if range_root(size, nodes) != root]
    except (NoteInvalid, ProofInvalid, ValueError, IndexError) as error:
        raise LedgerDamaged(f"head and checkpoint can't be compared: {error}") from error
    if differing:
        raise LedgerDamaged(
            f"the leaves do not lead to the root of size {differing[0]}: an index would hide it. Run"
            " `modelwarden audit verify`, and restore a backup"
        )
