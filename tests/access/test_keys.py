"""People's signing keys: proof of possession, another person's word, and how they end (AC-57, RL-30)."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.access.enrolment import CONTEXT
from modelwarden.errors import (
    ChallengeInvalid,
    ExpiryNeeded,
    IllegalMove,
    KeyInvalid,
    KeyKnown,
    NotFound,
    NotPermitted,
    SamePerson,
    SignatureInvalid,
    ValueInvalid,
)
from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from modelwarden.values.answers import ChallengeAnswer, KeyAnswer
    from modelwarden.warden.rooms import Rooms
    from tests.access.company import Company


def _signed(rooms: Rooms, key: SigningKey, challenge: ChallengeAnswer) -> KeyAnswer:
    signature = key.sign(base64.b64decode(challenge.message))
    return rooms.keys.enrol_signed(key.public_pem, challenge=challenge.id, signature=signature)


def test_a_key_is_enrolled_pending_and_counts_once_another_confirms_it(company: Company) -> None:
    bob = company.join("bob", "approver")
    key = SigningKey.generate()
    enrolled = bob.keys.enrol(key)
    assert (enrolled.id, enrolled.status) == (key.keyid, "pending")
    assert company.last()["type"] == "key.enrolled"
    confirmed = company.acting("root").keys.confirm(key.keyid)
    assert (confirmed.status, confirmed.confirmed_by) == ("active", "root")
    assert company.last()["type"] == "key.confirmed"


def test_a_challenge_is_spent_by_its_use(company: Company) -> None:
    bob = company.join("bob", "approver")
    challenge = bob.keys.challenge()
    _signed(bob, SigningKey.generate(), challenge)
    with pytest.raises(ChallengeInvalid):
        _signed(bob, SigningKey.generate(), challenge)


def test_anothers_challenge_is_none(company: Company) -> None:
    bob, carol = company.join("bob", "approver"), company.join("carol", "approver")
    with pytest.raises(ChallengeInvalid):
        _signed(carol, SigningKey.generate(), bob.keys.challenge())


def test_a_challenge_lasts_ten_minutes(company: Company) -> None:
    bob = company.join("bob", "approver")
    challenge = bob.keys.challenge()
    company.clock.advance(minutes=10)
    with pytest.raises(ChallengeInvalid):
        _signed(bob, SigningKey.generate(), challenge)


def test_an_invented_challenge_is_none(company: Company) -> None:
    bob = company.join("bob", "approver")
    key = SigningKey.generate()
    with pytest.raises(ChallengeInvalid):
        bob.keys.enrol_signed(
            key.public_pem, challenge="chl_invented", signature=key.sign(CONTEXT + b"chl_invented")
        )


@pytest.mark.parametrize("wrong", ["another key", "no context", "nothing"])
def test_the_private_half_has_to_be_at_hand(company: Company, wrong: str) -> None:
    bob = company.join("bob", "approver")
    key, challenge = SigningKey.generate(), bob.keys.challenge()
    message = base64.b64decode(challenge.message)
    signature = {
        "another key": SigningKey.generate().sign(message),
        "no context": key.sign(challenge.id.encode()),
        "nothing": b"",
    }[wrong]
    with pytest.raises(SignatureInvalid):
        bob.keys.enrol_signed(key.public_pem, challenge=challenge.id, signature=signature)
    assert bob.keys.list().items == ()


@pytest.mark.parametrize(
    "pem", ["", "words", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_what_is_no_public_key_is_refused(company: Company, pem: str) -> None:
    bob = company.join("bob", "approver")
    with pytest.raises(KeyInvalid):
        bob.keys.enrol_signed(pem, challenge=bob.keys.challenge().id, signature=b"x" * 64)


def test_one_key_is_enrolled_once(company: Company) -> None:
    bob, carol = company.join("bob", "approver"), company.join("carol", "approver")
    key = SigningKey.generate()
    bob.keys.enrol(key)
    for rooms in (bob, carol):
        with pytest.raises(KeyKnown):
            rooms.keys.enrol(key)


@pytest.mark.parametrize("days", [0, 366])
def test_a_key_is_valid_for_a_year_at_most(company: Company, days: int) -> None:
    with pytest.raises(ExpiryNeeded):
        company.join("bob", "approver").keys.enrol(SigningKey.generate(), days=days)


def test_a_program_enrols_no_key(company: Company) -> None:
    company.join("alice", "developer")
    root = company.acting("root")
    root.service_accounts.add("ci", owner="alice")
    root.roles.grant("ci", "developer")
    with pytest.raises(NotPermitted):
        company.acting("ci").keys.enrol(SigningKey.generate())


def test_enrolling_by_token_takes_its_scope_and_the_refusal_is_recorded(company: Company) -> None:
    bob = company.join("bob", "approver")
    rooms = company.using(bob.tokens.create(scopes=["approval.decide"]).secret)
    with pytest.raises(NotPermitted):
        rooms.keys.challenge()
    assert company.last()["fact"]["permission"] == "key.enrol_self"


def test_nobody_confirms_their_own_key(company: Company) -> None:
    root = company.acting("root")
    key = root.keys.enrol(SigningKey.generate())
    with pytest.raises(SamePerson):
        root.keys.confirm(key.id)
    assert company.last()["fact"]["rule"] == "same_person"
    assert company.last()["about"] == [f"key:{key.id}"]


@pytest.mark.parametrize("linked_first", [True, False])
def test_nobody_confirms_the_key_of_their_second_account(
    company: Company, *, linked_first: bool
) -> None:
    ruth = company.join("ruth", "admin")
    company.join("ruth2", "developer")
    root = company.acting("root")
    if linked_first:
        root.users.link("ruth2", to="ruth")
    key = company.acting("ruth2").keys.enrol(SigningKey.generate())
    if not linked_first:
        root.users.link("ruth2", to="ruth")
    with pytest.raises(SamePerson):
        ruth.keys.confirm(key.id)
    root.keys.confirm(key.id)


def test_confirming_takes_its_permission(company: Company) -> None:
    key = company.join("bob", "approver").keys.enrol(SigningKey.generate())
    with pytest.raises(NotPermitted):
        company.join("alice", "developer").keys.confirm(key.id)


def test_a_key_is_confirmed_once(company: Company) -> None:
    key = company.join("bob", "approver").keys.enrol(SigningKey.generate())
    company.acting("root").keys.confirm(key.id)
    with pytest.raises(IllegalMove):
        company.acting("root").keys.confirm(key.id)


@pytest.mark.parametrize("by", ["bob", "root"])
def test_a_key_is_revoked_by_its_owner_or_an_administrator(company: Company, by: str) -> None:
    key = company.join("bob", "approver").keys.enrol(SigningKey.generate())
    revoked = company.acting(by).keys.revoke(key.id, cause="lost")
    assert (revoked.status, revoked.revoked_as) == ("revoked", "lost")
    assert company.last()["type"] == "key.revoked"
    with pytest.raises(IllegalMove):
        company.acting(by).keys.revoke(key.id, cause="superseded")


def test_a_third_person_revokes_nothing(company: Company) -> None:
    key = company.join("bob", "approver").keys.enrol(SigningKey.generate())
    with pytest.raises(NotPermitted):
        company.join("alice", "developer").keys.revoke(key.id, cause="lost")


def test_a_revoked_key_turns_out_to_be_compromised_and_never_later_than_it_ended(
    company: Company,
) -> None:
    bob = company.join("bob", "approver")
    key = bob.keys.enrol(SigningKey.generate())
    company.clock.advance(days=2)
    bob.keys.revoke(key.id, cause="lost")
    ended = company.clock.now()
    company.clock.advance(days=2)
    assert bob.keys.revoke(key.id, cause="compromised").revoked_at == ended
    told = company.last()
    assert (told["type"], told["severity"]) == ("key.compromised", "CRITICAL")
    with pytest.raises(IllegalMove):
        bob.keys.revoke(key.id, cause="compromised")


def test_a_key_is_compromised_since_a_moment_that_is_never_ahead(company: Company) -> None:
    bob = company.join("bob", "approver")
    key = bob.keys.enrol(SigningKey.generate())
    ahead = company.clock.now() + timedelta(days=1)
    assert bob.keys.revoke(key.id, cause="compromised", since=ahead).revoked_at == (
        company.clock.now()
    )


def test_causes_are_a_fixed_list(company: Company) -> None:
    key = company.acting("root").keys.enrol(SigningKey.generate())
    with pytest.raises(ValueInvalid):
        company.acting("root").keys.revoke(key.id, cause="bored")
    with pytest.raises(NotFound):
        company.acting("root").keys.revoke("unknown", cause="lost")


def test_lists_show_ones_own_keys_or_all_with_the_permission(company: Company) -> None:
    company.join("alice", "developer").keys.enrol(SigningKey.generate())
    company.join("bob", "developer").keys.enrol(SigningKey.generate())
    assert [key.user for key in company.acting("alice").keys.list().items] == ["alice"]
    assert {key.user for key in company.acting("root").keys.list().items} == {"alice", "bob"}
