"""Verbs of `modelwarden kill` about what triggers propose, and about the ways in which a model fails."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.kill import kill
from modelwarden.cli.options import CursorOption, LimitOption
from modelwarden.cli.run import Run
from modelwarden.cli.verb import verb

PROPOSALS: Final = (
    "id", "state", "severity", "environment", "scope", "cause", "trigger", "proposed_at", "lapses_at", "switch",
)  # fmt: skip
MODES: Final = ("state", "name", "severity", "on", "last_drilled", "cause", "action")


@verb(kill)
def proposals(
    run: Run,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List the switches that triggers propose."""
    found = run.rooms.switches.proposals(everything=everything, limit=limit, cursor=cursor)
    run.screen.list(found, PROPOSALS)


@verb(kill)
def accept(
    run: Run,
    proposal: Annotated[str, typer.Argument(metavar="PROPOSAL", help="Its id: prp_….")],
    *,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; kept erasably.")] = None,
) -> None:
    """Put a proposed switch in force as it was proposed."""
    run.screen.show(run.rooms.switches.accept(proposal, reason=reason))


@verb(kill)
def failure_modes(
    run: Run,
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    *,
    environment: Annotated[str, typer.Option("--environment", "-e")] = "production",
) -> None:
    """List the ways in which a model fails, and what would notice. Ends in 1 where nothing would notice some."""
    found = run.rooms.triggers.failure_modes(model, environment=environment)
    run.screen.list(found, MODES)
    if any(mode.state == "uncovered" for mode in found):
        raise typer.Exit(1)
