"""What is signed has one form, byte for byte, and any difference is named."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from modelwarden.approvals import statement as statements
from modelwarden.approvals.decision import Answer
from modelwarden.approvals.request import RequestType, VoidCause
from modelwarden.approvals.statement import Approver
from modelwarden.errors import EnvelopeMalformed
from modelwarden.values.canonical import encode_any
from modelwarden.values.ids import Commitment, Digest
from tests.approvals import sample
from tests.approvals.sample import BOB, CAROL, NOW
from tests.house.source import ROOT

GOLDEN = ROOT / "tests" / "golden" / "statements.json"
APPROVER = Approver(person=BOB, seat=0, decision=Answer.APPROVE, comment=Commitment("8" * 64))


def release() -> bytes:
    request = sample.request()
    return statements.statement(request, request.basis, approver=APPROVER, issued_at=NOW)


def access() -> bytes:
    payload = Digest("5" * 64)
    request = sample.request(
        type=RequestType.ACCESS,
        action="role.grant",
        model=None,
        label=None,
        version=None,
        strategy=None,
        payload={"role": "admin", "user": "usr_carol"},
        payload_digest=payload,
        basis=statements.access_basis(
            "req_1",
            payload,
            policy=statements.policy_member(sample.POLICIES, sample.SEATS),
            ledger={"size": 41, "root": "9" * 64},
        ),
    )
    return statements.statement(request, request.basis, approver=APPROVER, issued_at=NOW)


def test_statements_are_those_of_the_golden_file() -> None:
    made = {"release": json.loads(release()), "access": json.loads(access())}
    assert made == json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("make", [release, access])
def test_bytes_are_canonical(make: object) -> None:
    data = make()  # type: ignore[operator]
    assert encode_any(json.loads(data)) == data


def test_two_statements_differ_in_nothing_but_when_they_were_issued() -> None:
    request = sample.request()
    later = statements.statement(
        request, request.basis, approver=APPROVER, issued_at=NOW + timedelta(minutes=3)
    )
    assert later != release()
    assert statements.difference(release(), later) == ()
    assert statements.issued_at(later) == NOW + timedelta(minutes=3)


@pytest.mark.parametrize(
    ("request_changes", "approver_changes", "fields"),
    [
        ({"id": "req_2"}, {}, ("predicate.request.id",)),
        ({"label": "1.4.1"}, {}, ("predicate.request.version",)),
        ({"environment": sample.Environment.STAGING}, {}, ("predicate.request.environment",)),
        ({"strategy": None}, {}, ("predicate.request.strategy",)),
        ({"justification": "6" * 64}, {}, ("predicate.request.justification",)),
        ({"expires_at": NOW}, {}, ("predicate.time.expires_at",)),
        ({}, {"person": CAROL}, ("predicate.approver.person",)),
        ({}, {"seat": 1}, ("predicate.approver.seat",)),
        ({}, {"decision": Answer.REJECT}, ("predicate.approver.decision",)),
        ({}, {"comment": None}, ("predicate.approver.comment",)),
    ],
)
def test_a_difference_is_named(
    request_changes: dict[str, object],
    approver_changes: dict[str, object],
    fields: tuple[str, ...],
) -> None:
    request = sample.request(**request_changes)
    approver = Approver(
        **{
            "person": BOB,
            "seat": 0,
            "decision": Answer.APPROVE,
            "comment": APPROVER.comment,
            **approver_changes,
        }
    )
    other = statements.statement(request, request.basis, approver=approver, issued_at=NOW)
    assert statements.difference(release(), other) == fields


@pytest.mark.parametrize(
    ("member", "cause"),
    [
        ("subject", VoidCause.ARTIFACT),
        ("artifact", VoidCause.ARTIFACT),
        ("datasets", VoidCause.DATASETS),
        ("evaluation", VoidCause.METRICS),
        ("documents", VoidCause.CARD),
        ("policy", VoidCause.POLICY),
    ],
)
def test_whatever_is_signed_voids_when_it_changes(member: str, cause: VoidCause) -> None:
    now = sample.moved_basis(member, ["changed"])
    assert statements.changes(sample.basis(), now) == (cause,)
    request = sample.request()
    other = statements.statement(request, now, approver=APPROVER, issued_at=NOW)
    named = statements.difference(release(), other)
    assert named
    assert all(field.startswith((member, f"predicate.{member}")) for field in named)


def test_ledger_and_external_evidence_stay_as_pinned() -> None:
    later = {**sample.basis(), "ledger": {"size": 99, "root": "1" * 64}, "external": [{}]}
    assert statements.changes(sample.basis(), later) == ()
    assert statements.repinned(later, sample.basis()) == sample.basis()


def test_equal_content_in_other_bytes_is_another_statement() -> None:
    spaced = json.dumps(json.loads(release())).encode()
    assert statements.difference(spaced, release()) == ("encoding",)
    assert statements.difference(b"no json", release()) == ("encoding",)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"predicate":{"time":{"issued_at":"now"}}}'])
def test_a_payload_without_a_time_is_no_statement(payload: bytes) -> None:
    with pytest.raises(EnvelopeMalformed):
        statements.issued_at(payload)


def test_a_version_whose_bytes_nobody_read_is_named_by_its_record() -> None:
    unread = sample.basis(sample.version(subject_sha256=None, fingerprints=()))
    assert unread["subject"] == [{"name": "churn@1.4.0", "digest": {"sha256": "c" * 64}}]
