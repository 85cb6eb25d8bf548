"""Spans: unbroken ranges of entries that are sound in themselves, folded to what a walk needs to go on behind them.

So ranges can be walked apart, in other processes, and be joined: the hash before a span was taken as given there, and
the walk that skips it compares. A span holds 32 bytes for each full tile of its entries (256 leaves).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from modelwarden.ledger.merkle import TILE_WIDTH, Frontier, tree_root

if TYPE_CHECKING:
    from collections.abc import Sequence


class Span(NamedTuple):
    """Entries `first` to `size - 1`, sound behind the hash `before`."""

    first: int
    size: int
    before: bytes
    entry_hash: bytes
    leaf: bytes
    head: list[bytes]
    """Leaves before the first full tile."""
    tiles: list[bytes]
    """Roots of full tiles."""
    tail: list[bytes]
    """Leaves after the last one."""
    marks: list[tuple[int, Frontier]]
    """For checkpoints that end inside a full tile: their size, and the tree of that tile's leaves before it."""


class Folding:
    """Folds the leaves of a span as they come; `sizes` are those of checkpoints, in order."""

    def __init__(self, first: int, sizes: Sequence[int] = ()) -> None:
        self.first = self.size = first
        self._sizes = sizes
        self._at = first  # the number of the first leaf that is held
        self._held: list[bytes] = []
        self._head: list[bytes] = []
        self._tiles: list[bytes] = []
        self._marks: list[tuple[int, Frontier]] = []
        self._leaf = b""

    def take(self, leaves: Sequence[bytes]) -> None:
        """Go on with these leaves."""
        if not leaves:
            return
        self.size += len(leaves)
        self._leaf = leaves[-1]
        self._held += leaves
        offset = self._at % TILE_WIDTH
        if offset and len(self._held) >= TILE_WIDTH - offset:
            self._head = self._cut(TILE_WIDTH - offset)
            offset = 0
        while not offset and len(self._held) >= TILE_WIDTH:
            self._mark()
            self._tiles.append(tree_root(self._cut(TILE_WIDTH)))

    def span(self, before: bytes, entry_hash: bytes) -> Span:
        """Return the span of all leaves taken; there was one at least."""
        head, tail = (self._head, self._held)
        if self._at == self.first:  # no tile boundary was met: all are the first leaves
            head, tail = self._held, []
        return Span(
            self.first,
            self.size,
            before,
            entry_hash,
            self._leaf,
            head,
            self._tiles,
            tail,
            self._marks,
        )

    def _cut(self, count: int) -> list[bytes]:
        cut, self._held = self._held[:count], self._held[count:]
        self._at += count
        return cut

    def _mark(self) -> None:
        """Keep the tree inside the next tile at each checkpoint's size."""
        end = self._at + TILE_WIDTH
        for size in self._sizes[
            bisect_right(self._sizes, self._at) : bisect_right(self._sizes, end)
        ]:
            part = Frontier()
            part.extend(self._held[: size - self._at])
            self._marks.append((size, part))
