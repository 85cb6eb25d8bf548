"""`modelwarden local-stops`: what guards block by themselves, and what becomes of it."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

local_stops: Final = noun(
    "local-stops", "What guards block by themselves: by a stop file, or as a restore forgot it."
)

COLUMNS: Final = (
    "id", "state", "kind", "environment", "model", "host", "scope", "severity", "since", "ended_at",
)  # fmt: skip
StopArgument = Annotated[str, typer.Argument(metavar="STOP", help="A local stop's id: lst_….")]


@verb(local_stops)
def list_(
    run: Run,
    *,
    standing: Annotated[
        bool, typer.Option("--standing", help="Those alone that wait for a person.")
    ] = False,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List local stops, newest first."""
    found = run.rooms.local_stops.list(standing=standing, limit=limit, cursor=cursor)
    run.screen.list(found, COLUMNS)


@verb(local_stops)
def show(run: Run, stop: StopArgument) -> None:
    """Show a local stop."""
    run.screen.show(run.rooms.local_stops.show(stop))


@verb(local_stops)
def adopt(
    run: Run,
    stop: StopArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept erasably.")],
    severity: Annotated[str | None, typer.Option("--severity", help="SEV1 to SEV4.")] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="It stops a whole environment, on purpose.")
    ] = False,
) -> None:
    """Make a switch of it, so that every guard does what one does by itself."""
    found = run.rooms.local_stops.adopt(
        stop, reason=reason, severity=severity, everything=everything
    )
    run.screen.show(found)


@verb(local_stops)
def drop(
    run: Run,
    stop: StopArgument,
    *,
    notes: Annotated[str, typer.Option("--notes", help="Why; kept erasably.")],
) -> None:
    """Say that it need not be kept up; a stop file goes on blocking on its machine."""
    run.screen.show(run.rooms.local_stops.drop(stop, notes=notes))
