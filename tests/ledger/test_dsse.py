"""Envelopes: one signature, one form, readable by others."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import EnvelopeMalformed, SignatureInvalid
from modelwarden.ledger.dsse import Envelope, pae, parse_envelope, seal, verify
from modelwarden.ledger.keys import SigningKey

KEY = SigningKey.generate()
KIND = "application/vnd.in-toto+json"
ENVELOPE = seal(KIND, b'{"_type":"https://in-toto.io/Statement/v1"}', KEY)
LINE = ENVELOPE.to_line()


def changed(**members: object) -> bytes:
    return json.dumps(json.loads(LINE) | members, separators=(",", ":"), sort_keys=True).encode()


def test_pae_is_that_of_the_protocol() -> None:
    # secure-systems-lab/dsse, protocol.md
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


@given(st.binary(max_size=64), st.sampled_from([KIND, "application/é"]))
def test_what_is_sealed_is_read_back_and_verifies(payload: bytes, kind: str) -> None:
    envelope = seal(kind, payload, KEY)
    read = parse_envelope(envelope.to_line())
    assert read == envelope == parse_envelope(envelope.to_line().decode().rstrip("\n"))
    assert read.digest == envelope.digest
    verify(read, KEY.public)


def test_another_key_does_not_verify() -> None:
    other = SigningKey.generate()
    with pytest.raises(SignatureInvalid, match="another key"):
        verify(ENVELOPE, other.public)
    posing = Envelope(KIND, ENVELOPE.payload, other.keyid, ENVELOPE.signature)
    with pytest.raises(SignatureInvalid):
        verify(posing, other.public)


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope(KIND + "x", ENVELOPE.payload, KEY.keyid, ENVELOPE.signature),
        Envelope(KIND, ENVELOPE.payload + b" ", KEY.keyid, ENVELOPE.signature),
        Envelope(KIND, ENVELOPE.payload, KEY.keyid, bytes(64)),
        Envelope(KIND, ENVELOPE.payload, KEY.keyid, ENVELOPE.signature[:-1]),
    ],
)
def test_a_changed_envelope_does_not_verify(envelope: Envelope) -> None:
    with pytest.raises(SignatureInvalid):
        verify(parse_envelope(envelope.to_line()), KEY.public)


SIGNATURE = json.loads(LINE)["signatures"][0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        LINE + b"\n",
        LINE + LINE,
        b" " + LINE,
        json.dumps(json.loads(LINE), sort_keys=True).encode(),
        json.dumps(dict(reversed(json.loads(LINE).items())), separators=(",", ":")).encode(),
        changed(extra=1),
        changed(signatures=[]),
        changed(signatures=[SIGNATURE, SIGNATURE]),
        changed(signatures=[SIGNATURE | {"cert": "x"}]),
        changed(signatures=[{"sig": SIGNATURE["sig"]}]),
        changed(signatures=[SIGNATURE | {"keyid": ""}]),
        changed(signatures=[SIGNATURE | {"keyid": SIGNATURE["keyid"].upper()}]),
        changed(signatures=[SIGNATURE | {"sig": ""}]),
        changed(signatures=[SIGNATURE | {"sig": SIGNATURE["sig"].rstrip("=")}]),
        changed(signatures=SIGNATURE),
        changed(payload="QR=="),
        changed(payload=base64.urlsafe_b64encode(b"\xff\xff").decode()),
        changed(payload=1),
        changed(payloadType=""),
        changed(payloadType="a\nb"),
        changed(payloadType=None),
        LINE.replace(b'{"payload":', b'{"payload":"eA==","payload":'),
        LINE.replace(b"application/vnd", b"\\u0061pplication/vnd"),
    ],
)
def test_another_form_is_malformed(data: bytes) -> None:
    with pytest.raises(EnvelopeMalformed):
        parse_envelope(data)


@given(st.binary(max_size=80))
def test_random_bytes_are_no_envelope(data: bytes) -> None:
    with pytest.raises(EnvelopeMalformed):
        parse_envelope(data)
    with pytest.raises(EnvelopeMalformed):
        parse_envelope(data.decode(errors="surrogateescape"))
