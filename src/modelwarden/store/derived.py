"""What is derived from the entries, compared with them as they pass by: tiles and search index (step 8 of section 6).

Both watches stand between the entries and `ledger.verify`: they read, and hand every batch on unchanged.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, func, select

from modelwarden.ledger.merkle import HASH_SIZE, TILE_WIDTH, tree_root
from modelwarden.ledger.result import Findings
from modelwarden.store import entries as stored_entries
from modelwarden.store.change import RANK
from modelwarden.store.schema.ledger import index, subjects, tags, tiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from modelwarden.ledger.span import Span
    from modelwarden.ledger.verify import Row

AHEAD: Final = 64
"""Tiles read at once: half a megabyte."""
BUCKET: Final = 4_096
"""Entries whose subjects and tags are summed up together."""
MOST_NAMED: Final = 8
"""Buckets that differ of which each entry is looked at; of the others the first entry is named."""

_TILES: Final = (
    select(tiles.c.n, tiles.c.hashes, tiles.c.root)
    .where(tiles.c.level == bindparam("level"), tiles.c.n >= bindparam("first"))
    .order_by(tiles.c.n)
    .limit(AHEAD)
)
_LAST_TILES: Final = select(tiles.c.level, func.max(tiles.c.n)).group_by(tiles.c.level)
_INDEX: Final = (
    select(index)
    .where(index.c.seq >= bindparam("first"), index.c.seq <= bindparam("last"))
    .order_by(index.c.seq)
)
_SUBJECTS: Final = select(subjects.c.kind, subjects.c.id, subjects.c.seq, subjects.c.rev).where(
    subjects.c.seq >= bindparam("first"), subjects.c.seq <= bindparam("last")
)
_TAGS: Final = select(tags.c.tag, tags.c.seq).where(
    tags.c.seq >= bindparam("first"), tags.c.seq <= bindparam("last")
)
_BEYOND: Final = select(func.min(index.c.seq)).where(index.c.seq > bindparam("last"))

Mark = tuple[str, str, int, int | None]
"""A row of the search index that is no row of `ledger_index`: kind, id, seq, rev; a tag has an empty kind."""


class TileWatch:
    """Compares the stored tiles with the leaves that pass by."""

    def __init__(self, connection: Connection, *, first: int, size: int) -> None:
        self._connection = connection
        self._size = size
        self._next = first
        self._held: dict[int, tuple[int, list[bytes]]] = {0: (first, [])}
        self._read: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self._lost = False
        self.findings: Final = Findings()
        self.not_checked: Final[list[str]] = []

    def watch(self, batches: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
        """Pass the batches on, comparing each tile that they fill."""
        for batch in batches:
            if not self._lost:
                self._look_at(batch)
            yield batch

    def skip(self, span: Span) -> None:
        """Go on behind entries whose tiles of the lowest level were compared elsewhere."""
        if self._lost:
            return
        self._take(0, span.first, span.head)
        begin = span.first + len(span.head)
        n = begin // TILE_WIDTH
        needed = self._size // TILE_WIDTH**2 * TILE_WIDTH - n
        if span.tiles[: max(0, needed)]:
            self._take(1, n, span.tiles[:needed])
        self._next = begin + len(span.tiles) * TILE_WIDTH
        if span.tiles:
            self._held[0] = (self._next, [])
        self._take(0, self._next, span.tail)
        self._next = span.size

    def finish(self, size: int) -> None:
        """Name stored tiles that no entries fill; `size` is what all entries came to."""
        for level, last in self._connection.execute(_LAST_TILES):
            if last >= size // TILE_WIDTH ** (level + 1):
                self._mismatch(
                    level, last, "is stored, but there are not entries enough to fill it"
                )

    def _look_at(self, batch: Sequence[Row]) -> None:
        leaves = [row[2] for row in batch]
        count = len(batch)
        is_dense = batch[0][0] == self._next and batch[-1][0] == self._next + count - 1
        if not is_dense or set(map(type, leaves)) != {bytes}:
            count = self._sound(batch)
        self._take(0, self._next, leaves[:count])
        self._next += count
        if count < len(batch):
            self._lost = True
            self.not_checked.append(f"tiles past entry {self._next}: a leaf is missing")

    def _sound(self, batch: Sequence[Row]) -> int:
        """Return how many rows come before one that is missing, or has no leaf."""
        for place, (seq, _, leaf, _) in enumerate(batch):
            if seq != self._next + place or type(leaf) is not bytes:
                return place
        return len(batch)

    def _take(self, level: int, first: int, hashes: list[bytes]) -> None:
        """Take hashes of one level, and compare and fold each tile that is full now."""
        begin, held = self._held.get(level, (first, []))
        held = held + hashes
        while begin + len(held) >= (begin // TILE_WIDTH + 1) * TILE_WIDTH:
            n, offset = divmod(begin, TILE_WIDTH)
            whole, held = held[: TILE_WIDTH - offset], held[TILE_WIDTH - offset :]
            begin += len(whole)
            root = tree_root(whole) if offset == 0 else None
            self._compare(level, n, b"".join(whole), root)
            is_needed = n // TILE_WIDTH < self._size // TILE_WIDTH ** (level + 2)
            if root is not None and is_needed:
                self._take(level + 1, n, [root])
        self._held[level] = (begin, held)

    def _compare(self, level: int, n: int, hashes: bytes, root: bytes | None) -> None:
        """Compare a tile with its last hashes, and with its root where all of them passed by."""
        found = self._stored(level, n)
        if found is None:
            self._mismatch(level, n, "is missing")
        elif found[0][-len(hashes) :] != hashes or len(found[0]) != TILE_WIDTH * HASH_SIZE:
            self._mismatch(level, n, "does not hold the hashes of its entries")
        elif root not in {None, found[1]}:
            self._mismatch(level, n, "has another root than its hashes")

    def _stored(self, level: int, n: int) -> tuple[bytes, bytes] | None:
        if (level, n) not in self._read:
            self._read = {key: tile for key, tile in self._read.items() if key[0] != level}
            for row in self._connection.execute(_TILES, {"level": level, "first": n}):
                self._read[level, row.n] = row.hashes, row.root
        return self._read.pop((level, n), None)

    def _mismatch(self, level: int, n: int, what: str) -> None:
        seq = n * TILE_WIDTH ** (level + 1)
        self.findings.add("tile_mismatch", seq, f"tile {n} of level {level} {what}")


class IndexWatch:
    """Compares the search index with the bodies that pass by: its rows at once, subjects and tags by sums."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sums: Counter[int] = Counter()
        self._first: int | None = None
        self._last = -1
        self.findings: Final = Findings()

    def watch(self, batches: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
        """Pass the batches on, comparing the index with what their bodies say."""
        for batch in batches:
            self._look_at(batch)
            yield batch

    def finish(self, *, is_end: bool) -> None:
        """Compare subjects and tags of all that passed; `is_end` says that no entries follow."""
        if self._first is not None:
            stored: Counter[int] = Counter()
            for mark in self._stored_marks(self._first, self._last):
                stored[mark[2] // BUCKET] += hash(mark)
            differing = [n for n in {*stored, *self._sums} if stored[n] != self._sums[n]]
            for place, bucket in enumerate(sorted(differing)):
                self._name(bucket, in_detail=place < MOST_NAMED)
        beyond = self._connection.execute(_BEYOND, {"last": self._last}).scalar()
        if is_end and beyond is not None:
            self.findings.add(
                "index_mismatch", beyond, "the index knows an entry that is not there"
            )

    def _look_at(self, batch: Sequence[Row]) -> None:
        bounds = {"first": batch[0][0], "last": batch[-1][0]}
        self._first = bounds["first"] if self._first is None else self._first
        self._last = bounds["last"]
        expected = {}
        for seq, body, _, _ in batch:
            row, marks = derived(seq, body)
            expected[seq] = row
            self._sums[seq // BUCKET] += sum(map(hash, marks))
        found = {row[0]: tuple(row) for row in self._connection.execute(_INDEX, bounds)}
        if found != expected:
            for seq in sorted({*found, *expected}):
                if found.get(seq) != expected.get(seq):
                    detail = f"the index row of entry {seq} is not what the entry says"
                    self.findings.add("index_mismatch", seq, detail)

    def _stored_marks(self, first: int, last: int) -> Iterator[Mark]:
        bounds = {"first": first, "last": last}
        connection = self._connection.execution_options(yield_per=stored_entries.CHUNK)
        for subject in connection.execute(_SUBJECTS, bounds):
            yield subject.kind, subject.id, subject.seq, subject.rev
        for tagged in connection.execute(_TAGS, bounds):
            yield "", tagged.tag, tagged.seq, None

    def _name(self, bucket: int, *, in_detail: bool) -> None:
        first = max(bucket * BUCKET, self._first or 0)
        last = min((bucket + 1) * BUCKET - 1, self._last)
        differing = {first}
        if in_detail:
            stored = Counter(self._stored_marks(first, last))
            expected = Counter(
                mark
                for batch in stored_entries.between(self._connection, first, last)
                for seq, body, _, _ in batch
                for mark in derived(seq, body)[1]
            )
            differing = {mark[2] for mark in (stored - expected) + (expected - stored)}
        for seq in sorted(differing):
            detail = f"subjects or tags of entry {seq} are not what the entry says"
            self.findings.add("index_mismatch", seq, detail)


def derived(seq: int, body: bytes) -> tuple[tuple[Any, ...] | None, list[Mark]]:
    """Return the index row of an entry, with its subjects and tags; (None, none) for a body that can't be read."""
    try:
        value = orjson.loads(body)
        rank = RANK[value["severity"]]
        row = (seq, value["at"], value["type"], rank, value["outcome"], value["actor"]["id"])
        moved = {(item["kind"], item["id"]): item["rev"] for item in value.get("objects", ())}
        named = {tuple(name.split(":", 1)) for name in value.get("about", ())} | set(moved)
        marks = [(kind, name, seq, moved.get((kind, name))) for kind, name in named]
        marks += [("", tag, seq, None) for tag in value.get("tags", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, []
    return row, marks
