"""Sigstore bundles signed with a key: what OpenSSF `model_signing` and cosign write beside an artifact.

A bundle is JSON around one DSSE envelope; its hint is the SHA-256 of the public key in PEM. Bundles made with a
certificate, and entries of a transparency log, are left out: whoever has those verifies with Sigstore's own tools.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from modelwarden.errors import EnvelopeMalformed, NotCanonical, SignatureInvalid
from modelwarden.ledger.dsse import Envelope, pae
from modelwarden.values.canonical import encode_any, from_base64, parse

if TYPE_CHECKING:
    from modelwarden.ledger.keys import PublicKey

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
MOST_BYTES: Final = 64 * 2**20
"""Of a bundle: some 300,000 files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A payload, one signature, and which key it names: its id where the signer gave one, and the hint."""

    payload_type: str
    payload: bytes
    signature: bytes
    hint: str
    keyid: str = ""

    def is_by(self, key: PublicKey) -> bool:
        """Tell whether the bundle names this key; that proves nothing."""
        return self.hint == key_hint(key) and self.keyid in {"", key.keyid}

    def verify(self, key: PublicKey) -> None:
        """Check that the key signed it. Raises SignatureInvalid."""
        if not self.is_by(key):
            raise SignatureInvalid("the bundle names another key")
        key.verify(pae(self.payload_type, self.payload), self.signature)


def key_hint(key: PublicKey) -> str:
    """Return the hint by which bundles name a key."""
    return sha256(key.pem.encode()).hexdigest()


def to_bundle(envelope: Envelope, key: PublicKey) -> bytes:
    """Return the bundle of an envelope that this key signed: canonical JSON, LF-ended."""
    value = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key_hint(key)}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": envelope.payload_type,
            "signatures": [
                {"keyid": envelope.keyid, "sig": base64.b64encode(envelope.signature).decode()}
            ],
        },
    }
    return encode_any(value) + b"\n"


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle that was signed with a key, by us or by others. Raises EnvelopeMalformed."""
    if len(data) > MOST_BYTES:
        raise EnvelopeMalformed(f"a bundle has at most {MOST_BYTES} bytes")
    try:
        value = parse(data)
    except NotCanonical as error:
        raise EnvelopeMalformed(str(error)) from None
    match value:
        case {
            "mediaType": str(kind),
            "verificationMaterial": {
                "publicKey": {"hint": str(hint), **m1},
                "tlogEntries": [],
                **m2,
            },
            "dsseEnvelope": {
                "payload": str(payload),
                "payloadType": str(payload_type),
                "signatures": [{"sig": str(signature), **m3}],
                **m4,
            },
            **m5,
        } if kind == MEDIA_TYPE and not (m1 or m2 or m4 or m5) and set(m3) <= {"keyid"}:
            pass
        case _:
            raise EnvelopeMalformed(
                f"not a bundle of type {MEDIA_TYPE} with a public key and exactly one signature"
            )
    keyid = m3.get("keyid", "")
    try:
        return Bundle(
            payload_type=payload_type,
            payload=from_base64(payload),
            signature=from_base64(signature),
            hint=hint,
            keyid=keyid if isinstance(keyid, str) else "?",
        )
    except NotCanonical as error:
        raise EnvelopeMalformed(str(error)) from None
