"""`modelwarden waivers`: leave to go live although one check of one version does not pass."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer

from modelwarden.cli.options import (
    CursorOption,
    EnvironmentOption,
    LimitOption,
    VersionArgument,
    moment_option,
    version_reference,
)
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

waivers: Final = noun("waivers", "Leave from one check of one version, until it ends.")

COLUMNS: Final = (
    "id", "state", "model", "version", "environment", "payload", "requester", "expires_at", "cause"
)  # fmt: skip
WaiverArgument = Annotated[str, typer.Argument(metavar="WAIVER", help="Its request's id: req_….")]


@verb(waivers)
def request(  # noqa: PLR0913  # the fields of a question
    run: Run,
    version: VersionArgument,
    *,
    check: Annotated[
        str, typer.Option("--check", help="Its id; POLICY/ID where several have one of that id.")
    ],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why, for the people who sign.")],
    owner: Annotated[
        str | None,
        typer.Option("--owner", help="Who sees to it until it passes; you, if not named."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", parser=moment_option, metavar="TIME", help="The longest, if not named."
        ),
    ] = None,
    environment: EnvironmentOption = "production",
) -> None:
    """Ask for leave from one check; people sign it with `approvals approve`."""
    asked = run.rooms.waivers.request(
        version.model,
        version.version,
        check=check,
        reason=reason,
        owner=owner,
        expires_at=until,
        environment=environment,
    )
    run.screen.show(asked)


@verb(waivers)
def show(run: Run, waiver: WaiverArgument) -> None:
    """Show a waiver with its seats, and who signed."""
    run.screen.show(run.rooms.waivers.show(waiver))


@verb(waivers)
def list_(
    run: Run,
    version: Annotated[
        str | None, typer.Argument(metavar="MODEL@VERSION", show_default=False)
    ] = None,
    *,
    state: Annotated[str | None, typer.Option("--state")] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List waivers, newest first; of one version where it is named."""
    named = None if version is None else version_reference(version)
    found = run.rooms.waivers.list(
        None if named is None else named.model,
        None if named is None else named.version,
        state=state,
        limit=limit,
        cursor=cursor,
    )
    run.screen.list(found, COLUMNS)


@verb(waivers)
def end(run: Run, waiver: WaiverArgument) -> None:
    """End a waiver before its time, or take back your question."""
    run.screen.show(run.rooms.waivers.end(waiver))
