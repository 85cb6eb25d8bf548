"""`modelwarden delegations`: who decides in whose stead, for some days."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import UserArgument
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

delegations: Final = noun("delegations", "Who decides in whose stead, for some days.")

COLUMNS: Final = ("id", "state", "delegator", "delegate", "ends_at", "reason")


@verb(delegations)
def delegate(
    run: Run,
    user: UserArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    days: Annotated[int, typer.Option("--days", help="How long; 30 at most.")] = 7,
) -> None:
    """Let another person decide in your stead."""
    run.screen.show(run.rooms.delegations.delegate(user, reason=reason, days=days))


@verb(delegations)
def end(
    run: Run,
    delegation: Annotated[str, typer.Argument(metavar="DELEGATION", help="Its id: dlg_….")],
) -> None:
    """End a delegation at once."""
    run.screen.show(run.rooms.delegations.end(delegation))


@verb(delegations)
def list_(
    run: Run,
    *,
    everyone: Annotated[bool, typer.Option("--everyone", help="Not yours alone.")] = False,
) -> None:
    """List what you gave and were given, newest first."""
    run.screen.list(run.rooms.delegations.list(everyone=everyone), COLUMNS)
