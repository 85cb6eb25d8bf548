"""The rows of the server's own keys, written anew from what the ledger tells of rotations (LG-46, LG-64).

They are the one thing that a restore can't leave in an older state: a warden that signs with a key that was followed by
another would speak with a voice that no longer counts. The entries hold all that the rows do.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, insert, select, update

from modelwarden.ledger.keys import PublicKey, parse_vkey
from modelwarden.store import entries
from modelwarden.store.key_files import ID_DIGITS
from modelwarden.store.schema.keys import server_keys
from modelwarden.store.schema.ledger import index

if TYPE_CHECKING:
    from sqlalchemy import Connection

PURPOSES: Final = {
    "ledger": "ledger",
    "server": "decision",
    "encryption": "encryption",
    "snapshot": "snapshot",
}
TYPES: Final = tuple(
    f"{kind}.key_{verb}" for kind in PURPOSES for verb in ("rotated", "revoked", "cleared")
)

_TOLD: Final = (
    select(index.c.seq)
    .where(index.c.seq >= bindparam("first"), index.c.type.in_(TYPES))
    .order_by(index.c.seq)
)
_ROW: Final = select(server_keys).where(server_keys.c.id == bindparam("id"))
_NEW: Final = insert(server_keys)


def replay(connection: Connection, first: int) -> None:
    """Bring the rows to where the entries from `first` on left them."""
    for row in connection.execute(_TOLD, {"first": first}).all():
        stored = entries.entry(connection, row.seq)
        if stored is not None:
            _apply(connection, orjson.loads(stored.body))


def _apply(connection: Connection, body: dict[str, Any]) -> None:
    kind, _, verb = body["type"].partition(".key_")
    purpose, fact, at = PURPOSES[kind], body["fact"], body["at"]
    if verb == "cleared":
        _move(connection, purpose, fact["key"], {"cleared_at": at})
    elif verb == "revoked":
        _move(connection, purpose, fact["key"], {"revoked_at": at, "revoked_from": fact["since"]})
    else:
        ended = {"until": at}
        if purpose == "ledger":
            ended |= {"size": fact["size"], "signs_until": fact["signs_until"]}
        if "old" in fact:  # the first key that signs snapshots follows none
            _move(connection, purpose, fact["old"], ended)
        _move(connection, purpose, fact["new"], {"since": at})


def _move(connection: Connection, purpose: str, public: str, values: dict[str, Any]) -> None:
    key_id = f"{purpose}:{_short(purpose, public)}"
    row = connection.execute(_ROW, {"id": key_id}).first()
    if row is None:
        fresh = {"id": key_id, "purpose": purpose, "public": public, "revision": 1}
        connection.execute(_NEW, fresh | values)
        return
    moved = values | {"revision": row.revision + 1}
    connection.execute(update(server_keys).where(server_keys.c.id == key_id).values(moved))


def _short(purpose: str, public: str) -> str:
    if purpose == "encryption":
        return public
    if purpose == "ledger":
        return PublicKey(parse_vkey(public).public).keyid[:ID_DIGITS]
    return PublicKey.from_spki(base64.b64decode(public)).keyid[:ID_DIGITS]
