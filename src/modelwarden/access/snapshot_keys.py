"""The key that signs what guards hold: made before the first snapshot; an old one signs who follows it (SG-18).

What the old key says of its successor stands in the entry of the rotation, so a restored ledger still tells it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access.rows import as_server_key
from modelwarden.access.server_key import Purpose, ServerKey
from modelwarden.errors import NotPermitted
from modelwarden.facts.keys import SnapshotKeyRotated
from modelwarden.facts.kinds import KeyText
from modelwarden.ledger.dsse import Envelope, pae
from modelwarden.ledger.keys import PublicKey
from modelwarden.store import key_history
from modelwarden.store import server_keys as stored
from modelwarden.store.queueing import one_by_one
from modelwarden.values.canonical import encode
from modelwarden.values.ids import ServerKeyId
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.ledger.keys import SigningKey
    from modelwarden.store.change import Change, View

HANDOVER_TYPE: Final = "application/vnd.modelwarden.snapshot-key+json"
ROTATED: Final = "snapshot.key_rotated"


class SnapshotKeys(NamedTuple):
    """The keys that sign or signed snapshots, the current one last, and what each said of the next one."""

    keys: tuple[ServerKey, ...]
    handovers: tuple[Envelope, ...]


def make_snapshot_key(change: Change) -> ServerKey:
    """Make the first key that signs snapshots, unless one is there. It is the program's own act.

    Raises NotPermitted, KeyUnusable.
    """
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("the first snapshot makes the key", reasons=("not_the_program",))
    one_by_one(change, "snapshot_key")
    found = [each for each in _all(change) if each.is_current]
    if found:
        change.unchanged("server_key", found[0].id)
        return found[0]
    key_id, public = stored.make(change.keyring, Purpose.SNAPSHOT.value)
    key = ServerKey(
        id=ServerKeyId(key_id), purpose=Purpose.SNAPSHOT, public=public, since=change.now
    )
    key = change.save(key)
    change.record(SnapshotKeyRotated(old=None, new=KeyText(public), handover=None, permit=None))
    return key


def signing_key(view: View) -> SigningKey | None:
    """Return the key that signs snapshots now; None before the first. Raises KeyUnusable."""
    return stored.snapshot_key(view.connection, view.keyring)


def snapshot_keys(view: View) -> SnapshotKeys:
    """Return the keys that guards may pin, and the chain from older ones to the current one.

    A key that was revoked, and what it said, is left out.
    """
    known = _all(view)
    believed = tuple(key for key in known if key.revoked_at is None)
    publics = {key.public for key in believed}
    told = tuple(envelope for old, envelope in _handovers(view) if old in publics)
    return SnapshotKeys(tuple(sorted(believed, key=lambda key: key.is_current)), told)


def handover(change: Change, old: ServerKey, new: ServerKey) -> KeyText:
    """Return the old key's signature over the statement that the new one follows. Raises KeyUnusable."""
    key = stored.snapshot_key_of(change.keyring, old.id)
    signature = key.sign(pae(HANDOVER_TYPE, _statement(old.public, new.public)))
    return KeyText(base64.b64encode(signature).decode("ascii"))


def _statement(old: str, new: str) -> bytes:
    return encode({"schema": 1, "old": old, "new": new})


def _handovers(view: View) -> Iterator[tuple[str, Envelope]]:
    for fact in key_history.facts_of(view.connection, ROTATED):
        old, new, signature = fact.get("old"), fact["new"], fact.get("handover")
        if old is None or signature is None:
            continue
        keyid = PublicKey.from_spki(base64.b64decode(old)).keyid
        payload = _statement(old, new)
        yield old, Envelope(HANDOVER_TYPE, payload, keyid, base64.b64decode(signature))


def _all(view: View) -> tuple[ServerKey, ...]:
    rows = stored.rows(view.connection)
    return tuple(as_server_key(row) for row in rows if row.purpose == Purpose.SNAPSHOT.value)
