"""What is signed here is what was meant here, whatever the server hands out to be signed."""

from __future__ import annotations

import json

import pytest

from modelwarden.client.signing import ballot
from modelwarden.errors import StatementChanged
from modelwarden.ledger.dsse import parse_envelope, verify
from modelwarden.ledger.entry import commit_text
from modelwarden.ledger.keys import SigningKey
from modelwarden.values.canonical import encode_any


def statement(
    request: str = "req_1", decision: str = "approve", comment: str | None = None
) -> bytes:
    approver = {"person": "per_1", "seat": 0, "decision": decision}
    if comment is not None:
        approver["comment"] = comment
    return encode_any({"predicate": {"request": {"id": request}, "approver": approver}})


def test_a_statement_that_says_what_was_meant_is_signed() -> None:
    key = SigningKey.generate()
    drawn = ballot("req_1", "approve", comment="looks right")
    assert drawn.comment_digest == commit_text(drawn.comment_salt, "looks right").hex()
    data = statement(comment=drawn.comment_digest)
    envelope = parse_envelope(drawn.signed(data, key))
    verify(envelope, key.public)
    assert envelope.payload == data


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (statement(request="req_2"), "predicate.request.id"),
        (statement(decision="reject"), "predicate.approver.decision"),
        (statement(comment="00" * 32), "predicate.approver.comment"),
        (b"{}", "predicate"),
        (b"not json", "encoding"),
        (json.dumps({"predicate": {"request": "req_1"}}).encode(), "predicate"),
    ],
)
def test_anything_else_is_not_signed(given: bytes, field: str) -> None:
    with pytest.raises(StatementChanged) as caught:
        ballot("req_1", "approve", comment=None).signed(given, SigningKey.generate())
    assert caught.value.fields == (field,)


def test_two_ballots_never_share_a_salt() -> None:
    salts = {ballot("req_1", "approve", comment=None).comment_salt for _ in range(50)}
    assert len(salts) == 50
