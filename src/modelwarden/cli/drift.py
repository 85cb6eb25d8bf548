"""`modelwarden drift`: how far inputs lie from what a version was registered with."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from modelwarden.cli.options import EnvironmentOption, VersionArgument
from modelwarden.cli.run import Run
from modelwarden.cli.verb import noun, verb
from modelwarden.values.drift import DriftAnswer, GroupDriftAnswer

drift: Final = noun("drift", "How far inputs lie from what a version was registered with.")

SHOWN: Final = 20
"""Features of each part of the traffic, worst first; --json has all."""

WIDTH: Final = 20
FULL: Final = 0.5
"""The index at which a bar is full: that of a trip."""


@verb(drift)
def show(
    run: Run,
    version: VersionArgument,
    *,
    environment: EnvironmentOption = "production",
    window: Annotated[str, typer.Option("--window", help="Its length, such as 10m or 1h.")] = "10m",
    by: Annotated[
        str | None, typer.Option("--by", metavar="DIMENSION", help="Such as region.")
    ] = None,
) -> None:
    """Show features by the last window, worst first: the index, and its bar up to 0.5."""
    found = run.rooms.guards.drift(*version, environment=environment, window=window, by=by)
    if run.screen.as_json:
        run.screen.show(found)
        return
    for line in lines(found):
        run.screen.say(line)


def lines(found: DriftAnswer) -> list[str]:
    """Return drift as lines of text."""
    if not found.groups:
        return ["nothing was counted"]
    return [line for group in found.groups for line in _group(found, group)]


def _group(found: DriftAnswer, group: GroupDriftAnswer) -> list[str]:
    who = "all" if found.by is None else f"{found.by}={group.value or '(other)'}"
    head = f"{who}: {group.state}, PSI {_index(group.psi)}, {group.n} rows"
    width = max(len(one.feature) for one in group.features[:SHOWN])
    return [head] + [
        f"  {one.feature:<{width}}  {_index(one.psi):>7}  {one.n:>9}  {bar(one.psi)}".rstrip()
        for one in group.features[:SHOWN]
    ]


def bar(psi: float | None) -> str:
    """Return an index as a bar."""
    return "" if psi is None else "█" * min(WIDTH, round(psi / FULL * WIDTH))


def _index(psi: float | None) -> str:
    return "unknown" if psi is None else f"{psi:.3f}"
