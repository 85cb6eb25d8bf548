"""Charts as numbers: nothing is drawn where nothing is known, and nothing outside the picture."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from modelwarden.console import charts
from modelwarden.console.charts import Limit, Point, Size

VALUES = st.lists(
    st.none() | st.floats(min_value=0, max_value=1e12, allow_subnormal=False), max_size=40
)
LIMITS = (Limit(0.05, "clears", "clear"), Limit(0.1, "note", "warn"), Limit(0.5, "stop", "bad"))
SIZE = Size(200, 100, left=4, right=40, foot=10, head=6)


def points(*values: float | None) -> list[Point]:
    return [Point(value, "") for value in values]


def test_what_is_unknown_is_a_gap() -> None:
    chart = charts.drawn(points(0.1, 0.2, None, 0.3, None, 0.1, 0.1), LIMITS, SIZE)
    assert [len(run.split()) for run in chart.runs] == [2, 2]
    assert len(chart.dots) == 5
    assert charts.drawn(points(0.2, None), LIMITS, SIZE).last is None


def test_a_dot_tells_the_strongest_limit_that_it_passes_and_the_worst_is_named() -> None:
    chart = charts.drawn(points(0.1, 0.11, 0.5, 0.6, 0.02), LIMITS, SIZE)
    assert [dot.kind for dot in chart.dots] == ["dot", "warn", "warn", "bad", "dot"]
    assert chart.worst == chart.dots[3]
    assert charts.drawn(points(0.1, 0.02), LIMITS, SIZE).worst is None


def test_names_of_limits_never_lie_over_each_other() -> None:
    close = [Limit(value, "", "warn") for value in (0.5, 0.5001, 0.5002)]
    places = [line.at for line in charts.drawn([], close, SIZE).lines]
    assert all(b - a >= charts.APART for a, b in itertools.pairwise(places))


@given(VALUES)
def test_all_of_it_lies_in_the_picture(values: list[float | None]) -> None:
    chart = charts.drawn(points(*values), LIMITS, SIZE)
    assert len(chart.dots) == sum(value is not None for value in values)
    for dot in chart.dots:
        assert SIZE.left <= dot.x <= SIZE.width - SIZE.right
        assert 0 <= dot.y <= SIZE.height - SIZE.foot
    for line in chart.lines:
        assert 0 <= line.y <= SIZE.height - SIZE.foot


@given(st.lists(st.tuples(st.integers(0, 2**53), st.integers(0, 2**53)), max_size=60))
def test_bars_stand_on_the_same_zero_and_in_the_picture(cells: list[tuple[int, int]]) -> None:
    expected, counted = [one for one, _ in cells], [other for _, other in cells]
    found = charts.bars(expected, counted, [str(at) for at in range(len(cells))], SIZE)
    floor = SIZE.height - SIZE.foot
    for bar in found.bars:
        assert round(bar.expected_y + bar.expected, 1) == floor
        assert round(bar.counted_y + bar.counted, 1) == floor
        assert min(bar.expected_y, bar.counted_y) >= SIZE.head
        assert SIZE.left <= bar.x
        assert bar.x + 2 * bar.width <= SIZE.width - SIZE.right + 0.1
