"""Tables on the terminal, and a JSON file of the same."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from benchmarks import machine, page
from benchmarks.row import shown
from benchmarks.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.row import Row

CONSOLE: Final = Console(width=132)


@dataclass(frozen=True, slots=True)
class Claim:
    """A benchmark file: its name, what it claims, and the function that measures."""

    name: str
    title: str
    measure: Callable[[Workbench], list[Row]]


def run(claims: Sequence[Claim]) -> None:
    """Measure each claim, print its table as soon as it stands, and write all to `--output` if asked."""
    parser = argparse.ArgumentParser(description="Ours and the peer's figures, in the same run.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller ledgers")
    parser.add_argument("--output", type=Path, help="write the figures here as JSON, too")
    parser.add_argument("--page", type=Path, help="write the figures into this page of the docs")
    if len(claims) > 1:
        names = [claim.name for claim in claims]
        parser.add_argument("--only", nargs="+", choices=names, help="these files alone")
    chosen = parser.parse_args()
    wanted = getattr(chosen, "only", None)
    CONSOLE.print(machine.line())
    found: dict[str, list[dict[str, object]]] = {}
    with tempfile.TemporaryDirectory(prefix="modelwarden-bench-") as folder:
        bench = Workbench(Path(folder), quick=chosen.quick)
        for claim in claims:
            if wanted is None or claim.name in wanted:
                rows = claim.measure(bench)
                CONSOLE.print(_table(claim, rows))
                found[claim.name] = [row.as_json() for row in rows]
                if chosen.page is not None:
                    page.write(chosen.page, {claim.name: found[claim.name]}, machine.line())
    CONSOLE.print(f"load at the end: {machine.load()}")
    if chosen.output is not None:
        document = {"machine": machine.facts(), "quick": chosen.quick, "figures": found}
        chosen.output.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _table(claim: Claim, rows: Sequence[Row]) -> Table:
    table = Table(
        title=f"{claim.title} (benchmarks/{claim.name}.py)", title_justify="left", expand=True
    )
    table.add_column("what", ratio=4)
    table.add_column("ours", justify="right", no_wrap=True)
    table.add_column("beside it", ratio=4)
    table.add_column("that", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("target", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.what,
            shown(row.ours, row.unit),
            row.beside,
            "" if row.peer is None else shown(row.peer, row.unit),
            _ratio(row),
            _target(row),
        )
    return table


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return ""
    return f"{row.ratio:,.3g} times its cost" if row.is_limit else f"{row.ratio:,.3g} times better"


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    met = row.target.is_met(row)
    mark = "" if met is None else " [green]met[/]" if met else " [red]missed[/]"
    return row.target.text(row.unit) + mark
