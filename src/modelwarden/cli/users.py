"""`modelwarden users`: people's accounts."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption, UserArgument
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

users: Final = noun("users", "People's accounts.")

IDENTITY_COLUMNS: Final = ("issuer", "subject", "mapped_by", "mapped_at", "id")
COLUMNS: Final = ("handle", "kind", "status", "roles", "email", "id")

EmailOption = Annotated[str | None, typer.Option("--email", help="Personal; kept encrypted.")]
DetailsOption = Annotated[str | None, typer.Option("--metadata", help="Team, department, …")]
WhyOption = Annotated[str, typer.Option("--reason", help="Why.")]


@verb(users)
def add(
    run: Run,
    handle: UserArgument,
    *,
    email: EmailOption = None,
    metadata: DetailsOption = None,
    roles: Annotated[
        list[str] | None,
        typer.Option("--role", help="To be held from the start; as often as needed."),
    ] = None,
) -> None:
    """Add a user. On a database URL without --as, this process vouches, as at set-up."""
    if run.is_remote or run.acts:
        run.rooms.users.add(handle, email=email, metadata=metadata)
        for role in roles or ():
            run.rooms.roles.grant(handle, role)
        run.screen.show(run.rooms.users.show(handle))
    else:
        run.screen.show(run.warden.add_user(handle, roles=roles or (), email=email))


@verb(users)
def show(run: Run, user: UserArgument) -> None:
    """Show a user."""
    run.screen.show(run.rooms.users.show(user))


@verb(users)
def me(run: Run) -> None:
    """Show your own account."""
    run.screen.show(run.rooms.users.me())


@verb(users)
def list_(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List users, oldest first."""
    run.screen.list(run.rooms.users.list(limit=limit, cursor=cursor), COLUMNS)


@verb(users)
def update(
    run: Run, user: UserArgument, *, email: EmailOption = None, metadata: DetailsOption = None
) -> None:
    """Change what is kept about a user."""
    run.screen.show(run.rooms.users.update(user, email=email, metadata=metadata))


@verb(users)
def suspend(run: Run, user: UserArgument, *, reason: WhyOption) -> None:
    """Stop all credentials of a user."""
    run.screen.show(run.rooms.users.suspend(user, reason=reason))


@verb(users)
def reactivate(run: Run, user: UserArgument) -> None:
    """Let a suspended user act again."""
    run.screen.show(run.rooms.users.reactivate(user))


@verb(users)
def deactivate(run: Run, user: UserArgument, *, reason: WhyOption) -> None:
    """End an account for good."""
    run.screen.show(run.rooms.users.deactivate(user, reason=reason))


@verb(users)
def link(
    run: Run, user: UserArgument, *, to: Annotated[str, typer.Option("--to", metavar="USER")]
) -> None:
    """Say that two accounts are one human's: duties then see one person."""
    run.screen.show(run.rooms.users.link(user, to=to))


@verb(users)
def map_identity(
    run: Run,
    user: UserArgument,
    *,
    issuer: Annotated[str, typer.Option("--issuer", help="As https://github.com.")],
    subject: Annotated[str, typer.Option("--subject", help="The account's immutable id there.")],
) -> None:
    """Say that an account in another system is this user's; it takes a permit."""
    run.screen.show(run.rooms.users.map_identity(user, issuer=issuer, subject=subject))


@verb(users)
def identities(run: Run, user: UserArgument) -> None:
    """List the accounts in other systems that are a user's."""
    run.screen.list(run.rooms.users.identities(user), IDENTITY_COLUMNS)


@verb(users)
def may(
    run: Run,
    user: UserArgument,
    permission: Annotated[str, typer.Argument(metavar="PERMISSION", help="As model.approve.")],
    *,
    model: Annotated[str | None, typer.Option("--model")] = None,
    environment: Annotated[str | None, typer.Option("--environment", "-e")] = None,
    team: Annotated[str | None, typer.Option("--team")] = None,
) -> None:
    """Answer whether a user may do something here, and by which role; exit code 1 is no."""
    found = run.rooms.users.may(user, permission, model=model, environment=environment, team=team)
    run.screen.show(found)
    if not found.allow:
        raise typer.Exit(1)
