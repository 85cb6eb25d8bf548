"""`modelwarden tokens`: credentials. A secret is shown once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

if TYPE_CHECKING:
    from modelwarden.values.answers import TokenAnswer

tokens: Final = noun("tokens", "Credentials for programs and people.")

COLUMNS: Final = ("id", "user", "scopes", "networks", "expires_at", "revoked_at")

TokenArgument = Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, not its secret.")]


@verb(tokens)
def create(
    run: Run,
    *,
    user: Annotated[str | None, typer.Option("--user", help="A service account.")] = None,
    scopes: Annotated[list[str] | None, typer.Option("--scope", metavar="PERMISSION")] = None,
    days: Annotated[int | None, typer.Option("--days")] = None,
    networks: Annotated[list[str] | None, typer.Option("--network", metavar="CIDR")] = None,
) -> None:
    """Issue a token, your own unless a service account is named."""
    made = run.rooms.tokens.create(user=user, scopes=scopes, days=days, networks=networks or ())
    _show_once(run, made)


@verb(tokens)
def list_(
    run: Run,
    *,
    user: Annotated[str | None, typer.Option("--user")] = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
) -> None:
    """List tokens, without secrets."""
    run.screen.list(run.rooms.tokens.list(user=user, limit=limit, cursor=cursor), COLUMNS)


@verb(tokens)
def rotate(
    run: Run,
    token: TokenArgument,
    *,
    overlap_minutes: Annotated[
        int, typer.Option("--overlap-minutes", help="How long the old one still works.")
    ] = 0,
) -> None:
    """Replace a token by a new one."""
    _show_once(run, run.rooms.tokens.rotate(token, overlap_minutes=overlap_minutes))


@verb(tokens)
def revoke(run: Run, token: TokenArgument) -> None:
    """End a token at once."""
    run.screen.show(run.rooms.tokens.revoke(token))


@verb(tokens)
def report(run: Run) -> None:
    """Hand in a token that was found in the open, on standard input; it is revoked."""
    secret = typer.prompt("token", hide_input=True, err=True) if sys.stdin.isatty() else input()
    run.rooms.tokens.report(secret.strip())
    run.screen.say("revoked, if it was one of ours")


def _show_once(run: Run, made: TokenAnswer) -> None:
    run.screen.show(made)
    if not run.screen.as_json:
        run.screen.warn("the secret is shown this once: keep it now")
