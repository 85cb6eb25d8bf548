"""One line of a table: our figure, what it is held against, and the target that the project set itself.

A rate (`/s`) is better when it is higher; every other unit is better when it is lower.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

RATE: Final = "/s"


@dataclass(frozen=True, slots=True)
class Target:
    """What was promised: `least` or `most`, of the figure itself or of the ratio."""

    number: float
    least: bool
    of_ratio: bool = False

    def text(self, unit: str) -> str:
        sign = "≥" if self.least else "≤"
        return (
            f"{sign} {self.number:g} times"
            if self.of_ratio
            else f"{sign} {shown(self.number, unit)}"
        )

    def is_met(self, row: Row) -> bool | None:
        """None says that the row has no ratio to judge."""
        found = row.ratio if self.of_ratio else row.ours
        if found is None:
            return None
        return found >= self.number if self.least else found <= self.number


def at_least(number: float) -> Target:
    return Target(number, least=True)


def at_most(number: float) -> Target:
    return Target(number, least=False)


def times_better(number: float) -> Target:
    return Target(number, least=True, of_ratio=True)


def times_the_limit(number: float) -> Target:
    return Target(number, least=False, of_ratio=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A measurement.

    Attributes:
        beside: what `peer` is; it was measured in the same run.
        is_limit: the peer is no program to choose instead, but the least that anything could cost.
            The ratio then says how many times that cost ours is; otherwise, how many times better ours is.
    """

    what: str
    ours: float
    unit: str
    beside: str = ""
    peer: float | None = None
    is_limit: bool = False
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        if not self.peer or not self.ours:
            return None
        faster = self.ours / self.peer if self.unit == RATE else self.peer / self.ours
        return 1 / faster if self.is_limit else faster

    def as_json(self) -> dict[str, object]:
        met = None if self.target is None else self.target.is_met(self)
        wanted = None if self.target is None else self.target.text(self.unit)
        return asdict(self) | {"ratio": self.ratio, "target": wanted, "met": met}


def shown(number: float, unit: str) -> str:
    """Write a figure with three digits that count."""
    if abs(number) >= 100:
        text = f"{number:,.0f}"
    elif abs(number) >= 10:
        text = f"{number:.1f}".removesuffix(".0")
    else:
        text = f"{number:.3g}"
    return f"{text}{unit}" if unit == RATE else f"{text} {unit}"
