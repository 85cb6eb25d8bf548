"""The project's own files, for the tests that read them. Knows no rule.

Works in a copy without `.git` too: it walks the folders that belong to the project.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
SRC: Final = ROOT / "src"
PACKAGE: Final = SRC / "modelwarden"

FOLDERS: Final = (
    "src", "tests", "docs", "examples", "benchmarks", "deploy", ".ci", ".github"
)  # fmt: skip
TEXT: Final = frozenset(
    {
        "", ".css", ".csv", ".html", ".ini", ".j2", ".js", ".json", ".mako", ".md", ".py", ".sh",
        ".svg", ".toml", ".txt", ".yaml", ".yml",
    }
)  # fmt: skip


def files(*folders: str, suffix: str | None = None) -> Iterator[Path]:
    """Yield the project's text files below the folders (all of them by default), sorted."""
    for folder in folders or FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            wanted = path.suffix == suffix if suffix else path.suffix in TEXT
            if wanted and path.is_file() and "__pycache__" not in path.parts:
                yield path


def top_files() -> Iterator[Path]:
    """Yield the text files that stand beside README.md."""
    yield from sorted(p for p in ROOT.iterdir() if p.is_file() and p.suffix in TEXT)


def relative(path: Path) -> str:
    """Return the path as it is written in a report and in an exemption."""
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function below the node, nested ones and methods too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each imported dotted name with its line: `from a import b` yields `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno
