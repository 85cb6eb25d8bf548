"""`modelwarden drill`: put faults into predictions on purpose, and see what comes of it (SG-53, SG-54)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.cli.kill import ExceptOption, JsonOption, ModelOption, ScopeOption, conditions
from modelwarden.cli.options import CursorOption, LimitOption
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

if TYPE_CHECKING:
    from modelwarden.values.drills import DrillAnswer, DrillReportAnswer

drill: Final = noun("drill", "Drills: faults put into predictions on purpose, and what came of it.")

COLUMNS: Final = (
    "id", "state", "environment", "model", "fault", "share", "requested_by", "started_at", "ended_at", "cause",
)  # fmt: skip
OVERDUE: Final = ("model", "failure_mode", "fault", "last_drill", "last_started_at", "due_since")

DrillArgument = Annotated[str, typer.Argument(metavar="DRILL", help="A drill's id: dri_….")]
TargetOption = Annotated[str | None, typer.Option(metavar="TIME", show_default=False)]


@verb(drill, "run")
def run_(  # noqa: PLR0913  # the fields of a drill
    run: Run,
    *,
    fault: Annotated[
        str,
        typer.Option("--fault", help="As nan, error, latency:200ms, drift:0.4, clock_skew:90s."),
    ],
    model: ModelOption = None,
    scope: ScopeOption = None,
    scope_json: JsonOption = None,
    except_: ExceptOption = None,
    share: Annotated[str, typer.Option("--share", help="The part of the scope.")] = "0.01",
    ttl: Annotated[str, typer.Option("--ttl", help="How long at most.")] = "10m",
    environment: Annotated[
        str, typer.Option("--environment", "-e", help="staging or production.")
    ] = "staging",
    detect_within: TargetOption = None,
    activate_within: TargetOption = None,
    confirm_within: TargetOption = None,
) -> None:
    """Put a fault into a part of a model's traffic; in production another person has to confirm it."""
    given = [] if model is None else [f"model={model}"]
    run.screen.show(
        run.rooms.drills.run(
            fault,
            conditions([*given, *(scope or [])], "--scope", scope_json),
            except_=conditions(except_ or [], "--except") or None,
            share=share,
            ttl=ttl,
            environment=environment,
            detect_within=detect_within,
            activate_within=activate_within,
            confirm_within=confirm_within,
        )
    )


@verb(drill)
def confirm(run: Run, drill: DrillArgument) -> None:
    """Let a drill begin that another person asked for."""
    run.screen.show(run.rooms.drills.confirm(drill))


@verb(drill)
def stop(run: Run, drill: DrillArgument) -> None:
    """End a drill at once, or take it back before it began."""
    run.screen.show(run.rooms.drills.stop(drill))


@verb(drill)
def show(run: Run, drill: DrillArgument) -> None:
    """Show a drill and what came of it. Ends in 1 where it failed."""
    found = run.rooms.drills.show(drill)
    run.screen.show(found)
    if found.report is None:
        return
    if not run.screen.as_json:
        _say(run, found, found.report)
    if not found.report.passed:
        raise typer.Exit(1)


@verb(drill)
def list_(
    run: Run, *, model: ModelOption = None, limit: LimitOption = 50, cursor: CursorOption = None
) -> None:
    """List drills, newest first."""
    run.screen.list(run.rooms.drills.list(model=model, limit=limit, cursor=cursor), COLUMNS)


@verb(drill)
def overdue(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List the ways to fail that no drill made happen for too long. Ends in 1 where there are some."""
    found = run.rooms.drills.overdue(limit=limit, cursor=cursor)
    run.screen.list(found, OVERDUE)
    if found.items:
        raise typer.Exit(1)


def _say(run: Run, found: DrillAnswer, report: DrillReportAnswer) -> None:
    """Print the report in sentences."""
    verdict = "passed" if report.passed else f"failed by {', '.join(report.missed)}"
    run.screen.say(f"{found.fault} on {found.model}: {verdict}")
    run.screen.say(
        f"struck {report.struck}, fell back {report.fell}, unanswered {report.unanswered}"
    )
    for words, ms in (
        (f"seen by {report.detected_by or 'anything'}", report.detect_ms),
        ("stopped by a switch", report.activate_ms),
        ("confirmed by every guard", report.confirm_ms),
    ):
        run.screen.say(f"not {words}" if ms is None else f"{words} after {ms / 1_000:g} s")
    if report.silent:
        run.screen.say(f"did not fire: {', '.join(report.silent)}")
