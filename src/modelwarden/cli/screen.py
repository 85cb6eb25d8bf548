"""What a person or a program sees: tables and progress bars for the one, JSON for the other.

Colours and bars appear on a terminal alone. Words that others wrote lose their control characters first, so that a
comment can't move a reader's cursor.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeGuard, TypeVar

from modelwarden.values.clock import timestamp
from modelwarden.values.pages import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

T = TypeVar("T")

WIDE: Final = 2_000
"""Columns when nobody looks: lines are never broken in a file or pipe."""


class Screen:
    """Where answers go: standard output; progress goes to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def show(self, answer: object) -> None:
        """Show one answer with all its fields; what is a list of things follows as a table."""
        self.show_fields(dict(_fields(answer)))

    def show_fields(self, given: Mapping[str, object]) -> None:
        """Show named values."""
        self.clear()
        if self.as_json:
            self.print_json(given)
            return
        self._table_of_one(given)
        for name, value in given.items():
            if _is_table(value):
                self.say(f"\n{name}")
                self._table(value, [each.name for each in fields(value[0])])

    def list(self, items: Listing[T] | Sequence[T], columns: Sequence[str]) -> None:
        """Show a list: these fields of each item, and how to go on where there is more."""
        if self.as_json:
            self.print_json(items if isinstance(items, Listing) else Listing(tuple(items)))
            return
        listed = items.items if isinstance(items, Listing) else items
        if listed:
            self._table(listed, columns)
        else:
            self.say("nothing")
        if isinstance(items, Listing) and items.next_cursor:
            self.say(f"more: --cursor {items.next_cursor}")

    def say(self, words: str) -> None:
        """Print a line for people; a program gets nothing."""
        if not self.as_json:
            print(printable(words))

    def warn(self, words: str) -> None:
        """Print a line on standard error."""
        print(printable(words), file=sys.stderr)

    def print_json(self, value: object) -> None:
        """Print a value as JSON."""
        print(json_text(value, indent=2))

    def progress(self, step: str, done: int, total: int) -> None:
        """Show how far something has come, where a person watches."""
        if not sys.stderr.isatty() or self.as_json:
            return
        bars = self._started_bars()
        task = self._tasks.get(step)
        if task is None:
            task = self._tasks[step] = bars.add_task(step, total=total)
        bars.update(task, completed=done, total=total)

    @contextmanager
    def steps(self, step: str) -> Iterator[Callable[[int, int], None]]:
        """Give a function to report progress of one step with; the bar goes away at the end."""
        try:
            yield lambda done, total: self.progress(step, done, total)
        finally:
            self.clear()

    def clear(self) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._tasks = None, {}

    def _started_bars(self) -> Progress:
        if self._bars is None:
            from rich.progress import Progress  # noqa: PLC0415  # slow, seldom needed

            self._bars = Progress(console=_console(stderr=True), transient=True)
            self._bars.start()
        return self._bars

    def _table(self, items: Sequence[object], columns: Sequence[str]) -> None:
        from rich.table import Table  # noqa: PLC0415  # not for programs

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column.replace("_", " "), overflow="fold")
        for item in items:
            table.add_row(*(_text(getattr(item, column)) for column in columns))
        _print(table)

    def _table_of_one(self, given: Mapping[str, object]) -> None:
        from rich.table import Table  # noqa: PLC0415

        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for name, value in given.items():
            if value not in (None, "", (), []) and not _is_table(value):
                table.add_row(name.replace("_", " "), _text(value))
        _print(table)


def printable(words: str) -> str:
    """Return the words without control characters; lines stay lines."""
    return "".join(each if each.isprintable() or each == "\n" else "�" for each in words)


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON; characters that a terminal would act on are escaped."""
    text = json.dumps(plain(value), ensure_ascii=False, indent=indent)
    whole = (
        each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text
    )
    return "".join(whole)


def plain(value: object) -> Any:  # noqa: ANN401  # JSON
    """Return a value as JSON has it, field by field as the API answers."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(item) for name, item in _fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return timestamp(value) if isinstance(value, datetime) else value


def _fields(answer: object) -> Iterator[tuple[str, Any]]:
    for each in fields(answer):  # type: ignore[arg-type]  # answers are dataclasses
        yield each.name, getattr(answer, each.name)


def _is_table(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple) and bool(value) and is_dataclass(value[0])


def _text(value: object) -> Any:  # noqa: ANN401  # rich's Text: words are never read as markup
    from rich.text import Text  # noqa: PLC0415

    return Text(printable(_words(value)))


def _words(value: object) -> str:
    match value:
        case None:
            words = ""
        case bool():
            words = "yes" if value else "no"
        case float():
            words = f"{value:.3f}"
        case datetime():
            words = timestamp(value)[:19].replace("T", " ")
        case Mapping():
            words = "\n".join(f"{key}: {_words(item)}" for key, item in value.items())
        case tuple() | list():
            words = ", ".join(_words(item) for item in value)
        case _:
            words = str(value)
    return words


def _print(table: Table) -> None:
    console = _console()
    with console.capture() as drawn:
        console.print(table)
    print("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # noqa: PLC0415

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False)
