"""`modelwarden roles`: what they allow, and who holds them."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import UserArgument, pairs
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

roles: Final = noun("roles", "Sets of permissions, and who holds them where.")

HELD: Final = ("user", "role", "scope", "expires_at", "granted_by")

RoleArgument = Annotated[str, typer.Argument(metavar="ROLE")]


@verb(roles)
def list_(run: Run) -> None:
    """List all roles, built in and defined."""
    run.screen.list(run.rooms.roles.list(), ("name", "built_in", "includes", "permissions"))


@verb(roles)
def show(run: Run, user: UserArgument) -> None:
    """Show the roles that a user holds."""
    run.screen.list(run.rooms.roles.show(user), HELD)


@verb(roles)
def define(
    run: Run,
    role: RoleArgument,
    *,
    permissions: Annotated[list[str] | None, typer.Option("--permission")] = None,
    includes: Annotated[list[str] | None, typer.Option("--include", metavar="ROLE")] = None,
) -> None:
    """Define a role of your own."""
    made = run.rooms.roles.define(role, permissions=permissions or (), includes=includes or ())
    run.screen.show(made)


@verb(roles)
def grant(
    run: Run,
    user: UserArgument,
    role: RoleArgument,
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="NAME=VALUE", help="team, model, environment or tag."),
    ] = None,
    days: Annotated[int | None, typer.Option("--days", help="Until when.")] = None,
    reason: Annotated[str | None, typer.Option("--reason")] = None,
) -> None:
    """Let a user hold a role."""
    where = pairs(scope or [], "--scope")
    run.screen.show(
        run.rooms.roles.grant(user, role, scope=where or None, days=days, reason=reason)
    )


@verb(roles)
def revoke(run: Run, user: UserArgument, role: RoleArgument) -> None:
    """End a role that a user holds; in force at once."""
    run.screen.list(run.rooms.roles.revoke(user, role), HELD)
