"""No file holds a promise to finish later, a path of one machine or the address of a registry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.house.source import files, relative, top_files

if TYPE_CHECKING:
    from collections.abc import Iterator

# The odd brackets keep this file from reporting itself.
LATER: Final = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
MACHINE: Final = re.compile(r"(?<![\w.~}-])/(?:root|home|Users|w[o]rk|workspace|mnt)/")
REGISTRY: Final = re.compile(
    r"pypi\.org/s[i]mple|pythonhosted\.[o]rg|registry\.npmjs\.[o]rg|ind[e]x-url|find-l[i]nks"
)
CODE: Final = frozenset(
    {"", ".css", ".html", ".j2", ".js", ".mako", ".py", ".sh", ".toml", ".yaml", ".yml"}
)


def remarks(name: str, text: str) -> Iterator[str]:
    """Yield what should not stand in a file, with its line. Prose may name the words."""
    code = (
        any(name.endswith(suffix) for suffix in CODE if suffix)
        or "." not in name.rpartition("/")[2]
    )
    for number, line in enumerate(text.splitlines(), 1):
        for kind, pattern in (("machine", MACHINE), ("registry", REGISTRY)):
            if pattern.search(line):
                yield f"{name}:{number}: {kind}: {line.strip()[:80]}"
        if code and LATER.search(line):
            yield f"{name}:{number}: later: {line.strip()[:80]}"


def test_every_file_is_tidy() -> None:
    paths = [p for p in (*files(), *top_files()) if ".min." not in p.name]  # vendored as it is
    assert [r for p in paths for r in remarks(relative(p), p.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("src/a.py", "x = 1  # TO@DO: finish"),
        ("Makefile", "# FIX@ME"),
        ("docs/a.md", "open /ho@me/alice/model.joblib"),
        ("src/a.py", "FOLDER = '/wo@rk/main'"),
        ("pyproject.toml", "ind@ex-url = 'https://packages.example/'"),
    ],
)
def test_a_breach_is_seen(name: str, line: str) -> None:
    assert len(list(remarks(name, line.replace("@", "")))) == 1


@pytest.mark.parametrize(
    "line", ["see docs/home/page", "GET /api/mnt/items", "https://example.org/mnt/", "~/home/x"]
)
def test_an_ordinary_line_passes(line: str) -> None:
    assert list(remarks("src/a.py", line)) == []
