"""Rotating and revoking the server's own keys, each under a permit (AC-40, LG-63 to LG-65, AC-81)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.access import permits, snapshot_keys
from modelwarden.access.allowed import authorize
from modelwarden.access.rows import as_server_key
from modelwarden.access.server_key import Purpose, ServerKey
from modelwarden.errors import NotFound, ValueInvalid
from modelwarden.facts.keys import (
    EncryptionKeyCleared,
    EncryptionKeyRotated,
    LedgerKeyRevoked,
    LedgerKeyRotated,
    ServerKeyRevoked,
    ServerKeyRotated,
    SnapshotKeyRevoked,
    SnapshotKeyRotated,
)
from modelwarden.facts.kinds import Code, KeyText
from modelwarden.permissions import Permission
from modelwarden.store import entries
from modelwarden.store import server_keys as stored
from modelwarden.values.canonical import digest
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import Digest, ServerKeyId

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.access.permit import Permit
    from modelwarden.store.change import Change, View

ROTATE: Final = "server_key.rotate"
REVOKE: Final = "server_key.revoke"


def rotate_server_key(change: Change, purpose: str) -> ServerKey:
    """Let a new key take over from the current one of a purpose, and return it.

    The old log key signs beside it for thirty days; texts move to a new encryption key in the background; the old key
    of snapshots signs who follows it.

    Raises:
        NotPermitted, PermitNeeded.
        NotFound: no snapshot was signed yet, so no key is there.
        ValueInvalid: there is no such purpose.
        Conflict: another rotation came first.
        KeyUnusable: the keys folder takes no new file.
    """
    authorize(change, Permission.SERVER_KEY_ROTATE)
    kind = _purpose(purpose)
    permit = permits.spend(change, ROTATE, Digest(digest({"purpose": kind.value})))
    size = entries.read_head(change.connection).size
    old = change.save(_current(change, kind).hand_over(at=change.now, size=size))
    key_id, public = stored.make(change.keyring, kind.value)
    new = ServerKey(id=ServerKeyId(key_id), purpose=kind, public=public, since=change.now)
    signature = snapshot_keys.handover(change, old, new) if kind is Purpose.SNAPSHOT else None
    new = change.save(new)
    _record(change, old, new, permit, signature)
    return new


def revoke_server_key(change: Change, purpose: str, *, key: str, since: datetime) -> ServerKey:
    """Say that a key which is no longer the current one is not to be believed since a time (LG-65).

    Raises:
        NotPermitted, PermitNeeded.
        NotFound: no key of this purpose has the id.
        IllegalMove: it is the current one, or was revoked.
        ValueInvalid: an encryption key, or a time to come.
    """
    authorize(change, Permission.SERVER_KEY_ROTATE)
    kind = _purpose(purpose)
    wanted = {"purpose": kind.value, "key": key, "since": timestamp(since)}
    permit = permits.spend(change, REVOKE, Digest(digest(wanted)))
    before = next((each for each in _known(change, kind) if key in _names(each)), None)
    if before is None:
        raise NotFound("server key", key)
    after = change.save(before.revoke(at=change.now, since=since))
    spent = None if permit is None else permit.id
    if kind is Purpose.DECISION:
        change.record(ServerKeyRevoked(key=KeyText(after.public), since=since, permit=spent))
        return after
    if kind is Purpose.SNAPSHOT:
        change.record(SnapshotKeyRevoked(key=KeyText(after.public), since=since, permit=spent))
        return after
    size = stored.size_at(change.connection, since)
    change.record(
        LedgerKeyRevoked(
            key=KeyText(after.public),
            since=since,
            size=entries.read_head(change.connection).size if size is None else size,
            permit=spent,
        )
    )
    return after


def server_keys(view: View) -> tuple[ServerKey, ...]:
    """Return the server's own keys, those of a purpose together, the current one last. Raises NotPermitted."""
    authorize(view, Permission.AUDIT_READ)
    return tuple(each for kind in Purpose for each in _known(view, kind))


def decision_keys(view: View) -> tuple[ServerKey, ...]:
    """Return the keys by which the server signed or signs decisions, for whoever has to check them."""
    return _known(view, Purpose.DECISION)


def texts_under(view: View, key: ServerKey) -> int:
    """Return how many texts are under an encryption key; 0 for a key of another purpose."""
    if key.purpose is not Purpose.ENCRYPTION:
        return 0
    return stored.texts_under(view.connection).get(key.public, 0)


def has_older_encryption_keys(view: View) -> bool:
    """Tell whether the encryption key was ever rotated."""
    return any(not key.is_current for key in _known(view, Purpose.ENCRYPTION))


def emptied_encryption_keys(view: View) -> tuple[ServerKey, ...]:
    """Return the older encryption keys under which nothing is any more, and of which that was not told yet."""
    under = stored.texts_under(view.connection)
    return tuple(
        key
        for key in _known(view, Purpose.ENCRYPTION)
        if not key.is_current and key.cleared_at is None and key.public not in under
    )


def clear_encryption_keys(change: Change) -> None:
    """Tell of older encryption keys under which nothing is any more."""
    for key in emptied_encryption_keys(change):
        change.save(key.clear(at=change.now))
        change.record(EncryptionKeyCleared(key=Code(key.public)))


def _known(view: View, kind: Purpose) -> tuple[ServerKey, ...]:
    rows = [as_server_key(row) for row in stored.rows(view.connection) if row.purpose == kind.value]
    if rows or kind is Purpose.SNAPSHOT:
        return tuple(sorted(rows, key=lambda each: (each.is_current, each.until or view.now)))
    return (
        ServerKey(
            id=ServerKeyId(stored.id_of(view.keyring, kind.value)),
            purpose=kind,
            public=stored.public(view.keyring, kind.value),
        ),
    )


def _current(view: View, kind: Purpose) -> ServerKey:
    found = _known(view, kind)
    if not found:
        raise NotFound("server key", kind.value)
    return found[-1]


def _names(key: ServerKey) -> set[str]:
    return {key.id, key.id.partition(":")[2], key.public}


def _purpose(word: str) -> Purpose:
    try:
        return Purpose(word)
    except ValueError as error:
        raise ValueInvalid("purpose", f"one of {', '.join(Purpose)}") from error


def _record(
    change: Change,
    old: ServerKey,
    new: ServerKey,
    permit: Permit | None,
    handover: KeyText | None,
) -> None:
    spent = None if permit is None else permit.id
    match new.purpose:
        case Purpose.LEDGER:
            change.record(
                LedgerKeyRotated(
                    old=KeyText(old.public),
                    new=KeyText(new.public),
                    size=old.size or 0,
                    signs_until=old.signs_until or change.now,
                    permit=spent,
                )
            )
        case Purpose.DECISION:
            change.record(
                ServerKeyRotated(old=KeyText(old.public), new=KeyText(new.public), permit=spent)
            )
        case Purpose.SNAPSHOT:
            change.record(
                SnapshotKeyRotated(
                    old=KeyText(old.public),
                    new=KeyText(new.public),
                    handover=handover,
                    permit=spent,
                )
            )
        case Purpose.ENCRYPTION:
            change.record(
                EncryptionKeyRotated(old=Code(old.public), new=Code(new.public), permit=spent)
            )
