"""`modelwarden freshness`: whether data that arrives is as it should be; the exit code says so to a pipeline."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modelwarden.cli.options import CursorOption, LimitOption, moment_option
from modelwarden.cli.refusal import REFUSED, UNKNOWN
from modelwarden.cli.run import Run
from modelwarden.cli.triggers import span
from modelwarden.cli.verb import noun, verb

if TYPE_CHECKING:
    from modelwarden.values.triggers import DatasetAnswer

freshness: Final = noun("freshness", "Datasets that arrive: how fresh, how much, of which form.")

COLUMNS: Final = (
    "name",
    "verdict",
    "reasons",
    "as_of",
    "rows",
    "checked_at",
    "cadence_s",
    "max_age_s",
)
CODES: Final = {"fail": REFUSED, "unknown": UNKNOWN}

DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET")]
ColumnsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="NAME[:TYPE]", help="As amount:float64; all with a type, or none."
    ),
]


@verb(freshness)
def set_(
    run: Run,
    dataset: DatasetArgument,
    *,
    cadence: Annotated[str, typer.Option("--cadence", help="How often it arrives, as 1d.")],
    max_age: Annotated[str, typer.Option("--max-age", help="Older fails, as 2d.")],
    min_rows: Annotated[int, typer.Option("--min-rows")] = 0,
    column: ColumnsOption = None,
) -> None:
    """Say what a dataset has to be like."""
    found = run.rooms.freshness.set(
        dataset,
        cadence_s=span(cadence),
        max_age_s=span(max_age),
        min_rows=min_rows,
        columns=columns(column),
    )
    run.screen.show(found)


@verb(freshness)
def gate(
    run: Run,
    dataset: DatasetArgument,
    *,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", metavar="TIME", parser=moment_option, show_default=False),
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows")] = None,
    column: ColumnsOption = None,
) -> None:
    """Check a dataset that arrives, and record it. Ends in 1 where it fails, in 3 where that is unknown."""
    found = run.rooms.freshness.gate(dataset, as_of=as_of, rows=rows, columns=columns(column))
    _end(run, found)


@verb(freshness)
def show(run: Run, dataset: DatasetArgument) -> None:
    """Say how fresh a dataset is now. Ends in 1 where it fails, in 3 where that is unknown."""
    _end(run, run.rooms.freshness.show(dataset))


@verb(freshness)
def list_(run: Run, *, limit: LimitOption = 50, cursor: CursorOption = None) -> None:
    """List datasets, and how fresh each is now."""
    run.screen.list(run.rooms.freshness.list(limit=limit, cursor=cursor), COLUMNS)


def columns(given: list[str] | None) -> list[str] | dict[str, str] | None:
    """Read NAME or NAME:TYPE, all of the same sort."""
    if not given:
        return None
    pairs = [text.partition(":") for text in given]
    typed = [bool(colon) for _, colon, _ in pairs]
    if any(typed) and not all(typed):
        raise typer.BadParameter("name all columns with a type, or none of them")
    return {name: kind for name, _, kind in pairs} if all(typed) else given


def _end(run: Run, found: DatasetAnswer) -> None:
    run.screen.show(found)
    if found.verdict in CODES:
        raise typer.Exit(CODES[found.verdict])
