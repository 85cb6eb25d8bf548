"""`modelwarden checks`: what the governing policies want of a version, held against the evidence."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import (
    CursorOption,
    EnvironmentOption,
    LimitOption,
    VersionArgument,
)
from modelwarden.cli.refusal import REFUSED, UNKNOWN
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb
from modelwarden.values.checks import CheckRunAnswer

checks: Final = noun("checks", "Checks: what the governing policies want of a version.")

RUNS: Final = (
    "id",
    "verdict",
    "occasion",
    "version",
    "environment",
    "evaluated_by",
    "evaluated_at",
)
CODES: Final = {"blocked": REFUSED, "unknown": UNKNOWN}
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A check run's id: run_….")]


@verb(checks)
def run_(
    run: Run, version: VersionArgument, *, environment: EnvironmentOption = "production"
) -> None:
    """Evaluate all checks that govern a version: exit code 1 where one blocks, 3 where one lacks evidence."""
    found = run.rooms.checks.run(version.model, version.version, environment=environment)
    run.screen.show(found)
    if not found.checks:
        run.screen.warn("no policy that governs this version has a check")
    _end(found)


@verb(checks)
def list_(
    run: Run, version: VersionArgument, *, limit: LimitOption = 50, cursor: CursorOption = None
) -> None:
    """List the check runs of a version, newest first."""
    listed = run.rooms.checks.list(version.model, version.version, limit=limit, cursor=cursor)
    run.screen.list(listed, RUNS)


@verb(checks)
def show(run: Run, check_run: RunArgument) -> None:
    """Show a check run, evaluated again to see that it gives the same."""
    run.screen.show(run.rooms.checks.show(check_run))


def _end(found: CheckRunAnswer) -> None:
    if found.verdict in CODES:
        raise typer.Exit(CODES[found.verdict])
