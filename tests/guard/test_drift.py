"""Drift: arrays count as rows do, chance alone does not fire, too few rows are unknown."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import DriftInvalid
from modelwarden.guard.drift import (
    LADDER,
    NOTE,
    OBSERVE,
    PROPOSE,
    Alarm,
    Categories,
    Edges,
    FrozenEdges,
    after_window,
    least_rows,
    psi,
    psi_star,
)

EDGES = Edges(0.0, (1.0, 2.0, 3.0))
MISSING, BELOW, ABOVE = 3, 4, 5
COLORS = Categories(("red", "green", "1", "True", "0.5"))


class Angry:
    def __float__(self) -> float:
        raise RuntimeError("no")

    def __ne__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (0.0, 0), (-0.0, 0), (1.0, 0), (math.nextafter(1, 2), 1), (2, 1), (3.0, 2), (True, 0),
        (math.nextafter(3, 4), ABOVE), (math.inf, ABOVE), (1e308, ABOVE), (-5e-324, BELOW),
        (-math.inf, BELOW), (math.nan, MISSING), (None, MISSING), ("2", MISSING), (b"2", MISSING),
        ([], MISSING), (Angry(), MISSING), (1j, MISSING), (10**400, MISSING), (pd.NA, MISSING),
        (Decimal("1.5"), 1), (Fraction(1, 2), 0), (np.float32(2.5), 2), (np.int8(3), 2),
        (np.datetime64("2026-11-20"), MISSING),
    ],
    ids=lambda value: f"{type(value).__name__} {value!s:.20}",
)  # fmt: skip
def test_a_value_has_one_cell(value: object, cell: int) -> None:
    assert EDGES.cell(value) == cell
    assert EDGES.count([value]) == [int(at == cell) for at in range(EDGES.cells)]


@given(st.lists(st.floats() | st.sampled_from([0.0, 1.0, 2.0, 3.0, 1, None, "x", True])))
def test_a_column_counts_as_its_rows(values: list[object]) -> None:
    expected = [0] * EDGES.cells
    for value in values:
        expected[EDGES.cell(value)] += 1
    assert EDGES.count(values) == expected
    assert EDGES.count(np.array(values, dtype=object)) == expected
    numbers = np.array([v if isinstance(v, float | int) else math.nan for v in values], dtype=float)
    assert EDGES.count(numbers) == expected


@pytest.mark.parametrize(
    "dtype", ["float32", "float16", "int64", "uint8", ">f8", "bool", "M8[s]", "U5"]
)
def test_an_array_of_any_type_counts_as_its_rows(dtype: str) -> None:
    values = np.array([0, 1, 2, 3, 4, 200]).astype(dtype)
    expected = [0] * EDGES.cells
    for value in values:
        expected[EDGES.cell(value)] += 1
    assert EDGES.count(values) == expected
    assert COLORS.count(values) == rows(COLORS, values.tolist() if dtype == "U5" else list(values))


def rows(categories: Categories, values: list[object]) -> list[int]:
    expected = [0] * categories.cells
    for value in values:
        expected[categories.cell(value)] += 1
    return expected


def test_narrow_floats_meet_wide_edges_as_wide_floats() -> None:
    edges = Edges(0.0, (0.1, 1.0))
    assert edges.cell(float(np.float32(0.1))) == 1  # 0.100000001 is above 0.1
    assert edges.count(np.array([0.1], dtype=np.float32)) == [0, 1, 0, 0, 0]


@given(
    st.lists(
        st.sampled_from(
            [
                "red",
                "green",
                "blue",
                1,
                1.0,
                True,
                0.5,
                np.float32(0.5),
                -0.0,
                None,
                math.nan,
                "x" * 300,
                "",
            ]
        )
    )
)
def test_categories_of_mixed_types_count_as_their_rows(values: list[object]) -> None:
    expected = rows(COLORS, values)
    assert COLORS.count(values) == expected
    assert COLORS.count(np.array(values, dtype=object)) == expected


def test_equal_values_of_two_types_are_two_categories() -> None:
    assert COLORS.count([1, True, 1.0, "1"]) == [0, 0, 2, 1, 0, 1]


@pytest.mark.parametrize("value", [None, math.nan, pd.NA, Angry(), "x" * 201, object(), [1]])
def test_what_has_no_name_is_other(value: object) -> None:
    assert COLORS.cell(value) == 5
    assert COLORS.count([value, value]) == [0, 0, 0, 0, 0, 2]


def test_a_million_categories_are_fifty_and_other() -> None:
    values = np.array([f"c{n}" for n in range(1_000_000)])
    categories = Categories.of([*values[:200], "c7", "c7", "c9", "x" * 500, None])
    assert categories.names[:3] == ("c7", "c9", "c0")
    assert len(categories.names) == 50
    found = categories.count(values)
    assert (sum(found), found[-1]) == (1_000_000, 999_950)


def test_deciles_of_a_reference_share_it_evenly() -> None:
    values = np.random.default_rng(1).normal(size=10_000)
    edges = Edges.of(values)
    assert edges.cells == 13
    assert edges.count(values) == [1_000] * 10 + [0, 0, 0]
    assert Edges.of(values.tolist()) == edges


def test_a_reference_of_many_equal_values_has_fewer_bins_and_keeps_them_apart() -> None:
    values = [0.0] * 60 + [float(n) for n in range(1, 41)]
    edges = Edges.of(values)
    assert edges.uppers == (0.0, 10.0, 20.0, 30.0, 40.0)
    assert edges.count(values) == [60, 10, 10, 10, 10, 0, 0, 0]
    assert Edges.of([7.0] * 30).count([7.0, 6.9, 7.1, None]) == [1, 1, 1, 1]


def test_a_reference_leaves_out_what_is_not_finite() -> None:
    assert Edges.of([math.nan, math.inf, None, 1.0, 2.0, -math.inf]) == Edges(1.0, (1.0, 2.0))
    with pytest.raises(DriftInvalid, match="finite"):
        Edges.of([math.nan, None, "x"])


@pytest.mark.parametrize(
    ("low", "uppers"),
    [
        (0.0, ()), (0.0, (1.0, 1.0)), (0.0, (2.0, 1.0)), (0.0, (math.nan,)), (math.inf, (1.0,)),
        (2.0, (1.0,)), (0.0, tuple(float(n) for n in range(11))), (0.0, (math.inf,)),
    ],
)  # fmt: skip
def test_edges_that_cannot_be_are_refused(low: float, uppers: tuple[float, ...]) -> None:
    with pytest.raises(DriftInvalid):
        Edges(low, uppers)


@pytest.mark.parametrize("names", [("a", "a"), tuple(map(str, range(51))), ("x" * 201,)])
def test_categories_that_cannot_be_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(DriftInvalid):
        Categories(names)


def test_frozen_edges_have_a_digest_of_everything_in_them() -> None:
    found = {
        FrozenEdges(features).sha256
        for features in (
            (),
            (("age", EDGES),),
            (("age", Edges(0.5, (1.0, 2.0, 3.0))),),
            (("income", EDGES),),
            (("age", EDGES), ("color", COLORS)),
            (("age", COLORS),),
        )
    }
    assert len(found) == 6
    assert FrozenEdges((("age", EDGES),)).sha256 == FrozenEdges((("age", EDGES),)).sha256
    for features in ((("b", EDGES), ("a", EDGES)), (("a", EDGES), ("a", COLORS)), (("", EDGES),)):
        with pytest.raises(DriftInvalid):
            FrozenEdges(features)


# --- the index -----------------------------------------------------------------------------------------


def test_the_index_is_that_of_its_formula() -> None:
    # p = (30.5/101, 70.5/101), q = (50.5/101, 50.5/101), without smoothing 0.1695
    expected = (30.5 - 50.5) / 101 * math.log(30.5 / 50.5) + (70.5 - 50.5) / 101 * math.log(
        70.5 / 50.5
    )
    assert psi([30, 70], [50, 50]) == pytest.approx(expected, abs=1e-15)
    star = psi_star([3_000, 7_000], [5_000, 5_000])
    assert star == pytest.approx(psi([3_000, 7_000], [5_000, 5_000]) - 2 / 10_000, abs=1e-15)


counts = st.lists(st.integers(0, 10**9), min_size=5, max_size=5)


@given(counts, counts)
def test_the_index_is_symmetric_and_never_negative(one: list[int], two: list[int]) -> None:
    assert psi(one, two) == pytest.approx(psi(two, one), abs=1e-12)
    assert psi(one, two) >= -1e-12
    assert psi(one, one) == 0.0
    star = psi_star(one, two)
    assert star is None or 0.0 <= star <= psi(one, two) + 1e-12


@pytest.mark.parametrize(("cells", "rows_needed"), [(2, 500), (10, 500), (13, 650), (51, 2_550)])
def test_too_few_rows_are_unknown_however_far_apart(cells: int, rows_needed: int) -> None:
    assert least_rows(cells) == rows_needed
    far = [0] * (cells - 1) + [10**6]
    for rows_there in (0, 1, 50, rows_needed - 1):
        few = [rows_there] + [0] * (cells - 1)
        assert psi_star(few, far) is None
        assert psi_star(far, few) is None
    enough = psi_star([rows_needed] + [0] * (cells - 1), far)
    assert enough is not None
    assert enough > PROPOSE.fire


def test_fifty_drifted_rows_are_unknown_and_never_fire() -> None:
    baseline = EDGES.count(np.random.default_rng(2).uniform(0, 3, 10_000))
    drifted = EDGES.count([1e9] * 50)
    assert psi(drifted, baseline) > 5
    alarm = Alarm()
    for _ in range(100):
        alarm = after_window(alarm, psi_star(drifted, baseline), NOTE)
    assert alarm == Alarm()


@pytest.mark.parametrize(
    ("one", "two"), [([], []), ([1], [1, 2]), ([-1, 2], [1, 1]), ([1, 2], [1, -1])], ids=str
)
def test_counts_that_do_not_belong_together_are_refused(one: list[int], two: list[int]) -> None:
    with pytest.raises(DriftInvalid):
        psi(one, two)


def windows(rows_each: int, how_many: int, seed: int, *, shift: float = 0.0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [DECILES.count(rng.normal(shift, 1, rows_each)) for _ in range(how_many)]


REFERENCE = np.random.default_rng(50).normal(size=100_000)
DECILES = Edges.of(REFERENCE)
BASELINE = DECILES.count(REFERENCE)


def test_undrifted_windows_of_100_rows_never_fire_though_the_plain_index_does() -> None:
    found = windows(100, 2_000, seed=100)
    plain = sum(psi(window, BASELINE) > 0.1 for window in found) / len(found)
    assert plain > 0.25
    assert {psi_star(window, BASELINE) for window in found} == {None}


@pytest.mark.parametrize("rows_each", [650, 1_000, 5_000])
def test_undrifted_windows_of_enough_rows_do_not_fire(rows_each: int) -> None:
    found = [psi_star(window, BASELINE) for window in windows(rows_each, 2_000, seed=rows_each)]
    assert None not in found
    assert max(value for value in found if value is not None) < NOTE.fire


@pytest.mark.parametrize(("shift", "rung"), [(0.45, NOTE), (0.7, OBSERVE), (1.0, PROPOSE)])
def test_a_shifted_feature_fires_its_rung_in_three_windows(
    shift: float, rung: tuple[float, float]
) -> None:
    alarms = [Alarm()] * len(LADDER)
    history = []
    for window in windows(1_000, 3, seed=7, shift=shift):
        found = psi_star(window, BASELINE)
        alarms = [after_window(a, found, r) for a, r in zip(alarms, LADDER, strict=True)]
        history.append([alarm.firing for alarm in alarms])
    assert history[:2] == [[False] * 3] * 2
    assert history[2] == [one.fire <= rung[0] for one in LADDER]


# --- firing and clearing -------------------------------------------------------------------------------


def walk(found: list[float | None], alarm: Alarm = Alarm()) -> str:  # noqa: B008  # an immutable value
    said = ""
    for value in found:
        alarm = after_window(alarm, value, OBSERVE)
        said += "!" if alarm.firing else "."
    return said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([0.3, 0.3, 0.3], "..!"),
        ([0.25, 0.25, 0.25, 0.25], "...."),  # the edge itself does not fire
        ([0.3, 0.3, 0.2, 0.3, 0.3, 0.3], ".....!"),  # in a row
        ([0.3, 0.3, None, 0.3], "...!"),  # unknown changes nothing
        ([None] * 9, "........."),
        ([0.3] * 3 + [0.15] * 9, "..!!!!!!!!!!"),  # between the two: stays
        ([0.3] * 3 + [0.05, 0.05, 0.05], "..!!!."),
        ([0.3] * 3 + [0.1, 0.1, 0.1], "..!!!!"),  # the edge itself does not clear
        ([0.3] * 3 + [0.05, 0.05, 0.11, 0.05, 0.05, 0.05], "..!!!!!!."),
        ([0.3] * 3 + [None] * 9, "..!!!!!!!!!!"),  # silence does not clear
        ([0.3] * 3 + [0.0] * 3 + [0.3] * 3, "..!!!...!"),
        ([math.inf] * 3, "..!"),
        ([math.nan] * 9, "........."),
    ],
    ids=str,
)
def test_an_alarm_turns_after_three_windows_in_a_row(found: list[float | None], said: str) -> None:
    assert walk(found) == said


def test_one_window_is_enough_where_so_configured() -> None:
    assert after_window(Alarm(), 0.6, PROPOSE, consecutive=1) == Alarm(firing=True)
    assert after_window(Alarm(firing=True), 0.1, PROPOSE, consecutive=1) == Alarm()


@given(st.lists(st.none() | st.floats(0, 1), max_size=60))
def test_a_higher_rung_never_fires_before_a_lower_one(found: list[float | None]) -> None:
    alarms = [Alarm()] * len(LADDER)
    for value in found:
        before = [alarm.firing for alarm in alarms]
        alarms = [after_window(a, value, r) for a, r in zip(alarms, LADDER, strict=True)]
        for rung, now in enumerate(alarms):
            if now.firing and not before[rung]:
                assert all(lower.firing for lower in alarms[:rung])
