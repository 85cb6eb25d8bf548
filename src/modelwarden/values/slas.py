"""What is measured, as callers get it."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API reads the annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003


@dataclass(frozen=True, slots=True, kw_only=True)
class SliAnswer:
    """What is measured under a name.

    Attributes:
        built_in: guards count it, and nobody defined it.
        thresholds: seconds, as decimals.
    """

    name: str
    resource_type: str
    resource: str
    labels: Mapping[str, str]
    thresholds: tuple[str, ...]
    built_in: bool
    defined_by: str
    defined_at: datetime
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointAnswer:
    """What was counted in a span of time. Where nobody reported, there are no figures, and that is no zero.

    Attributes:
        errors, blocked, fallbacks: of `total`: failed; stopped by a switch; answered, but not by the model.
        drilled: attempts that a drill struck; they are in no other figure.
        invalid: latencies that were none; they are in no quantile, and bad for every threshold.
        bad: threshold in seconds to attempts above it, counted exactly.
        timed: latencies behind the quantiles; guards time some of their calls.
        p50_s, p95_s, p99_s: nearest rank, within `relative_error` of the series.
        coverage: from 0 to 1: the share of expected reporters that were heard, less what they dropped.
        dropped: attempts that were counted and lost on the way, told in this time.
    """

    since: datetime
    total: int | None
    errors: int | None
    blocked: int | None
    fallbacks: int | None
    drilled: int | None
    invalid: int | None
    bad: Mapping[str, int]
    timed: int
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    coverage: float
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesAnswer:
    """What was counted for one SLI, step by step.

    Attributes:
        step_s: the length of a point in seconds; points begin at whole multiples of it, in UTC.
        relative_error: no quantile is further from the true one than this part of it.
        whole: all points together.
    """

    sli: str
    since: datetime
    until: datetime
    step_s: int
    relative_error: float
    whole: PointAnswer
    points: tuple[PointAnswer, ...]
