"""Buckets of durations: three ways of finding one agree, at every bound and on hostile values."""

from __future__ import annotations

import math
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.values.buckets import (
    BOUNDS,
    HIGHEST,
    LONGEST,
    LOWEST,
    SHORTEST,
    Tally,
    bucket,
    is_valid,
    tally,
    tally_array,
    upper_bound,
)

INDICES = range(LOWEST, HIGHEST + 1)
HOSTILE = (
    0.0, -0.0, 5e-324, sys.float_info.min, SHORTEST, LONGEST, 1e300, sys.float_info.max, math.inf,
    -math.inf, math.nan, -1.0, -5e-324, -1e300,
)  # fmt: skip


def one_by_one(values: list[float]) -> Tally:
    """The rule, a value at a time."""
    zero = invalid = 0
    buckets: dict[int, int] = {}
    for value in values:
        if not is_valid(value):
            invalid += 1
        elif (index := bucket(value)) is None:
            zero += 1
        else:
            buckets[index] = buckets.get(index, 0) + 1
    return Tally(zero, invalid, buckets)


def around_bounds() -> list[float]:
    return [
        near
        for bound in BOUNDS
        for near in (math.nextafter(bound, 0), bound, math.nextafter(bound, math.inf))
    ]


def test_all_1601_bounds_are_powers_to_the_last_few_bits() -> None:
    assert len(INDICES) == len(BOUNDS) == 1601
    with localcontext() as exact:
        exact.prec = 40
        for index, bound in zip(INDICES, BOUNDS, strict=True):
            power = Decimal(2) ** (Decimal(index) / 32)
            assert abs(Decimal(bound) - power) <= 4 * Decimal(math.ulp(bound))


def test_whole_octaves_are_exact() -> None:
    assert [BOUNDS[at] for at in range(0, 1601, 32)] == [2.0**power for power in range(-30, 21)]


def test_coarser_bounds_are_every_second_one() -> None:
    for schema in (4, 3, 0):
        step = 2 ** (5 - schema)
        coarse = [upper_bound(i, schema) for i in range(-960 // step, 640 // step + 1)]
        assert coarse == list(BOUNDS[::step])


def test_a_bound_belongs_to_its_bucket_and_what_follows_to_the_next() -> None:
    for index, bound in zip(INDICES[1:], BOUNDS[1:], strict=True):
        assert bucket(bound) == index
        assert bucket(math.nextafter(bound, math.inf)) == min(index + 1, HIGHEST)
    assert bucket(SHORTEST) is None
    assert bucket(math.nextafter(SHORTEST, 1)) == LOWEST + 1


def test_list_and_array_agree_with_one_by_one_around_every_bound() -> None:
    values = around_bounds()
    expected = one_by_one(values)
    assert sum(expected.buckets.values()) + expected.zero == len(values)
    assert tally(values) == expected
    assert tally_array(np.array(values)) == expected


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_falls_the_same_way_by_each_road(value: float) -> None:
    for values in ([value], [value, 0.25], [value] * 3 + [1e-3]):
        assert tally(values) == tally_array(np.array(values)) == one_by_one(values)


def test_what_is_no_duration_is_invalid_and_in_no_bucket() -> None:
    found = tally([math.nan, math.inf, -math.inf, -1.0, -5e-324])
    assert found == Tally(zero=0, invalid=5, buckets={})


def test_subnormal_is_zero_and_a_century_is_in_the_last_bucket() -> None:
    assert tally([5e-324, 0.0, -0.0]) == Tally(zero=3, invalid=0, buckets={})
    assert tally([3e9, 1e308, 1e308]) == Tally(zero=0, invalid=0, buckets={HIGHEST: 3})


@given(st.lists(st.floats() | st.floats(min_value=1e-10, max_value=1e7) | st.sampled_from(HOSTILE)))
def test_three_roads_agree_on_anything(values: list[float]) -> None:
    assert tally(values) == tally_array(np.array(values, dtype=float)) == one_by_one(values)


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 40_000])
def test_an_array_of_any_length_is_counted_whole(size: int) -> None:
    values = np.random.default_rng(size).lognormal(-4, 2, size)
    assert tally_array(values) == tally(values.tolist())


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", ">f8", "bool"])
def test_an_array_of_another_type_is_read_as_its_numbers(dtype: str) -> None:
    values = np.array([0, 1, 0.25, 3, 200]).astype(dtype)
    assert tally_array(values) == tally([float(value) for value in values])


def test_an_array_of_another_shape_is_read_whole_and_left_alone() -> None:
    values = np.arange(1.0, 13.0).reshape(3, 4)
    values[1, 1] = np.nan
    before = values.copy()
    assert tally_array(values[:, ::2]) == tally(values[:, ::2].ravel().tolist())
    assert tally_array(values).invalid == 1
    assert np.array_equal(values, before, equal_nan=True)


def test_an_array_without_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        tally_array(np.array(["fast"]))
