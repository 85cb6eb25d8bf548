"""The part of a use case's page that shows how it is used: requests over time, and what each model's guards counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from modelwarden.console import charts
from modelwarden.console.desk import Fields
from modelwarden.console.kill_page import environment_of
from modelwarden.console.words import number, percent
from modelwarden.sla import actions
from modelwarden.sla.answers import usage_answer
from modelwarden.values.slas import PointAnswer
from modelwarden.values.use_cases import UsageAnswer

ROOM: Final = (1100, 150)
UNKNOWN: Final = "unknown"
LATEST: Final = 24
"""Steps that the table beside the picture shows."""


class Row(NamedTuple):
    """What one source counted, in words."""

    name: str
    requests: str
    errors: str
    fallbacks: str
    p99: str
    latencies: str
    unattributed: str
    last_used: datetime | None


def read_usage(view: Any, name: str, query: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return how a use case was used in the last 30 days. Raises UseCaseNotFound, ValueInvalid."""
    place = environment_of(query).value
    found = usage_answer(view, actions.usage(view, name, environment=place))
    points = [
        charts.Point(None if p.total is None else float(p.total), f"{_when(p)}: {_count(p.total)}")
        for p in found.points
    ]
    return {
        "found": found,
        "whole": _row("All models", found.whole, UNKNOWN, found.last_used),
        "over_time": charts.pictures(points, (), wide=ROOM, right=8),
        "step": f"{found.step_s // 3_600} hours" if found.step_s > 3_600 else "hour",  # noqa: PLR2004  # of 30 days
        "begin": f"{found.since:%d %b}",
        "end": f"{found.until:%d %b %H:%M} UTC",
        "latest": [(_when(p), _count(p.total), _count(p.errors)) for p in _latest(found)],
        "models": [
            _row(one.model, one.whole, _count(one.unattributed), one.last_used)
            for one in found.models
        ],
        "manual": [_row(one.sli, one.whole, UNKNOWN, one.last_used) for one in found.manual],
    }


def _latest(found: UsageAnswer) -> list[PointAnswer]:
    return [point for point in reversed(found.points) if point.total is not None][:LATEST]


def _row(name: str, whole: PointAnswer, unattributed: str, last_used: datetime | None) -> Row:
    share = UNKNOWN if not whole.total else percent((whole.fallbacks or 0) / whole.total)
    latencies = " / ".join(map(_latency, (whole.p50_s, whole.p95_s, whole.p99_s)))
    return Row(
        name=name,
        requests=_count(whole.total),
        errors=_count(whole.errors),
        fallbacks=share,
        p99=_latency(whole.p99_s),
        latencies=latencies if whole.timed else UNKNOWN,
        unattributed=unattributed,
        last_used=last_used,
    )


def _when(point: PointAnswer) -> str:
    return f"{point.since:%d %b %H:%M}"


def _count(count: int | None) -> str:
    return UNKNOWN if count is None else number(count)


def _latency(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else f"{seconds * 1_000:.3g} ms"
