"""A copy beside the database, line by line: the first entry that differs is named (step 10 of section 6).

Every kind of copy holds the same lines (LG-43), so two of them are equal byte for byte, or one was changed.
"""

from __future__ import annotations

from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from modelwarden.errors import LineInvalid
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.result import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.sinks.sink import Copy

CODE = "sink_differs"


def compare(
    ours: Iterable[bytes], copy: Copy, *, name: str, first: int, last: int
) -> tuple[Problem, ...]:
    """Compare our lines of entries `first` to `last` with a copy; memory does not grow with the range."""
    theirs = islice(copy.lines(first), last + 1 - first)
    return first_difference(ours, theirs, name=name, first=first)


def first_difference(
    ours: Iterable[bytes], theirs: Iterable[bytes], *, name: str, first: int
) -> tuple[Problem, ...]:
    """Name the first entry at which two streams of lines differ, or none."""
    for seq, (one, other) in enumerate(zip_longest(ours, theirs), first):
        if one is None or other is None:
            what = "lacks it" if other is None else "has it, the ledger does not"
            return (Problem(CODE, seq, f"{name}: the copy {what}"),)
        if one.rstrip(b"\n") != other.rstrip(b"\n"):
            return (Problem(CODE, seq, f"{name}: {_in_words(other, seq)}"),)
    return ()


def _in_words(data: bytes, seq: int) -> str:
    try:
        found = parse_line(data).stored.seq
    except LineInvalid:
        return "the copy's line does not parse"
    if found != seq:
        return f"the copy has entry {found} in its place"
    return "the copy holds another entry of that number"
