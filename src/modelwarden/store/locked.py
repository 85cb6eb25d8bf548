"""Texts that can't be opened now, and a warden that is read only because of that (AC-81).

Without the key that encrypts texts nothing governed moves: a change would keep words that nobody can read, or go by
words that it can't read. What moves nothing goes on: reads, refusals and uses of rights with their entries,
verification, signing, copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from modelwarden.errors import EncryptionKeyMissing, ReadOnly, TextsLocked
from modelwarden.store import keyring, predecessor, server_keys
from modelwarden.store.keyring import Sealed
from modelwarden.store.schema.ledger import index, texts

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Row

    from modelwarden.store.change import Change, View
    from modelwarden.store.keyring import Keyring

_ANY: Final = select(texts.c.key_id).limit(1)
_UNLOCKED: Final = select(index.c.seq).where(index.c.type == "texts.unlocked").limit(1)


def before(connection: Connection) -> str | None:
    """Return up to when texts are locked in a ledger that followed a lost one (LG-47); None where they are not."""
    return None if _is_unlocked(connection) else predecessor.begun_at(connection)


def opened(view: View, row: Row[Any]) -> str:
    """Return the words of a row of texts. Raises TextsLocked, and KeyUnusable for a row that was altered."""
    until = view.around.locked_before
    if until is not None and (row.kept_at is None or row.kept_at <= until):
        if not _is_unlocked(view.connection):
            raise TextsLocked(
                "this needs a text from before the ledger began anew: two people have to list the erasures that must be"
                " applied again (`audit unlock-texts`)"
            )
        view.around.locked_before = None
    try:
        return view.keyring.unseal(Sealed(row.commitment, row.key_id, row.wrapped, row.ciphertext))
    except EncryptionKeyMissing as error:
        raise TextsLocked(f"this needs a text that is locked: {error}") from error


def _is_unlocked(connection: Connection) -> bool:
    return connection.execute(_UNLOCKED).first() is not None


def keys_of(folder: Path, connection: Connection) -> Keyring:
    """Return the keys that speak in this state of the database, without the one for texts where it is missing.

    Raises KeyUnusable for any other that is missing, and for a file that is there but gives no key.
    """
    try:
        found = server_keys.current(connection, keyring.load(folder))
    except EncryptionKeyMissing:
        return server_keys.current(connection, keyring.load_without_encryption(folder))
    if server_keys.ENCRYPTION in {row.purpose for row in server_keys.rows(connection)}:
        return found  # chosen by its id
    under = connection.execute(_ANY).scalar()
    return found if under in {None, found.key_id} else found.without_encryption()


def reason(keys: Keyring) -> ReadOnly | None:
    """Return why nothing may be written with these keys, if so."""
    if keys.encryption_key is not None:
        return None
    return ReadOnly(f"read only: {keyring.MISSING}")


def keep(change: Change, because: ReadOnly | None) -> None:
    """Raise ReadOnly for a change that moves anything while nothing may be written."""
    if because is not None and change.moves:
        raise ReadOnly(*because.args)


def told(error: Exception, because: ReadOnly | None) -> Exception:
    """Return what a caller is told: one code for every change that the missing key keeps from being made."""
    if because is None or not isinstance(error, EncryptionKeyMissing | TextsLocked):
        return error
    return ReadOnly(*because.args)
