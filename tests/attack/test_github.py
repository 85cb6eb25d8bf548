"""Attempts to get a release past GitHub's reviews: by oneself, by an older word, by another release (RL-61)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.access import actions as access
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.errors import PermitNeeded
from tests.deployments.github.conftest import ISSUER, NUMBERS, STRANGER, House
from tests.deployments.github.conftest import house as house  # noqa: PLC0414  # the same company

if TYPE_CHECKING:
    from tests.services.github_state import Pull

ALICE, BOB, CAROL, DAVE = (NUMBERS[name] for name in ("alice", "bob", "carol", "dave"))
MISSING = ("external_missing",)


def approved(house: House, *, by: int = BOB, **changed: Any) -> Pull:  # noqa: ANN401  # fields
    pull = house.opened(**changed)
    house.stub.review(pull, by)
    return pull


def test_the_author_approves_nothing(house: House) -> None:
    approved(house, by=ALICE)
    assert house.refused().reasons == MISSING


def test_the_owner_approves_nothing_though_somebody_else_opened_it(house: House) -> None:
    pull = house.opened(by=DAVE)
    house.stub.review(pull, ALICE)
    assert house.refused().reasons == MISSING
    house.stub.review(pull, CAROL)
    assert house.deploy() is DeploymentState.LIVE


def test_who_committed_or_wrote_with_others_approves_nothing(house: House) -> None:
    pull = house.opened()
    house.stub.push(pull, house.lock, by=ALICE, author=DAVE)
    house.stub.review(pull, DAVE)
    assert house.refused().reasons == MISSING
    trailer = f"Lock it\n\nCo-authored-by: C <{CAROL}+somebody@users.noreply.github.com>"
    house.stub.push(pull, house.lock, by=ALICE, message=trailer)
    house.stub.review(pull, CAROL)
    assert set(house.refused().reasons) == {"external_missing", "self_approval"}


@pytest.mark.parametrize("part", ["opened", "committed", "wrote", "pushed"])
def test_who_made_it_there_fills_no_seat_here_though_somebody_else_reviews(
    house: House, part: str
) -> None:
    pull = house.opened(by=BOB if part == "opened" else ALICE)
    if part == "committed":
        house.stub.push(pull, house.lock, by=ALICE, author=BOB)
    if part == "wrote":
        trailer = f"Lock it\n\nCo-authored-by: B <{BOB}+b@users.noreply.github.com>"
        house.stub.push(pull, house.lock, by=ALICE, message=trailer)
    if part == "pushed":
        house.stub.push(pull, house.lock, by=BOB, author=ALICE, force=True)
    house.stub.review(pull, CAROL)
    assert house.refused().reasons == ("self_approval",)


def test_a_second_account_that_made_it_is_found_out(house: House) -> None:
    house.map("bob", 112)
    pull = house.opened(by=112)
    house.stub.review(pull, CAROL)
    assert house.refused().reasons == ("self_approval",)


def test_who_pushed_last_approves_nothing_whoever_wrote_it(house: House) -> None:
    pull = house.opened()
    house.stub.push(pull, house.lock, by=DAVE, author=ALICE, force=True)
    house.stub.review(pull, DAVE)
    assert house.refused().reasons == MISSING
    house.stub.review(pull, CAROL)
    assert house.deploy() is DeploymentState.LIVE


def test_a_second_account_is_the_same_person_and_one_that_is_not_mapped_is_nobody(
    house: House,
) -> None:
    house.map("alice", 111)
    pull = approved(house, by=111)
    house.stub.review(pull, STRANGER)
    assert house.refused().reasons == MISSING


def test_a_commit_from_an_unmapped_account_or_a_mere_address_holds_it_up(house: House) -> None:
    pull = house.opened()
    house.stub.push(pull, house.lock, by=ALICE, author=STRANGER)
    house.stub.review(pull, BOB)
    assert "does not know" in str(house.refused())
    house.stub.push(pull, house.lock, by=ALICE, author=None, force=True)
    house.stub.review(pull, BOB)
    assert "does not know" in str(house.refused())
    message = "Lock it\n\nco-authored-by: Somebody <somebody@example.org>"
    house.stub.push(pull, house.lock, by=ALICE, message=message, force=True)
    house.stub.review(pull, BOB)
    assert "does not know" in str(house.refused())


def test_a_dismissed_approval_stays_dismissed(house: House) -> None:
    pull = approved(house)
    later = house.stub.review(pull, BOB)
    later["state"] = "DISMISSED"
    house.stub.review(pull, BOB, "COMMENTED")
    assert house.refused().reasons == MISSING


@pytest.mark.parametrize("force", [False, True])
def test_an_approval_of_an_older_commit_is_worth_nothing(house: House, *, force: bool) -> None:
    pull = approved(house)
    house.stub.push(pull, house.lock, by=ALICE, force=force)
    assert house.refused().reasons == MISSING


def test_reviews_of_another_lock_are_of_another_release(house: House) -> None:
    pull = house.opened()
    other = house.lock.replace(b"churn@1.0.0", b"churn@1.0.1")
    house.stub.push(pull, other, by=ALICE)
    house.stub.review(pull, BOB)
    assert "is not what approvers sign" in str(house.refused())
    house.stub.push(pull, None, by=ALICE)
    house.stub.review(pull, BOB)
    assert "has no release.lock.json" in str(house.refused())


def test_a_fork_another_branch_or_no_mark_is_not_the_release(house: House) -> None:
    approved(house, repo=2)
    approved(house, ref="modelwarden/other")
    approved(house, body=f"> modelwarden-request: {house.request}")
    approved(house, body=None)
    assert "no pull request is marked" in str(house.refused())
    approved(house)
    assert house.deploy() is DeploymentState.LIVE


def test_two_that_are_marked_alike_are_none(house: House) -> None:
    approved(house)
    approved(house)
    assert "several" in str(house.refused())


def test_a_pull_request_that_moves_while_it_is_read_is_not_believed(house: House) -> None:
    pull = approved(house)
    before = house.stub._found

    def moving(request: Any) -> Any:  # noqa: ANN401  # JSON
        if request.url.path.endswith("/activity"):
            house.stub.push(pull, b"{}", by=ALICE)
        return before(request)

    house.stub._found = moving  # type: ignore[method-assign]  # the stub's own state, not our code
    error = house.refused()
    assert error.reasons == MISSING
    assert "moved while it was read" in str(error)


def test_a_program_approves_nothing(house: House) -> None:
    pull = house.opened()
    house.stub.review(pull, BOB, kind="Bot")
    assert house.refused().reasons == MISSING


def test_who_left_approves_nothing(house: House) -> None:
    approved(house, by=CAROL)
    leave = partial(access.suspend, reason="left the company")
    house.org.do("root", leave, "carol")
    assert "external_missing" in house.refused().reasons


def test_nobody_maps_an_account_without_two_others(house: House) -> None:
    act = partial(access.map_identity, issuer=ISSUER, subject=str(STRANGER))
    with pytest.raises(PermitNeeded):
        house.org.do("root", act, "bob")
