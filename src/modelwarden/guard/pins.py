"""The keys that a guard trusts to sign snapshots, and how a new one comes to be trusted (SG-18). Pure.

A key is given, or pinned when it is first fetched. After that a new key counts only with a *handover*: a DSSE envelope
around the new key, signed by one that is trusted already.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modelwarden.errors import EnvelopeMalformed, KeyInvalid, NotCanonical, SnapshotRejected
from modelwarden.guard.body import read_json
from modelwarden.guard.snapshot import PinnedKeys
from modelwarden.ledger.dsse import parse_envelope
from modelwarden.ledger.keys import PublicKey
from modelwarden.values.canonical import encode_any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY_TYPE: Final = "application/vnd.modelwarden.snapshot-key+json"
"""Of a handover's payload: `{"new": …, "old": …, "schema": 1}`, SubjectPublicKeyInfo in base64."""

VARIABLE: Final = "MODELWARDEN_SNAPSHOT_KEYS"
MOST: Final = 64
_PEM: Final = re.compile(
    r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END PUBLIC KEY-----"
)


@dataclass(frozen=True, slots=True)
class Pins:
    """Trusted keys, and the handovers that made some of them so."""

    first: tuple[PublicKey, ...]
    handovers: tuple[object, ...] = ()

    @property
    def keys(self) -> PinnedKeys:
        """Return all trusted keys; a handover by an untrusted key adds none."""
        trusted = list(self.first)
        waiting = list(self.handovers)[:MOST]
        grew = True
        while grew:
            grew = False
            for handover in list(waiting):
                key = _handed_over(handover, PinnedKeys(tuple(trusted)))
                if key is None:
                    continue
                waiting.remove(handover)
                if key not in trusted:
                    trusted.append(key)
                    grew = True
        return PinnedKeys(tuple(trusted))

    def heard(self, said: Mapping[str, object]) -> Pins:
        """Return the pins after a server said which keys it has; keys without a handover stay untrusted."""
        handovers = said.get("handovers")
        several = handovers if isinstance(handovers, list) else []
        return Pins(self.first, tuple(several[:MOST])) if several else self


def given_keys(keys: str | Sequence[str] | None) -> tuple[PublicKey, ...]:
    """Return the keys of an argument, or else of MODELWARDEN_SNAPSHOT_KEYS: PEM text, or files that hold it.

    Raises:
        KeyInvalid: a text holds no Ed25519 public key, or a file can't be read.
    """
    texts = os.environ.get(VARIABLE, "") if keys is None else keys
    several = [texts] if isinstance(texts, str) else list(texts)
    return tuple(key for text in several if text.strip() for key in _read(text))


def read_pems(text: str) -> tuple[PublicKey, ...]:
    """Return the public keys in PEM text; `cryptography` is not needed for it. Raises KeyInvalid."""
    found = []
    for encoded in _PEM.findall(text):
        try:
            data = base64.b64decode("".join(encoded.split()), validate=True)
        except binascii.Error:
            raise KeyInvalid("a public key in PEM form holds base64") from None
        found.append(PublicKey.from_spki(data))
    if not found:
        raise KeyInvalid("expected public keys in PEM form (BEGIN PUBLIC KEY)")
    return tuple(dict.fromkeys(found))


def fetched_keys(data: bytes) -> tuple[tuple[PublicKey, ...], dict[str, object]]:
    """Read what `GET snapshot/keys` answers. Raises KeyInvalid."""
    try:
        value = read_json(data)
    except ValueError as error:
        raise KeyInvalid(f"the server's keys are no JSON: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
        raise KeyInvalid("the server's keys are a list")
    pems = value["keys"][:MOST]
    keys = tuple(key for pem in pems if isinstance(pem, str) for key in read_pems(pem))
    return keys, value


def _read(text: str) -> tuple[PublicKey, ...]:
    if "-----BEGIN" in text:
        return read_pems(text)
    try:
        return read_pems(Path(text).read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise KeyInvalid(f"no keys can be read from {text[:200]!r}: {error}") from error


def _spki(text: str) -> PublicKey:
    return PublicKey.from_spki(base64.b64decode(text, validate=True))


def _handed_over(handover: object, trusted: PinnedKeys) -> PublicKey | None:
    try:
        envelope = parse_envelope(encode_any(handover))
        if envelope.payload_type != KEY_TYPE:
            return None
        trusted.verify(envelope)
        match read_json(envelope.payload):
            case {"schema": 1, "old": str(old), "new": str(new)}:
                is_its_word = _spki(old).keyid == envelope.keyid
                return _spki(new) if is_its_word else None
            case _:
                return None
    except (EnvelopeMalformed, NotCanonical, SnapshotRejected, KeyInvalid, ValueError):
        return None
