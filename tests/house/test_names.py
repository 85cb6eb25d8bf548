"""Files and classes are named after a thing of the domain, never after a place to put things."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.house.source import ROOT, files, parse, relative

if TYPE_CHECKING:
    from collections.abc import Iterator

EMPTY_WORDS: Final = frozenset(
    {
        "base", "common", "core", "data", "handler", "helper", "info", "manager", "misc",
        "service", "shared", "stuff", "util",
    }
)  # fmt: skip


REAL_SERVERS: Final = "tests/services/"
"""Where tests start real servers: there the word means just that."""


def is_empty_word(word: str) -> bool:
    """Say whether the word, or its singular, names nothing."""
    word = word.lower()
    return word in EMPTY_WORDS or word.removesuffix("s") in EMPTY_WORDS


def is_bad_file(stem: str) -> bool:
    """Say whether a file is called `utils`, `http_utils`, …; `service_accounts` is fine."""
    return is_empty_word(stem.strip("_").rpartition("_")[2])


def is_bad_class(name: str) -> bool:
    """Say whether a class is called `SwitchManager`, `BaseSwitch`, …"""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", name)
    return bool(words) and (is_empty_word(words[-1]) or words[0].lower() == "base")


def bad_classes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and is_bad_class(node.name) and not is_given(node):
            yield node.name


def is_given(node: ast.ClassDef) -> bool:
    """Say whether another package's class gave the word, as `logging.Handler` does to what inherits from it."""
    words = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
    return any(node.name.endswith(word) for word in words)


def test_no_file_or_folder_has_an_empty_name() -> None:
    paths = files("src", "tests", "examples", "benchmarks", suffix=".py")
    parts = {
        (relative(p), Path(part).stem)
        for p in paths
        for part in p.relative_to(ROOT).parts
        if not relative(p).startswith(REAL_SERVERS) or part != "services"
    }
    assert sorted({place for place, part in parts if is_bad_file(part)}) == []


def test_no_class_has_an_empty_name() -> None:
    paths = files("src", suffix=".py")
    assert [(relative(p), name) for p in paths for name in bad_classes(parse(p))] == []


@pytest.mark.parametrize("stem", ["utils", "util", "http_utils", "_common", "switch_manager"])
def test_a_bad_file_name_is_seen(stem: str) -> None:
    assert is_bad_file(stem)


@pytest.mark.parametrize("stem", ["service_accounts", "basis", "ledger", "__init__", "metadata"])
def test_a_good_file_name_passes(stem: str) -> None:
    assert not is_bad_file(stem)


def test_a_bad_class_name_is_seen() -> None:
    tree = ast.parse(
        "class SwitchManager: ...\nclass BaseRule: ...\nclass Switch: ...\n"
        "class AuditHandler(logging.Handler): ..."
    )
    assert list(bad_classes(tree)) == ["SwitchManager", "BaseRule"]
