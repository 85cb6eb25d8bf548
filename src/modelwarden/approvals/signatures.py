"""Whose key signed, and was it valid then (RL-26, RL-30, RL-31). Pure.

A decision is judged twice: when it is made, by the rules of that moment (`check`), and again
whenever it is relied on, by what is known since (`standing`). Loading keys is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from modelwarden.access.actor import Revocation
from modelwarden.approvals import statement as statements
from modelwarden.approvals.decision import Custody
from modelwarden.errors import (
    EnvelopeMalformed,
    KeyExpired,
    KeyInvalid,
    KeyNotYours,
    SignatureInvalid,
    StatementChanged,
    StatementStale,
)
from modelwarden.ledger.dsse import Envelope, parse_envelope, verify
from modelwarden.ledger.keys import PublicKey

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.approvals.decision import Decision
    from modelwarden.values.ids import PersonId

FRESH: Final = timedelta(minutes=10)
"""How far from now a statement may have been issued (RL-25)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """A public key as registered, or as an auditor's list of trusted keys has it.

    Attributes:
        person: whose it is; None for the server's own, which stands for nobody.
        revoked_at: when it was revoked; for a compromised key, since when.
    """

    keyid: str
    pem: str
    person: PersonId | None
    valid_from: datetime
    valid_to: datetime | None
    revoked_at: datetime | None = None
    revoked_as: Revocation | None = None

    def was_valid(self, at: datetime) -> bool:
        """Tell whether the key was in force at that moment, revocations aside."""
        return self.valid_from <= at and (self.valid_to is None or at <= self.valid_to)


def read(line: bytes | str) -> Envelope:
    """Return the envelope of a statement. Raises EnvelopeMalformed."""
    envelope = parse_envelope(line)
    if envelope.payload_type != statements.PAYLOAD_TYPE:
        raise EnvelopeMalformed(f"payloadType has to be {statements.PAYLOAD_TYPE}")
    return envelope


def check(envelope: Envelope, *, key: KnownKey | None, person: PersonId, now: datetime) -> datetime:
    """Accept a person's signature that arrives now, and return when its statement was issued.

    What the statement says is compared apart (`check_content`).

    Raises:
        KeyNotYours, SignatureInvalid, EnvelopeMalformed, StatementStale, KeyExpired.
    """
    if key is None or key.person != person or key.keyid != envelope.keyid:
        raise KeyNotYours(f"key {envelope.keyid[:16]}… is not registered to you; enrol it first")
    _verify(envelope, key)
    issued = statements.issued_at(envelope.payload)
    if abs(now - issued) > FRESH:
        raise StatementStale("issued more than ten minutes from now; ask for a fresh statement")
    if key.revoked_at is not None:
        raise KeyExpired("this key was revoked; sign with the one that replaced it")
    if not key.was_valid(issued):
        raise KeyExpired("this key was not valid when the statement was issued")
    return issued


def check_content(payload: bytes, expected: bytes) -> None:
    """Compare what was signed with the statement as built now. Raises StatementChanged."""
    if payload != expected:
        raise StatementChanged(statements.difference(payload, expected) or ("encoding",))


def standing(
    decision: Decision, *, key: KnownKey | None, person: PersonId, expected: bytes
) -> str | None:
    """Return why a decision made earlier no longer counts, or None when it does.

    `expected` is its statement as it would be built now, issued when it says; `person` is who
    stands behind the decision today. A key revoked as superseded or lost leaves what was decided
    before; a compromised one undoes what was decided since (RL-30). What counts is when the server
    took the decision, which whoever holds the key can't choose.
    """
    holder = person if decision.custody is Custody.PERSONAL else None
    if key is None or key.keyid != decision.keyid:
        return SignatureInvalid.code
    return lapsed(
        decision.envelope,
        key=key,
        holder=holder,
        expected=expected,
        issued_at=decision.issued_at,
        taken_at=decision.decided_at,
    )


def lapsed(  # what was signed, by whom, when
    line: str,
    *,
    key: KnownKey | None,
    holder: PersonId | None,
    expected: bytes,
    issued_at: datetime,
    taken_at: datetime,
) -> str | None:
    """Return why a signature that the server took at `taken_at` no longer counts, or None when it does."""
    try:
        envelope = read(line)
        if key is None or key.person != holder or envelope.keyid != key.keyid:
            return SignatureInvalid.code
        _verify(envelope, key)
    except (EnvelopeMalformed, SignatureInvalid):
        return SignatureInvalid.code
    if envelope.payload != expected or not key.was_valid(issued_at):
        return SignatureInvalid.code
    if key.revoked_at is not None and key.revoked_at <= taken_at:
        compromised = key.revoked_as is Revocation.COMPROMISED
        return "key_compromised" if compromised else SignatureInvalid.code
    return None


@lru_cache(maxsize=1_024)
def _public(pem: str) -> PublicKey:
    """Read a key's text once: whose it is and whether it counts is asked each time."""
    return PublicKey.from_pem(pem)


def _verify(envelope: Envelope, key: KnownKey) -> None:
    try:
        verify(envelope, _public(key.pem))
    except KeyInvalid as error:
        raise SignatureInvalid("the registered key can't be read") from error
