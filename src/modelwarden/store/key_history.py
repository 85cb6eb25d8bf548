"""What the ledger in a database says of its keys: rotations with the checkpoints that hand over, and revocations.

The rules are `ledger.rotation`'s. Entries that name keys are found by the search index; whoever distrusts that verifies
with `strict`, which compares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import bindparam, select

from modelwarden.ledger.merkle import inclusion_proof
from modelwarden.ledger.rotation import REVOKED, ROTATED, KeyEntry, Trust, find_handover, follow
from modelwarden.store import entries
from modelwarden.store.schema.ledger import checkpoints, index
from modelwarden.store.tiles import StoredNodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.rotation import Handover

SERVER_ROTATED: Final = "server.key_rotated"
SERVER_REVOKED: Final = "server.key_revoked"
NAMING: Final = (ROTATED, REVOKED, SERVER_ROTATED, SERVER_REVOKED)
"""Types of the entries that say which keys count, beside entry 0."""
TRIED: Final = 64
"""Checkpoints after a rotation among which the one by both keys is looked for: it is the first, as a rule."""

_NAMING: Final = (
    select(index.c.seq)
    .where(index.c.type.in_(bindparam("types", expanding=True)))
    .order_by(index.c.seq)
)
_AFTER: Final = (
    select(checkpoints.c.note)
    .where(checkpoints.c.size > bindparam("seq"))
    .order_by(checkpoints.c.size)
    .limit(TRIED)
)


def naming_entries(
    connection: Connection, *, below: int, types: Iterable[str] = NAMING
) -> list[int]:
    """Return the numbers of the entries that name keys, before a size, in order."""
    found = connection.execute(_NAMING, {"types": list(types)})
    return [row.seq for row in found if row.seq < below]


def handover(connection: Connection, seq: int, body: bytes) -> Handover | None:
    """Return the first checkpoint that both keys of a rotation signed, with the proof that it covers the entry."""
    notes = [row.note for row in connection.execute(_AFTER, {"seq": seq})]
    nodes = StoredNodes(connection)
    return find_handover(
        notes, body, seq=seq, prove=lambda entry, size: inclusion_proof(entry, size, nodes)
    )


def trust_of(connection: Connection, trusted: Sequence[VerifierKey], *, below: int) -> Trust:
    """Return which log keys to trust, beginning with some, by what the first entries of the ledger say (LG-64)."""
    found = []
    for seq in naming_entries(connection, below=below, types=(ROTATED, REVOKED)):
        stored = entries.entry(connection, seq)
        if stored is not None:
            found.append(KeyEntry(seq, stored.body, handover(connection, seq, stored.body)))
    return follow(trusted, found)


def server_key_at(connection: Connection, size: int) -> str | None:
    """Return the server key that a ledger of this size names last; None while that is the one of entry 0."""
    found = naming_entries(connection, below=size, types=(SERVER_ROTATED,))
    stored = entries.entry(connection, found[-1]) if found else None
    return None if stored is None else str(orjson.loads(stored.body)["fact"]["new"])
