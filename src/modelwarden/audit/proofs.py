"""Checkpoints, and proofs that lead to them (LG-25): what a person takes away to check elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.audit.reads import authorize_somewhere, entry
from modelwarden.errors import SizeUnknown
from modelwarden.ledger.checkpoint import consistency_file, tlog_proof, unverified_checkpoint
from modelwarden.ledger.merkle import consistency_proof, inclusion_proof
from modelwarden.store import entries, server_keys
from modelwarden.store.tiles import StoredNodes
from modelwarden.store.witnesses import cosigned, cosigned_at
from modelwarden.values.answers import CheckpointAnswer, ProofAnswer

if TYPE_CHECKING:
    from modelwarden.ledger.checkpoint import Checkpoint
    from modelwarden.store.change import View


def checkpoint(view: View) -> CheckpointAnswer:
    """Return the newest signed checkpoint. Raises NotPermitted, SizeUnknown before the first."""
    authorize_somewhere(view)
    newest, note = newest_checkpoint(view)
    return CheckpointAnswer(
        origin=newest.origin, size=newest.size, root=newest.root.hex(), note=note.decode()
    )


def prove(view: View, seq: int) -> ProofAnswer:
    """Return the proof that an entry is in the ledger. Raises NotPermitted, NotFound, SizeUnknown."""
    line = entry(view, seq).line
    newest, note = newest_checkpoint(view)
    return ProofAnswer(
        line=line,
        proof=proof_of(view, seq, newest=newest, note=note).decode(),
        checkpoint=note.decode(),
    )


def consistency(view: View, old: int, new: int | None = None) -> str:
    """Return the proof that the ledger of `new` entries begins with that of `old` (C2SP tlog-witness).

    `new` is a size at which a checkpoint was signed; the newest unless given. Raises NotPermitted, SizeUnknown.
    """
    authorize_somewhere(view)
    newest, note = newest_checkpoint(view)
    if new is not None and new != newest.size:
        found = cosigned_at(view.connection, new)
        if found is None:
            raise SizeUnknown(
                f"no checkpoint was signed at size {new}; the newest is {newest.size}"
            )
        newest, note = unverified_checkpoint(found), found
    if not 0 <= old <= newest.size:
        raise SizeUnknown(f"the ledger of {newest.size} entries never had {old}")
    proof = consistency_proof(old, newest.size, StoredNodes(view.connection))
    return consistency_file(old, proof, note).decode()


def vkeys(view: View) -> tuple[str, ...]:
    """Return the verifier keys of the log, the current one first, for pinning elsewhere. Raises NotPermitted.

    Those that sign beside it follow; whoever pinned one of them is led to the current one (LG-64).
    """
    authorize_somewhere(view)
    keys = server_keys.current(view.connection, view.keyring)
    return tuple(key.vkey for key in keys.signing(view.now, view.head()[0]))


def proof_of(view: View, seq: int, *, newest: Checkpoint, note: bytes) -> bytes:
    """Return the tlog-proof of an entry under a checkpoint. Raises SizeUnknown when none covers it yet."""
    if seq >= newest.size:
        raise SizeUnknown(
            f"entry {seq} is not covered by a checkpoint yet; one is signed within a second or so"
        )
    proof = inclusion_proof(seq, newest.size, StoredNodes(view.connection))
    return tlog_proof(seq, proof, note)


def newest_checkpoint(view: View) -> tuple[Checkpoint, bytes]:
    """Return the newest checkpoint and its note, with the cosignatures so far. Raises SizeUnknown before the first."""
    note = entries.newest_checkpoint(view.connection)
    if note is None:
        raise SizeUnknown("no checkpoint is signed yet; one is within a second or so")
    newest = unverified_checkpoint(note)
    return newest, cosigned(view.connection, newest.size, note)
