"""The ledger in a database, as copies elsewhere are compared with it, and the log keys that count for that (LG-26)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.errors import ProofInvalid
from modelwarden.ledger.elsewhere import Ours
from modelwarden.ledger.merkle import range_root
from modelwarden.store import entries, key_files, server_keys
from modelwarden.store.key_history import trust_of
from modelwarden.store.tiles import StoredNodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from modelwarden.ledger.keys import VerifierKey
    from modelwarden.store.keyring import Keyring


def own_keys(connection: Connection, keyring: Keyring) -> Callable[[int], tuple[VerifierKey, ...]]:
    """Return which of our log keys count at a size.

    A key in our folder that no entry names counts for every size: the database may have been put back to before it took
    over. One that the ledger names counts as far as that says: a key that was revoked proves nothing past its end.
    Raises KeyUnusable, LedgerUnavailable.
    """
    size = entries.read_head(connection).size
    log_key = server_keys.current(connection, keyring).log_key
    trust = trust_of(connection, [log_key.verifier], below=size)
    bodies = list(entries.key_bodies(connection))
    found = () if keyring.folder is None else key_files.log_keys(keyring.folder)
    unnamed = tuple(
        key.verifier for key in found if not any(key.vkey.encode() in body for body in bodies)
    )
    return lambda at: (*trust.at(at), *unnamed)


def ours_in(connection: Connection, keyring: Keyring) -> Ours:
    """Return the ledger of this connection; use it while that is open. Raises KeyUnusable, LedgerUnavailable."""
    return Ours(
        size=entries.read_head(connection).size,
        keys_at=own_keys(connection, keyring),
        root_of=lambda size: _root_of(connection, size),
        hash_of=lambda seq: hash_of(connection, seq),
    )


def hash_of(connection: Connection, seq: int) -> bytes | None:
    """Return the hash of an entry; None where it is missing."""
    found = entries.entry(connection, seq)
    return None if found is None else found.entry_hash


def _root_of(connection: Connection, size: int) -> bytes:
    """Return the root by the stored tiles; nothing has it where they are damaged."""
    try:
        return range_root(size, StoredNodes(connection))
    except (ProofInvalid, ValueError, IndexError):
        return b""
