"""The tour on a terminal: one heading a step, short sentences, refusals in red with rule and entry number.

Ink is neutral; colour stands for state alone. Where nobody watches, nothing moves and no colour is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from modelwarden.tour.telling import Block, Proven, Refused, Sheet, Typed, Words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import RenderableType
    from rich.status import Status

    from modelwarden.tour.story import Chapter, Outcome
    from modelwarden.tour.telling import Step, Telling

WIDEST: Final = 96
INDENT: Final = 4
OK: Final = "green"
BAD: Final = "red"
QUIET: Final = "bright_black"
QUESTION: Final = (
    "May this model go live, who agreed, what exactly is running, and how can that be proven?"
)

LASTS: Final = (
    "Two to three minutes, most of them waiting until a minute of traffic is over and judged"
)


class TourScreen:
    """Draws the tour as it goes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(console.width, WIDEST)
        self._status: Status | None = None

    def open(self, folder: Path) -> None:
        """Say what is about to happen, and where."""
        title = Text("Modelwarden, the tour", style="bold")
        where = Text(f"Real data, nothing fetched, everything in {folder}/", style=QUIET)
        lasts = Text(LASTS, style=QUIET)
        self._print(
            Panel(Group(title, Text(QUESTION), where, lasts), box=box.ROUNDED, padding=(0, 2))
        )
        self._print(Text())

    def begin(self, chapter: Chapter, number: int) -> None:
        """Show that a step is under way, where somebody watches."""
        if self._console.is_terminal and not self._console.record:
            self._status = self._console.status(
                Text(f"{number}  {chapter.title}", style=QUIET), spinner="dots"
            )
            self._status.start()

    def wait(self, chapter: Chapter, number: int, what: str) -> None:
        """Say what a step waits for, where somebody watches."""
        if self._status is not None:
            self._status.update(Text(f"{number}  {chapter.title}: {what}", style=QUIET))

    def end(self, chapter: Chapter, number: int, step: Step, telling: Telling) -> None:
        """Draw a step that ended."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        self._print(_heading(chapter.title, number, step, self._width))
        for block in telling.blocks:
            self._print(Padding(_drawn(block), (0, 2, 0, INDENT)))
            self._print(Text())
        if not step.ok:
            words = f"This did not turn out as it has to. {step.evidence.get('failure', '')}"
            self._print(Padding(_marked("✗", BAD, Text(words)), (0, 0, 1, INDENT)))

    def close(self, outcome: Outcome, folder: Path) -> None:
        """Say how it went, and what to try next."""
        last = outcome.steps[-1].evidence
        if not outcome.ok:
            words = f"The tour ended early, in step {len(outcome.steps)}. The folder is {folder}/."
            self._print(Panel(Text(words), box=box.ROUNDED, border_style=BAD, padding=(0, 2)))
            return
        refusals = sum(len(step.evidence.get("refused", ())) for step in outcome.steps)
        facts = Table.grid(padding=(0, 2))
        facts.add_column(style=QUIET)
        facts.add_column(overflow="fold")
        facts.add_row("steps", f"{len(outcome.steps)}, in {outcome.seconds:.0f} seconds")
        facts.add_row("refused, as it has to be", f"{refusals}")
        facts.add_row("ledger", f"{last['entries']} entries exported")
        facts.add_row("root", str(last["root"]))
        title = Text("Everything held", style=f"bold {OK}")
        self._print(Panel(Group(title, facts), box=box.ROUNDED, padding=(0, 2)))
        self._print(_next(folder))

    def _print(self, drawn: RenderableType) -> None:
        self._console.print(drawn, width=self._width)


def _heading(title: str, number: int, step: Step, width: int) -> Text:
    style = "bold" if step.ok else f"bold {BAD}"
    entries = _entries(step.entries)
    line = width - len(f"{number:>2}  {title}  {entries}") - bool(entries)
    return Text.assemble(
        (f"{number:>2}  {title} ", style), ("─" * max(line, 1) + " " + entries, QUIET)
    )


def _entries(entries: Sequence[int]) -> str:
    if not entries:
        return ""
    first, last = entries[0], entries[-1]
    return f"entry {first}" if first == last else f"entries {first} to {last}"


def _drawn(block: Block) -> RenderableType:
    match block:
        case Words(text):
            return Text(text)
        case Proven(text):
            return _marked("✓", OK, Text(text))
        case Typed(command):
            return Text.assemble(("$ ", QUIET), command)
        case Refused():
            return _refusal(block)
        case Sheet(columns, rows):
            return _sheet(columns, rows)


def _marked(mark: str, style: str, words: RenderableType) -> RenderableType:
    line = Table.grid(padding=(0, 1))
    line.add_column(style=style)
    line.add_column(overflow="fold")
    line.add_row(mark, words)
    return line


def _refusal(refused: Refused) -> RenderableType:
    where = "" if refused.entry is None else f"  entry {refused.entry}"
    rule = Text.assemble(("refused: ", QUIET), (refused.rule, BAD), (where, QUIET))
    instead = Text.assemble(("instead: ", QUIET), refused.instead)
    tried = Text.assemble((refused.who, "bold"), f" {refused.tried}")
    return _marked("✗", BAD, Group(tried, rule, instead))


def _sheet(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> RenderableType:
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        header_style=QUIET,
        border_style=QUIET,
    )
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _next(folder: Path) -> RenderableType:
    database = f"sqlite:///{folder}/warden.db"
    commands = Table.grid(padding=(0, 2))
    commands.add_column(no_wrap=True)
    commands.add_column(style=QUIET, overflow="fold")
    commands.add_row(f"export MODELWARDEN_URL={database}", "")
    commands.add_row("modelwarden audit search --as ines", "what happened, newest first")
    commands.add_row("modelwarden approvals list --as noor", "who was asked, who answered")
    commands.add_row("modelwarden demo --again", "again, and stay up")
    title = Text("To look around", style="bold")
    return Padding(Group(title, commands), (0, 0, 1, 3))
