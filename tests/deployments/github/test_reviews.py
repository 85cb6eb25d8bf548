"""Whose review of a pull request counts, and when (RL-47, RL-48)."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.deployments.github.reviews import (
    Account,
    PullRequest,
    Review,
    count,
    lock_file,
    settled,
    voices,
)
from modelwarden.values.ids import PersonId
from tests.approvals import sample

if TYPE_CHECKING:
    import random

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEAD, OLDER = "a" * 40, "b" * 40
LOCK = lock_file("req_1", version="churn@1.4.0", environment="production", basis=sample.basis())
AUTHOR, BOB, CAROL, STRANGER, BOBS_SECOND = 1, 2, 3, 9, 22
MAP = {
    AUTHOR: PersonId("per_author"),
    BOB: PersonId("per_bob"),
    BOBS_SECOND: PersonId("per_bob"),
    CAROL: PersonId("per_carol"),
}


def review(
    by: int | None,
    state: str = "APPROVED",
    *,
    at: int = 0,
    commit: str | None = HEAD,
    bot: bool = False,
) -> Review:
    return Review(
        number=100 + at,
        by=None if by is None else Account(by, bot),
        state=state,
        commit=commit,
        at=NOW + timedelta(minutes=at),
    )


def outcome(*reviews: Review, **changed: Any) -> tuple[str, set[str]]:  # noqa: ANN401  # fields
    whole = PullRequest(
        head=HEAD, takers=frozenset({Account(AUTHOR)}), lock=LOCK, reviews=tuple(reviews)
    )
    found = count(dataclasses.replace(whole, **changed), expected=LOCK, persons=MAP)
    return found.verdict, set(found.persons)


MISSING: tuple[str, set[str]] = ("missing", set())


def test_a_review_of_the_head_by_somebody_else_counts() -> None:
    assert outcome(review(BOB)) == ("passed", {"per_bob"})


def test_nobody_counts_where_nobody_reviewed() -> None:
    assert outcome() == MISSING


def test_a_comment_hides_neither_a_yes_nor_a_no() -> None:
    assert outcome(review(BOB), review(BOB, "COMMENTED", at=1)) == ("passed", {"per_bob"})
    said = (review(BOB, "CHANGES_REQUESTED"), review(BOB, "COMMENTED", at=1))
    assert outcome(*said, review(CAROL, at=2)) == ("changes_requested", set())


def test_a_dismissal_never_revives_an_older_approval() -> None:
    assert outcome(review(BOB), review(BOB, "DISMISSED", at=1)) == MISSING
    assert outcome(review(BOB, "DISMISSED"), review(BOB, at=1)) == ("passed", {"per_bob"})


def test_a_no_to_an_older_commit_blocks_until_its_author_says_otherwise() -> None:
    no = review(BOB, "CHANGES_REQUESTED", commit=OLDER)
    assert outcome(no, review(CAROL, at=1)) == ("changes_requested", set())
    assert outcome(no, review(CAROL, at=1), review(BOB, at=2)) == (
        "passed",
        {"per_bob", "per_carol"},
    )
    assert outcome(no, review(BOB, "DISMISSED", at=2), review(CAROL, at=3)) == (
        "passed",
        {"per_carol"},
    )


@pytest.mark.parametrize("commit", [OLDER, None, "", HEAD[:7], HEAD.upper()])
def test_an_approval_of_anything_but_the_head_counts_for_nothing(commit: str | None) -> None:
    assert outcome(review(BOB, commit=commit)) == MISSING


def test_programs_strangers_and_the_deleted_neither_agree_nor_block() -> None:
    others = [
        review(STRANGER), review(None), review(BOB, bot=True),
        review(STRANGER, "CHANGES_REQUESTED", at=1),
        review(CAROL, "CHANGES_REQUESTED", at=1, bot=True),
    ]  # fmt: skip
    assert outcome(*others) == MISSING
    assert outcome(*others, review(BOB, at=2)) == ("passed", {"per_bob"})


def test_who_wrote_committed_opened_or_pushed_it_agrees_for_nobody() -> None:
    assert outcome(review(AUTHOR)) == MISSING
    assert outcome(review(BOB), takers=frozenset({Account(AUTHOR), Account(BOB)})) == MISSING


def test_a_second_account_is_the_same_person() -> None:
    assert outcome(review(BOBS_SECOND), takers=frozenset({Account(BOB)})) == MISSING
    both = (review(BOB), review(BOBS_SECOND, at=1))
    assert outcome(*both) == ("passed", {"per_bob"})
    assert outcome(*both, review(BOBS_SECOND, "CHANGES_REQUESTED", at=2))[0] == "changes_requested"


@pytest.mark.parametrize("taker", [None, Account(STRANGER)])
def test_a_commit_by_somebody_unknown_holds_it_up(taker: Account | None) -> None:
    assert outcome(review(BOB), takers=frozenset({taker})) == MISSING


def test_who_is_not_active_here_any_more_neither_agrees_nor_blocks() -> None:
    pull = PullRequest(
        head=HEAD,
        takers=frozenset({Account(AUTHOR)}),
        lock=LOCK,
        reviews=(review(BOB), review(CAROL, "CHANGES_REQUESTED")),
    )
    found = count(pull, expected=LOCK, persons=MAP, gone=frozenset({CAROL}))
    assert (found.verdict, found.persons) == ("passed", {MAP[BOB]})
    assert (
        count(pull, expected=LOCK, persons=MAP, gone=frozenset({BOB, CAROL})).verdict == "missing"
    )
    twin = dataclasses.replace(pull, takers=frozenset({Account(BOBS_SECOND)}))
    gone = frozenset({BOBS_SECOND, CAROL})
    assert count(twin, expected=LOCK, persons=MAP, gone=gone).verdict == "missing"


def test_a_program_may_have_written_it() -> None:
    takers = frozenset({Account(STRANGER, is_bot=True)})
    assert outcome(review(BOB), takers=takers) == ("passed", {"per_bob"})


@pytest.mark.parametrize("lock", [None, b"", b"{}", LOCK.removesuffix(b"\n"), LOCK + b"\n"])
def test_reviews_count_only_while_the_lock_is_what_approvers_sign(lock: bytes | None) -> None:
    assert outcome(review(BOB), lock=lock) == MISSING


def test_the_lock_says_which_request_it_is_for_and_what_is_signed() -> None:
    basis = sample.basis()
    wanted = {"version": "churn@1.4.0", "environment": "production", "basis": basis}
    assert lock_file("req_1", **wanted) == LOCK
    for other in (
        lock_file("req_2", **wanted),
        lock_file("req_1", **{**wanted, "environment": "staging"}),
        lock_file("req_1", **{**wanted, "basis": {**basis, "policy": {}}}),
        lock_file("req_1", **{**wanted, "basis": {**basis, "artifact": {"fingerprints": []}}}),
        lock_file("req_1", **{**wanted, "basis": {**basis, "datasets": []}}),
    ):
        assert other != LOCK
    assert lock_file("req_1", **{**wanted, "basis": {**basis, "ledger": None}}) == LOCK


REVIEWS = st.lists(
    st.builds(
        review,
        st.sampled_from([AUTHOR, BOB, BOBS_SECOND, CAROL, STRANGER, None]),
        st.sampled_from(["APPROVED", "CHANGES_REQUESTED", "DISMISSED", "COMMENTED", "PENDING"]),
        at=st.integers(0, 50),
        commit=st.sampled_from([HEAD, OLDER, None]),
        bot=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda each: each.number,
)


@given(REVIEWS, st.randoms())
def test_the_order_in_which_pages_bring_reviews_changes_nothing(
    found: list[Review], order: random.Random
) -> None:
    mixed = list(found)
    order.shuffle(mixed)
    assert outcome(*mixed) == outcome(*found)


@given(REVIEWS)
def test_what_passes_has_an_approval_of_the_head_as_each_persons_last_word(
    found: list[Review],
) -> None:
    verdict, persons = outcome(*found)
    last = settled(found)
    assert (verdict == "passed") == bool(persons)
    for person in persons:
        assert person != MAP[AUTHOR]
        assert any(
            last[number].state == "APPROVED" and last[number].commit == HEAD
            for number in last
            if MAP.get(number) == person
        )
    if verdict == "passed":
        assert all(last[n].state != "CHANGES_REQUESTED" for n in last if n in MAP)


@given(REVIEWS, st.integers(51, 60))
def test_comments_and_programs_never_change_the_outcome(found: list[Review], at: int) -> None:
    noise = [review(BOB, "COMMENTED", at=at), review(CAROL, "APPROVED", at=at, bot=True)]
    assert outcome(*found, *noise) == outcome(*found)


@given(REVIEWS, st.integers(51, 60))
def test_a_dismissal_at_the_end_takes_that_account_out(found: list[Review], at: int) -> None:
    _, persons = outcome(*found, review(CAROL, "DISMISSED", at=at))
    assert MAP[CAROL] not in persons


@given(
    st.lists(
        st.builds(
            review,
            st.sampled_from((None, AUTHOR, BOB, BOBS_SECOND, CAROL, STRANGER)),
            st.sampled_from(("APPROVED", "CHANGES_REQUESTED", "DISMISSED", "COMMENTED")),
            at=st.integers(0, 9),
            commit=st.sampled_from((HEAD, OLDER, None)),
            bot=st.booleans(),
        ),
        max_size=8,
    ),
    st.sampled_from((LOCK, b"{}", None)),
    st.sampled_from((frozenset[int](), frozenset({BOB}))),
)
def test_whose_voice_is_said_to_count_is_whose_is_counted(
    reviews: list[Review], lock: bytes | None, gone: frozenset[int]
) -> None:
    pull = PullRequest(
        head=HEAD, takers=frozenset({Account(AUTHOR)}), lock=lock, reviews=tuple(reviews)
    )
    heard = voices(pull, expected=LOCK, persons=MAP, gone=gone)
    found = count(pull, expected=LOCK, persons=MAP, gone=gone)
    assert len(heard) == len(reviews)
    agree = {each.person for each in heard if each.counts and each.said == "approved"}
    held_up = any(each.counts and each.said == "changes_requested" for each in heard)
    if lock != LOCK:
        assert (found.verdict, agree) == ("missing", set())
    elif held_up:
        assert found.verdict == "changes_requested"
    else:
        assert agree == found.persons
        assert found.verdict == ("passed" if agree else "missing")
