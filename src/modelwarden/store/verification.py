"""Verification of the ledger in a database (LG-30): steps 2 to 9 and 11 of section 6 over its tables.

The rules are `ledger.verify`'s; here rows, notes, tiles and index are read and handed to it. Who may ask, the guard
file and remembered checkpoints (step 10) are the caller's; governed rows (step 12) stand in `state`.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, select

from modelwarden.errors import LedgerUnavailable, NoteInvalid, ProofInvalid
from modelwarden.facts.catalogue import TYPES
from modelwarden.ledger.checkpoint import Checkpoint, unverified_checkpoint
from modelwarden.ledger.merkle import consistency_proof, frontier_at, range_root, verify_consistency
from modelwarden.ledger.notes import read_checkpoints
from modelwarden.ledger.result import Findings, Problem
from modelwarden.ledger.strict import StrictReading
from modelwarden.ledger.verify import head_problems
from modelwarden.ledger.walk import Walk
from modelwarden.store import entries
from modelwarden.store.derived import IndexWatch, TileWatch
from modelwarden.store.ranges import Range, walk_ranges
from modelwarden.store.schema.ledger import checkpoints
from modelwarden.store.tiles import StoredNodes
from modelwarden.store.workers import ALONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.merkle import Frontier
    from modelwarden.ledger.notes import Checkpoints
    from modelwarden.ledger.result import Result
    from modelwarden.store.entries import Head
    from modelwarden.store.workers import Work

END: Final = 2**62
"""Past every entry."""
OTHERS: Final = 256
"""Checkpoints outside a part that are held against the tree: the newest of them."""
BROKEN: Final = (ProofInvalid, NoteInvalid, ValueError, IndexError)
"""What reading proofs from damaged tiles and notes raises."""

Note = tuple[int, bytes]
"""A size and the note that is stored under it."""

_WITHIN: Final = (
    select(checkpoints.c.size, checkpoints.c.note)
    .where(checkpoints.c.size >= bindparam("first"), checkpoints.c.size <= bindparam("last"))
    .order_by(checkpoints.c.size)
)
_OUTSIDE: Final = (
    select(checkpoints.c.size, checkpoints.c.note)
    .where((checkpoints.c.size < bindparam("first")) | (checkpoints.c.size > bindparam("last")))
    .order_by(checkpoints.c.size.desc())
    .limit(OTHERS)
)
_COUNT_OUTSIDE: Final = select(func.count()).where(
    (checkpoints.c.size < bindparam("first")) | (checkpoints.c.size > bindparam("last"))
)


def verify_ledger(  # noqa: PLR0913  # what is asked for, and how deep
    connection: Connection,
    *,
    origin: str,
    keys: Sequence[VerifierKey],
    first: int = 0,
    last: int | None = None,
    strict: bool = False,
    index: bool = False,
    work: Work = ALONE,
) -> Result:
    """Verify entries `first` to `last`, ends included; all that are there unless `last` is given.

    `index` compares the search index too, `strict` the form of each body and the index; both read every body in this
    process, whatever `work` says. Memory does not grow with the range, but with the checkpoints in it and, if strict,
    with the objects. The connection has to see one state.
    """
    head = _head(connection)
    part = _Part(connection, first, END - 1 if last is None else last)
    notes = part.notes(origin, keys)
    tiles = TileWatch(connection, first=first, size=0 if head is None else head.size)
    marks = IndexWatch(connection) if index or strict else None
    reading = StrictReading(TYPES, first=first) if strict else None
    started = time.perf_counter()
    walk = part.walked(origin, notes, tiles, bodies=(marks, reading), work=work)
    result = walk.result(time.perf_counter() - started)
    is_end = last is None or head is None or last >= head.size - 1
    if is_end:
        tiles.finish(result.size)
        result = result.adding(_against_head(result, head, origin))
    result = result.adding(
        (*notes.problems, *tiles.findings.problems),
        not_checked=(*notes.not_checked, *tiles.not_checked),
        signer=notes.signer,
    )
    result = part.led_to_newest(result, notes)
    result = _with_index(result, marks, is_end=is_end)
    return result if reading is None else reading.added_to(result)


def _head(connection: Connection) -> Head | None:
    try:
        return entries.read_head(connection)
    except (LedgerUnavailable, ProofInvalid):  # it is gone, or its frontier is of another size
        return None


def _against_head(result: Result, head: Head | None, origin: str) -> tuple[Problem, ...]:
    if head is None:
        return (Problem("head_mismatch", result.last, "the head row is gone or can't be read"),)
    found = head_problems(result, (head.size, head.entry_hash, head.frontier.to_bytes()))
    if head.origin != origin:
        detail = f"the head names another ledger, {head.origin}"
        return (*found, Problem("head_mismatch", result.last, detail))
    return found


def _with_index(result: Result, marks: IndexWatch | None, *, is_end: bool) -> Result:
    if marks is None:
        return result.adding(not_checked=("search index: ask for strict or state",))
    marks.finish(is_end=is_end)
    return result.adding(marks.findings.problems, count=marks.findings.count)


class _Part:
    """The range that is verified, and how it hangs together with what lies outside it (step 7)."""

    def __init__(self, connection: Connection, first: int, last: int) -> None:
        self.connection, self.first, self.last = connection, first, last
        self.nodes = StoredNodes(connection)

    def notes(self, origin: str, keys: Sequence[VerifierKey]) -> Checkpoints:
        """Return the notes of the range and the newest of all; only roots of the range are among `roots`."""
        rows = [(row.size, row.note) for row in self.connection.execute(_WITHIN, self._sizes())]
        notes = [note for _, note in rows]
        newest = entries.newest_checkpoint(self.connection)
        if newest is not None and notes[-1:] != [newest]:
            notes.append(newest)
        known = read_checkpoints(notes, origin=origin, keys=keys)
        inside = {size: root for size, root in known.roots.items() if size <= self.last + 1}
        return replace(known, roots=inside, problems=(*known.problems, *_misplaced(rows)))

    def before(self) -> bytes | None:
        """Return the entry hash before the range."""
        row = entries.entry(self.connection, self.first - 1) if self.first else None
        return None if row is None else row.entry_hash

    def frontier(self) -> Frontier | None:
        """Return the tree before the range, from tiles; None if they do not give it."""
        try:
            return frontier_at(self.first, self.nodes) if self.first else None
        except BROKEN:
            return None

    def walked(
        self,
        origin: str,
        notes: Checkpoints,
        tiles: TileWatch,
        *,
        bodies: tuple[IndexWatch | None, StrictReading | None],
        work: Work,
    ) -> Walk:
        """Walk the range, in several processes if nobody reads its bodies here."""
        walk = Walk(
            origin,
            self.first,
            before=self.before(),
            frontier=self.frontier(),
            checkpoints=notes.roots,
        )
        end = min(self.last, entries.last_seq(self.connection)) + 1
        count = max(0, end - self.first)

        def tell() -> None:
            work.progress(min(walk.next - self.first, count), count)

        jobs, watches = work.jobs_for(count), [each for each in bodies if each is not None]
        begin = self.first
        if jobs > 1 and count and not watches:
            begin, sizes = end, tuple(sorted(notes.roots))
            url = self.connection.engine.url.render_as_string(hide_password=False)
            whole = Range(url, origin, self.first, end - 1, sizes)
            walk_ranges(self.connection, walk, tiles, whole=whole, jobs=jobs, tell=tell)
        batches = tiles.watch(entries.between(self.connection, begin, self.last))
        for watch in watches:
            batches = watch.watch(batches)
        for batch in batches:
            walk.take(batch)
            tell()
        return walk

    def led_to_newest(self, result: Result, notes: Checkpoints) -> Result:
        """Show that the range lies in the tree that the newest checkpoint signs, and that other checkpoints fit."""
        newest = notes.newest
        is_whole = self.first == 0 and self.last == END - 1
        if newest is None or is_whole:
            return result
        uncovered = max(0, result.size - max(newest.size, self.first))
        result = replace(result, uncovered=uncovered)
        if result.root is None:
            gone = [Problem("proof_invalid", self.first, "tiles do not give the tree before it")]
            return result.adding(gone if result.ok else ())
        findings = Findings()
        detail = self._inconsistent(Checkpoint(newest.origin, result.size, result.root), newest)
        if detail is not None:
            findings.add("proof_invalid", result.last, detail)
        for row in self.connection.execute(_OUTSIDE, self._sizes()).all():
            self._hold_against(newest, (row.size, row.note), findings)
        count = self.connection.execute(_COUNT_OUTSIDE, self._sizes()).scalar() or 0
        left = [f"older checkpoints: {count - OTHERS}"] if count > OTHERS else []
        return result.adding(findings.problems, not_checked=left)

    def _sizes(self) -> dict[str, int]:
        return {"first": self.first, "last": self.last + 1}

    def _inconsistent(self, one: Checkpoint, other: Checkpoint) -> str | None:
        old, new = sorted((one, other), key=lambda checkpoint: checkpoint.size)
        try:
            proof = consistency_proof(old.size, new.size, self.nodes)
            verify_consistency(old.size, old.root, new.size, new.root, proof)
        except BROKEN:
            return f"tiles do not lead from size {old.size} to the root of size {new.size}"
        return None

    def _hold_against(self, newest: Checkpoint, stored: Note, findings: Findings) -> None:
        size, note = stored
        try:
            root = unverified_checkpoint(note).root
            fits = size <= newest.size and root == range_root(size, self.nodes)
        except BROKEN:
            fits = False
        if not fits:
            detail = f"the first {size} entries do not give the root of that checkpoint"
            findings.add("root_mismatch", size - 1, detail)


def _misplaced(notes: Sequence[Note]) -> tuple[Problem, ...]:
    return tuple(
        Problem("checkpoint_invalid", size - 1, "it is stored under another size")
        for size, note in notes
        if note.split(b"\n", 2)[1:2] != [b"%d" % size]
    )
