"""Charts as numbers: where lines, dots and bars of a picture lie. Pages draw them as SVG; nothing is smoothed (rule 9).

A value that is unknown is a gap: neither zero nor the value before. Each chart has a wide and a narrow picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final, Literal, NamedTuple

WIDE: Final = (1100, 190)
HALF: Final = (540, 170)
NARROW: Final = (330, 190)
SPARK: Final = (168, 36)
ROOM: Final = 1.12
"""The picture reaches so far above its highest line or value."""
APART: Final = 13
"""Names of two limits lie at least so far from each other."""
LEAST: Final = 1e-9


Kind = Literal["clear", "warn", "bad"]


class Limit(NamedTuple):
    """A line across the picture: above it something fires, the strongest thing last, or below it clears."""

    value: float
    words: str
    kind: Kind


class Size(NamedTuple):
    """Room of a picture: `left` and `right` for words beside it, `foot` below."""

    width: int
    height: int
    left: int = 2
    right: int = 2
    foot: int = 2
    head: int = 3


class Dot(NamedTuple):
    """One window that says something."""

    x: float
    y: float
    kind: str
    words: str


class Line(NamedTuple):
    """A limit as it lies; `at` is where its name stands."""

    y: float
    at: float
    words: str
    kind: Kind


class Chart(NamedTuple):
    """One picture: `runs` are the points between two gaps."""

    size: Size
    runs: tuple[str, ...]
    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    last: Dot | None
    worst: Dot | None


class Bar(NamedTuple):
    """Two shares of one cell beside each other: of what was expected, and of what was counted."""

    x: float
    expected_y: float
    expected: float
    counted_y: float
    counted: float
    width: float
    words: str


class Bars(NamedTuple):
    """One picture of bars."""

    size: Size
    bars: tuple[Bar, ...]


class Point(NamedTuple):
    """A value in its place, with the words that a reader points at."""

    value: float | None
    words: str


def spark(points: Sequence[Point], limits: Sequence[Limit]) -> Chart:
    """Return the small picture of a list: no words beside it."""
    return drawn(points, limits, Size(*SPARK))


def pictures(
    points: Sequence[Point], limits: Sequence[Limit], *, wide: tuple[int, int], right: int
) -> tuple[Chart, Chart]:
    """Return the wide and the narrow picture of a chart; `right` is the room for the names of limits."""
    sizes = (Size(*size, right=right, foot=20, head=14) for size in (wide, NARROW))
    first, second = (drawn(points, limits, size) for size in sizes)
    return first, second


def drawn(points: Sequence[Point], limits: Sequence[Limit], size: Size) -> Chart:
    """Return where values lie from left to right, and the limits that they are held against."""
    known = [point.value for point in points if point.value is not None]
    top = max([*known, *(each.value for each in limits), LEAST]) * ROOM
    across = size.width - size.left - size.right
    step = across / max(1, len(points) - 1)
    fires = sorted((each.value, each.kind) for each in limits if each.kind != "clear")

    def height(value: float) -> float:
        whole = size.height - size.foot - size.head
        return round(size.head + whole * (1 - max(0.0, value) / top), 1)

    placed = [
        None
        if point.value is None
        else Dot(
            round(size.left + place * step, 1),
            height(point.value),
            next((kind for limit, kind in reversed(fires) if point.value > limit), "dot"),
            point.words,
        )
        for place, point in enumerate(points)
    ]
    dots = tuple(dot for dot in placed if dot is not None)
    over = [dot for dot in dots if dot.kind != "dot"]
    return Chart(
        size=size,
        runs=_runs(placed),
        dots=dots,
        lines=_lines(limits, height),
        last=placed[-1] if placed else None,
        worst=min(over, key=lambda dot: dot.y, default=None),
    )


def bars(expected: Sequence[int], counted: Sequence[int], names: Sequence[str], size: Size) -> Bars:
    """Return shares of cells beside each other; both stand on the same zero."""
    shares = [
        (_share(one, expected), _share(other, counted))
        for one, other in zip(expected, counted, strict=True)
    ]
    top = max([LEAST, *(max(pair) for pair in shares)])
    step = (size.width - size.left - size.right) / max(1, len(shares))
    width = round(min(18.0, step * 0.38), 1)
    whole = size.height - size.foot - size.head
    found = []
    for place, ((one, other), name) in enumerate(zip(shares, names, strict=True)):
        tall, high = round(whole * one / top, 1), round(whole * other / top, 1)
        found.append(
            Bar(
                x=round(size.left + place * step + (step - 2 * width) / 2, 1),
                expected_y=round(size.head + whole - tall, 1),
                expected=tall,
                counted_y=round(size.head + whole - high, 1),
                counted=high,
                width=width,
                words=f"{name}: {one:.1%} expected, {other:.1%} counted",
            )
        )
    return Bars(size, tuple(found))


def _share(count: int, counts: Sequence[int]) -> float:
    return count / (sum(counts) or 1)


def _runs(placed: Sequence[Dot | None]) -> tuple[str, ...]:
    """Return the lines between gaps, as points of a polyline; a lone window is a dot alone."""
    found = []
    for is_known, part in groupby(placed, lambda dot: dot is not None):
        dots = [dot for dot in part if dot is not None]
        if is_known and len(dots) > 1:
            found.append(" ".join(f"{dot.x},{dot.y}" for dot in dots))
    return tuple(found)


def _lines(limits: Sequence[Limit], height: Callable[[float], float]) -> tuple[Line, ...]:
    """Return limits from the top down; a name that would lie over another one moves down."""
    found: list[Line] = []
    for each in sorted(limits, key=lambda limit: -limit.value):
        y = height(each.value)
        at = max(y, found[-1].at + APART) if found else y
        found.append(Line(y, at, each.words, each.kind))
    return tuple(found)
