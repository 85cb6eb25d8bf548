"""Entries read from the lines of an export or WORM folder (LG-43), for verification.

Blocks of lines in which every byte is as it has to be take a fast way: the line that follows from the hash before and
from the body is built, and compared. All else takes the slow way, `entry.parse_line`, line by line: it alone decides
what is wrong. A line that does not parse becomes `UNREADABLE`, so that the walk names it and goes on.
"""

from __future__ import annotations

import time
from binascii import hexlify
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Final

from modelwarden.errors import LineInvalid
from modelwarden.ledger.entry import Line, parse_line
from modelwarden.ledger.merkle import TILE_WIDTH
from modelwarden.ledger.result import Findings, Result
from modelwarden.ledger.span import Folding, Span
from modelwarden.ledger.walk import NO_CHECKPOINTS, UNREADABLE, Row, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from modelwarden.ledger.merkle import Frontier

MOST_LINE_BYTES: Final = 64 * 1024
"""A longer line is not read: a body has at most 32 KiB."""
BLOCK_BYTES: Final = 96 * 1024

_PREFIX: Final = b'{"seq":%d,"previous_hash":"%b","leaf_hash":"%b","entry_hash":"%b","entry":{'  # as `entry.line`
_BODY_AT: Final = len(_PREFIX % (0, b"", b"", b"")) - 2 + 3 * 64
"""Where the body begins, without the digits of `seq`."""


_BRACE: Final = ord("}")


def verify_lines(
    lines: Iterable[bytes],
    *,
    origin: str,
    first: int = 0,
    frontier: Frontier | None = None,
    checkpoints: Mapping[int, bytes] = NO_CHECKPOINTS,
) -> Result:
    """Verify the lines of an unbroken range as `verify` does, and each `previous_hash` with them.

    The hash before `first` is taken from the first line, as given.
    """
    walk = LineWalk(origin, first, frontier=frontier, checkpoints=checkpoints)
    stream = iter(lines)
    while batch := list(islice(stream, TILE_WIDTH)):
        walk.take(batch)
    return walk.result()


class LineWalk:
    """One pass over lines, which compares what each says of the line before; see `verify_lines`.

    What it finds depends neither on how lines are cut into batches or blocks, nor on which came as spans.
    """

    def __init__(
        self,
        origin: str,
        first: int = 0,
        *,
        frontier: Frontier | None = None,
        checkpoints: Mapping[int, bytes] = NO_CHECKPOINTS,
    ) -> None:
        self._started = time.perf_counter()
        self._origin, self._first = origin, first
        self._frontier, self._checkpoints = frontier, checkpoints
        self._findings = Findings()
        self._walk = self._walk_from(None) if first == 0 else None
        self._seq = -1  # of the last line that could be read
        self._before = None if self._walk is None else self._walk.previous

    @property
    def next(self) -> int:
        """The number of the entry that is expected."""
        return self._first if self._walk is None else self._walk.next

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the checkpoints, in order: spans need marks at them."""
        return tuple(sorted(self._checkpoints))

    def take(self, lines: Sequence[bytes]) -> None:
        """Go on with these lines, each with its LF or without."""
        block = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
        if block.count(b"\n") == len(lines):  # otherwise one of them is more than a line
            self._take(block, lines)
        elif lines:
            self._slowly(lines)

    def take_block(self, block: bytes) -> None:
        """Go on with a block of whole lines; the last one of all may lack its LF."""
        if block:
            self._take(block, None)

    def skip(self, span: Span) -> bool:
        """Go on behind lines that were found sound elsewhere. False if they do not fit here: take them then."""
        walk = self._walk or self._begin(span.before)
        if not self._follows(walk) or not walk.skip(span):
            return False
        self._seq, self._before = walk.next - 1, walk.previous
        return True

    def result(self) -> Result:
        """Return what was found; nothing follows."""
        walk = self._walk or self._walk_from(None)
        result = walk.result(time.perf_counter() - self._started)
        return result.adding(self._findings.problems, count=self._findings.count)

    def _take(self, block: bytes, lines: Sequence[bytes] | None) -> None:
        walk = self._walk
        if walk is None:
            line = _line(block.partition(b"\n")[0])
            walk = self._begin(None if line is None else line.previous_hash)
        previous = walk.previous
        if previous is not None and self._follows(walk):
            found = sound_block(block, walk.next, previous)
            if found is not None:
                walk.pass_on(*found)
                self._seq, self._before = walk.next - 1, walk.previous
                return
        self._slowly(block.removesuffix(b"\n").split(b"\n") if lines is None else lines)

    def _slowly(self, lines: Sequence[bytes]) -> None:
        parsed = [_line(data) for data in lines]
        walk = self._walk or self._begin(None if parsed[0] is None else parsed[0].previous_hash)
        walk.take([self._row(line) for line in parsed])

    def _row(self, line: Line | None) -> Row:
        if line is None:
            self._before = None
            return UNREADABLE
        seq = line.stored.seq
        follows = seq == self._seq + 1 or self._seq < 0
        if self._before is not None and follows and line.previous_hash != self._before:
            detail = f"the line of entry {seq} names another hash before it"
            self._findings.add("chain_broken", seq, detail)
        self._seq, self._before = seq, line.stored.entry_hash
        return line.stored

    def _follows(self, walk: Walk) -> bool:
        """Tell whether the line before was read, and is the one that the walk stands at."""
        is_next = self._seq < 0 or self._seq == walk.next - 1
        return is_next and self._before is not None and self._before == walk.previous

    def _begin(self, before: bytes | None) -> Walk:
        self._walk = self._walk_from(before)
        self._before = before
        return self._walk

    def _walk_from(self, before: bytes | None) -> Walk:
        return Walk(
            self._origin,
            self._first,
            before=before,
            frontier=self._frontier,
            checkpoints=self._checkpoints,
        )


def line_blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield what is read in blocks of whole lines; a line that is too long becomes an empty one, which no entry has."""
    held, is_long = b"", False
    while data := read(BLOCK_BYTES):
        end = data.rfind(b"\n") + 1
        if not end:
            held += data
        elif is_long:
            yield data[data.find(b"\n") : end]
            held, is_long = data[end:], False
        else:
            yield held + data[:end]
            held = data[end:]
        if len(held) > MOST_LINE_BYTES:
            held, is_long = b"", True
    if held or is_long:
        yield held or b"\n"


def span_of(blocks: Iterable[bytes], sizes: Sequence[int] = ()) -> Span | None:
    """Return the span of these blocks of lines, or None unless every line is sound behind the first one."""
    folding, before, previous = None, b"", b""
    for block in blocks:
        if folding is None:
            line = _line(block.partition(b"\n")[0])
            if line is None:
                return None
            folding, before = Folding(line.stored.seq, sizes), line.previous_hash
            previous = before
        found = sound_block(block, folding.size, previous)
        if found is None:
            return None
        leaves, previous = found
        folding.take(leaves)
    return None if folding is None else folding.span(before, previous)


def sound_block(block: bytes, seq: int, previous: bytes) -> tuple[list[bytes], bytes] | None:
    """Return the leaves and the last hash of a block whose lines are all right, else None.

    A line is built from its number, the hash before and its body, and compared: so it parses, and its hashes fit. This
    is the hot loop: a microsecond here is a second for a million entries.
    """
    # Copying a started state is cheaper than starting one; nothing of a line but its body is taken out of the block.
    start_leaf, start_link = sha256(b"\x00").copy, sha256(b"\x02").copy
    leaves: list[bytes] = []
    view, find, startswith, begin = memoryview(block), block.find, block.startswith, 0
    previous_hex = hexlify(previous)
    body_at = _BODY_AT + len(str(seq))
    longer = 10 ** len(str(seq))  # the next number with one digit more
    while begin < len(block):
        end = find(b"\n", begin)
        if end < 0:
            end = len(block)
        if seq == longer:
            body_at, longer = body_at + 1, longer * 10
        state = start_leaf()
        state.update(view[begin + body_at : end - 1])
        leaf = state.digest()
        state = start_link()
        state.update(previous)
        state.update(leaf)
        previous = state.digest()
        entry_hex = hexlify(previous)
        expected = _PREFIX % (seq, previous_hex, hexlify(leaf), entry_hex)
        if not (
            startswith(expected, begin)
            and block[end - 1] == block[end - 2] == _BRACE
            and end - begin < MOST_LINE_BYTES
        ):
            return None
        previous_hex, seq, begin = entry_hex, seq + 1, end + 1
        leaves.append(leaf)
    return leaves, previous


def _line(data: bytes) -> Line | None:
    try:
        is_short = len(data) - data.endswith(b"\n") < MOST_LINE_BYTES
        return parse_line(data) if is_short else None
    except LineInvalid:
        return None
