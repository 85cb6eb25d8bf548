"""What a change amounts to: every condition alone, and whose word counts (RL-52)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.deployments.servicenow.change import Answer, ChangeRequest, Rules, judged
from modelwarden.values.ids import PersonId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.deployments.servicenow.change import Judgement

NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOB, CAROL, ALICE = (PersonId(f"per_{name}") for name in ("bob", "carol", "alice"))
PEOPLE: Final = {"b" * 32: BOB, "c" * 32: CAROL, "a" * 32: ALICE, "d" * 32: BOB}
CAB: Final = "9" * 32
GOOD: Final = ChangeRequest(
    sys_id="1" * 32,
    number="CHG0030001",
    marker="req_1",
    approval="approved",
    state="-2",
    conflicts="No Conflict",
    starts_at=NOW - timedelta(hours=1),
    ends_at=NOW + timedelta(hours=1),
    told="",
)
YES: Final = Answer(user="b" * 32, user_name="bob", state="approved", updated_by="bob", group=CAB)
CAROLS: Final = Answer(
    user="c" * 32, user_name="carol", state="approved", updated_by="carol", group=""
)


def judge(
    change: ChangeRequest = GOOD,
    answers: Sequence[Answer] = (YES,),
    *,
    rules: Rules = Rules(),  # noqa: B008  # a frozen value
    barred: frozenset[PersonId] = frozenset(),
) -> Judgement:
    return judged(change, answers, rules=rules, people=PEOPLE, barred=barred, now=NOW)


def test_a_change_that_has_everything_passes() -> None:
    assert judge()[:3] == ("passed", frozenset({BOB}), "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (replace(GOOD, approval="requested"), "not approved"),
        (replace(GOOD, state="-3"), "its state is '-3'"),
        (replace(GOOD, state=""), "its state is ''"),
        (replace(GOOD, starts_at=NOW + timedelta(seconds=1)), "outside its planned window"),
        (replace(GOOD, ends_at=NOW), "outside its planned window"),
        (replace(GOOD, ends_at=None), "no window is planned"),
        (replace(GOOD, conflicts="Conflict"), "conflicts"),
        (replace(GOOD, conflicts="Not Run"), "conflicts"),
    ],
)
def test_each_thing_that_lacks_is_named(change: ChangeRequest, why: str) -> None:
    found = judge(change)
    assert (found.state, why in found.why) == ("missing", True)


@pytest.mark.parametrize(
    "answer",
    [
        replace(YES, updated_by="admin"),  # somebody else wrote it
        replace(YES, user="e" * 32),  # a person whom nobody mapped
        replace(YES, state="requested"),
        replace(YES, user_name="", updated_by=""),  # an account that was deleted
        replace(YES, updated_by="BOB"),
    ],
)
def test_an_approval_that_is_not_the_persons_own_counts_for_nobody(answer: Answer) -> None:
    found = judge(answers=[answer])
    assert (found.state, found.persons) == ("missing", frozenset())


def test_a_person_who_takes_part_never_counts() -> None:
    found = judge(answers=[YES, CAROLS], rules=Rules(approvers=2), barred=frozenset({CAROL}))
    assert (found.state, found.persons) == ("missing", frozenset({BOB}))


def test_two_accounts_of_one_person_are_one_approver() -> None:
    second = replace(YES, user="d" * 32, user_name="bob.admin", updated_by="bob.admin")
    assert judge(answers=[YES, second], rules=Rules(approvers=2)).state == "missing"
    assert judge(answers=[YES, CAROLS], rules=Rules(approvers=2)).state == "passed"


def test_one_has_to_have_approved_for_the_advisory_board() -> None:
    rules = Rules(cab_group=CAB)
    assert judge(answers=[CAROLS], rules=rules).state == "missing"
    assert judge(answers=[CAROLS, YES], rules=rules).state == "passed"
    assert judge(answers=[CAROLS, YES], rules=rules, barred=frozenset({BOB})).state == "missing"


def test_one_rejection_blocks_whoever_approved() -> None:
    assert judge(replace(GOOD, approval="rejected")).state == "changes_requested"
    assert judge(answers=[YES, replace(CAROLS, state="rejected")]).state == "changes_requested"


def test_no_rules_let_a_change_pass_without_a_person() -> None:
    assert judge(answers=[], rules=Rules(approvers=0)).state == "missing"


@given(
    st.lists(
        st.builds(
            Answer,
            user=st.sampled_from([*PEOPLE, "e" * 32]),
            user_name=st.sampled_from(["bob", "carol", ""]),
            state=st.sampled_from(["approved", "requested", "not required"]),
            updated_by=st.sampled_from(["bob", "carol", "admin", ""]),
            group=st.sampled_from(["", CAB]),
        ),
        max_size=6,
    ),
    st.integers(0, 4),
    st.frozensets(st.sampled_from([ALICE, BOB, CAROL])),
)
def test_whatever_passes_has_enough_people_who_may(
    answers: list[Answer], approvers: int, barred: frozenset[PersonId]
) -> None:
    found = judge(answers=answers, rules=Rules(approvers=approvers), barred=barred)
    assert not found.persons & barred
    assert (found.state == "passed") == (len(found.persons) >= max(1, approvers))
