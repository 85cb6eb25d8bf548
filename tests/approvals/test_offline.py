"""`approvals verify` on another machine: what holds passes, and any change of a byte fails (RL-28)."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.access.actor import Revocation
from modelwarden.approvals.decision import Answer
from modelwarden.approvals.offline import Finding, trusted_keys, verify_release
from modelwarden.deployments.verdict import allowed
from modelwarden.errors import ValueInvalid
from modelwarden.ledger.keys import SigningKey
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import Digest, RequestId, VersionName
from tests.approvals import sample
from tests.approvals.sample import BOB, CAROL, NOW, SHA

if TYPE_CHECKING:
    from modelwarden.approvals.signatures import KnownKey
    from modelwarden.ledger.dsse import Envelope

BOBS, CAROLS, SERVERS = (SigningKey.generate() for _ in range(3))
TRUST = (
    sample.known(BOBS, BOB),
    sample.known(CAROLS, CAROL),
    sample.known(SERVERS, None, valid_to=None),
)
LATER = NOW + timedelta(hours=2)


def gate(key: SigningKey = SERVERS, sha256: str = SHA) -> Envelope:
    return allowed(
        VersionName("churn@1.4.0"),
        sha256=Digest(sha256),
        environment=Environment.PRODUCTION,
        request=RequestId("req_1"),
        at=NOW,
        key=key,
    )


def bobs(**changed: object) -> Envelope:
    return sample.signed(BOBS, person=BOB, seat=0, **changed)  # type: ignore[arg-type]


def carols(**changed: object) -> Envelope:
    return sample.signed(CAROLS, **{"person": CAROL, "seat": 1, **changed})  # type: ignore[arg-type]


def file(*envelopes: Envelope) -> bytes:
    return b"".join(envelope.to_line() for envelope in envelopes)


def failures(data: bytes, **asked: object) -> set[str]:
    whole = {"trust": TRUST, "at": LATER, "artifact_sha256": SHA, **asked}
    return {f.code for f in verify_release(data, **whole) if not f.is_note}  # type: ignore[arg-type]


def test_a_release_that_holds_has_nothing_against_it() -> None:
    data = file(bobs(), carols(), gate())
    assert verify_release(data, trust=TRUST, at=LATER, artifact_sha256=SHA) == ()
    assert failures(data, policy_hashes={"d" * 64}) == set()


def test_without_the_gates_word_it_says_so() -> None:
    found = verify_release(file(bobs(), carols()), trust=TRUST, at=LATER)
    assert [(f.code, f.is_note) for f in found] == [("no_gate", True)]


def test_every_changed_byte_fails() -> None:
    data = file(bobs(), carols(), gate())
    for place in range(0, len(data), 11):
        altered = bytearray(data)
        altered[place] ^= 1
        assert failures(bytes(altered)), place


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_cut_file_fails(cut: int) -> None:
    assert failures(file(bobs(), carols())[:-cut])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "envelope_malformed"),
        (file(bobs()), "not_approved"),
        (file(gate()), "not_approved"),
        (file(bobs(), bobs()), "same_person"),
        (file(bobs(), carols(seat=0)), "not_approved"),
        (file(bobs(), carols(answer=Answer.REJECT)), "rejected"),
        (file(bobs(), carols(person=BOB)), "key_not_yours"),
        (file(bobs(), carols(of=sample.request(id=RequestId("req_2")))), "statement_changed"),
        (
            file(bobs(), carols(of=sample.request(environment=Environment.STAGING))),
            "statement_changed",
        ),
        (
            file(bobs(), sample.signed(SigningKey.generate(), person=CAROL, seat=1)),
            "signature_invalid",
        ),
        (file(bobs(), carols(), gate(BOBS)), "key_not_yours"),
        (file(bobs(), carols(), gate(sha256="0" * 64)), "artifact_mismatch"),
        (file(gate(), bobs(), carols()), "envelope_malformed"),
        (file(bobs(at=LATER + timedelta(hours=1)), carols()), "statement_stale"),
    ],
)
def test_what_does_not_hold_is_named(data: bytes, code: str) -> None:
    assert code in failures(data)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"artifact_sha256": "0" * 64}, "artifact_mismatch"),
        ({"at": NOW + timedelta(days=31)}, "approval_expired"),
        ({"policy_hashes": {"0" * 64}}, "policy_changed"),
        ({"trust": TRUST[1:]}, "signature_invalid"),
    ],
)
def test_what_the_auditor_holds_is_compared(asked: dict[str, object], code: str) -> None:
    assert code in failures(file(bobs(), carols(), gate()), **asked)


def with_first(**changed: object) -> tuple[KnownKey, ...]:
    return (dataclasses.replace(TRUST[0], **changed), *TRUST[1:])


@pytest.mark.parametrize(
    ("trust", "codes"),
    [
        (with_first(valid_to=NOW - timedelta(days=1)), {"key_expired"}),
        (with_first(revoked_at=NOW, revoked_as=Revocation.COMPROMISED), {"key_compromised"}),
        (with_first(revoked_at=NOW, revoked_as=Revocation.LOST), {"key_expired"}),
        (with_first(revoked_at=LATER, revoked_as=Revocation.COMPROMISED), set()),
        (with_first(person=CAROL), {"key_not_yours"}),
        (with_first(person=None), set()),
    ],
)
def test_keys_count_as_they_stood_then(trust: tuple[KnownKey, ...], codes: set[str]) -> None:
    assert failures(file(bobs(), carols(), gate()), trust=trust) == codes


def test_the_servers_signature_for_a_person_is_noted() -> None:
    data = file(sample.signed(SERVERS, person=BOB, seat=0), carols(), gate())
    found = verify_release(data, trust=TRUST, at=LATER)
    assert [(f.code, f.line, f.is_note) for f in found] == [("not_personal", 1, True)]


def test_a_seat_that_names_a_person_is_that_persons() -> None:
    seats = (("person:per_dave",), ("role:approver",))
    basis = {
        **sample.basis(),
        "policy": sample.statements.policy_member(sample.POLICIES, seats),
    }
    request = sample.request(seats=seats, basis=basis)
    data = file(bobs(of=request), carols(of=request), gate())
    assert failures(data) == {"not_permitted"}


def test_a_signed_statement_of_another_shape_is_malformed() -> None:
    odd = sample.seal(
        sample.PAYLOAD_TYPE, b'{"predicateType":"urn:modelwarden:release-approval:v1"}', BOBS
    )
    assert "envelope_malformed" in failures(file(odd, carols()))


def test_keys_are_read_as_auditors_get_them() -> None:
    listed = [
        {
            "keyid": key.keyid,
            "pem": key.public_pem,
            "person": person,
            "valid_from": timestamp(NOW),
            "valid_to": None,
            "revoked": {"at": timestamp(LATER), "as": "lost"} if person == BOB else None,
        }
        for key, person in ((BOBS, BOB), (SERVERS, None))
    ]
    first, second = trusted_keys(json.dumps(listed))
    assert (first.person, first.revoked_as, second.person) == (BOB, "lost", None)
    for member in listed[0]:
        for other in ({}, {f"{member}x": None}):
            lacking = {name: value for name, value in listed[0].items() if name != member}
            with pytest.raises(ValueInvalid):
                trusted_keys(json.dumps([lacking | other]))
    for wrong in ("", '{"a": 1}', "[{}]", '[{"keyid": 1}]', "[1]"):
        with pytest.raises(ValueInvalid):
            trusted_keys(wrong)


def test_a_finding_reads_as_one_line() -> None:
    assert Finding("rejected", 2, "no").is_note is False
