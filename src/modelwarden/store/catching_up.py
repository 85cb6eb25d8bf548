"""Taking the entries that a backup lacks from another copy of the ledger (LG-46, step 3).

A copy is read twice: first all of it is verified from the backup's end on, then it is appended as far as a checkpoint
proves it. One that was tampered with, lacks a piece or is of another ledger is refused by name, and the next is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import LedgerUnavailable, LineInvalid, NoteInvalid, WardenError
from modelwarden.ledger.checkpoint import open_note
from modelwarden.ledger.entry import Stored, parse_line
from modelwarden.ledger.lines import verify_lines
from modelwarden.store import entries
from modelwarden.store.database import savepoint
from modelwarden.store.derived import derived
from modelwarden.store.entries import Draft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.result import Problem
    from modelwarden.store.entries import Head

CHUNK: Final = 1_000
SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCopy:
    """Another copy of the ledger, opened by whoever restores.

    Attributes:
        name: how it is named to people.
        notes: the signed checkpoints that lie there.
        lines: gives the lines of entries from a number on (LG-43); it is called again for a second reading.
    """

    name: str
    notes: tuple[bytes, ...]
    lines: Callable[[int], Iterable[bytes]]


class Known(NamedTuple):
    """A size that was signed, the root that was signed with it, and who knows it."""

    size: int
    root: bytes
    holder: str


class Taken(NamedTuple):
    """What was taken from copies: entries, how many of these no checkpoint covers, how many were left there."""

    entries: int = 0
    unsigned: int = 0
    left: int = 0
    refused: tuple[str, ...] = ()


class CopyRefused(WardenError):
    """A copy is not what it should be."""


def signed_by(
    copies: Sequence[LedgerCopy], keys: Sequence[VerifierKey]
) -> list[tuple[Known, bytes]]:
    """Return the checkpoints in copies that one of our keys signed; others say nothing."""
    found = []
    for copy in copies:
        for note in copy.notes:
            try:
                checkpoint = open_note(note, keys)
            except NoteInvalid:
                continue
            found.append((Known(checkpoint.size, checkpoint.root, copy.name), note))
    return found


def take(
    connection: Connection,
    copies: Sequence[LedgerCopy],
    roots: Mapping[int, bytes],
    *,
    unsigned: bool = False,
) -> Taken:
    """Append what the copies hold past the ledger's end, as far as one of `roots` (size → root) proves it.

    With `unsigned`, what lies past the largest of these is appended too: the chain links it, nobody signed it.
    """
    taken = Taken()
    for copy in copies:
        before = entries.read_head(connection)
        savepoint(connection, "SAVEPOINT")
        try:
            end, size = _checked(copy, before, roots)
            _append(connection, copy, end, roots)
            if unsigned and end == max(roots, default=0):
                end = size
                _append(connection, copy, end, roots)
        except CopyRefused as error:
            taken = taken._replace(refused=(*taken.refused, f"{copy.name}: {error}"))
            _undo(connection)
            continue
        savepoint(connection, "RELEASE SAVEPOINT")
        taken = taken._replace(entries=taken.entries + end - before.size, left=max(0, size - end))
    size = entries.read_head(connection).size
    beyond = max(0, size - max(roots, default=0))
    return taken._replace(unsigned=min(beyond, taken.entries))


def _checked(copy: LedgerCopy, before: Head, roots: Mapping[int, bytes]) -> tuple[int, int]:
    """Return how far a copy is proven, and how far it goes. Raises CopyRefused."""
    first = before.size
    following = {size: root for size, root in roots.items() if size > first}
    try:
        lines = iter(copy.lines(first))
        head = next(lines, None)
        if head is None:
            return first, first
        if parse_line(head).previous_hash != before.entry_hash:
            raise CopyRefused(
                f"its entry {parse_line(head).stored.seq} does not follow the last one of the backup"
            )
        result = verify_lines(
            _again(head, lines),
            origin=before.origin,
            first=first,
            frontier=before.frontier,
            checkpoints=following,
        )
    except (WardenError, OSError) as error:
        raise CopyRefused(str(error)) from error
    wrong = [p for p in result.problems if not _is_short(p, result.size)]
    if wrong or result.root is None:
        raise CopyRefused("; ".join(f"{p.code} at {p.seq}: {p.detail}" for p in wrong[:SHOWN]))
    proven = [size for size in following if size <= result.size]
    return max(proven, default=first), result.size


def _is_short(problem: Problem, size: int) -> bool:
    """Tell whether a problem says only that a copy ends before the largest checkpoint that is known."""
    return problem.code == "entry_missing" and problem.seq == size


def _undo(connection: Connection) -> None:
    """Take back what a refused copy gave."""
    savepoint(connection, "ROLLBACK TO SAVEPOINT")
    savepoint(connection, "RELEASE SAVEPOINT")


def _append(connection: Connection, copy: LedgerCopy, end: int, roots: Mapping[int, bytes]) -> None:
    """Append the entries of a copy up to a size. Raises CopyRefused when they are not those that were checked."""
    before = entries.read_head(connection)
    rows = (parse_line(data).stored for data in copy.lines(before.size))
    missing = islice(rows, max(0, end - before.size))
    head = before
    try:
        while part := list(islice(missing, CHUNK)):
            head = _appended(connection, head, part)
    except (LineInvalid, LedgerUnavailable, OSError) as error:
        raise CopyRefused(f"it changed while it was read: {error}") from error
    if head.size < end or roots.get(end, head.frontier.root()) != head.frontier.root():
        raise CopyRefused("it changed while it was read")


def _appended(connection: Connection, head: Head, part: Sequence[Stored]) -> Head:
    sealed = entries.append(connection, [_draft(stored) for stored in part], before=head)
    for place, stored in enumerate(part):
        if sealed.stored(place) != stored:
            raise LedgerUnavailable(f"entry {stored.seq} is not the one that was checked")
    return entries.read_head(connection)


def _draft(stored: Stored) -> Draft:
    """Return an entry as the writer seals it, with what it is found under."""
    row, marks = derived(stored.seq, stored.body)
    if row is None:
        raise LedgerUnavailable(f"the body of entry {stored.seq} can't be read")
    _, at, kind, rank, outcome, actor = row
    subjects = tuple((k, name, rev) for k, name, _, rev in marks if k)
    tags = tuple(name for k, name, _, _ in marks if not k)
    return Draft(stored.body, at, kind, rank, outcome, actor, subjects, tags)


def _again(head: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest
