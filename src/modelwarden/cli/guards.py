"""`modelwarden guards`: which programs hold switches, and how far they are."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

guards: Final = noun("guards", "Guards in other programs, as the server hears of them.")

COLUMNS: Final = (
    "model", "environment", "host", "pid", "status", "silent_s", "generation", "state", "source", "instance",
)  # fmt: skip


@verb(guards)
def list_(
    run: Run,
    *,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL")] = None,
    environment: Annotated[
        str | None,
        typer.Option("--environment", "-e", help="production or staging; both without it."),
    ] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List the guards that were heard of in the last day."""
    found = run.rooms.guards.list(model=model, environment=environment, limit=limit, cursor=cursor)
    run.screen.list(found, COLUMNS)


@verb(guards)
def mode(
    run: Run,
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    *,
    environment: Annotated[
        str, typer.Option("--environment", "-e", help="production or staging.")
    ] = "production",
    fail: Annotated[
        str | None, typer.Option("--fail", help="static or closed: what guards do without news.")
    ] = None,
    breakers: Annotated[
        str | None, typer.Option("--breakers", help="normal: let go of breakers that only count.")
    ] = None,
) -> None:
    """Show how the guards of a model behave, or say it."""
    room = run.rooms.guards
    if fail is None and breakers is None:
        found = room.mode(model, environment=environment)
    else:
        found = room.set_mode(model, environment=environment, fail=fail, breakers=breakers)
    run.screen.show(found)
