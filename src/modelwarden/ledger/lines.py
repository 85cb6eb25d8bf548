"""Entries read from the lines of an export or WORM folder (LG-43), for verification.

A line that does not parse becomes `UNREADABLE`, so that the walk names it and goes on.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from modelwarden.errors import LineInvalid
from modelwarden.ledger.entry import Line, chain_start, parse_line
from modelwarden.ledger.result import Findings, Result
from modelwarden.ledger.verify import NO_CHECKPOINTS, UNREADABLE, Row, in_batches, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from modelwarden.ledger.merkle import Frontier


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
    reader = _Reader(lines, chain_start(origin) if first == 0 else None)
    result = verify(
        in_batches(reader.rows()),
        origin=origin,
        first=first,
        before=reader.before,
        frontier=frontier,
        checkpoints=checkpoints,
    )
    return result.adding(reader.findings.problems, count=reader.findings.count)


class _Reader:
    """One pass over lines, which compares what each says of the line before."""

    def __init__(self, lines: Iterable[bytes], before: bytes | None) -> None:
        self.findings = Findings()
        stream = iter(lines)
        head = list(islice(stream, 1))
        self.lines = chain(head, stream)
        self.before = before
        if before is None and head and (line := _line(head[0])):
            self.before = line.previous_hash

    def rows(self) -> Iterator[Row]:
        seq, before = -1, self.before
        for data in self.lines:
            line = _line(data)
            if line is None:
                before = None
                yield UNREADABLE
                continue
            follows = line.stored.seq == seq + 1 or seq < 0
            if before is not None and follows and line.previous_hash != before:
                detail = f"the line of entry {line.stored.seq} names another hash before it"
                self.findings.add("chain_broken", line.stored.seq, detail)
            seq, before = line.stored.seq, line.stored.entry_hash
            yield line.stored


def _line(data: bytes) -> Line | None:
    try:
        return parse_line(data)
    except LineInvalid:
        return None
