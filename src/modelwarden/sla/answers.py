"""What is measured and what was counted, as callers see it."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from modelwarden.access.accounts import handle_of
from modelwarden.sla.reads import coverage
from modelwarden.values.sketch import Sketch
from modelwarden.values.slas import PointAnswer, SeriesAnswer, SliAnswer
from modelwarden.values.use_cases import ManualUsage, ModelUsage, UsageAnswer

if TYPE_CHECKING:
    from modelwarden.sla.reads import Point, Series
    from modelwarden.sla.sli import Sli
    from modelwarden.sla.use_cases import Usage
    from modelwarden.store.change import View

DIGITS: Final = 9
"""Of a latency: nanoseconds."""
P50, P95, P99 = Fraction(1, 2), Fraction(95, 100), Fraction(99, 100)


def sli_answer(view: View, sli: Sli) -> SliAnswer:
    """Return what is measured under a name."""
    return SliAnswer(
        name=sli.name,
        resource_type=sli.resource_type.value,
        resource=sli.resource,
        labels=sli.labels,
        thresholds=sli.thresholds,
        built_in=sli.is_built_in,
        defined_by=handle_of(view, sli.defined_by),
        defined_at=sli.defined_at,
        revision=sli.revision,
    )


def series_answer(_view: View, series: Series) -> SeriesAnswer:
    """Return what was counted, step by step."""
    return SeriesAnswer(
        sli=series.sli,
        since=_time(series.since),
        until=_time(series.until),
        step_s=series.step * 60,
        relative_error=_error(series.whole),
        whole=point_answer(series.whole),
        points=tuple(map(point_answer, series.points)),
    )


def usage_answer(_view: View, usage: Usage) -> UsageAnswer:
    """Return how a use case was used."""
    return UsageAnswer(
        usecase=usage.name,
        environment=usage.environment,
        since=_time(usage.when.first),
        until=_time(usage.when.last),
        step_s=usage.when.step * 60,
        relative_error=_error(usage.whole),
        whole=point_answer(usage.whole),
        points=tuple(map(point_answer, usage.points)),
        last_used=_maybe_time(usage.last_used),
        models=tuple(
            ModelUsage(
                model=one.model,
                whole=point_answer(one.whole),
                unattributed=one.unattributed,
                last_used=_maybe_time(one.last_used),
            )
            for one in usage.models
        ),
        manual=tuple(
            ManualUsage(
                sli=one.sli, whole=point_answer(one.whole), last_used=_maybe_time(one.last_used)
            )
            for one in usage.manual
        ),
        left_out=usage.left_out,
    )


def point_answer(point: Point) -> PointAnswer:
    """Return what was counted in a time."""
    counts = point.counts
    sketch = Sketch() if counts is None else counts.sketch
    quantiles = (_rounded(sketch.quantile(share)) for share in (P50, P95, P99))
    p50_s, p95_s, p99_s = quantiles
    return PointAnswer(
        since=_time(point.start),
        total=None if counts is None else counts.total,
        errors=None if counts is None else counts.errors,
        blocked=None if counts is None else counts.blocked,
        fallbacks=None if counts is None else counts.fallbacks,
        drilled=None if counts is None else counts.drilled,
        invalid=None if counts is None else counts.invalid,
        bad={} if counts is None else dict(zip(counts.thresholds, counts.bad, strict=True)),
        timed=sketch.count,
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
        coverage=coverage(
            seen=point.seen,
            minutes=point.minutes,
            total=0 if counts is None else counts.total,
            lost=point.dropped,
        ),
        dropped=point.dropped,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, DIGITS)


def _error(whole: Point) -> float:
    return round((Sketch() if whole.counts is None else whole.counts.sketch).error, 6)


def _maybe_time(minute: int | None) -> datetime | None:
    return None if minute is None else _time(minute)


def _time(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
