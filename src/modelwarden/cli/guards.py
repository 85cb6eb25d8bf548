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
