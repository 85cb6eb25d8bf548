"""Verification of entries, chain and tree (LG-30): one implementation for every source.

Database, export, WORM folder: whoever reads hands in rows `(seq, body, leaf, entry_hash)`, in
batches. Here are steps 3 to 6 and 9 of section 6, 7 for an export, 8 for the head row. Steps 1, 2
are in `notes`, the reading of lines in `lines`, step 11 in `strict`. Callers owe the rest (tiles,
index, guard file, sinks, witnesses, state) and add it with `Result.adding`.
"""

from __future__ import annotations

import time
from hashlib import sha256
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import ProofInvalid
from modelwarden.ledger.entry import chain, chain_start
from modelwarden.ledger.merkle import (
    TILE_WIDTH,
    Frontier,
    frontier_of_proof,
    leaf_hash,
    verify_inclusion,
)
from modelwarden.ledger.result import Findings, Problem, Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from modelwarden.ledger.checkpoint import Checkpoint

__all__ = [
    "NO_CHECKPOINTS",
    "UNREADABLE",
    "Problem",
    "Result",
    "Row",
    "head_problems",
    "in_batches",
    "part_problems",
    "verify",
]

Row = tuple[int, bytes, bytes, bytes]
"""seq, body, leaf, entry_hash; `Stored` is one."""

UNREADABLE: Final[Row] = (-1, b"", b"", b"")
"""Stands for an entry whose line does not parse (step 4)."""

NO_CHECKPOINTS: Final[Mapping[int, bytes]] = MappingProxyType({})


def verify(
    batches: Iterable[Sequence[Row]],
    *,
    origin: str,
    first: int = 0,
    before: bytes | None = None,
    frontier: Frontier | None = None,
    checkpoints: Mapping[int, bytes] = NO_CHECKPOINTS,
) -> Result:
    """Verify entries from `first` on, as far as the batches go (steps 3 to 6 and 9 of section 6).

    Args:
        batches: rows in order, a few hundred to a thousand at a time; see `in_batches`.
        origin: the ledger's name, which begins the chain.
        first: the number of the first row.
        before: the entry hash at `first - 1`, taken as given; not used if `first` is 0.
        frontier: the tree before `first`, taken as given; not used if `first` is 0.
        checkpoints: size → root, of signed checkpoints. All that lie past the last row say that
            entries are missing; who verifies a part hands in those of its range alone.

    Memory is O(log n) for any number of batches. Raises ProofInvalid if `frontier` has another size
    than `first`.
    """
    started = time.perf_counter()
    if first == 0:
        before, frontier = chain_start(origin), Frontier()
    elif frontier is not None and frontier.size != first:
        raise ProofInvalid(f"a frontier of size {frontier.size} does not stand before {first}")
    walk = _Walk(first, before, frontier, checkpoints)
    for batch in batches:
        walk.take(batch)
    return walk.result(time.perf_counter() - started)


def in_batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Cut a stream of rows into batches for `verify`."""
    stream = iter(rows)
    while batch := list(islice(stream, TILE_WIDTH)):
        yield batch


def head_problems(result: Result, head: tuple[int, bytes, bytes]) -> tuple[Problem, ...]:
    """Compare the stored head (size, entry hash, frontier) with what was computed (step 8)."""
    size, entry_hash, frontier = head
    found: list[str] = []
    if size != result.size:
        found.append(f"the head says {size} entries, {result.size} were read")
    if size and entry_hash != result.entry_hash:
        found.append("the head's entry hash is not that of the last entry")
    if result.frontier is not None and frontier != result.frontier.to_bytes():
        found.append("the head's frontier is not that of the leaves")
    return tuple(Problem("head_mismatch", size - 1, detail) for detail in found)


def part_problems(
    result: Result, proof: Sequence[bytes], newest: Checkpoint
) -> tuple[Problem, ...]:
    """Lead a part's leaves to the newest checkpoint's root (step 7, for an export).

    Verify the part with `frontier=frontier_of_proof(first, size, proof of the first entry)`, then
    hand in the inclusion proof of its last entry. This authenticates that frontier too. With tiles
    at hand, use `frontier_at` and a consistency proof from `result.size` instead.
    """
    if result.frontier is None or result.leaf is None:
        return (Problem("proof_invalid", result.last, "not all leaves of the part are known"),)
    try:
        verify_inclusion(result.leaf, result.last, newest.size, proof, newest.root)
        proven = frontier_of_proof(result.last, newest.size, proof)
        proven.append(result.leaf)
    except ProofInvalid as error:
        return (Problem("proof_invalid", result.last, str(error)),)
    if proven != result.frontier:
        detail = "the leaves of the part, with the proofs at its ends, lead to another root"
        return (Problem("proof_invalid", result.last, detail),)
    return ()


class _Walk:
    """One pass over the rows."""

    def __init__(
        self,
        first: int,
        before: bytes | None,
        frontier: Frontier | None,
        checkpoints: Mapping[int, bytes],
    ) -> None:
        self.first = self.next = first
        self.previous = before
        self.leaf: bytes | None = None
        self.frontier = None if frontier is None else frontier.copy()
        self.checkpoints = checkpoints
        self.ahead = sorted((size for size in checkpoints if size >= first), reverse=True)
        self.findings = Findings()
        self.not_checked = _given(first, before, frontier, checkpoints)
        self._fold([])

    def take(self, rows: Sequence[Row]) -> None:
        leaves = _sound(rows, self.next, self.previous)
        if leaves is None:  # something is wrong in this batch: find out what, entry by entry
            for row in rows:
                self._examine(row)
        elif leaves:
            self.next += len(leaves)
            self.previous, self.leaf = rows[-1][3], leaves[-1]
            self._fold(leaves)

    def _examine(self, row: Row) -> None:
        seq, body, leaf, entry_hash = row
        if row == UNREADABLE or tuple(map(type, row)) != (int, bytes, bytes, bytes):
            self.findings.add("line_invalid", self.next, f"entry {self.next} cannot be read")
            self._lose(self.next + 1)
            return
        if seq < self.next:
            self.findings.add("entry_duplicated", seq, f"entry {seq} comes again, or too late")
            return
        if seq > self.next:  # step 3
            detail = f"entries {self.next} to {seq - 1} are missing"
            self.findings.add("entry_missing", self.next, detail)
            self._lose(seq)
        if leaf_hash(body) != leaf:  # step 4
            self.findings.add(
                "entry_altered", seq, f"the body of entry {seq} is not the one hashed"
            )
        if self.previous is not None and chain(self.previous, leaf) != entry_hash:  # step 5
            detail = f"the hash of entry {seq} does not follow from the one before and its leaf"
            self.findings.add("chain_broken", seq, detail)
        self.next, self.previous, self.leaf = seq + 1, entry_hash, leaf
        self._fold([leaf])

    def _lose(self, resume_at: int) -> None:
        """Go on behind an entry that is not there: its hash and its leaf are unknown."""
        if self.frontier is not None:
            self.not_checked.append(f"roots past entry {self.next}: a leaf is missing")
        self.previous = self.frontier = self.leaf = None
        self.next = resume_at

    def _fold(self, leaves: Sequence[bytes]) -> None:
        """Take leaves into the tree, stopping at each checkpoint's size (step 6)."""
        tree, ahead = self.frontier, self.ahead
        if tree is None:
            return
        start = tree.size
        while ahead and ahead[-1] <= start + len(leaves):
            size = ahead.pop()
            tree.extend(leaves[tree.size - start : size - start])
            if tree.root() != self.checkpoints[size]:
                detail = f"the first {size} entries do not give the root of that checkpoint"
                self.findings.add("root_mismatch", size - 1, detail)
                if ahead:
                    self.not_checked.append(f"later checkpoints: {len(ahead)} after size {size}")
                self.ahead = ahead = []
        tree.extend(leaves[tree.size - start :])

    def result(self, seconds: float) -> Result:
        newest = max(self.checkpoints, default=0)
        if newest > self.next:
            detail = f"a checkpoint covers {newest} entries; here they end before {self.next}"
            self.findings.add("entry_missing", self.next, detail)
        return Result(
            first=self.first,
            size=self.next,
            root=None if self.frontier is None else self.frontier.root(),
            problems=tuple(self.findings.problems),
            problem_count=self.findings.count,
            not_checked=tuple(self.not_checked),
            uncovered=max(0, self.next - max(newest, self.first)),  # step 9
            seconds=seconds,
            entry_hash=self.previous,
            leaf=self.leaf,
            frontier=self.frontier,
        )


def _sound(rows: Sequence[Row], expected: int, previous: bytes | None) -> list[bytes] | None:
    """Return the leaves if every row is right, else None: the hot loop, steps 3 to 5 at once."""
    # Copying a started state is a tenth cheaper than starting one and joining the prefix.
    start_leaf, start_link = sha256(b"\x00").copy, sha256(b"\x02").copy
    leaves: list[bytes] = []
    if previous is None:
        return None
    try:
        for seq, body, leaf, entry_hash in rows:
            state = start_leaf()
            state.update(body)
            if state.digest() != leaf or seq != expected:
                return None
            state = start_link()
            state.update(previous)
            state.update(leaf)
            previous = state.digest()
            if previous != entry_hash:
                return None
            expected += 1
            leaves.append(leaf)
    except TypeError:  # a column that is not bytes
        return None
    return leaves


def _given(
    first: int, before: bytes | None, frontier: Frontier | None, checkpoints: Mapping[int, bytes]
) -> list[str]:
    """List what a part cannot show by itself."""
    if first == 0:
        return []
    hash_before = "taken as given" if before is not None else "unknown"
    unchecked = [f"the hash of entry {first - 1}: {hash_before}"]
    if frontier is None:
        unchecked.append("roots: the tree before the first entry is unknown")
    older = sum(size < first for size in checkpoints)
    if older:
        unchecked.append(f"older checkpoints: {older} lie before entry {first}")
    return unchecked
