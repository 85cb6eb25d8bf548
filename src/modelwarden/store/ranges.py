"""Ranges of the ledger, walked by other processes at once: each opens the database for itself.

Entries are never changed, so what another process found sound under the head that this one sees is sound. A range that
is not, or does not fit behind the one before, is read again here, in this connection: what is found is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.ledger.entry import chain_start
from modelwarden.ledger.span import Folding
from modelwarden.ledger.walk import sound
from modelwarden.store import entries
from modelwarden.store.database import Database
from modelwarden.store.derived import TileWatch
from modelwarden.store.workers import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from modelwarden.ledger.span import Span
    from modelwarden.ledger.walk import Walk

WIDTH: Final = 2**15
"""Entries of one range: whole tiles."""


class Range(NamedTuple):
    """Entries `first` to `last` of a database, and the sizes of checkpoints among them."""

    url: str
    origin: str
    first: int
    last: int
    sizes: tuple[int, ...]


def walk_ranges(
    connection: Connection,
    walk: Walk,
    tiles: TileWatch,
    *,
    whole: Range,
    jobs: int,
    tell: Callable[[], None],
) -> None:
    """Walk the entries of a range in `jobs` processes, comparing the tiles on the way."""
    for part, span in in_order(_span, _parts(whole), jobs=jobs):
        if span is not None and walk.skip(span):
            tiles.skip(span)
        else:
            for batch in tiles.watch(entries.between(connection, part.first, part.last)):
                walk.take(batch)
        tell()


def _parts(whole: Range) -> Iterator[Range]:
    first = whole.first
    while first <= whole.last:
        last = min((first // WIDTH + 1) * WIDTH - 1, whole.last)
        sizes = tuple(size for size in whole.sizes if first < size <= last + 1)
        yield whole._replace(first=first, last=last, sizes=sizes)
        first = last + 1


def _span(part: Range) -> Span | None:
    """Return the span of a range, or None unless all of it is sound; another process runs this."""
    database = Database(part.url)
    try:
        with database.reading() as connection:
            return _sound_span(connection, part)
    finally:
        database.close()


def _sound_span(connection: Connection, part: Range) -> Span | None:
    row = entries.entry(connection, part.first - 1) if part.first else None
    before = chain_start(part.origin) if row is None else row.entry_hash
    folding, previous = Folding(part.first, part.sizes), before
    tiles = TileWatch(connection, first=part.first, size=0)  # none of higher levels
    for batch in tiles.watch(entries.between(connection, part.first, part.last)):
        leaves = sound(batch, folding.size, previous)
        if leaves is None:
            return None
        folding.take(leaves)
        previous = batch[-1][3]
    is_sound = folding.size == part.last + 1 and not tiles.findings.count and not tiles.not_checked
    return folding.span(before, previous) if is_sound else None
