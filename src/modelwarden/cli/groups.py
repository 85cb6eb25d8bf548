"""`modelwarden groups`: sets of people whom seats name."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption, UserArgument
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb

groups: Final = noun("groups", "Sets of people whom seats name.")

GroupArgument = Annotated[str, typer.Argument(metavar="GROUP", help="A group's name.")]


@verb(groups)
def create(run: Run, group: GroupArgument) -> None:
    """Make a group without members; it keeps its name for good."""
    run.screen.show(run.rooms.groups.create(group))


@verb(groups)
def add_member(run: Run, group: GroupArgument, user: UserArgument) -> None:
    """Let a person in; what was asked before is not theirs to answer for the group."""
    run.screen.show(run.rooms.groups.add_member(group, user))


@verb(groups)
def remove_member(run: Run, group: GroupArgument, user: UserArgument) -> None:
    """Let a person out; in force at once."""
    run.screen.show(run.rooms.groups.remove_member(group, user))


@verb(groups)
def show(run: Run, group: GroupArgument) -> None:
    """Show a group with its members."""
    run.screen.show(run.rooms.groups.show(group))


@verb(groups)
def list_(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List groups, by name."""
    found = run.rooms.groups.list(limit=limit, cursor=cursor)
    run.screen.list(found, ("name", "members", "created_by", "created_at"))
