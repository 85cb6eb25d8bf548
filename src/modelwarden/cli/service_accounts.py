"""`modelwarden service-accounts`: accounts of programs."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption, UserArgument
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

service_accounts: Final = noun(
    "service-accounts", "Accounts of programs; a person stands behind each."
)

COLUMNS: Final = ("handle", "owner", "status", "roles", "id")


@verb(service_accounts)
def add(
    run: Run,
    handle: UserArgument,
    *,
    owner: Annotated[str, typer.Option("--owner", metavar="USER", help="Who stands behind it.")],
) -> None:
    """Add a service account."""
    run.screen.show(run.rooms.service_accounts.add(handle, owner=owner))


@verb(service_accounts)
def list_(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List service accounts."""
    run.screen.list(run.rooms.service_accounts.list(limit=limit, cursor=cursor), COLUMNS)
