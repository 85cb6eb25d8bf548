"""The lines of an export, walked in one pass over the file: its digest, every line, leaf, chain and tree together.

With several jobs the file is cut at line ends into pieces that other processes read, while this one digests it. A piece
that is not sound, or does not fit behind the one before, is read again here: so what is found is the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from modelwarden.ledger.lines import MOST_LINE_BYTES, line_blocks, span_of
from modelwarden.store.workers import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelwarden.audit.sources import Place, Source
    from modelwarden.ledger.lines import LineWalk
    from modelwarden.ledger.span import Span
    from modelwarden.store.workers import Work

PIECE_BYTES: Final = 8 * 1024 * 1024
CHUNK: Final = 1024 * 1024


class Piece(NamedTuple):
    """Whole lines of a file: bytes `begin` to `end`, and the sizes of checkpoints that may end in them."""

    path: Path
    begin: int
    end: int
    sizes: tuple[int, ...]


class Digest:
    """Reads a file and digests what it reads."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._state = file, sha256()

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        data = self._file.read(size)
        self._state.update(data)
        return data

    def hex(self) -> str:
        """Return the digest of what was read."""
        return self._state.hexdigest()


def walk_entries(
    source: Source, name: str, walk: LineWalk, *, bounds: tuple[int, int], work: Work
) -> str:
    """Walk all lines of a file of an export and return its SHA-256; `bounds` are the numbers it should hold."""
    first, end = bounds
    jobs = work.jobs_for(end - first)
    place = source.place(name)

    def tell() -> None:
        work.progress(min(walk.next, end) - first, end - first)

    if place is not None and jobs > 1:
        return _walk_pieces(place, walk, jobs=jobs, tell=tell)
    with source.open(name) as file:
        digest = Digest(file)
        for block in line_blocks(digest.read):
            walk.take_block(block)
            tell()
    return digest.hex()


def _walk_pieces(place: Place, walk: LineWalk, *, jobs: int, tell: Callable[[], None]) -> str:
    with ThreadPoolExecutor(1) as thread, place.path.open("rb", buffering=0) as file:
        digest = thread.submit(_digest, place)
        pieces = (Piece(place.path, begin, end, walk.sizes) for begin, end in _bounds(file, place))
        for piece, span in in_order(_span, pieces, jobs=jobs):
            if span is None or not walk.skip(span):
                for block in _blocks(file, piece):
                    walk.take_block(block)
            tell()
        return digest.result()


def _span(piece: Piece) -> Span | None:
    """Return the span of a piece; another process runs this."""
    with piece.path.open("rb", buffering=0) as file:
        return span_of(_blocks(file, piece), piece.sizes)


def _blocks(file: IO[bytes], piece: Piece) -> Iterator[bytes]:
    return line_blocks(_within(file, piece.begin, piece.end))


def _within(file: IO[bytes], begin: int, end: int) -> Callable[[int], bytes]:
    """Return a function that reads on from `begin` and stops at `end`."""
    at = begin

    def read(size: int) -> bytes:
        nonlocal at
        file.seek(at)
        data = file.read(min(size, end - at))
        at += len(data)
        return data

    return read


def _bounds(file: IO[bytes], place: Place) -> Iterator[tuple[int, int]]:
    """Yield where pieces begin and end: behind line ends, so that no line is in two of them."""
    begin, end = place.begin, place.begin + place.size
    while begin < end:
        cut = begin + PIECE_BYTES
        while (found := _line_end(file, cut, end)) is None:
            cut += PIECE_BYTES  # a line that is far too long: it stays in one piece
        yield begin, found
        begin = found


def _line_end(file: IO[bytes], at: int, end: int) -> int | None:
    """Return the place behind the next LF, or None if none is near."""
    if at >= end:
        return end
    file.seek(at)
    found = file.read(min(2 * MOST_LINE_BYTES, end - at)).find(b"\n")
    return None if found < 0 else at + found + 1


def _digest(place: Place) -> str:
    digest = sha256()
    with place.path.open("rb", buffering=0) as file:
        read = _within(file, place.begin, place.begin + place.size)
        while data := read(CHUNK):
            digest.update(data)
    return digest.hexdigest()
