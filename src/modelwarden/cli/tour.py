"""`modelwarden tour` and `modelwarden demo`: the story on real data, and the server left up on what it made."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from modelwarden.cli.refusal import REFUSED, exit_code, tell
from modelwarden.errors import DigestMismatch, ExtraMissing, TourFolderTaken, WardenError

USAGE: Final = 2

Folder = Annotated[
    Path,
    typer.Option("--folder", metavar="DIR", help="Where everything goes; made if it is missing."),
]
Again = Annotated[
    bool, typer.Option("--again", help="Remove what an earlier tour left there, and start over.")
]


def tour(
    *,
    folder: Folder = Path("modelwarden-tour"),
    again: Again = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer for programs.")] = False,
) -> None:
    """Tell the whole story on real data, offline: what is refused, who signs, what runs, how it is proven."""
    if not _told(folder, again=again, as_json=as_json):
        raise typer.Exit(REFUSED)


def demo(
    *,
    folder: Folder = Path("modelwarden-tour"),
    again: Again = False,
    port: Annotated[int, typer.Option("--port", help="Where the server listens, if free.")] = 8321,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Stop as soon as it is up.")] = False,
) -> None:
    """Run the tour, then leave the server up on what it made, until Ctrl-C."""
    from modelwarden.tour.demo import stay  # noqa: PLC0415  # slow to import

    if not _told(folder, again=again, as_json=False):
        raise typer.Exit(REFUSED)
    try:
        stay(folder, port=port, wait=not no_wait, say=_say)
    except WardenError as error:
        tell(error, as_json=False)
        raise typer.Exit(exit_code(error)) from error


def _say(line: str) -> None:
    print(line, flush=True)


def _told(folder: Path, *, again: bool, as_json: bool) -> bool:
    """Run the tour and show it. Usage errors, a missing extra among them, end in exit code 2."""
    from rich.console import Console  # noqa: PLC0415  # slow to import

    from modelwarden.tour import arrests, story  # noqa: PLC0415
    from modelwarden.tour.folder import prepare  # noqa: PLC0415
    from modelwarden.tour.screen import TourScreen  # noqa: PLC0415

    try:
        arrests.require_extra()
        prepare(folder, again=again)
    except (ExtraMissing, TourFolderTaken, DigestMismatch) as error:
        print(f"{error}", file=sys.stderr)  # as it is: a box would break the command to copy
        raise typer.Exit(USAGE) from error
    if as_json:
        outcome = story.run(folder, story.Nobody())
        print(json.dumps(outcome.plain(), ensure_ascii=False, indent=2))
        return outcome.ok
    screen = TourScreen(Console(highlight=False))
    screen.open(folder)
    outcome = story.run(folder, screen)
    screen.close(outcome, folder)
    return outcome.ok
