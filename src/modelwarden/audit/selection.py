"""Verification of single entries, each with its own proof: what a filtered export holds. Pure.

Each is shown to stand in the tree, and to fit the hash that it is chained to. That no entry between two of them was
left out can't be shown: the result says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.errors import LineInvalid, ProofInvalid
from modelwarden.ledger.entry import chain, parse_line
from modelwarden.ledger.merkle import leaf_hash, verify_inclusion
from modelwarden.ledger.result import Findings, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modelwarden.ledger.checkpoint import Checkpoint
    from modelwarden.ledger.entry import Line

UNKNOWN = (
    "completeness: this is a selection, and entries between those selected are not in it",
    "the hashes that the entries are chained to: taken as given",
)


def verify_selection(
    lines: Iterable[bytes],
    *,
    within: tuple[int, int],
    newest: Checkpoint | None,
    proof_of: Callable[[int], tuple[bytes, ...] | None] | None,
) -> Result:
    """Verify lines one by one (steps 3 to 5 and 7). `within` is the range that they were selected from."""
    findings = Findings()
    before: Line | None = None
    for number, data in enumerate(lines):
        try:
            line = parse_line(data)
        except LineInvalid as error:
            findings.add("line_invalid", -1, f"line {number + 1}: {error}")
            before = None
            continue
        _check_place(line, before, within, findings)
        _check_hashes(line, findings)
        proof = proof_of(line.stored.seq) if proof_of is not None else None
        if newest is not None and proof is not None:
            _check_proof(line, newest, proof, findings)
        before = line
    return Result(first=within[0], size=within[1] + 1, not_checked=UNKNOWN).adding(
        findings.problems, count=findings.count
    )


def _check_place(
    line: Line, before: Line | None, within: tuple[int, int], findings: Findings
) -> None:
    seq = line.stored.seq
    if not within[0] <= seq <= within[1] or (before is not None and seq <= before.stored.seq):
        findings.add("entry_duplicated", seq, f"entry {seq} comes again, too late or out of range")
        return
    follows = before is not None and seq == before.stored.seq + 1
    if before is not None and follows and line.previous_hash != before.stored.entry_hash:
        detail = f"the line of entry {seq} names another hash before it"
        findings.add("chain_broken", seq, detail)


def _check_hashes(line: Line, findings: Findings) -> None:
    seq, body, leaf, entry_hash = line.stored
    if leaf_hash(body) != leaf:
        findings.add("entry_altered", seq, f"the body of entry {seq} is not the one hashed")
    if chain(line.previous_hash, leaf) != entry_hash:
        detail = f"the hash of entry {seq} does not follow from the one before and its leaf"
        findings.add("chain_broken", seq, detail)


def _check_proof(
    line: Line, newest: Checkpoint, proof: tuple[bytes, ...], findings: Findings
) -> None:
    seq = line.stored.seq
    try:
        verify_inclusion(line.stored.leaf, seq, newest.size, proof, newest.root)
    except ProofInvalid as error:
        findings.add("proof_invalid", seq, str(error))
