"""The signed notes of a source, read before its entries are verified (steps 1 and 2 of section 6).

What a checkpoint is and how it is signed stands in `checkpoint`. Demanding consistency with a
checkpoint remembered from elsewhere is the caller's (step 10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelwarden.errors import NoteInvalid
from modelwarden.ledger.checkpoint import Checkpoint, note_signers, unverified_checkpoint
from modelwarden.ledger.result import Findings, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelwarden.ledger.keys import VerifierKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """What a source's notes say: roots by size, and which trusted key signed the newest."""

    roots: Mapping[int, bytes]
    newest: Checkpoint | None
    signer: str | None
    problems: tuple[Problem, ...]
    not_checked: tuple[str, ...]


def read_checkpoints(
    notes: Iterable[bytes], *, origin: str, keys: Sequence[VerifierKey]
) -> Checkpoints:
    """Read a source's notes, oldest first (steps 1 and 2; sizes never fall).

    The keys come from outside the source. All notes must parse and name the origin; the newest must
    be signed by one of the keys. Older ones, perhaps by a retired key, are held against the tree.
    """
    findings, roots = Findings(), dict[int, bytes]()
    newest: Checkpoint | None = None
    newest_note = b""
    for note in notes:
        checkpoint = _checkpoint(note, origin, findings)
        if checkpoint is None:
            continue
        if roots.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
            findings.add("root_mismatch", checkpoint.size - 1, "one size with two roots")
        if newest is not None and checkpoint.size < newest.size:
            findings.add("checkpoint_invalid", checkpoint.size - 1, "the size fell")
        else:
            newest, newest_note = checkpoint, note
    not_checked = [] if keys else ["unpinned: there is no trusted key to check a signature by"]
    if newest is None:
        not_checked.append("unsigned: there is no checkpoint")
    return Checkpoints(
        roots=roots,
        newest=newest,
        signer=_signer(newest_note, keys, findings) if keys and newest else None,
        problems=tuple(findings.problems),
        not_checked=tuple(not_checked),
    )


def _checkpoint(note: bytes, origin: str, findings: Findings) -> Checkpoint | None:
    try:
        checkpoint = unverified_checkpoint(note)
    except NoteInvalid as error:
        findings.add("checkpoint_invalid", -1, str(error))
        return None
    if checkpoint.origin != origin:
        findings.add("checkpoint_invalid", checkpoint.size - 1, "it names another ledger")
        return None
    return checkpoint


def _signer(note: bytes, keys: Sequence[VerifierKey], findings: Findings) -> str | None:
    try:
        return note_signers(note, keys)[0].vkey
    except NoteInvalid as error:
        findings.add("checkpoint_invalid", -1, str(error))
        return None
