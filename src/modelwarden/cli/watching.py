"""`modelwarden audit watch`: a ledger seen from outside, round by round. It needs no database."""

from __future__ import annotations

import re
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.cli.refusal import REFUSED
from modelwarden.cli.refusal import UNREACHABLE as SILENT
from modelwarden.cli.run import TOKEN, Run
from modelwarden.cli.screen import json_text, printable
from modelwarden.sinks.watch import FINAL, OK, UNREACHABLE, Watch

if TYPE_CHECKING:
    from modelwarden.sinks.watch import Sighting

UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])")


def length_option(text: str) -> timedelta:
    """Read a length of time, such as 60s, 30m, 12h, 2d."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise typer.BadParameter("write a length of time as 60s, 30m, 12h or 2d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def watch(  # noqa: PLR0913  # what to watch, by which key, how often
    run: Run,
    place: Annotated[
        str, typer.Argument(metavar="URL|FOLDER", help="A tile folder, tiles, or a server.")
    ],
    *,
    key: Annotated[
        list[str], typer.Option("--key", metavar="VKEY", help="The ledger's; from `audit keys`.")
    ],
    state: Annotated[
        Path, typer.Option("--state", metavar="FOLDER", help="What is remembered, and evidence.")
    ] = Path("modelwarden-watch"),
    every: Annotated[timedelta, typer.Option("--every", parser=length_option)] = "60s",  # type: ignore[assignment]
    stall: Annotated[
        timedelta | None,
        typer.Option("--stall", parser=length_option, help="Say when nothing is new for so long."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One round, and its exit code.")] = False,
) -> None:
    """Follow a ledger from outside; say when it forks, shrinks or stalls. Exit 1 then, 5 unreachable."""
    from modelwarden.ledger.keys import parse_vkey  # noqa: PLC0415  # not for every command
    from modelwarden.sinks.watch_source import open_source  # noqa: PLC0415
    from modelwarden.values.clock import SystemClock  # noqa: PLC0415

    keys = [parse_vkey(text) for text in key]
    source = open_source(place, token=run.environment.get(TOKEN))
    watching = Watch(source, keys, state, clock=SystemClock(), stall=stall)
    if once:
        seen = watching.look()
        _say(run, seen)
        raise typer.Exit(_code(seen.found))
    _follow(run, watching, every)


def _follow(run: Run, watching: Watch, every: timedelta) -> None:
    """Look again and again; what no later round can take back ends it."""
    before: tuple[str, int] | None = None
    while True:
        seen = watching.look()
        if (seen.found, seen.size) != before or (seen.found != OK and run.screen.as_json):
            _say(run, seen)
        if seen.found in FINAL:
            raise typer.Exit(REFUSED)
        before = (seen.found, seen.size)
        time.sleep(every.total_seconds())


def _say(run: Run, seen: Sighting) -> None:
    if run.screen.as_json:
        print(json_text(seen), flush=True)
    if seen.found != OK:
        words = f"{seen.found.upper()}: {seen.origin}, size {seen.size}: {seen.detail}"
        print(printable(words), file=sys.stderr, flush=True)
    elif not run.screen.as_json:
        checked = f", {seen.entries_checked} entries hashed" if seen.entries_checked else ""
        run.screen.say(f"ok: {seen.origin}, size {seen.size}: {seen.detail}{checked}")
        sys.stdout.flush()


def _code(found: str) -> int:
    return {OK: 0, UNREACHABLE: SILENT}.get(found, REFUSED)
