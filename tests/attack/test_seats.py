"""Delegations and identities from two processes at once: what ended gives nothing, and one account is one person's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import NotPermitted, StatementChanged
from modelwarden.warden.warden import open_warden
from tests.attack.test_races import _at_once, _done
from tests.store.deeds import verified

if TYPE_CHECKING:
    from pathlib import Path

    from tests.attack.case import Case

GITHUB = "https://github.com"


def signed(case: Case, name: str, request: str, *, on_behalf_of: str) -> dict[str, Any]:
    rooms = case.acting(name).approvals
    return rooms._ballot(
        request, "approve", comment=None, key=case.keys[name], seat=None, on_behalf_of=on_behalf_of
    )


def test_a_delegate_who_decides_as_the_delegation_ends_is_before_it_or_refused(
    case: Case, store_url: str, tmp_path: Path
) -> None:
    second = open_warden(store_url, keys_folder=tmp_path / "keys", clock=case.clock)
    decided, before = 0, len(case.facts("approval.decided"))
    for n in range(2, 6):
        case.register(f"{n}.0.0")
        request = case.request(f"{n}.0.0")
        given = case.acting("xavier").delegations.delegate("bob", reason="on leave")
        ballot = signed(case, "bob", request.id, on_behalf_of="xavier")
        answer, end = _at_once(
            [
                lambda r=request, b=ballot: case.acting("bob").approvals.decide(
                    r.id, "approve", **b
                ),
                lambda d=given: second.acting_as("xavier").delegations.end(d.id),
            ]
        )
        assert not isinstance(end, Exception)
        if isinstance(answer, Exception):
            assert isinstance(answer, NotPermitted)
            continue
        decided += 1
        about = f"delegation:{given.id}"
        assert [each["type"] for each in case.entries() if about in each.get("about", ())] == [
            "delegation.created", "approval.decided", "delegation.ended",
        ]  # fmt: skip
    assert len(case.facts("approval.decided")) == before + decided
    assert verified(case.warden, state=True).problems == ()
    second.close()


def test_what_was_signed_for_oneself_does_not_fill_anothers_seat(case: Case) -> None:
    request = case.request()
    case.acting("xavier").delegations.delegate("bob", reason="on leave")
    own = case.ballot("bob", request.id)
    theirs = signed(case, "bob", request.id, on_behalf_of="xavier")
    rooms = case.acting("bob").approvals
    for ballot, whose in ((own, "xavier"), (theirs, None)):
        with pytest.raises(StatementChanged):
            rooms.decide(request.id, "approve", **(ballot | {"on_behalf_of": whose}))
    with pytest.raises(
        NotPermitted
    ):  # an id in place of the handle names the same person, and nobody else
        rooms.decide(request.id, "approve", **(theirs | {"on_behalf_of": "usr_0"}))
    assert rooms.decide(request.id, "approve", **theirs).state == "open"


def test_two_who_hand_on_to_each_other_at_once_make_no_circle(
    case: Case, store_url: str, tmp_path: Path
) -> None:
    second = open_warden(store_url, keys_folder=tmp_path / "keys", clock=case.clock)
    found = _at_once(
        [
            lambda: case.acting("xavier").delegations.delegate("bob", reason="on leave"),
            lambda: second.acting_as("bob").delegations.delegate("xavier", reason="on leave"),
        ]
    )
    assert len(_done(found)) == 1
    assert len(case.acting("root").delegations.list(everyone=True)) == 1
    second.close()


def test_an_account_elsewhere_mapped_to_two_people_at_once_is_one_persons(
    case: Case, store_url: str, tmp_path: Path
) -> None:
    for user in ("rita", "tina"):
        payload = {"user": user, "issuer": GITHUB, "subject": "583231"}
        asked = case.ask("root", "identity.map", payload)
        case.agree(asked.id, "xavier", "bob")
    second = open_warden(store_url, keys_folder=tmp_path / "keys", clock=case.clock)
    found = _at_once(
        [
            lambda w=warden, u=user: w.acting_as("root").users.map_identity(
                u, issuer=GITHUB, subject="583231"
            )
            for warden, user in ((case.warden, "rita"), (second, "tina"))
        ]
    )
    assert _done(found)
    root = case.acting("root")
    kept = [one for user in ("rita", "tina") for one in root.users.identities(user)]
    assert len(kept) == 1
    told = case.facts("identity.mapped")
    assert len(told) == len(_done(found))
    assert [each.get("previous") is None for each in told].count(True) == 1
    assert verified(case.warden, state=True).problems == ()
    second.close()
