"""No module keeps state: what is built at import is never changed afterwards.

The rule that is checked: a list, dict or set at module level is annotated `Final` (`__all__` aside,
which linters own), the file does not change it, and nothing says `global`. A tuple, a frozenset or
a `MappingProxyType` needs no excuse.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

import pytest

from tests.house.source import files, parse, relative

if TYPE_CHECKING:
    from collections.abc import Iterator

MUTABLE: Final = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
BUILDERS: Final = frozenset(
    {"list", "dict", "set", "bytearray", "deque", "defaultdict", "OrderedDict", "Counter"}
)
CHANGES: Final = frozenset(
    {
        "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove",
        "setdefault", "update",
    }
)  # fmt: skip


def breaches(tree: ast.Module) -> Iterator[str]:
    """Yield what a reader would call module state, with its line."""
    held = {name: node for node in tree.body for name in _names_of_mutables(node)}
    for name, node in held.items():
        if not _is_final(node) and name != "__all__":
            yield f"{node.lineno}: {name} is not Final"
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield f"{node.lineno}: global {', '.join(node.names)}"
        elif (changed := _changed(node)) in held:
            yield f"{node.lineno}: {changed} is changed"


def _names_of_mutables(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    else:
        return []
    return [t.id for t in targets if isinstance(t, ast.Name)] if _is_mutable(node.value) else []


def _is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] in BUILDERS
    return isinstance(value, MUTABLE)


def _is_final(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).startswith(
        ("Final", "typing.Final")
    )


def _changed(node: ast.AST) -> str | None:
    """Return the name that `NAME[…] = …`, `del NAME[…]` or `NAME.append(…)` changes."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        changed = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        changed = node.func.value if node.func.attr in CHANGES else None
    else:
        return None
    return changed.id if isinstance(changed, ast.Name) else None


def test_no_module_keeps_state() -> None:
    paths = files("src", suffix=".py")
    assert [f"{relative(p)}:{line}" for p in paths for line in breaches(parse(p))] == []


@pytest.mark.parametrize(
    "sample",
    [
        "CACHE = {}",
        "SEEN: set[str] = set()",
        "QUEUE = collections.deque()",
        "NAMES: Final = ['a']\ndef f():\n    NAMES.append('b')",
        "NAMES: Final = {}\ndef f():\n    NAMES['b'] = 1",
        "NAMES: Final = {}\ndel NAMES['b']",
        "count = 0\ndef f():\n    global count",
    ],
)
def test_a_breach_is_seen(sample: str) -> None:
    assert list(breaches(ast.parse(sample))) != []


@pytest.mark.parametrize(
    "sample",
    [
        "MOVES: Final[Mapping[str, int]] = {'a': 1}",
        "NAMES = ('a', 'b')",
        "KNOWN = frozenset({'a'})",
        "TABLE = MappingProxyType({'a': 1})",
        "__all__ = ['a']",
        "def f():\n    found = []\n    found.append(1)",
    ],
)
def test_what_never_changes_passes(sample: str) -> None:
    assert list(breaches(ast.parse(sample))) == []
