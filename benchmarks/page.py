"""The figures in `docs/reference/benchmarks.md`: written there by a run, so that nobody copies them by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.row import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HEAD: Final = (
    "| what | ours | beside it | that | ratio | target |\n| --- | --: | --- | --: | --: | --- |\n"
)


def write(page: Path, figures: Mapping[str, Sequence[Mapping[str, Any]]], measured_on: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->` for each file that was measured."""
    text = page.read_text(encoding="utf-8")
    for name, rows in figures.items():
        table = "".join(_line(row) for row in rows)
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{page} has no place for the figures of {name}")
        text = f"{before}{begin}\n\n{HEAD}{table}\n{measured_on}\n\n{end}{after}"
    page.write_text(text, encoding="utf-8")


def _line(row: Mapping[str, Any]) -> str:
    unit, peer, ratio = row["unit"], row["peer"], row["ratio"]
    kind = "times its cost" if row["is_limit"] else "times better"
    cells = (
        row["what"],
        shown(row["ours"], unit),
        row["beside"],
        "" if peer is None else shown(peer, unit),
        "" if ratio is None else f"{ratio:,.3g} {kind}",
        "" if row["target"] is None else f"{row['target']} {'met' if row['met'] else '**missed**'}",
    )
    return f"| {' | '.join(cells)} |\n"
