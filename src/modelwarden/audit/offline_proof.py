"""Verification of the proof of one entry on its files alone (LG-25): the line, the tlog-proof, the checkpoint in it.

A proof is `<seq>.tlog-proof` with the line as `<seq>.json` beside it, a folder with both, or one JSON of line, proof
and checkpoint. A bundle, as `audit prove --bundle` makes it, is an export: `offline` verifies that.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from modelwarden.audit.answers import verification_answer
from modelwarden.audit.layout import LINE_BYTES, MANIFEST
from modelwarden.audit.offline import verify_export
from modelwarden.audit.selection import verify_selection
from modelwarden.errors import LineInvalid, NoteInvalid, ProofInvalid, Unreadable
from modelwarden.ledger import steps
from modelwarden.ledger.checkpoint import (
    MAX_NOTE_BYTES,
    parse_tlog_proof,
    unverified_checkpoint,
)
from modelwarden.ledger.entry import parse_line
from modelwarden.ledger.keys import parse_vkey
from modelwarden.ledger.notes import read_checkpoints
from modelwarden.ledger.result import Problem, Result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelwarden.ledger.checkpoint import TlogProof
    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.values.answers import VerificationAnswer

MOST_BYTES: Final = 2 * MAX_NOTE_BYTES + LINE_BYTES
SUFFIX: Final = ".tlog-proof"
LEFT_OUT: Final = {
    steps.SEQUENCE: "a proof is of one entry",
    steps.TREE: "a proof holds one checkpoint",
    steps.DERIVED: "a proof holds none of them",
    steps.ELSEWHERE: "a proof stands by itself",
    steps.STRICT: "not asked for",
    steps.STATE: "a proof holds neither",
}


class _Parts(NamedTuple):
    """The line of an entry, and its proof."""

    line: bytes
    proof: bytes


def verify_proof(path: Path, *, trusted: Sequence[str] = ()) -> VerificationAnswer:
    """Verify the proof of an entry, or a bundle, by verifier keys known from elsewhere.

    Raises:
        Unreadable: no proof lies there.
        KeyInvalid: of a key in `trusted`.
    """
    if _is_bundle(path):
        return verify_export(path, trusted=trusted)
    keys = [parse_vkey(text) for text in trusted]
    started = time.perf_counter()
    result = _verified(_parts(path), keys)
    result = replace(result, seconds=time.perf_counter() - started)
    given = {
        steps.KEYS: "named by whoever verifies",
        steps.CHAIN: "the hash before the entry: taken as given",
    }
    return verification_answer(result, steps.steps(result, left_out=LEFT_OUT, given=given))


def _verified(parts: _Parts, keys: Sequence[VerifierKey]) -> Result:
    try:
        proof = parse_tlog_proof(parts.proof)
        origin = unverified_checkpoint(proof.note).origin
    except (ProofInvalid, NoteInvalid) as error:
        return Result(first=0, size=0).adding([Problem(error.code, -1, str(error))])
    known = read_checkpoints([proof.note], origin=keys[0].name if keys else origin, keys=keys)
    within = (proof.index, proof.index)
    result = verify_selection(
        [parts.line], within=within, newest=known.newest, proof_of=lambda _seq: proof.proof
    )
    result = replace(result, not_checked=())
    return result.adding(
        (*_misplaced(parts.line, proof), *known.problems),
        not_checked=known.not_checked,
        signer=known.signer,
    )


def _misplaced(line: bytes, proof: TlogProof) -> tuple[Problem, ...]:
    """Name a line that is not the one that the proof is of."""
    try:
        seq = parse_line(line).stored.seq
    except LineInvalid:
        return ()  # named already
    if seq == proof.index:
        return ()
    return (Problem("proof_invalid", seq, f"the proof is of entry {proof.index}, not of {seq}"),)


def _is_bundle(path: Path) -> bool:
    if path.is_dir():
        return (path / MANIFEST).exists()
    with _open(path) as file:
        return file.read(2) == b"PK"


def _parts(path: Path) -> _Parts:
    if path.is_dir():
        found = sorted(path.glob(f"*{SUFFIX}"))
        if len(found) != 1:
            raise Unreadable(f"{path} holds {len(found)} proofs; name one of the files")
        path = found[0]
    data = _read(path)
    if path.suffix == SUFFIX:
        return _Parts(_read(path.with_suffix(".json")), data)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    match value:
        case {"line": str(line), "proof": str(proof)}:
            return _Parts(line.encode(), proof.encode())
        case _:
            raise Unreadable(f"{path} is no proof: neither {SUFFIX} nor the JSON of one")


def _read(path: Path) -> bytes:
    with _open(path) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Unreadable(f"{path} is longer than any proof")
    return data


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise Unreadable(f"{path} can't be read: {error.strerror}") from error
