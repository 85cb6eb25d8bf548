"""Which action a door reaches. Reads syntax trees only; test_doors.py holds the rule.

An *action* is a public function of a room's `actions.py` (or of a file in its `actions/`) whose
first parameter is annotated `Change`; it is called `room.function`. It is *reached*

- by `api` and `embedded` (`warden/` or `warden.py`), which call actions directly, when a file there
  imports the room's `actions` under any name and uses the function: `actions as approvals`, then
  `approvals.approve`; or `from modelwarden.approvals.actions import approve`, then `approve`;
- by `client` and `cli`, which never import actions, when a function or method there has the name of
  the action, or its verb in a file or class named after its noun: for `register_model` that name
  anywhere, or `register` in `models.py`, or `Models.register`. A trailing underscore does not count
  (`list_`), a private function never does.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.house.source import PACKAGE, functions, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PLACES: Final = (("api", "api"), ("embedded", "warden"), ("client", "client"), ("cli", "cli"))
DOORS: Final = tuple(door for door, _ in PLACES)
DIRECT: Final = frozenset({"api", "embedded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What stands behind each door: `room.function` behind direct ones, else `holder.function`."""

    reached: Mapping[str, frozenset[str]]

    def reach(self, door: str, action: str, *, known_as: str | None = None) -> bool:
        """Say whether the door reaches the action, or the function that it is known as there."""
        found = self.reached[door]
        if known_as is not None:
            return known_as in found
        if door in DIRECT:
            return action in found
        return any(is_named_after(name, action) for name in found)


def is_named_after(function: str, action: str) -> bool:
    """Say whether `holder.function` is the name of `room.action`, or its verb beside its noun."""
    holder, _, name = function.partition(".")
    wanted = action.partition(".")[2]
    verb, _, noun = wanted.partition("_")
    return name == wanted or (bool(noun) and name == verb and singular(holder) == singular(noun))


def singular(word: str) -> str:
    """Return a noun in small letters, without underscores and plural."""
    word = word.lower().replace("_", "")
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def actions(package: Path = PACKAGE) -> list[str]:
    """Return every action of every room, as `room.function`, also those that `actions.py` imports by name."""
    files = [*package.glob("*/actions.py"), *package.glob("*/actions/*.py")]
    return sorted(
        f"{path.relative_to(package).parts[0]}.{node.name}"
        for path in files
        for node in (*parse(path).body, *imported(path, package))
        if isinstance(node, ast.FunctionDef) and is_action(node)
    )


def imported(path: Path, package: Path) -> Iterator[ast.stmt]:
    """Yield the functions of the package that a file imports by their own name, to hand them on."""
    for node in parse(path).body:
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(
            f"{package.name}."
        ):
            continue
        source = package.joinpath(*str(node.module).split(".")[1:]).with_suffix(".py")
        names = {alias.name for alias in node.names if alias.asname == alias.name}
        if names and source.exists():
            yield from (
                each
                for each in parse(source).body
                if isinstance(each, ast.FunctionDef) and each.name in names
            )


def is_action(node: ast.FunctionDef) -> bool:
    """Say whether a function is public and its first parameter a `Change`."""
    if node.name.startswith("_"):
        return False
    first = next(iter((*node.args.posonlyargs, *node.args.args)), None)
    return first is not None and first.annotation is not None and is_change(first.annotation)


def is_change(annotation: ast.expr) -> bool:
    return ast.unparse(annotation).strip("'\"").rpartition(".")[2] == "Change"


def doors(package: Path = PACKAGE) -> Doors:
    """Read what stands behind every door."""
    return Doors(
        reached={
            door: frozenset(
                name
                for path in files_of(package / place)
                for name in (
                    used_actions(parse(path)) if door in DIRECT else offered(path.stem, parse(path))
                )
            )
            for door, place in PLACES
        }
    )


def files_of(place: Path) -> list[Path]:
    """Return the files of a door, whether it is a package or one file."""
    alone = place.with_suffix(".py")
    return [*place.rglob("*.py"), *([alone] if alone.exists() else [])]


def used_actions(tree: ast.Module) -> Iterator[str]:
    """Yield `room.function` for each use of a function of a room's `actions`."""
    rooms, direct = imported_actions(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in rooms:
            yield f"{rooms[ast.unparse(node.value)]}.{node.attr}"
        elif isinstance(node, ast.Name) and node.id in direct:
            yield direct[node.id]


def imported_actions(tree: ast.Module) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names that stand for a room's `actions`, and those that stand for one action."""
    rooms: dict[str, str] = {}
    direct: dict[str, str] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            match f"{origin}{alias.name}".split("."):
                case ["modelwarden", room, "actions", *rest]:
                    rooms[alias.asname or alias.name] = room
                    if rest:
                        direct[alias.asname or alias.name] = f"{room}.{rest[-1]}"
    return rooms, direct


def offered(stem: str, tree: ast.Module) -> Iterator[str]:
    """Yield `holder.function` for each public function; its holders are its file and its class."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for holder, body in ((stem, tree), *((node.name, node) for node in classes)):
        for node in functions(body):
            if not node.name.startswith("_"):
                yield f"{holder}.{node.name.rstrip('_')}"
