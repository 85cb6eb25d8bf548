"""Verification of entries, chain and tree (LG-30): one implementation for every source.

Database, export, WORM folder: whoever reads hands in rows `(seq, body, leaf, entry_hash)`, in
batches. Steps 3 to 6 and 9 of section 6 are in `walk`; here are 7 for an export, 8 for the head row.
Steps 1, 2 are in `notes`, the reading of lines in `lines`, step 11 in `strict`. Callers owe the rest (tiles,
index, guard file, sinks, witnesses, state) and add it with `Result.adding`.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from modelwarden.errors import ProofInvalid
from modelwarden.ledger.merkle import TILE_WIDTH, frontier_of_proof, verify_inclusion
from modelwarden.ledger.result import Problem, Result
from modelwarden.ledger.walk import NO_CHECKPOINTS, UNREADABLE, Row, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from modelwarden.ledger.checkpoint import Checkpoint
    from modelwarden.ledger.merkle import Frontier

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
    walk = Walk(origin, first, before=before, frontier=frontier, checkpoints=checkpoints)
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
