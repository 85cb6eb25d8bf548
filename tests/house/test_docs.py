"""Links lead somewhere, the site loads nothing from outside, decisions keep their form."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.house.source import ROOT, files, relative, top_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FENCED: Final = re.compile(r"^(```|~~~).*?^\1\s*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
LOADED: Final = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\ssrc=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b(?=[^>]*rel=[\"']?(?:stylesheet|preload|icon|preconnect))[^>]*\shref=[\"']?((?:https?:)?//[^\"'\s>]+)"
)
DECISIONS: Final = ROOT / "docs" / "decisions"
HEADINGS: Final = ("## Context", "## Decision", "## Consequences", "## Revisit when")


def broken_links(document: Path, text: str) -> Iterator[str]:
    """Yield the relative links of a Markdown text that lead to no file."""
    for target in LINK.findall(FENCED.sub("", text)):
        path = target.partition("#")[0]
        if path and not ELSEWHERE.match(path) and not (document.parent / path).exists():
            yield f"{document.name}: {target}"


def faults(name: str, text: str) -> Iterator[str]:
    """Yield what a decision lacks."""
    if not re.match(rf"# {name[:4]} \S", text):
        yield f"{name}: the title starts with the number"
    if len(text.splitlines()) > 40:
        yield f"{name}: more than 40 lines"
    if "**Status.**" not in text:
        yield f"{name}: no status"
    yield from (f"{name}: no {heading}" for heading in HEADINGS if heading not in text)


def decisions() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


def outside(html: str) -> list[str]:
    """Return the addresses from which a page loads something by itself."""
    return [a or b for a, b in LOADED.findall(html)]


def test_every_link_between_our_documents_leads_somewhere() -> None:
    documents = [p for p in (*files(suffix=".md"), *top_files()) if p.suffix == ".md"]
    assert [b for p in documents for b in broken_links(p, p.read_text(encoding="utf-8"))] == []


def test_every_decision_keeps_the_form() -> None:
    assert [f for p in decisions() for f in faults(p.name, p.read_text(encoding="utf-8"))] == []


def test_decisions_have_numbers_of_their_own_and_stand_in_the_list() -> None:
    numbers = [p.name[:4] for p in decisions()]
    assert numbers == sorted(set(numbers))
    listed = (DECISIONS / "index.md").read_text(encoding="utf-8")
    assert [relative(p) for p in decisions() if f"({p.name})" not in listed] == []


def test_the_site_loads_nothing_from_outside(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - the tool of this environment, on our own files
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    pages = sorted(tmp_path.rglob("*.html"))
    assert pages
    found = {p.name: outside(p.read_text(encoding="utf-8")) for p in pages}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("", encoding="utf-8")
    good = "[a](a.md#x) [b](https://example.org) [c](#here) `[d](no.md)`\n```\n[e](no.md)\n```\n"
    assert list(broken_links(document, good)) == []
    assert list(broken_links(document, "[f](no.md)")) == ["a.md: no.md"]


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/inter.css">',
        "<img alt=x src=http://example.org/a.png>",
    ],
)
def test_something_from_outside_is_seen(html: str) -> None:
    assert len(outside(html)) == 1
    assert outside('<a href="https://example.org">x</a><link rel="icon" href="x.png">') == []


def test_a_decision_without_form_is_seen() -> None:
    assert len(list(faults("0007-x.md", "# 0008 X\n" + "\n" * 40))) == 7
