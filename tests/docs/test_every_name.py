"""The guides' index names every guide, and troubleshooting every reason that the gate can give."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from tests.house.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDES = ROOT / "docs" / "how-to"
SOURCE = ROOT / "src" / "modelwarden"


def reasons() -> Iterator[str]:
    """Yield the codes that stand as text in a `Reason(…)`, or in a name that is handed to one."""
    for name in ("gate", "agreed", "overriding", "use_cases"):
        for node in ast.walk(ast.parse((SOURCE / "approvals" / f"{name}.py").read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Reason"), args=[first, *_]):
                    yield from texts(first)
                case ast.Assign(targets=[ast.Name(id="code")], value=value):
                    yield from texts(value)


def texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from texts(body)
            yield from texts(other)


def test_the_index_names_every_guide() -> None:
    listed = re.findall(r"\]\(([a-z0-9-]+\.md)\)", (GUIDES / "index.md").read_text("utf-8"))
    pages = {page.name for page in GUIDES.glob("*.md")} - {"index.md"}
    assert sorted(listed) == sorted(pages)


def test_troubleshooting_names_every_reason_of_the_gate() -> None:
    page = (GUIDES / "troubleshooting.md").read_text("utf-8")
    found = set(reasons())
    assert len(found) > 20  # or the gate is written in another way
    assert sorted(code for code in found if f"`{code}`" not in page) == []
