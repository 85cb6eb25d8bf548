"""What others hold of the ledger, compared with it (step 10 of section 6, LG-26). Pure.

A checkpoint that this log's key signed is proof: one that is ahead of the ledger, or has another root, is
`rolled_back`. Anything else that does not fit, anybody could have put there: it is `sink_differs`, to be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import NoteInvalid
from modelwarden.ledger.checkpoint import open_note, unverified_checkpoint
from modelwarden.ledger.result import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.ledger.keys import VerifierKey

ROLLED_BACK: Final = "rolled_back"
DIFFERS: Final = "sink_differs"


class Last(NamedTuple):
    """The last entry of a copy. The chain makes its hash speak for all before it; nobody signed it."""

    seq: int
    entry_hash: bytes


class Held(NamedTuple):
    """What lies at the end of a copy: its newest checkpoints, as they are, and its last entry where that is read."""

    notes: tuple[bytes, ...] = ()
    last: Last | None = None


class FarEnd(NamedTuple):
    """One copy, by name: what it holds, or why that is not known (`unread`), or is no ledger (`differs`)."""

    name: str
    held: Held = Held()
    unread: str | None = None
    differs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """The ledger that copies are compared with.

    Attributes:
        size: how many entries it has.
        keys_at: the log keys whose checkpoints count at a size.
        root_of: its root at a size up to `size`.
        hash_of: its hash of an entry before `size`.
    """

    size: int
    keys_at: Callable[[int], Sequence[VerifierKey]]
    root_of: Callable[[int], bytes]
    hash_of: Callable[[int], bytes | None]


def end_problems(end: FarEnd, ours: Ours) -> tuple[Problem, ...]:
    """Return where a copy's end and the ledger disagree, what is proven first.

    Read the copy before the ledger: a ledger that grows meanwhile would look like one that was put back.
    """
    if end.unread is not None:
        return ()
    if end.differs is not None:
        return (Problem(DIFFERS, -1, f"{end.name}: {end.differs}"),)
    found = [problem for note in end.held.notes if (problem := _of_note(end.name, note, ours))]
    proven = tuple(problem for problem in found if problem.code == ROLLED_BACK)
    last = None if proven or end.held.last is None else _of_last(end.name, end.held.last, ours)
    rest = [problem for problem in found if problem.code != ROLLED_BACK]
    return (*proven, *rest, *(() if last is None else (last,)))


def is_signed(note: bytes, keys_at: Callable[[int], Sequence[VerifierKey]]) -> bool:
    """Tell whether a key signed a note that counts at its size."""
    try:
        return bool(open_note(note, keys_at(unverified_checkpoint(note).size)))
    except NoteInvalid:
        return False


def _of_note(name: str, note: bytes, ours: Ours) -> Problem | None:
    try:
        size, root = _size_and_root(note)
    except NoteInvalid as error:
        return Problem(DIFFERS, -1, f"{name}: its checkpoint does not parse: {error}")
    if not is_signed(note, ours.keys_at):
        detail = f"{name} holds a checkpoint of {size} entries that no key of this log signed"
        return Problem(DIFFERS, size - 1, detail)
    if size > ours.size:
        detail = f"{name} holds a checkpoint of {size} entries that this log's key signed, the ledger has {ours.size}"
        return Problem(ROLLED_BACK, size - 1, detail)
    if ours.root_of(size) != root:
        detail = f"the ledger's first {size} entries are not those that its key signed at {name}"
        return Problem(ROLLED_BACK, size - 1, detail)
    return None


def _of_last(name: str, last: Last, ours: Ours) -> Problem | None:
    if last.seq >= ours.size:
        detail = f"{name} holds entry {last.seq}, the ledger has {ours.size} entries"
        return Problem(DIFFERS, last.seq, detail)
    if ours.hash_of(last.seq) != last.entry_hash:
        detail = f"the ledger's entries up to {last.seq} are not those that {name} holds"
        return Problem(DIFFERS, last.seq, detail)
    return None


def _size_and_root(note: bytes) -> tuple[int, bytes]:
    found = unverified_checkpoint(note)
    return found.size, found.root
