"""What an action answers beside its result: where the ledger tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from modelwarden.ledger.entry import Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof of place, given with the answer: the entry is committed at this sequence number (LG-25).

    `at` is the entry's own time, `status` how far its proof is: `committed`, `checkpointed`, `witnessed`; `archived`
    names the sinks that hold it for good.
    """

    origin: str
    seq: int
    leaf_hash: str
    entry_hash: str
    at: str
    status: str = "committed"
    archived: tuple[str, ...] = ()


class Standing(NamedTuple):
    """How far an entry is proven now, and where it is kept; `note` is what a quorum of witnesses cosigned over it."""

    status: str
    archived: tuple[str, ...]
    note: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an action returned, and the receipt of the last entry that it recorded."""

    value: Any
    receipt: Receipt


def receipt_of(entry: Stored, origin: str) -> Receipt:
    """Return the receipt of a committed entry."""
    return Receipt(
        origin=origin,
        seq=entry.seq,
        leaf_hash=entry.leaf.hex(),
        entry_hash=entry.entry_hash.hex(),
        at=orjson.loads(entry.body)["at"],
    )
