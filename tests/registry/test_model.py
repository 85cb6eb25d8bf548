from __future__ import annotations

from datetime import timedelta

import pytest

from modelwarden.errors import (
    ModelIsRetired,
    NameReserved,
    OwnerFixed,
    OwnerMissing,
    PurposeMissing,
    PurposeTooLong,
    PurposeTooShort,
    ValueInvalid,
)
from modelwarden.registry.model import RESERVED, check_purpose, is_purpose
from modelwarden.values.ids import Commitment, ModelName
from tests.registry.sample import ALICE, BOB, NOW, model

PURPOSE = Commitment("0" * 64)


@pytest.mark.parametrize("name", ["Churn", "-x", "", "a b", "a" * 129, "a/b", "ä"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ValueInvalid):
        model(name=ModelName(name))


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_word_of_a_route_names_no_model(name: str) -> None:
    with pytest.raises(NameReserved):
        model(name=ModelName(name))


@pytest.mark.parametrize(
    "field",
    [
        {"risk_tier": 0},
        {"risk_tier": 5},
        {"team": "two words"},
        {"tags": ("a b",)},
        {"type": "x" * 200},
    ],
)
def test_a_field_of_another_form_is_refused(field: dict[str, object]) -> None:
    with pytest.raises(ValueInvalid):
        model(**field)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("", PurposeTooShort),
        ("x" * 19, PurposeTooShort),
        (" " * 40, PurposeTooShort),
        ("x" * 2001, PurposeTooLong),
    ],
)
def test_a_purpose_has_20_to_2000_characters(words: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_purpose(words)
    assert not is_purpose(words)


def test_outer_white_space_is_no_part_of_a_purpose() -> None:
    assert check_purpose("  Who will leave next month?  ") == "Who will leave next month?"


def test_the_first_request_wants_owner_and_purpose_confirmed() -> None:
    with pytest.raises(OwnerMissing):
        model().require_confirmed()
    owned = model().owned_by(ALICE, now=NOW)
    with pytest.raises(PurposeMissing):
        owned.require_confirmed()
    with pytest.raises(PurposeMissing):
        model(owner_confirmed=True, purpose=PURPOSE).require_confirmed()  # seeded, not confirmed
    owned.with_purpose(PURPOSE).require_confirmed()


def test_the_owner_stays_once_a_request_was_made() -> None:
    asked = model(requested=True)
    assert asked.owned_by(ALICE, now=NOW).owner == ALICE
    with pytest.raises(OwnerFixed):
        asked.owned_by(BOB, now=NOW)


def test_a_former_owner_is_remembered_until_the_hour_of_the_change() -> None:
    later = NOW + timedelta(hours=1)
    passed_on = model().owned_by(BOB, now=later)
    assert passed_on.owners_since(NOW) == {ALICE, BOB}
    assert passed_on.owners_since(later) == {ALICE, BOB}
    assert passed_on.owners_since(later + timedelta(seconds=1)) == {BOB}


def test_a_retired_model_takes_no_change() -> None:
    retired = model().retire(replacement=ModelName("churn-2"), now=NOW)
    assert (retired.retired_at, retired.replacement) == (NOW, "churn-2")
    with pytest.raises(ModelIsRetired):
        retired.retire(replacement=None, now=NOW)


def test_a_model_does_not_replace_itself() -> None:
    with pytest.raises(ValueInvalid):
        model().retire(replacement=ModelName("churn"), now=NOW)
