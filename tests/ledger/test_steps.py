"""The twelve steps say of each result what was proved and what was not, and never more than was."""

from __future__ import annotations

import pytest

from modelwarden.ledger import steps
from modelwarden.ledger.result import MAX_PROBLEMS, Problem, Result
from modelwarden.ledger.steps import CODES, NAMES, Status

SOUND = Result(first=0, size=9, signer="key")


def statuses(result: Result, **more: dict[int, str]) -> dict[int, Status]:
    return {number: status for number, _, status, _ in steps.steps(result, **more)}


def test_twelve_steps_are_proved_where_nothing_is_wrong() -> None:
    assert statuses(SOUND) == dict.fromkeys(range(1, 13), Status.PROVED)


@pytest.mark.parametrize("code", CODES)
def test_each_code_fails_its_step_alone(code: str) -> None:
    found = statuses(SOUND.adding([Problem(code, 3, "x")]))
    assert [number for number, status in found.items() if status is Status.FAILED] == [CODES[code]]


def test_a_code_of_a_kind_of_sink_fails_the_tenth() -> None:
    assert statuses(SOUND.adding([Problem("retention_shortened", 3, "x")]))[10] is Status.FAILED


def test_what_rests_on_an_unsigned_checkpoint_is_given_not_proved() -> None:
    unpinned = Result(first=0, size=9).adding(not_checked=["unpinned: there is no trusted key"])
    found = statuses(unpinned)
    assert (found[1], found[2]) == (Status.NOT_CHECKED, Status.NOT_CHECKED)
    assert {found[number] for number in (6, 7, 9)} == {Status.GIVEN}
    assert {found[number] for number in (3, 4, 5)} == {Status.PROVED}


@pytest.mark.parametrize(
    ("text", "number", "status"),
    [
        ("the hash of entry 4: taken as given", 5, Status.GIVEN),
        ("the hash of entry 4: unknown", 5, Status.NOT_CHECKED),
        ("roots past entry 7: a leaf is missing", 6, Status.NOT_CHECKED),
        ("roots past entry 7: a leaf is missing", 7, Status.NOT_CHECKED),
        ("tiles past entry 7: a leaf is missing", 8, Status.NOT_CHECKED),
        ("search index: ask for strict or state", 8, Status.NOT_CHECKED),
        ("guard file: there is none", 10, Status.NOT_CHECKED),
        ("completeness: this is a selection", 3, Status.NOT_CHECKED),
        ("texts under another encryption key: 3", 12, Status.NOT_CHECKED),
    ],
)
def test_what_was_not_checked_leaves_its_step_open(text: str, number: int, status: Status) -> None:
    assert statuses(SOUND.adding(not_checked=[text]))[number] is status


def test_entries_past_the_checkpoint_are_not_covered() -> None:
    assert statuses(Result(first=0, size=9, signer="key", uncovered=2))[9] is Status.NOT_CHECKED


def test_more_problems_than_are_kept_prove_no_other_step() -> None:
    many = [Problem("entry_altered", seq, "x") for seq in range(MAX_PROBLEMS)]
    found = statuses(SOUND.adding(many, count=MAX_PROBLEMS + 1))
    assert found[4] is Status.FAILED
    assert {status for number, status in found.items() if number != 4} == {Status.NOT_CHECKED}


def test_a_failed_step_is_failed_whatever_was_left_out_or_given() -> None:
    result = SOUND.adding([Problem("entry_altered", 3, "x")], not_checked=["bodies: none"])
    everything = dict.fromkeys(NAMES, "y")
    assert statuses(result, left_out=everything, given=everything)[4] is Status.FAILED
