"""Tokens that are invented, cut, lent, stale or turned against their limits (attack 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import NotFound, SamePerson, SignatureNeeded, Unauthenticated
from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.attack.case import Case

DECIDES = ["approval.decide", "approval.read"]


def test_a_token_that_names_the_right_decides_for_its_owner(case: Case) -> None:
    request = case.request()
    secret = case.acting("xavier").tokens.create(scopes=DECIDES).secret
    assert case.using(secret).approvals.approve(request.id).state == "open"


def test_a_token_without_scopes_does_not_decide(case: Case) -> None:
    request = case.request()
    secret = case.acting("xavier").tokens.create().secret
    with pytest.raises(SignatureNeeded):
        case.using(secret).approvals.approve(request.id)


def test_a_token_lent_by_an_administrator_decides_nothing_nor_does_what_it_issues(
    case: Case,
) -> None:
    request = case.request()
    lent = case.acting("root").tokens.create(user="xavier", scopes=[*DECIDES, "token.issue_self"])
    passed_on = case.using(lent.secret).tokens.create(scopes=DECIDES)
    rotated = case.using(lent.secret).tokens.rotate(lent.id, overlap_minutes=5)
    for token in (lent, passed_on, rotated):
        with pytest.raises(SignatureNeeded):
            case.using(token.secret).approvals.approve(request.id)


def test_an_administrator_who_rotates_anothers_token_gains_no_vote(case: Case) -> None:
    request = case.request()
    own = case.acting("xavier").tokens.create(scopes=DECIDES)
    taken = case.acting("root").tokens.rotate(own.id)
    with pytest.raises(SignatureNeeded):
        case.using(taken.secret).approvals.approve(request.id)


def test_a_key_enrolled_with_a_lent_token_is_not_confirmed_by_the_lender(case: Case) -> None:
    lent = case.acting("root").tokens.create(user="xavier")
    key = case.using(lent.secret).keys.enrol(SigningKey.generate())
    with pytest.raises(SamePerson):
        case.acting("root").keys.confirm(key.id)


def _revokes_the_token(case: Case, token: str) -> None:
    case.acting("xavier").tokens.revoke(token)


def _suspends_its_owner(case: Case, _token: str) -> None:
    case.acting("root").users.suspend("xavier", reason="left")


def _deactivates_its_owner(case: Case, _token: str) -> None:
    case.acting("root").users.deactivate("xavier", reason="left")


def _takes_the_role(case: Case, _token: str) -> None:
    case.acting("root").roles.revoke("xavier", "approver")


def _lets_it_expire(case: Case, _token: str) -> None:
    case.clock.advance(days=1)


@pytest.mark.parametrize(
    "ends",
    [
        _revokes_the_token,
        _suspends_its_owner,
        _deactivates_its_owner,
        _takes_the_role,
        _lets_it_expire,
    ],
)
def test_a_token_that_was_good_a_moment_ago_decides_nothing(
    case: Case, ends: Callable[[Case, str], None]
) -> None:
    request = case.request()
    token = case.acting("xavier").tokens.create(scopes=DECIDES, days=1)
    rooms = case.using(token.secret)
    assert rooms.approvals.show(request.id).state == "open"
    ends(case, token.id)
    with pytest.raises((Unauthenticated, NotFound)):
        rooms.approvals.approve(request.id)
    assert case.acting("quinn").approvals.show(request.id).decisions == ()


def test_secrets_never_stand_in_entries_errors_or_lists(case: Case) -> None:
    token = case.acting("xavier").tokens.create(scopes=DECIDES)
    secret = token.secret or ""
    case.acting("xavier").tokens.revoke(token.id)
    with pytest.raises(Unauthenticated) as refused:
        case.using(secret)
    assert secret not in str(refused.value)
    assert secret not in repr(case.entries())
    assert secret[4:] not in repr(case.acting("xavier").tokens.list())
