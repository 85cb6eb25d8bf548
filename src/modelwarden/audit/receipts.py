"""The receipt of one entry, asked for later than the answer that recorded it (LG-25).

What is proven is the leaf hash, under a signed checkpoint; the entry hash binds all that came before, and whoever has
the entry's line checks both. Waiting is the doors' business: nothing here sleeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.audit.proofs import proof_of
from modelwarden.audit.reads import entry, stored_entry
from modelwarden.errors import FilterInvalid
from modelwarden.ledger.checkpoint import unverified_checkpoint
from modelwarden.store import entries
from modelwarden.store.receipt import receipt_of
from modelwarden.store.witnesses import cosigned
from modelwarden.values.answers import ReceiptAnswer

if TYPE_CHECKING:
    from modelwarden.store.change import View
    from modelwarden.store.receipt import Standing

LONGEST_WAIT_S: Final = 25
LOOK_S: Final = 0.25
"""How often whoever waits looks again: a checkpoint is signed about once a second."""
COMMITTED: Final = "committed"
CHECKPOINTED: Final = "checkpointed"


def receipt(view: View, seq: int, *, standing: Standing) -> ReceiptAnswer:
    """Return the receipt of an entry; `standing` was looked up before, so that it never says more than the proof.

    Raises NotPermitted, and NotFound also for an entry outside of the caller's scopes.
    """
    entry(view, seq)
    found = receipt_of(stored_entry(view, seq), view.keyring.origin)
    note = standing.note or _newest_over(view, seq)
    status = standing.status
    if note is not None and status == COMMITTED:  # signed since the standing was looked up
        status = CHECKPOINTED
    return ReceiptAnswer(
        origin=found.origin,
        seq=found.seq,
        leaf_hash=found.leaf_hash,
        entry_hash=found.entry_hash,
        at=found.at,
        status=status,
        archived=standing.archived,
        proof=None if note is None else _proven(view, seq, note),
        checkpoint=None if note is None else note.decode(),
    )


def checked_wait(seconds: float) -> float:
    """Return how long to wait for a checkpoint, in seconds. Raises FilterInvalid."""
    if not 0 <= seconds <= LONGEST_WAIT_S:  # not a number fails too
        raise FilterInvalid("wait", f"seconds, 0 to {LONGEST_WAIT_S}")
    return seconds


def _proven(view: View, seq: int, note: bytes) -> str:
    return proof_of(view, seq, newest=unverified_checkpoint(note), note=note).decode()


def _newest_over(view: View, seq: int) -> bytes | None:
    """Return the newest checkpoint with its cosignatures, if it covers the entry."""
    note = entries.newest_checkpoint(view.connection)
    if note is None or (size := unverified_checkpoint(note).size) <= seq:
        return None
    return cosigned(view.connection, size, note)
