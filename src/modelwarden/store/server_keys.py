"""Which of the server's own keys is the current one: rows that say who took over from whom (LG-63, LG-64, AC-81).

There is no row before the first rotation: then the keys that lie in the folder without an id are the current ones. The
database alone decides, in the very state that is read, so several processes change over with one commit.
"""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select

from modelwarden.errors import EncryptionKeyMissing, KeyUnusable
from modelwarden.ledger.keys import PublicKey
from modelwarden.store import key_files
from modelwarden.store.keyring import Keyring, Retiring
from modelwarden.store.running import run
from modelwarden.store.schema.keys import server_keys
from modelwarden.store.schema.ledger import index, texts
from modelwarden.values.clock import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection, Row

    from modelwarden.ledger.keys import SigningKey

LEDGER: Final = "ledger"
DECISION: Final = "decision"
ENCRYPTION: Final = "encryption"
SNAPSHOT: Final = "snapshot"
"""Its first key has a row, too: there was none when the ledger began."""

_ROWS: Final = select(server_keys).order_by(server_keys.c.since, server_keys.c.id)
_BEFORE: Final = select(func.min(index.c.seq)).where(index.c.at > bindparam("at"))
_UNDER: Final = select(texts.c.key_id, func.count()).group_by(texts.c.key_id)


def rows(connection: Connection) -> Sequence[Row[Any]]:
    """Return the keys that took part in a rotation, oldest first."""
    return run(connection, _ROWS).rows


def current(connection: Connection, keyring: Keyring) -> Keyring:
    """Return the keys that speak in this state of the database; the same object while nothing was rotated.

    Raises KeyUnusable when the file of the current key is not in our folder.
    """
    found = rows(connection)
    state = tuple((row.id, row.revision) for row in found)
    if state == keyring.state:
        return keyring
    folder = keyring.folder
    if folder is None:
        raise KeyUnusable("the keys were rotated, and these were not read from a folder")
    chosen = dataclasses.replace(keyring, state=state, retiring=_retiring(folder, found))
    for row in found:
        if row.until is None:
            chosen = _taking_over(chosen, folder, row)
    return chosen


def public(keyring: Keyring, purpose: str) -> str:
    """Return the public text of the current key of a purpose, as facts and answers carry it."""
    if purpose == LEDGER:
        return keyring.log_key.vkey
    if purpose == DECISION:
        return spki_text(keyring.server_key.spki)
    return keyring.key_id


def id_of(keyring: Keyring, purpose: str) -> str:
    """Return the id of the current key of a purpose."""
    found = {
        LEDGER: key_files.log_id(keyring.log_key),
        DECISION: key_files.server_id(keyring.server_key),
        ENCRYPTION: keyring.key_id,
    }
    return f"{purpose}:{found[purpose]}"


def make(keyring: Keyring, purpose: str) -> tuple[str, str]:
    """Make the file of a new key and return its id and public text. Raises KeyUnusable.

    It is on the disk before anything says that it exists; one that no row names is never used.
    """
    folder = keyring.folder
    if folder is None:
        raise KeyUnusable("these keys were not read from a folder")
    if purpose == LEDGER:
        log = key_files.new_log_key(folder, keyring.origin)
        return f"{purpose}:{key_files.log_id(log)}", log.vkey
    if purpose == SNAPSHOT:
        signing = key_files.new_snapshot_key(folder)
        return f"{purpose}:{key_files.server_id(signing)}", spki_text(signing.spki)
    if purpose == DECISION:
        server = key_files.new_server_key(folder)
        return f"{purpose}:{key_files.server_id(server)}", spki_text(server.spki)
    key_id = key_files.encryption_id(key_files.new_encryption_key(folder))
    return f"{purpose}:{key_id}", key_id


def snapshot_key(connection: Connection, keyring: Keyring) -> SigningKey | None:
    """Return the key that signs snapshots in this state of the database; None before the first.

    Raises KeyUnusable when its file is not in our folder.
    """
    found = [row for row in rows(connection) if row.purpose == SNAPSHOT and row.until is None]
    if not found:
        return None
    return snapshot_key_of(keyring, str(found[0].id))


def snapshot_key_of(keyring: Keyring, key_id: str) -> SigningKey:
    """Return the key of this id that signs or signed snapshots. Raises KeyUnusable."""
    if keyring.folder is None:
        raise KeyUnusable("these keys were not read from a folder")
    return key_files.snapshot_key(keyring.folder, key_id.partition(":")[2])


def server_key_named(keyring: Keyring, text: str | None) -> SigningKey:
    """Return the server key with this public text; without any, the first. Raises KeyUnusable."""
    folder = keyring.folder
    if folder is None or text == spki_text(keyring.server_key.spki):
        return keyring.server_key
    if text is None:
        return key_files.first_server_key(folder)
    public = PublicKey.from_spki(base64.b64decode(text))
    return key_files.server_key(folder, public.keyid[: key_files.ID_DIGITS])


def spki_text(spki: bytes) -> str:
    """Return a public key as facts carry it."""
    return base64.b64encode(spki).decode("ascii")


def size_at(connection: Connection, at: datetime) -> int | None:
    """Return how many entries the ledger had before the first one later than a time; None if none is later."""
    found: int | None = connection.execute(_BEFORE, {"at": timestamp(at)}).scalar()
    return found


def texts_under(connection: Connection) -> dict[str, int]:
    """Return how many texts are under each encryption key."""
    return {str(key_id): int(count) for key_id, count in connection.execute(_UNDER)}


def _retiring(folder: Path, found: Sequence[Row[Any]]) -> tuple[Retiring, ...]:
    """Return the log keys that sign beside the current one; a file that was taken away early signs no more."""
    return tuple(
        Retiring(key_files.log_key(folder, _short(row)), moment(row.signs_until), row.size)
        for row in found
        if row.purpose == LEDGER and row.signs_until is not None and row.revoked_at is None
        if key_files.holds_log_key(folder, _short(row))
    )[::-1]


def _taking_over(keyring: Keyring, folder: Path, row: Row[Any]) -> Keyring:
    key_id = _short(row)
    if row.purpose == SNAPSHOT:
        return keyring  # read where a snapshot is signed: without its file everything else goes on
    if row.purpose == LEDGER:
        return dataclasses.replace(keyring, log_key=key_files.log_key(folder, key_id))
    if row.purpose == DECISION:
        return dataclasses.replace(keyring, server_key=key_files.server_key(folder, key_id))
    try:
        found = key_files.encryption_key(folder, key_id)
    except EncryptionKeyMissing:
        if keyring.encryption_key is not None:
            raise
        return keyring  # opened without it: read only (AC-81)
    return dataclasses.replace(keyring, encryption_key=found)


def _short(row: Row[Any]) -> str:
    return str(row.id).partition(":")[2]
