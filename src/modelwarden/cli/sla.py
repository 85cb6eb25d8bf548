"""`modelwarden sla`: what is measured of models in use, and what was counted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption, moment_option, pairs
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.values.slas import PointAnswer, SeriesAnswer
    from modelwarden.values.use_cases import UsageAnswer

sla: Final = noun(
    "sla", "What is measured of models in use: attempts, errors, latencies, and coverage."
)

COLUMNS: Final = ("name", "resource_type", "resource", "thresholds", "built_in", "defined_by")
POINTS: Final = (
    "since", "total", "errors", "blocked", "fallbacks", "p50_s", "p95_s", "p99_s", "coverage",
)  # fmt: skip
BARS: Final = "▁▂▃▄▅▆▇█"
GAP: Final = "·"

NameArgument = Annotated[
    str, typer.Argument(metavar="SLI", help="Its name, such as churn-latency or guard:churn.")
]
TimeOption = Annotated[
    datetime | None, typer.Option(metavar="TIME", parser=moment_option, show_default=False)
]


@verb(sla)
def sli(  # the fields of a definition
    run: Run,
    name: NameArgument,
    *,
    resource: Annotated[
        str | None, typer.Option("--resource", help="What it is about: defines it.")
    ] = None,
    resource_type: Annotated[
        str,
        typer.Option("--type", help="model, version, use_case, endpoint or deployment."),
    ] = "model",
    label: Annotated[list[str] | None, typer.Option("--label", metavar="NAME=VALUE")] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option("--threshold", metavar="SECONDS", help="Counted exactly; rising, at most 8."),
    ] = None,
) -> None:
    """Show what is measured under a name; with --resource, define it."""
    if resource is None:
        if label or threshold:
            raise typer.BadParameter("--resource has to say what it is about")
        run.screen.show(run.rooms.sla.sli(name))
        return
    run.screen.show(
        run.rooms.sla.define_sli(
            name,
            resource=resource,
            resource_type=resource_type,
            labels=pairs(label or [], "--label"),
            thresholds=threshold or (),
        )
    )


@verb(sla)
def slis(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List what is measured."""
    run.screen.list(run.rooms.sla.slis(limit=limit, cursor=cursor), COLUMNS)


@verb(sla)
def show(
    run: Run,
    name: NameArgument,
    *,
    since: TimeOption = None,
    until: TimeOption = None,
    step: Annotated[str | None, typer.Option("--step", help="1m, 5m, 15m, 1h, 1d, …")] = None,
) -> None:
    """Show what was counted, of the last hour unless asked otherwise; a dot is a time of which nothing is known."""
    found = run.rooms.sla.slots(name, since=since, until=until, step=step)
    if run.screen.as_json:
        run.screen.show(found)
        return
    for words in chart(found):
        run.screen.say(words)
    run.screen.list([found.whole], POINTS)
    run.screen.say(f"quantiles are within {found.relative_error:.2%}")


def chart(found: SeriesAnswer | UsageAnswer) -> list[str]:
    """Return lines of small bars: attempts, those that were not answered, the 99th percentile, coverage."""
    points = found.points
    span = f"{found.since:%Y-%m-%dT%H:%MZ} to {found.until:%Y-%m-%dT%H:%MZ}, step {found.step_s} s"
    return [
        span,
        _line("attempts", [p.total for p in points]),
        _line("unanswered", [_unanswered(p) for p in points]),
        _line("p99 s", [p.p99_s for p in points]),
        _line("coverage", [p.coverage for p in points], most=1.0),
    ]


def _unanswered(point: PointAnswer) -> int | None:
    if point.total is None:
        return None
    return (point.errors or 0) + (point.blocked or 0)


def _line(name: str, values: Sequence[float | None], *, most: float | None = None) -> str:
    known = [value for value in values if value is not None]
    top = most or max(known, default=0)
    drawn = "".join(GAP if value is None else _bar(value, top) for value in values)
    return f"{name:<11}{drawn}  {f'most {top:,.6g}' if known else 'nothing known'}"


def _bar(value: float, top: float) -> str:
    return BARS[0] if not top else BARS[min(len(BARS) - 1, int(value / top * len(BARS)))]
