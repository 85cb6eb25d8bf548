"""Actions on people's signing keys: challenge, enrol with proof of possession, confirm, revoke (AC-57, RL-30)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modelwarden.access import permits, queries
from modelwarden.access.actor import KEY_DAYS_MOST, KeyStatus, PersonKey, Revocation
from modelwarden.access.allowed import authorize, current, readable, require_person
from modelwarden.errors import (
    ChallengeInvalid,
    ExpiryNeeded,
    IllegalMove,
    KeyKnown,
    NotFound,
    SamePerson,
    ValueInvalid,
)
from modelwarden.facts.access import KeyCompromised, KeyConfirmed, KeyEnrolled, KeyRevoked
from modelwarden.facts.kinds import Code
from modelwarden.ledger.keys import PublicKey
from modelwarden.permissions import Permission
from modelwarden.store import first_run
from modelwarden.values.ids import KeyId
from modelwarden.values.pages import listing
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.store.change import Change, Telemetry, View
    from modelwarden.values.ids import PersonId
    from modelwarden.values.pages import Listing, Page

CHALLENGE_MINUTES: Final = 10
CONTEXT: Final = b"modelwarden-key-enrolment-v1\0"
"""Stands before the challenge in what is signed, so that no other signature can be passed off as this one."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a key has to sign to show that its private half is at hand."""

    id: str
    expires_at: datetime

    def message(self) -> bytes:
        """Return the bytes to sign."""
        return enrolment_message(self.id)


def enrolment_message(challenge_id: str) -> bytes:
    """Return the bytes that a key signs over a challenge."""
    return CONTEXT + challenge_id.encode("ascii")


def challenge(telemetry: Telemetry, challenge_id: str) -> Challenge:
    """Give out a challenge to the caller; it proves nothing and changes nothing governed."""
    authorize(telemetry, Permission.KEY_ENROL_SELF)
    expires_at = telemetry.now + timedelta(minutes=CHALLENGE_MINUTES)
    first_run.keep_challenge(telemetry, challenge_id, telemetry.actor, expires_at)
    return Challenge(challenge_id, expires_at)


def enrol(
    change: Change, *, pem: str, challenge_id: str, signature: bytes, days: int = KEY_DAYS_MOST
) -> PersonKey:
    """Enrol the caller's own public key; another person confirms it before it counts (RL-30).

    Raises:
        ChallengeInvalid: unknown, used, another's, or too old.
        SignatureInvalid: the private half is not at hand.
        KeyKnown: the key is enrolled already.
    """
    require_person(change)
    authorize(change, Permission.KEY_ENROL_SELF)
    if not 1 <= days <= KEY_DAYS_MOST:
        raise ExpiryNeeded(f"a key is valid from 1 to {KEY_DAYS_MOST} days")
    if not first_run.use_challenge(change, challenge_id, change.actor):
        raise ChallengeInvalid("ask for a fresh challenge and sign that")
    key = PublicKey.from_pem(pem)
    key.verify(enrolment_message(challenge_id), signature)
    if queries.person_key(change, key.keyid) is not None:
        raise KeyKnown("this key is enrolled already; generate another")
    enrolled = change.save(
        PersonKey(
            id=KeyId(key.keyid),
            actor=change.actor,
            person=change.person,
            pem=key.pem,
            status=KeyStatus.PENDING,
            valid_from=change.now,
            valid_to=change.now + timedelta(days=days),
            lent_by=change.principal.lent_by,
        )
    )
    change.record(
        KeyEnrolled(
            key=enrolled.id,
            user=change.actor,
            person=change.person,
            valid_to=enrolled.valid_to,
        )
    )
    return enrolled


def confirm_key(change: Change, keyid: str) -> PersonKey:
    """Vouch, as another person, that the key is whose it says. Raises SamePerson, IllegalMove.

    Whoever issued the token with which it was enrolled could have enrolled it, and so can't confirm it; in bootstrap
    mode, in which there may be one administrator alone, this is relaxed (AC-41).
    """
    authorize(change, Permission.KEY_CONFIRM)
    key = _key(change, keyid)
    if change.principal.kind is not ActorKind.SYSTEM:
        require_person(change)
        if change.person in _barred_from_confirming(change, key):
            raise SamePerson(
                "someone other than the key's owner, and than whoever issued the owner's token, has to confirm it",
                about=(("key", key.id),),
            )
    if key.status is not KeyStatus.PENDING:
        raise IllegalMove("key", key.status, KeyStatus.ACTIVE)
    key = change.save(replace(key, status=KeyStatus.ACTIVE, confirmed_by=change.actor))
    change.record(KeyConfirmed(key=key.id, user=key.actor, person=key.person))
    return key


def _barred_from_confirming(change: Change, key: PersonKey) -> frozenset[PersonId]:
    persons = {key.person}
    lender = None if key.lent_by is None else queries.actor_by_id(change, key.lent_by)
    if lender is not None and not permits.in_bootstrap(change):
        persons.add(lender.person)
    return queries.current_persons(change, persons)


def revoke_key(
    change: Change, keyid: str, *, cause: str, since: datetime | None = None
) -> PersonKey:
    """End a key: `superseded` and `lost` leave what it signed; `compromised` undoes what was signed since (RL-30)."""
    queries.lock_epoch(change, _key(change, keyid).actor)
    key = _key(change, keyid)
    if key.actor == change.actor:
        authorize(change, Permission.KEY_ENROL_SELF)
    else:
        authorize(change, Permission.KEY_REVOKE_OTHER)
    if cause not in {each.value for each in Revocation}:
        raise ValueInvalid("cause", "superseded, lost or compromised")
    end = min(since or change.now, change.now, key.revoked_at or change.now)
    worse = key.revoked_as is not Revocation.COMPROMISED and cause == Revocation.COMPROMISED
    if key.status is KeyStatus.REVOKED and not worse:
        raise IllegalMove("key", key.status, cause)
    key = change.save(
        replace(key, status=KeyStatus.REVOKED, revoked_at=end, revoked_as=Revocation(cause))
    )
    queries.raise_epoch(change, key.actor)
    if worse:
        change.record(KeyCompromised(key=key.id, user=key.actor, since=end))
    else:
        change.record(KeyRevoked(key=key.id, user=key.actor, cause=Code(cause), since=end))
    return key


def keys(view: View, page: Page) -> Listing[PersonKey]:
    """Return a page of enrolled keys: all, with `key.confirm` or `audit.read`; else one's own."""
    if readable(view, Permission.KEY_CONFIRM) or readable(view, Permission.AUDIT_READ):
        return queries.keys_page(view, page)
    return listing(queries.keys_of(view, current(view).actor), page, key=None)


def key(view: View, keyid: str) -> PersonKey:
    """Return one key: one's own, or another's with `key.confirm` or `audit.read`. Raises NotFound."""
    found = queries.person_key(view, keyid)
    sees_all = readable(view, Permission.KEY_CONFIRM) or readable(view, Permission.AUDIT_READ)
    if found is None or not (sees_all or found.actor == current(view).actor):
        raise NotFound("key", keyid)
    return found


def _key(change: Change, keyid: str) -> PersonKey:
    key = queries.person_key(change, keyid)
    if key is None:
        raise NotFound("key", keyid)
    return key
