"""A room's `__init__` says what the room is, and nobody goes through the front door from inside."""

from __future__ import annotations

import ast

from tests.house.source import PACKAGE, imported, parse, relative


def is_docstring_alone(tree: ast.Module) -> bool:
    """Say whether a module holds a docstring and nothing else."""
    return bool(ast.get_docstring(tree)) and len(tree.body) == 1


def imports_the_root(tree: ast.AST, submodules: frozenset[str]) -> bool:
    """Say whether a module imports `modelwarden` itself rather than something that stands in it."""
    return any(
        name == "modelwarden"
        or (
            name.count(".") == 1 and name.startswith("modelwarden.") and name[12:] not in submodules
        )
        for name, _ in imported(tree)
    )


def inside() -> frozenset[str]:
    return frozenset(p.stem for p in PACKAGE.iterdir() if p.is_dir() or p.suffix == ".py")


def test_the_init_of_a_room_holds_its_docstring_alone() -> None:
    rooms = [p for p in PACKAGE.rglob("__init__.py") if p.parent != PACKAGE]
    assert rooms
    assert [relative(p) for p in rooms if not is_docstring_alone(parse(p))] == []


def test_nothing_inside_imports_the_root_package() -> None:
    known = inside()
    paths = [p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py"]
    assert [relative(p) for p in paths if imports_the_root(parse(p), known)] == []


def test_a_breach_is_seen() -> None:
    known = frozenset({"errors"})
    assert not is_docstring_alone(ast.parse('"""A room."""\nfrom .model import Model'))
    assert not is_docstring_alone(ast.parse(""))
    assert imports_the_root(ast.parse("import modelwarden"), known)
    assert imports_the_root(ast.parse("def f():\n    from modelwarden import open"), known)
    assert not imports_the_root(ast.parse("from modelwarden import errors"), known)
    assert not imports_the_root(ast.parse("from modelwarden.errors import WardenError"), known)
