"""What every generated page is built from: Markdown, and docstrings as readers get them. Used by reference.py."""

# ruff: noqa: INP001  # stands beside a script, in no package

from __future__ import annotations

import re
from inspect import cleandoc
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MADE: Final = "<!-- Made by scripts/reference.py from the code; edit that, not this. -->"
_RULES: Final = re.compile(
    r"\s*\((?:(?:AC|CI|IN|LG|LN|NO|POL|RISK|RL|SG|SL)-\d+[a-z]?[,;]?(?: and| to)?\s*)+\)"
)


def sentence(text: str | None, *, lines: bool = False) -> str:
    """Return the first paragraph of a docstring, or its first line, without the numbers of our own rules."""
    whole = cleandoc(text or "")
    part = whole.partition("\n\n")[0] if lines else whole.partition("\n")[0]
    return _RULES.sub("", " ".join(part.split()))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell(item) for item in line)} |" for line in lines) + "\n"


def cell(item: object) -> str:
    """Return a value so that it stays within its cell; outside of code, `<` begins no tag."""
    parts = str(item).replace("|", "\\|").replace("\n", " ").split("`")
    parts[::2] = (part.replace("<", "&lt;") for part in parts[::2])
    return "`".join(parts)


def code(text: object) -> str:
    """Return text as code."""
    return f"`{text}`" if str(text) else ""


def page(title: str, *parts: str) -> str:
    """Return a page from its title and parts."""
    return "\n\n".join(part.strip("\n") for part in (f"# {title}", MADE, *parts)) + "\n"
