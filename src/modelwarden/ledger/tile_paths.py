"""Where the parts of a static log lie, and what an entry bundle holds: C2SP tlog-tiles (LG-52).

`tile/<L>/<N>[.p/<W>]` are hashes of tree level 8·L, `tile/entries/<N>[.p/<W>]` the entries themselves. A path names one
sequence of bytes for ever: what a tile holds follows from the tree alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.errors import PathUnknown
from modelwarden.ledger.merkle import HASH_SIZE, TILE_WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHECKPOINT: Final = "checkpoint"
CHECKPOINTS: Final = "checkpoints"
VKEY: Final = "log.vkey"
ENTRIES: Final = -1
"""Stands for the level of entry bundles, which lie below level 0."""
HEIGHT: Final = 8
MOST_LEVEL: Final = 63
LENGTH_BYTES: Final = 2
MOST_BUNDLE_BYTES: Final = TILE_WIDTH * (LENGTH_BYTES + 0xFFFF)
MOST_TILE_BYTES: Final = TILE_WIDTH * HASH_SIZE

_TILE: Final = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?",
    re.ASCII,
)
_SIZE: Final = re.compile(r"checkpoints/(0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class TilePath:
    """One tile or entry bundle: its level, its place in it, and how many hashes or entries it holds."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __str__(self) -> str:
        name = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.is_full else f".p/{self.width}"
        return f"tile/{name}/{_words(self.index)}{partial}"

    @property
    def is_full(self) -> bool:
        """Tell whether nothing can be added to it."""
        return self.width == TILE_WIDTH

    @property
    def full(self) -> TilePath:
        """Return the full tile of which this is the beginning."""
        return TilePath(self.level, self.index)

    @property
    def partials(self) -> str:
        """Return the folder in which the narrower tiles of this place lie."""
        return f"{self.full}.p"

    @property
    def first(self) -> int:
        """Return the number of its first hash, among those of its level."""
        return self.index * TILE_WIDTH

    @property
    def needs(self) -> int:
        """Return the size of the smallest tree that has it."""
        return (self.first + self.width) << (HEIGHT * max(0, self.level))


def parse_tile_path(text: str) -> TilePath:
    """Read a path in its only form. Raises PathUnknown."""
    found = _TILE.fullmatch(text)
    if found is None:
        raise PathUnknown(text)
    level = ENTRIES if found[1] == "entries" else int(found[1])
    index = int(re.sub(r"[x/]", "", found[2]))
    width = TILE_WIDTH if found[3] is None else int(found[3])
    path = TilePath(level, index, width)
    if (found[3] is not None and width >= TILE_WIDTH) or str(path) != text:
        raise PathUnknown(text)  # a full tile called partial, or leading words of zeros
    return path


def parse_checkpoint_path(text: str) -> int:
    """Return the size that `checkpoints/<size>` names. Raises PathUnknown."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise PathUnknown(text)
    return int(found[1])


def checkpoint_path(size: int) -> str:
    """Return where the checkpoint of a size lies."""
    return f"{CHECKPOINTS}/{size}"


def paths_of(size: int, *, since: int = 0) -> Iterator[TilePath]:
    """Yield what a tree of this size has and one of size `since` had not, from the entries up."""
    if size > since:
        yield from _row(ENTRIES, since, size)
    level = 0
    while size > since:  # where no hash was added, none was above
        yield from _row(level, since, size)
        level, since, size = level + 1, since >> HEIGHT, size >> HEIGHT


def filled(size: int, *, since: int) -> Iterator[TilePath]:
    """Yield the tiles and bundles that became full between two sizes, and were partial before."""
    for path in paths_of(size, since=since):
        level = max(0, path.level)
        if path.is_full and path.first < since >> (HEIGHT * level):
            yield path


def bundle(bodies: Iterable[bytes]) -> bytes:
    """Return an entry bundle: each body behind its length."""
    return b"".join(len(body).to_bytes(LENGTH_BYTES, "big") + body for body in bodies)


def bundled(data: bytes) -> list[bytes]:
    """Return the bodies of a bundle, as far as the lengths go on fitting."""
    bodies, at = [], 0
    while at + LENGTH_BYTES <= len(data):
        begin = at + LENGTH_BYTES
        at = begin + int.from_bytes(data[at:begin], "big")
        if at > len(data):
            break
        bodies.append(data[begin:at])
    return bodies


def _row(level: int, since: int, size: int) -> Iterator[TilePath]:
    for index in range(since // TILE_WIDTH, size // TILE_WIDTH):
        yield TilePath(level, index)
    if size % TILE_WIDTH:
        yield TilePath(level, size // TILE_WIDTH, size % TILE_WIDTH)


def _words(index: int) -> str:
    """Return a number in words of three digits, all but the last marked, so that no file is also a folder."""
    words = [f"{index % 1000:03d}"]
    while index := index // 1000:
        words.append(f"x{index % 1000:03d}")
    return "/".join(reversed(words))
