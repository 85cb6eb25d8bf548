"""A bar chart of entries by day and severity, as the places of its rectangles. Pure; the page draws them as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modelwarden.values.report import DayAnswer

WIDTH: Final = 960
HEIGHT: Final = 220
LEFT: Final = 52
BOTTOM: Final = 28
TOP: Final = 10
MOST_DAYS: Final = 92
"""Longer periods are drawn by month."""
MOST_LABELS: Final = 12
SEVERITIES: Final = ("info", "warning", "high", "critical")
LEAST_HEIGHT: Final = 2.0
"""Pixels of a part that is there: one critical entry among thousands is still seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One severity of one bar."""

    severity: str
    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A label and its place."""

    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What to draw."""

    parts: tuple[Part, ...]
    labels: tuple[Mark, ...]
    lines: tuple[Mark, ...]
    by: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    bottom: int = HEIGHT - BOTTOM


def chart(days: Sequence[DayAnswer], since: datetime, until: datetime) -> Chart:
    """Return the chart of a period; days without entries keep their place."""
    by_month = (until.date() - since.date()).days >= MOST_DAYS
    length = 7 if by_month else 10
    names = _names(since, until, length)
    sums = {name: dict.fromkeys(SEVERITIES, 0) for name in names}
    for day in days:
        bar = sums.setdefault(day.day[:length], dict.fromkeys(SEVERITIES, 0))
        for severity in SEVERITIES:
            bar[severity] += getattr(day, severity)
    names = sorted(sums)
    top = _round_up(max((sum(bar.values()) for bar in sums.values()), default=1) or 1)
    step = (WIDTH - LEFT) / len(names)
    every = -(-len(names) // MOST_LABELS)
    return Chart(
        parts=tuple(
            part
            for place, name in enumerate(names)
            for part in _bar(name, sums[name], LEFT + place * step, step, top)
        ),
        labels=tuple(
            Mark(text=name if by_month else name[5:], at=round(LEFT + (place + 0.5) * step, 1))
            for place, name in enumerate(names)
            if place % every == 0
        ),
        lines=tuple(
            Mark(text=f"{round(top * share):,}", at=round(_y(top * share, top), 1))
            for share in (0.0, 0.5, 1.0)
            if share != 0.5 or top > 1  # noqa: PLR2004
        ),
        by="month" if by_month else "day",
    )


def _names(since: datetime, until: datetime, length: int) -> list[str]:
    day, last = since.date(), until.date()
    found = dict[str, None]()
    while day <= last:
        found[day.isoformat()[:length]] = None
        day += timedelta(days=1)
    return list(found)


def _bar(name: str, counts: dict[str, int], x: float, step: float, top: int) -> list[Part]:
    width = min(step * 0.8, 40.0)
    parts = []
    floor = float(HEIGHT - BOTTOM)
    for severity in SEVERITIES:
        count = counts[severity]
        if not count:
            continue
        height = max(LEAST_HEIGHT, count / top * (HEIGHT - BOTTOM - TOP))
        floor -= height
        parts.append(
            Part(
                severity=severity,
                x=round(x + (step - width) / 2, 1),
                y=round(floor, 1),
                width=round(width, 1),
                height=round(height, 1),
                says=f"{name}: {count:,} {severity.upper()}",
            )
        )
    return parts


def _y(count: float, top: int) -> float:
    return HEIGHT - BOTTOM - count / top * (HEIGHT - BOTTOM - TOP)


def _round_up(count: int) -> int:
    """Return the next 1, 2 or 5 with noughts."""
    scale = 1
    while True:
        for first in (1, 2, 5):
            if first * scale >= count:
                return first * scale
        scale *= 10
