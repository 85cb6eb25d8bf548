"""Reads what a translation begins with: YAML, JSON, or a `GovernancePolicy(…)` in Python source. Pure; runs nothing."""

from __future__ import annotations

import ast
import math
from typing import Final

from modelwarden.errors import PolicyInvalid
from modelwarden.policies.reading import DEEPEST, Path, Source, read

CALLED: Final = "GovernancePolicy"
FAIRNESS: Final = "fairness_config"
LARGEST_PYTHON: Final = 32 * 1024


def read_source(text: str) -> Source:
    """Return the tree of a file with the line of each value. Raises PolicyInvalid where it can't be read."""
    return _python(text) if f"{CALLED}(" in text else read(text)


def _python(text: str) -> Source:
    if len(text.encode("utf-8", "replace")) > LARGEST_PYTHON:
        raise PolicyInvalid((f"the Python source is over {LARGEST_PYTHON // 1024} KiB",))
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise PolicyInvalid((f"line {line}: not Python: {error}",)) from error
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call) and _is_policy(node)]
    if len(calls) != 1:
        raise PolicyInvalid((f"line 1: one {CALLED}(…) a file; there are {len(calls)}",))
    source = Source(tree={})
    found: dict[str, object] = {}
    for node in calls[0].args:
        source.lines[()] = node.lineno
        source.blame((), "name each argument, as in required_approvers=2")
    for keyword in calls[0].keywords:
        path = (keyword.arg or "**",)
        source.lines[path] = keyword.value.lineno
        found[path[0]] = _value(keyword.value, path, source)
    for statement in module.body:
        if isinstance(statement, ast.Assign) and _name(statement.targets[0]) == FAIRNESS:
            source.lines[FAIRNESS,] = statement.lineno
            found[FAIRNESS] = _value(statement.value, (FAIRNESS,), source)
    source.tree = found
    return source


def _is_policy(node: ast.Call) -> bool:
    function = node.func
    return CALLED in {_name(function), function.attr if isinstance(function, ast.Attribute) else ""}


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _value(node: ast.expr, path: Path, source: Source) -> object:
    """Return a literal, or the member of an enumeration in small letters: `ComplianceLevel.STRICT` is `strict`."""
    source.lines.setdefault(path, node.lineno)
    if len(path) > DEEPEST:
        source.blame(path, f"nested deeper than {DEEPEST}")
        return None
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(each, (*path, n), source) for n, each in enumerate(node.elts)]
    if isinstance(node, ast.Dict):
        return _mapping(node, path, source)
    if isinstance(node, ast.Attribute) and _name(node.value):
        return node.attr.lower()
    if isinstance(node, ast.Constant) and _is_plain(node.value):
        return node.value
    source.blame(path, "a plain value; nothing is computed here")
    return None


def _is_plain(value: object) -> bool:
    return isinstance(value, str | bool | int | None) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _mapping(node: ast.Dict, path: Path, source: Source) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, item in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            source.blame(path, "a key has to be plain text")
        elif key.value in found:
            source.blame((*path, key.value), "the key stands there twice")
        else:
            found[key.value] = _value(item, (*path, key.value), source)
    return found
