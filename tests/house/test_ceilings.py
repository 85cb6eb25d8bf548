"""Files and functions stay short enough to be read at one sitting."""

from __future__ import annotations

import ast
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tests.house.source import files, functions, relative

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE_LINES, FUNCTION_LINES = 350, 50
TEST_FILE_LINES, TEST_FUNCTION_LINES = 500, 80

# `path` or `path::function` and why it may be longer. A line that excuses nothing fails.
EXEMPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "src/modelwarden/errors.py": "a catalogue: small classes to look up, in one place by rule",
        "src/modelwarden/values/answers.py": "a catalogue of values without logic (decision 0006)",
        "src/modelwarden/audit/standalone.py": "one file by design: an auditor takes it along",
        "src/modelwarden/store/migrations/versions/0001_foundation.py": "a revision is one piece",
        "src/modelwarden/store/migrations/versions/0001_foundation.py::_approvals": "one table",
        "src/modelwarden/store/migrations/versions/0001_foundation.py::_deployments": "one table",
    }
)


def too_long(name: str, text: str) -> Iterator[tuple[str, int]]:
    """Yield `path` or `path::function` with its number of lines, for each above its ceiling."""
    test = name.startswith("tests/")
    lines = len(text.splitlines())
    if lines > (TEST_FILE_LINES if test else FILE_LINES):
        yield name, lines
    for node in functions(ast.parse(text)):
        size = (node.end_lineno or node.lineno) - node.lineno + 1
        if size > (TEST_FUNCTION_LINES if test else FUNCTION_LINES):
            yield f"{name}::{node.name}", size


def long_things() -> dict[str, int]:
    return {
        place: lines
        for path in files("src", "tests", "examples", "benchmarks", suffix=".py")
        for place, lines in too_long(relative(path), path.read_text(encoding="utf-8"))
    }


def test_no_file_and_no_function_is_above_its_ceiling() -> None:
    assert {place: n for place, n in long_things().items() if place not in EXEMPT} == {}


def test_each_exemption_is_still_needed_and_has_a_reason() -> None:
    found = long_things()
    assert [place for place, reason in EXEMPT.items() if place not in found or not reason] == []


def test_a_breach_is_seen() -> None:
    body = "def long():\n" + "    x = 1\n" * FUNCTION_LINES
    assert list(too_long("src/a.py", body)) == [("src/a.py::long", FUNCTION_LINES + 1)]
    assert list(too_long("tests/a.py", body)) == []
    assert list(too_long("src/a.py", "x = 1\n" * 351)) == [("src/a.py", 351)]
    assert list(too_long("tests/a.py", "x = 1\n" * 501)) == [("tests/a.py", 501)]
