"""The other signature that every P-256 signature has: one approval handed in twice is one person's (RL-28, RL-29)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from modelwarden.approvals.offline import verify_release
from modelwarden.errors import WardenError
from modelwarden.ledger.dsse import Envelope, verify
from modelwarden.ledger.keys import SigningKey
from tests.approvals import sample
from tests.approvals.sample import BOB, CAROL, NOW, SHA

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
BOBS, CAROLS = SigningKey.generate("p256"), SigningKey.generate("p256")
TRUST = (sample.known(BOBS, BOB), sample.known(CAROLS, CAROL))


def twin(envelope: Envelope) -> Envelope:
    """Return the envelope with the signature (r, n - s), which whoever sees (r, s) can write down."""
    r, s = decode_dss_signature(envelope.signature)
    return replace(envelope, signature=encode_dss_signature(r, ORDER - s))


def failures(*envelopes: Envelope) -> set[str]:
    data = b"".join(envelope.to_line() for envelope in envelopes)
    found = verify_release(data, trust=TRUST, at=NOW + timedelta(hours=2), artifact_sha256=SHA)
    return {finding.code for finding in found if not finding.is_note}


def test_a_twin_verifies_and_fills_no_second_seat() -> None:
    first = sample.signed(BOBS, person=BOB, seat=0)
    other = twin(first)
    verify(other, BOBS.public)
    assert other.digest != first.digest
    assert {"same_person", "not_approved"} <= failures(first, other)
    assert failures(first, sample.signed(CAROLS, person=CAROL, seat=1)) == set()


def test_a_twin_does_not_pass_for_another_person() -> None:
    other = twin(sample.signed(BOBS, person=BOB, seat=0))
    forged = replace(other, keyid=CAROLS.public.keyid)
    with pytest.raises(WardenError):
        verify(forged, CAROLS.public)
    assert "signature_invalid" in failures(sample.signed(BOBS, person=BOB, seat=0), forged)
