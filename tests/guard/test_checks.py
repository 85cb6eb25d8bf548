"""One answer at a time: what is clean, what is clipped, and what never is."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.guard.checks import Finding, checker
from modelwarden.guard.contract import (
    Contract,
    Kind,
    OnViolation,
    inputs,
    non_negative,
    probability,
)

CHURN = checker(probability())
VALUE = checker(non_negative(high=5_000.0))
CLASSES = checker(Contract(kind=Kind.LABEL, labels=frozenset({0, 1})))
SHARES = checker(Contract(kind=Kind.PROBABILITIES, size=2))
RISING = checker(Contract(kind=Kind.QUANTILES, low=0.0, high=10.0))


def named(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__name__} {str(value)[:20]}"


def fell_back(reason: str) -> Finding:
    return Finding(reason, OnViolation.FALLBACK)


def clipped(reason: str, value: object) -> Finding:
    return Finding(reason, OnViolation.CLIP, value)


@pytest.mark.parametrize(
    "value",
    [0.0, -0.0, 1.0, 0, 1, 5e-324, 0.5, np.float64(0.5), np.float32(1), np.float16(0), np.int8(1), np.uint64(1)],
    ids=named,
)  # fmt: skip
def test_what_is_within_the_range_is_clean(value: object) -> None:
    assert CHURN(value) is None


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        (1.5, clipped("above_high", 1.0)),
        (-5e-324, clipped("below_low", 0.0)),
        (math.nextafter(1, 2), clipped("above_high", 1.0)),
        (2, clipped("above_high", 1)),
        (np.float32(-3), clipped("below_low", np.float32(0))),
        (np.int64(7), clipped("above_high", np.int64(1))),
    ],
)
def test_what_is_out_of_range_is_clipped_in_its_own_type(value: object, finding: Finding) -> None:
    found = CHURN(value)
    assert found == finding
    assert found is not None
    assert type(found.value) is type(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, "not_finite"), (math.inf, "not_finite"), (-math.inf, "not_finite"),
        (np.float64("nan"), "not_finite"), (np.float32("inf"), "not_finite"), (10**400, "not_finite"),
        (-(10**400), "not_finite"), (True, "wrong_type"), (np.True_, "wrong_type"), (Decimal("0.5"), "wrong_type"),
        (Fraction(1, 2), "wrong_type"), (0.5j, "wrong_type"), (np.complex64(0.5), "wrong_type"), ("0.5", "wrong_type"),
        (b"0.5", "wrong_type"), (np.str_("0.5"), "wrong_type"), ({}, "wrong_type"), (np.array(0.5), "wrong_type"),
        (np.longdouble(0.5), "wrong_type"), ([0.5], "wrong_shape"), ((0.5,), "wrong_shape"),
        (np.array([0.5]), "wrong_shape"), (None, "missing"), (pd.NA, "missing"), (pd.NaT, "missing"),
        (np.ma.masked, "missing"), (np.datetime64("NaT"), "missing"),
        (np.datetime64("2026-01-01"), "wrong_type"),
    ],
    ids=named,
)  # fmt: skip
def test_what_is_no_finite_number_is_never_clipped(value: object, reason: str) -> None:
    assert CHURN(value) == fell_back(reason)


@given(st.floats() | st.integers() | st.booleans() | st.text() | st.none())
def test_whatever_comes_what_is_answered_is_within_the_limits(value: object) -> None:
    finding = VALUE(value)
    if finding is None:
        answer = value
    elif finding.outcome is OnViolation.CLIP:
        answer = finding.value
    else:
        return
    assert type(answer) in {int, float}
    assert 0 <= answer <= 5_000  # type: ignore[operator]


@given(st.floats(width=32, allow_nan=False), st.floats(-1, 1), st.floats(-1, 1))
def test_32_bits_are_clipped_to_what_is_within_the_limit_exactly(
    value: float, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    finding = checker(Contract(low=low, high=high))(np.float32(value))
    if finding is None:
        assert low <= value <= high
    elif finding.outcome is OnViolation.CLIP:
        assert low <= float(finding.value) <= high  # type: ignore[arg-type]


def test_a_range_without_a_number_of_that_type_falls_back() -> None:
    between = checker(Contract(low=0.2, high=0.8))
    assert between(1) == fell_back("above_high")
    assert between(np.int16(0)) == fell_back("below_low")
    assert between(0.9) == clipped("above_high", 0.8)


def test_without_limits_infinity_is_still_refused() -> None:
    free = checker(Contract())
    assert free(1.7976931348623157e308) is None
    assert free(math.inf) == fell_back("not_finite")


@pytest.mark.parametrize("strict", [OnViolation.FALLBACK, OnViolation.RAISE])
def test_a_stricter_contract_clips_nothing(strict: OnViolation) -> None:
    check = checker(probability(on_violation=strict))
    assert check(1.5) == Finding("above_high", strict)
    assert check(math.nan) == Finding("not_finite", strict)


def test_whole_numbers_are_whole_by_type() -> None:
    count = checker(Contract(kind=Kind.INTEGER, low=0.5, high=9.5))
    assert [count(1), count(np.int8(9))] == [None, None]
    assert [count(1.0), count(np.float32(1)), count(True)] == [fell_back("wrong_type")] * 3
    assert (count(0), count(12)) == (clipped("below_low", 1), clipped("above_high", 9))


def test_a_class_is_of_the_set_and_of_its_type() -> None:
    assert [CLASSES(0), CLASSES(1), CLASSES(np.int64(1))] == [None] * 3
    assert [CLASSES(True), CLASSES(1.0), CLASSES("1"), CLASSES([1])] == [
        fell_back("wrong_type")
    ] * 4
    assert (CLASSES(2), CLASSES(None)) == (fell_back("unknown_label"), fell_back("missing"))


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        ([0.5, 0.5], None),
        ((1, 0), None),
        (np.array([0.25, 0.75], np.float32), None),
        ([0.5, 0.5 + 9e-7], None),
        ([0.5, 0.5 + 2e-6], fell_back("sum_not_one")),
        ([0.5, 0.4], fell_back("sum_not_one")),
        ([1.5, -0.5], fell_back("below_low")),
        ([1.5, 0.0], fell_back("above_high")),
        ((1.0000001, -1e-7), clipped("above_high", (1.0, 0.0))),
        ([math.nan, 1.0], fell_back("not_finite")),
        ([True, 0.0], fell_back("wrong_type")),
        (["1", 0.0], fell_back("wrong_type")),
        ([1.0], fell_back("wrong_shape")),
        ([], fell_back("wrong_shape")),
        (np.array([[0.5, 0.5]]), fell_back("wrong_shape")),
        ("ab", fell_back("wrong_type")),
        (0.5, fell_back("wrong_type")),
        (None, fell_back("missing")),
    ],
)
def test_probabilities_sum_to_one(value: object, finding: Finding | None) -> None:
    assert SHARES(value) == finding


def test_quantiles_never_fall_and_are_clipped_each() -> None:
    assert (RISING([1, 1, 2]), RISING((0.0,))) == (None, None)
    assert RISING([1, 2, 1.9]) == fell_back("not_monotone")
    assert RISING([-1.0, 5.0, 12.0]) == clipped("below_low", [0.0, 5.0, 10.0])
    assert RISING([1.0, math.inf]) == fell_back("not_finite")
    found = RISING(np.array([1, 99], np.float32))
    assert found is not None
    assert (found.value.dtype, found.value.tolist()) == (np.float32, [1, 10])  # type: ignore[attr-defined]


def test_a_record_is_checked_by_names_and_copied_to_be_clipped() -> None:
    check = checker(
        Contract(
            kind=Kind.RECORD, fields=(("score", probability()), ("amount", non_negative(high=9)))
        )
    )
    came = {"score": 1.5, "amount": 3, "more": object()}
    found = check(came)
    assert found == clipped("above_high:score", {**came, "score": 1.0})
    assert came["score"] == 1.5
    assert check({"score": 0.5}) == fell_back("missing_field:amount")
    assert check({"score": 1.5, "amount": math.nan}) == fell_back("not_finite:amount")
    assert (check(None), check([0.5, 1])) == (fell_back("missing"), fell_back("wrong_type"))


def test_inputs_may_be_missing_where_the_contract_says_so() -> None:
    check = checker(
        inputs(
            {
                "age": Contract(nullable=True, low=0),
                "plan": Contract(kind=Kind.LABEL, labels=frozenset({"free", "paid"})),
                "note": Contract(kind=Kind.TEXT, nullable=True),
                "active": Contract(kind=Kind.BOOLEAN),
            }
        )
    )
    row = {"age": 40, "plan": "free", "note": "x", "active": True}
    for gone in (None, math.nan, np.float32("nan"), pd.NA):
        assert check({**row, "age": gone, "note": gone}) is None
    assert check({**row, "plan": "gold"}) == fell_back("unknown_label:plan")
    assert check({**row, "plan": None}) == fell_back("missing:plan")
    assert check({**row, "active": 1}) == fell_back("wrong_type:active")
    assert check({**row, "active": np.True_}) is None
    assert check({**row, "note": 7}) == fell_back("wrong_type:note")
    assert check({**row, "age": -1}) == fell_back("below_low:age")
