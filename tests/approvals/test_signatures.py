"""Every way to make a signature count for what it was not made for, refused with its own code."""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import timedelta

import pytest

from modelwarden.access.actor import Revocation
from modelwarden.approvals import signatures
from modelwarden.approvals import statement as statements
from modelwarden.approvals.decision import Answer
from modelwarden.approvals.statement import PAYLOAD_TYPE, Approver
from modelwarden.errors import (
    EnvelopeMalformed,
    KeyExpired,
    KeyNotYours,
    SignatureInvalid,
    StatementChanged,
    StatementStale,
)
from modelwarden.ledger.dsse import Envelope, seal
from modelwarden.ledger.keys import SigningKey
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.ids import Label, RequestId
from tests.approvals import sample
from tests.approvals.sample import BOB, CAROL, NOW

KEY, OTHER_KEY = SigningKey.generate(), SigningKey.generate()
BOBS = sample.known(KEY, BOB)


def expected(at: object = NOW) -> bytes:
    request = sample.request()
    approver = Approver(person=BOB, seat=0, decision=Answer.APPROVE)
    return statements.statement(request, request.basis, approver=approver, issued_at=at)  # type: ignore[arg-type]


def take(envelope: Envelope, *, key: signatures.KnownKey | None = BOBS) -> None:
    take_line(envelope.to_line(), key=key)


def take_line(line: bytes, *, key: signatures.KnownKey | None = BOBS) -> None:
    """Do what the server does with an envelope that arrives now."""
    read = signatures.read(line)
    key = key if key is None or read.keyid == key.keyid else None
    issued = signatures.check(read, key=key, person=BOB, now=NOW)
    signatures.check_content(read.payload, expected(issued))


def test_a_fresh_signature_by_the_own_key_is_taken() -> None:
    take(sample.signed(KEY))
    take(sample.signed(KEY, at=NOW - signatures.FRESH))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"id": RequestId("req_2")}, "predicate.request.id"),
        ({"environment": Environment.STAGING}, "predicate.request.environment"),
        ({"label": Label("1.4.1")}, "predicate.request.version"),
    ],
)
def test_a_signature_for_another_request_can_not_be_replayed(
    changed: dict[str, object], field: str
) -> None:
    with pytest.raises(StatementChanged) as refused:
        take(sample.signed(KEY, of=sample.request(**changed)))
    assert refused.value.fields == (field,)


@pytest.mark.parametrize("changed", [{"seat": 1}, {"person": CAROL}, {"answer": Answer.REJECT}])
def test_a_signature_for_another_answer_does_not_count(changed: dict[str, object]) -> None:
    with pytest.raises(StatementChanged):
        take(sample.signed(KEY, **changed))  # type: ignore[arg-type]


def test_a_signature_cut_from_another_envelope_does_not_verify() -> None:
    other = sample.signed(KEY, of=sample.request(id=RequestId("req_2")))
    transplanted = dataclasses.replace(sample.signed(KEY), signature=other.signature)
    with pytest.raises(SignatureInvalid):
        take(transplanted)


def test_a_signature_over_another_kind_of_payload_does_not_verify() -> None:
    with pytest.raises(EnvelopeMalformed):
        take(seal("application/json", expected(), KEY))
    relabelled = seal("application/json", expected(), KEY)
    with pytest.raises(SignatureInvalid):
        take(dataclasses.replace(relabelled, payload_type=PAYLOAD_TYPE))


def test_every_altered_byte_of_the_line_is_refused() -> None:
    line = sample.signed(KEY).to_line()
    for place in range(0, len(line) - 1, 7):
        altered = bytearray(line)
        altered[place] ^= 1
        with pytest.raises((EnvelopeMalformed, SignatureInvalid, KeyNotYours)):
            take_line(bytes(altered))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"no json",
        json.dumps(json.loads(sample.signed(KEY).to_line()), indent=1).encode(),
        sample.signed(KEY).to_line() + b"\n",
        sample.signed(KEY).to_line().replace(b'"signatures":[', b'"signatures":[{},'),
        sample.signed(KEY).to_line().replace(b'"payload":', b'"payload":"","payload":'),
    ],
)
def test_what_is_not_one_canonical_envelope_is_malformed(line: bytes) -> None:
    with pytest.raises(EnvelopeMalformed):
        signatures.read(line)


@pytest.mark.parametrize("minutes", [11, -11, 60 * 24 * 20])
def test_a_statement_from_another_time_is_stale(minutes: int) -> None:
    with pytest.raises(StatementStale):
        take(sample.signed(KEY, at=NOW - timedelta(minutes=minutes)))


def test_another_persons_key_is_not_yours() -> None:
    with pytest.raises(KeyNotYours):
        take(sample.signed(OTHER_KEY), key=sample.known(OTHER_KEY, CAROL))
    with pytest.raises(KeyNotYours):
        take(sample.signed(OTHER_KEY), key=None)
    with pytest.raises(KeyNotYours):  # the keyid names bob's key, another made the signature
        take(sample.signed(OTHER_KEY), key=BOBS)


def test_a_keyid_that_lies_about_the_key_does_not_verify() -> None:
    lying = dataclasses.replace(sample.signed(OTHER_KEY), keyid=KEY.keyid)
    with pytest.raises(SignatureInvalid):
        take(lying)


@pytest.mark.parametrize(
    "changed",
    [
        {"valid_to": NOW - timedelta(seconds=1)},
        {"valid_from": NOW + timedelta(seconds=1)},
        {"revoked_at": NOW, "revoked_as": Revocation.SUPERSEDED},
        {"revoked_at": NOW - timedelta(days=1), "revoked_as": Revocation.LOST},
        {"revoked_at": NOW + timedelta(days=1), "revoked_as": Revocation.COMPROMISED},
    ],
)
def test_a_key_that_is_not_in_force_is_expired(changed: dict[str, object]) -> None:
    with pytest.raises(KeyExpired):
        take(sample.signed(KEY), key=sample.known(KEY, BOB, **changed))


def test_the_same_content_in_other_bytes_is_changed() -> None:
    spaced = json.dumps(json.loads(expected())).encode()
    with pytest.raises(StatementChanged, match="encoding"):
        take(seal(PAYLOAD_TYPE, spaced, KEY))


def test_base64_with_unused_bits_set_is_malformed() -> None:
    line = sample.signed(KEY).to_line().decode()
    signature = json.loads(line)["signatures"][0]["sig"]
    assert signature.endswith("==")
    flipped = signature[:-3] + chr(ord(signature[-3]) + 1) + "=="
    assert base64.b64decode(flipped) == base64.b64decode(signature)
    with pytest.raises(EnvelopeMalformed):
        signatures.read(line.replace(signature, flipped))
