"""`modelwarden freezes`: times in which nothing goes forward."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, EnvironmentOption, LimitOption, moment_option
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

freezes: Final = noun(
    "freezes", "Times in which nothing goes forward; going back is never held up."
)

COLUMNS: Final = ("id", "environment", "model", "starts_at", "ends_at", "set_by", "lifted_at")
FreezeArgument = Annotated[str, typer.Argument(metavar="FREEZE", help="Its id: frz_….")]


@verb(freezes)
def add(
    run: Run,
    *,
    until: Annotated[datetime, typer.Option("--until", parser=moment_option, metavar="TIME")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept erasably.")],
    since: Annotated[
        datetime | None,
        typer.Option("--since", parser=moment_option, metavar="TIME", help="Now, if not named."),
    ] = None,
    environment: EnvironmentOption = "production",
    model: Annotated[str | None, typer.Option("--model", help="Every one, if not named.")] = None,
) -> None:
    """Let nothing go forward for a while, in an environment or for one model there."""
    made = run.rooms.freezes.add(
        ends_at=until, reason=reason, starts_at=since, environment=environment, model=model
    )
    run.screen.show(made)


@verb(freezes)
def lift(run: Run, freeze: FreezeArgument) -> None:
    """End a freeze before its time."""
    run.screen.show(run.rooms.freezes.lift(freeze))


@verb(freezes)
def show(run: Run, freeze: FreezeArgument) -> None:
    """Show a freeze."""
    run.screen.show(run.rooms.freezes.show(freeze))


@verb(freezes)
def list_(
    run: Run,
    *,
    environment: Annotated[str | None, typer.Option("--environment", "-e")] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List freezes, newest first."""
    found = run.rooms.freezes.list(environment=environment, limit=limit, cursor=cursor)
    run.screen.list(found, COLUMNS)
