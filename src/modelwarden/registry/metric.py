"""Figures of a version: names, kinds and their one form as decimal text. Pure (RL-3).

Entries hold no floats (LG-3), so a figure is decimal text from the moment it comes in; NaN and infinity never do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from modelwarden.errors import ValueInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.values.ids import ActorId, MetricId, VersionName

METRIC_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.@%:/-]{0,63}")
MOST_METRICS: Final = 256
LONGEST_FIGURE: Final = 64

Figure: TypeAlias = int | float | Decimal | str
"""A figure as a caller gives it."""


class MetricKind(StrEnum):
    """Signed, or from operation (RL-3)."""

    EVALUATION = "evaluation"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One observed figure of a version, at a time. Never signed, never changed."""

    id: MetricId
    version: VersionName
    name: str
    value: str
    at: datetime
    recorded_by: ActorId
    recorded_at: datetime


def decimal_text(value: Figure, field: str) -> str:
    """Return a figure as plain decimal text in its one form. Raises ValueInvalid for NaN, infinity and words."""
    expected = f"a finite number of at most {LONGEST_FIGURE} digits"
    if isinstance(value, bool):
        raise ValueInvalid(field, expected)
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, ValueError):
        raise ValueInvalid(field, expected) from None
    if not number.is_finite() or abs(number.adjusted()) > LONGEST_FIGURE:
        raise ValueInvalid(field, expected)
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    if len(text) > LONGEST_FIGURE:
        raise ValueInvalid(field, expected)
    return "0" if text in {"-0", ""} else text


def checked_metrics(metrics: Mapping[str, Figure]) -> dict[str, str]:
    """Return metrics as name → decimal text, sorted. Raises ValueInvalid."""
    if len(metrics) > MOST_METRICS:
        raise ValueInvalid("metrics", f"at most {MOST_METRICS} figures")
    for name in metrics:
        if not METRIC_NAME.fullmatch(name):
            raise ValueInvalid("metrics", f"names that match {METRIC_NAME.pattern}")
    return {name: decimal_text(metrics[name], f"metrics.{name}") for name in sorted(metrics)}
