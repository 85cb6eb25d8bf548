"""`modelwarden deploy`: start, emergency, status, list, record, rollback."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from modelwarden.cli.options import (
    CursorOption,
    EnvironmentOption,
    LimitOption,
    ModelArgument,
    VersionArgument,
    moment_option,
)
from modelwarden.cli.refusal import WAITING
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

deploy: Final = noun("deploy", "Versions going live, and coming back.")

COLUMNS: Final = ("id", "model", "version", "environment", "kind", "state", "started_by", "live_at")

NotesOption = Annotated[str | None, typer.Option("--notes", help="Kept erasably.")]
ReferenceOption = Annotated[str | None, typer.Option("--reference", help="Your own name for it.")]


@verb(deploy)
def start(  # noqa: PLR0913  # the fields of a deployment
    run: Run,
    version: VersionArgument,
    *,
    environment: EnvironmentOption = "production",
    strategy: Annotated[str | None, typer.Option("--strategy", help="The approved one.")] = None,
    notes: NotesOption = None,
    reference: ReferenceOption = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="A webhook endpoint that has to follow each step."),
    ] = None,
) -> None:
    """Take a version live, if the gate allows; exit code 4 if only an approval is missing."""
    made = run.rooms.deployments.start(
        version.model,
        version.version,
        environment=environment,
        strategy=strategy,
        notes=notes,
        reference=reference,
        target=target,
    )
    run.screen.show(made)


@verb(deploy)
def status(
    run: Run,
    model: ModelArgument,
    *,
    environment: EnvironmentOption = "production",
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", parser=moment_option, metavar="TIME", help="At an earlier time."),
    ] = None,
) -> None:
    """Show what is live, and the artifact that has to be running."""
    found = run.rooms.deployments.live(model, environment=environment, as_of=as_of)
    run.screen.show(found)
    if found.version is None:
        run.screen.warn(f"nothing is live in {found.environment}")


@verb(deploy)
def show(
    run: Run, deployment: Annotated[str, typer.Argument(metavar="DEPLOYMENT", help="Its id.")]
) -> None:
    """Show a deployment."""
    run.screen.show(run.rooms.deployments.show(deployment))


@verb(deploy)
def list_(  # noqa: PLR0913  # what a list can be filtered by
    run: Run,
    *,
    model: Annotated[str | None, typer.Option("--model")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e")] = None,
    state: Annotated[str | None, typer.Option("--state")] = None,
    kind: Annotated[str | None, typer.Option("--kind")] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List deployments, newest first."""
    found = run.rooms.deployments.list(
        model=model,
        environment=environment,
        state=state,
        kind=kind,
        limit=limit,
        cursor=cursor,
    )
    run.screen.list(found, COLUMNS)


@verb(deploy)
def emergency(
    run: Run,
    version: VersionArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, in 20 characters or more.")],
    ticket: Annotated[str, typer.Option("--ticket", help="Its reference, without spaces.")],
) -> None:
    """Take a version to production before people have agreed; exit code 4 while somebody has to sign first."""
    made = run.rooms.deployments.emergency(
        version.model, version.version, reason=reason, ticket=ticket
    )
    run.screen.show(made)
    if made.deployment is None:
        raise typer.Exit(WAITING)


@verb(deploy)
def record(
    run: Run,
    version: VersionArgument,
    *,
    environment: EnvironmentOption = "production",
    at: Annotated[
        datetime | None, typer.Option("--at", parser=moment_option, metavar="TIME")
    ] = None,
    notes: NotesOption = None,
    reference: ReferenceOption = None,
) -> None:
    """Note a deployment that was made elsewhere; without an approval it is a bypass."""
    made = run.rooms.deployments.record(
        version.model,
        version.version,
        environment=environment,
        at=at,
        notes=notes,
        reference=reference,
    )
    run.screen.show(made)


@verb(deploy)
def rollback(
    run: Run,
    model: ModelArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    environment: EnvironmentOption = "production",
    to: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="The one before, if not named.")
    ] = None,
) -> None:
    """Make the version that was live before live again."""
    made = run.rooms.deployments.rollback(model, reason=reason, environment=environment, to=to)
    run.screen.show(made)
