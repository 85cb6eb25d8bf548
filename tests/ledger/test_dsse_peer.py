"""Our envelopes in other hands: securesystemslib verifies them, and none in which a byte differs (RL-60)."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib import dsse as peer
from securesystemslib.exceptions import FormatError, VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from modelwarden.errors import EnvelopeMalformed, SignatureInvalid
from modelwarden.ledger.dsse import Envelope, pae, parse_envelope, seal, verify
from modelwarden.ledger.keys import SigningKey

KIND = "application/vnd.in-toto+json"
STATEMENT = b'{"_type":"https://in-toto.io/Statement/v1"}'
KEYS = {kind: SigningKey.generate(kind) for kind in ("ed25519", "p256")}
ENVELOPES = {kind: seal(KIND, STATEMENT, key) for kind, key in KEYS.items()}
BOTH = pytest.mark.parametrize("kind", sorted(KEYS))


def theirs(key: SigningKey) -> SSlibKey:
    if key.public.type == "p256":
        names = ("ecdsa", "ecdsa-sha2-nistp256")
        return SSlibKey(key.keyid, *names, {"public": key.public_pem})
    return SSlibKey(key.keyid, "ed25519", "ed25519", {"public": key.public.raw.hex()})


def they_accept(line: bytes, key: SigningKey) -> bool:
    try:
        return bool(peer.Envelope.from_dict(json.loads(line)).verify([theirs(key)], 1))
    except (ValueError, KeyError, TypeError, AttributeError, FormatError, VerificationError):
        return False


def we_accept(line: bytes, key: SigningKey) -> bool:
    try:
        verify(parse_envelope(line), key.public)
    except (EnvelopeMalformed, SignatureInvalid):
        return False
    return True


@BOTH
def test_securesystemslib_verifies_our_envelopes(kind: str) -> None:
    read = peer.Envelope.from_dict(json.loads(ENVELOPES[kind].to_line()))
    assert list(read.verify([theirs(KEYS[kind])], 1)) == [KEYS[kind].keyid]
    assert read.pae() == pae(KIND, STATEMENT)


@BOTH
@given(payload=st.binary(max_size=200))
def test_securesystemslib_verifies_whatever_was_sealed(kind: str, payload: bytes) -> None:
    assert they_accept(seal(KIND, payload, KEYS[kind]).to_line(), KEYS[kind])


@BOTH
def test_we_verify_what_securesystemslib_signed(kind: str) -> None:
    private = KEYS[kind]._private
    signer = CryptoSigner(private, theirs(KEYS[kind]))
    made = peer.Envelope(STATEMENT, KIND, {})
    signature = made.sign(signer)
    raw = bytes.fromhex(signature.signature)
    verify(Envelope(KIND, made.payload, KEYS[kind].keyid, raw), KEYS[kind].public)


@BOTH
def test_any_byte_that_differs_in_what_is_signed_fails_for_both(kind: str) -> None:
    """Payload, type and signature: no keyid, which only chooses the key, and which we alone compare."""
    envelope, key = ENVELOPES[kind], KEYS[kind]
    for member in ("payload", "payload_type", "signature"):
        value = getattr(envelope, member)
        whole = value.encode() if isinstance(value, str) else value
        for place in range(len(whole)):
            altered = bytearray(whole)
            altered[place] ^= 1
            parts = {"payload": STATEMENT, "payload_type": KIND, "signature": envelope.signature}
            parts[member] = bytes(altered) if member != "payload_type" else altered.decode()
            line = json.dumps(
                {
                    "payload": base64.b64encode(parts["payload"]).decode(),
                    "payloadType": parts["payload_type"],
                    "signatures": [
                        {"keyid": key.keyid, "sig": base64.b64encode(parts["signature"]).decode()}
                    ],
                },
                separators=(",", ":"),
                sort_keys=True,
            ).encode()
            assert not they_accept(line, key), (member, place)
            assert not we_accept(line, key), (member, place)


@BOTH
def test_any_byte_that_differs_in_the_line_fails_for_us(kind: str) -> None:
    line = ENVELOPES[kind].to_line()
    for place in range(len(line)):
        altered = bytearray(line)
        altered[place] ^= 1
        assert not we_accept(bytes(altered), KEYS[kind]), place


def test_the_other_kind_of_key_does_not_verify() -> None:
    for kind, other in (("ed25519", "p256"), ("p256", "ed25519")):
        assert not they_accept(ENVELOPES[kind].to_line(), KEYS[other])
        assert not we_accept(ENVELOPES[kind].to_line(), KEYS[other])
