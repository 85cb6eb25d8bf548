"""What the ledger in a database says of its keys: rotations with the checkpoints that hand over, and revocations.

The rules are `ledger.rotation`'s. Entries that name keys are found by the search index; whoever distrusts that verifies
with `strict`, which compares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, select

from modelwarden.errors import NoteInvalid
from modelwarden.ledger.merkle import inclusion_proof
from modelwarden.ledger.rotation import (
    REVOKED,
    ROTATED,
    Doubts,
    KeyEntry,
    Trust,
    find_handover,
    follow,
    revoked_sizes,
)
from modelwarden.ledger.witness_policy import vouching
from modelwarden.store import entries
from modelwarden.store.schema.ledger import checkpoints, index
from modelwarden.store.tiles import StoredNodes
from modelwarden.store.witnesses import cosigned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.ledger.rotation import Handover
    from modelwarden.ledger.witness_policy import WitnessPolicy

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
    select(checkpoints.c.size, checkpoints.c.note)
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


def handover(
    connection: Connection,
    seq: int,
    body: bytes,
    *,
    witnessed: Callable[[bytes], bool] = lambda _note: False,
) -> Handover | None:
    """Return a checkpoint that both keys of a rotation signed, cosigned, with the proof that it covers the entry."""
    rows = connection.execute(_AFTER, {"seq": seq})
    notes = [_cosigned(connection, row.size, row.note) for row in rows]
    nodes = StoredNodes(connection)
    revoked = [KeyEntry(0, each) for each in entries.bodies_of(connection, REVOKED)]
    return find_handover(
        notes,
        body,
        seq=seq,
        prove=lambda entry, size: inclusion_proof(entry, size, nodes),
        doubts=Doubts(revoked=revoked_sizes(revoked), witnessed=witnessed),
    )


def _cosigned(connection: Connection, size: int, note: bytes) -> bytes:
    try:
        return cosigned(connection, size, note)
    except NoteInvalid:  # damaged: verification names it
        return note


def trust_of(
    connection: Connection,
    trusted: Sequence[VerifierKey],
    *,
    below: int,
    policy: WitnessPolicy | None = None,
) -> Trust:
    """Return which log keys to trust, beginning with some, by what the first entries of the ledger say (LG-64).

    With a policy, witnesses may vouch for what a revoked key signed (LG-65).
    """
    found, witnessed = [], vouching(policy)
    for seq in naming_entries(connection, below=below, types=(ROTATED, REVOKED)):
        stored = entries.entry(connection, seq)
        if stored is not None:
            both = handover(connection, seq, stored.body, witnessed=witnessed)
            found.append(KeyEntry(seq, stored.body, both))
    return follow(trusted, found, witnessed=witnessed)


def facts_of(connection: Connection, kind: str) -> list[dict[str, Any]]:
    """Return the facts of one type that name keys, in order."""
    size = entries.read_head(connection).size
    found = naming_entries(connection, below=size, types=(kind,))
    told = [entries.entry(connection, seq) for seq in found]
    return [orjson.loads(stored.body)["fact"] for stored in told if stored is not None]


def server_key_at(connection: Connection, size: int) -> str | None:
    """Return the server key that a ledger of this size names last; None while that is the one of entry 0."""
    found = naming_entries(connection, below=size, types=(SERVER_ROTATED,))
    stored = entries.entry(connection, found[-1]) if found else None
    return None if stored is None else str(orjson.loads(stored.body)["fact"]["new"])
