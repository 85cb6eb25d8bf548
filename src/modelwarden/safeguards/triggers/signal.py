"""Signals: what a trigger may judge, and what one window of it says. Pure (SG-47).

A source is a function that returns windows: those of the heartbeats stand in `heartbeats`; drift and service levels
have their own, and whoever runs the triggers hands them in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from statistics import median_low
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from modelwarden.guard.drift import LADDER, LEAST_ROWS

if TYPE_CHECKING:
    from datetime import datetime

AT_MOST: Final = 4
"""How many times the count of a middling worker one worker may have a say with; more looks like a lie."""
DRILLED: Final = "drilled"
"""Stands in evidence with the decisions that a drill took part in."""
PLACES: Final = Decimal("0.000001")


class Window(NamedTuple):
    """What a signal was over a stretch of time.

    Attributes:
        by: the value of the dimension that the trigger tells apart, or None for all together.
        n: how much it rests on: decisions, rows or workers.
        value: None is unknown.
        evidence: the counts from which the value can be computed again.
    """

    signal: str
    by: str | None
    since: datetime
    until: datetime
    n: int
    value: float | None
    evidence: Mapping[str, Any]

    @property
    def is_of_a_drill(self) -> bool:
        """Tell whether a drill made some of it."""
        return bool(self.evidence.get(DRILLED))


Source: TypeAlias = Callable[..., Sequence[Window]]
"""`(view, *, model, environment, since, until, by)`: at most one window for each value of `by`."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What can be judged, and how it is judged unless the trigger says otherwise.

    Attributes:
        says: what its value is.
        fire, clear: of the ladder's one rung; drift has three.
        can_split: whether it is told apart by a dimension.
    """

    name: str
    says: str
    fire: str
    clear: str
    window_s: int = 300
    n_min: int = 200
    consecutive: int = 2
    can_split: bool = False


SIGNALS: Final[Mapping[str, Signal]] = MappingProxyType(
    {
        signal.name: signal
        for signal in (
            Signal("psi", "the largest PSI* of a feature", "0.25", "0.1", 600, LEAST_ROWS, 3, can_split=True),
            Signal("error_rate", "share of calls whose model raised", "0.1", "0.05"),
            Signal("clip_rate", "share of answers that were clipped", "0.05", "0.01"),
            Signal("fallback_share", "share of answers that a fallback gave", "0.1", "0.05"),
            Signal("stale_inputs", "share of calls with inputs that are too old", "0.05", "0.01"),
            Signal("disagreement", "share of answers on which an ensemble disagreed", "0.1", "0.05"),
            Signal("non_finite", "share of answers that are no finite number", "0.01", "0.001"),
            Signal("breaker_open", "share of workers with an open breaker", "0.3", "0.1", n_min=3),
            Signal("refused_snapshots", "share of workers that refused a snapshot", "0.3", "0.1", n_min=2),
            Signal("latency", "share of calls that took as long as their breaker calls slow", "0.1", "0.05"),
            Signal("schema", "share of inputs of another form than agreed", "0.05", "0.01"),
            Signal("stuck_output", "share of workers that answer the same to different inputs", "0.3", "0.1", n_min=1),
            Signal(
                "metric_change", "how far a figure from operation lies from the approved one, as a part of it", "0.1",
                "0.05", 3_600, n_min=1, consecutive=1,
            ),
            Signal(
                "missing_rate", "how much more of a feature is missing than in its reference", "0.1", "0.05", 600,
                LEAST_ROWS, can_split=True,
            ),
        )
    }
)  # fmt: skip
"""By name. A signal without a source here stays unknown, and unknown neither passes nor fires."""
DRIFT_LADDER: Final = tuple(
    (step, str(rung.fire), str(rung.clear))
    for step, rung in zip(("note", "observe", "proposal"), LADDER, strict=True)
)
"""SG-50: what drift does unless a trigger says otherwise."""


class Part(NamedTuple):
    """What one worker counted: so many, and how many of them were bad."""

    worker: str
    n: int
    bad: int


class Fair(NamedTuple):
    """Counts of many workers, none of which has more to say than a few others together."""

    n: int
    bad: int
    cap: int | None
    parts: tuple[Part, ...]

    @property
    def value(self) -> float | None:
        """The share that is bad; None of nothing."""
        return self.bad / self.n if self.n else None


def fair(parts: Sequence[Part]) -> Fair:
    """Return what workers counted together, each with at most four times what a middling one has.

    With one or two there is nothing to compare with, and both are believed.
    """
    real = [part for part in parts if part.n > 0]
    cap = AT_MOST * median_low([part.n for part in real]) if len(real) > 2 else None  # noqa: PLR2004
    held = tuple(_held(part, cap) for part in real)
    return Fair(sum(part.n for part in held), sum(part.bad for part in held), cap, held)


def _held(part: Part, cap: int | None) -> Part:
    bad = min(part.bad, part.n)
    if cap is None or part.n <= cap:
        return part._replace(bad=bad)
    return Part(part.worker, cap, bad * cap // part.n)


def figure(value: float) -> Decimal:
    """Return a value as entries hold it: decimal text with six places."""
    return Decimal(repr(value)).quantize(PLACES) if abs(value) < 1e15 else Decimal(int(value))  # noqa: PLR2004


def known(value: float | None) -> float | None:
    """Return a value, or None for one that is no finite number, or negative: whoever counts so is not believed."""
    return None if value is None or not isfinite(value) or value < 0 else value
