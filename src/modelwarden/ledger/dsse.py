"""DSSE envelopes with exactly one signature: approvals, manifests, snapshots (RL-24, RL-26).

Whose key it is, and whether it was valid at the time, is decided by `approvals.signatures`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from modelwarden.errors import EnvelopeMalformed, NotCanonical, SignatureInvalid
from modelwarden.values.canonical import encode_any, from_base64, parse

if TYPE_CHECKING:
    from modelwarden.ledger.keys import PublicKey, Signer

_KEYID: Final = re.compile(r"[0-9a-f]{64}")


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed: DSSE's pre-authentication encoding, version 1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with one signature. The keyid chooses a key and proves nothing."""

    payload_type: str
    payload: bytes
    keyid: str
    signature: bytes

    def __post_init__(self) -> None:
        if not self.payload_type or not self.payload_type.isprintable():
            raise EnvelopeMalformed("payloadType is missing or not printable")
        if _KEYID.fullmatch(self.keyid) is None:
            raise EnvelopeMalformed("keyid is not the hex SHA-256 of a SubjectPublicKeyInfo")
        if not self.signature:
            raise EnvelopeMalformed("the signature is empty")

    def to_line(self) -> bytes:
        """Return the envelope's only form: one compact JSON object with sorted keys, LF-ended."""
        signature = {"keyid": self.keyid, "sig": base64.b64encode(self.signature).decode()}
        value = {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [signature],
        }
        return encode_any(value) + b"\n"

    @property
    def digest(self) -> str:
        """The hex SHA-256 of the line, LF included: what entries name in `sigs` (LG-2)."""
        return sha256(self.to_line()).hexdigest()


def seal(payload_type: str, payload: bytes, key: Signer) -> Envelope:
    """Sign the payload and return the envelope."""
    return Envelope(payload_type, payload, key.public.keyid, key.sign(pae(payload_type, payload)))


def parse_envelope(data: bytes | str) -> Envelope:
    """Read what `to_line` wrote; the last LF may be missing. Raises EnvelopeMalformed."""
    line = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    try:
        envelope = envelope_of(parse(line))
    except NotCanonical as error:
        raise EnvelopeMalformed(str(error)) from None
    if envelope.to_line() != line.removesuffix(b"\n") + b"\n":
        raise EnvelopeMalformed("the envelope is not one compact JSON object with sorted keys")
    return envelope


def envelope_of(value: object) -> Envelope:
    """Return the envelope whose members were read as JSON: these and no others. Raises EnvelopeMalformed."""
    match value:
        case {
            "payload": str(payload),
            "payloadType": str(payload_type),
            "signatures": [{"keyid": str(keyid), "sig": str(signature), **more}],
            **others,
        } if not more and not others:
            pass
        case _:
            raise EnvelopeMalformed(
                "an envelope has payload, payloadType and exactly one signature"
            )
    try:
        return Envelope(payload_type, from_base64(payload), keyid, from_base64(signature))
    except NotCanonical as error:
        raise EnvelopeMalformed(str(error)) from None


def verify(envelope: Envelope, key: PublicKey) -> None:
    """Check that the key signed the envelope. Raises SignatureInvalid."""
    if envelope.keyid != key.keyid:
        raise SignatureInvalid("the envelope names another key")
    key.verify(pae(envelope.payload_type, envelope.payload), envelope.signature)
