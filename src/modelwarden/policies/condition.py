"""Conditions as policy documents write them, read once, with every name and type checked (EVAL-1, EVAL-2). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from modelwarden.policies.duration import duration
from modelwarden.policies.fields import Sort
from modelwarden.policies.predicate import All, Any, Atom, Condition, Limit, Not, number

if TYPE_CHECKING:
    from datetime import timedelta

Path: TypeAlias = "tuple[str | int, ...]"

DEEPEST: Final = 16
MOST_NODES: Final = 500
LONGEST_WORD: Final = 256
MOST_CHOICES: Final = 100

OPERATORS: Final[Mapping[Sort, frozenset[str]]] = MappingProxyType(
    {
        Sort.TEXT: frozenset({"eq", "ne", "in", "prefix"}),
        Sort.NUMBER: frozenset({"eq", "ne", "lt", "lte", "gt", "gte", "in"}),
        Sort.FLAG: frozenset({"eq", "ne"}),
        Sort.WORDS: frozenset({"contains"}),
        Sort.TIME: frozenset({"within"}),
    }
)


class Problem(NamedTuple):
    """What is wrong with a condition, and where in it."""

    path: Path
    words: str


class Invalid(ValueError):
    """A condition that can't be read; every problem in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.words for problem in problems))
        self.problems = tuple(problems)


def condition(tree: object, *, fields: Mapping[str, Sort], exists: bool = False) -> Condition:
    """Read a condition. Raises Invalid with every problem in it.

    Args:
        tree: plain values, as a policy document holds them.
        fields: what may be asked.
        exists: whether `{exists: field}` may be asked; only `applies_to` may, so that absence never passes (EVAL-2).
    """
    reader = _Reader(fields, exists=exists)
    found = reader.read(tree, (), 1)
    if found is None or reader.problems:
        raise Invalid(reader.problems)
    return found


class _Reader:
    """Reads one condition, and notes every problem on the way."""

    def __init__(self, fields: Mapping[str, Sort], *, exists: bool) -> None:
        self.fields = fields
        self.exists = exists
        self.problems: list[Problem] = []
        self.nodes = 0

    def read(self, tree: object, path: Path, depth: int) -> Condition | None:
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_NODES:
            if not any(problem.words.startswith("over ") for problem in self.problems):
                self._blame(path, f"over {MOST_NODES} parts, or nested deeper than {DEEPEST}")
            return None
        if not isinstance(tree, Mapping):
            self._blame(path, "a condition: {all: […]}, {any: […]}, {not: …} or {field: …}")
            return None
        keys = set(tree)
        if keys == {"not"}:
            part = self.read(tree["not"], (*path, "not"), depth + 1)
            return None if part is None else Not(part)
        for word, join in (("all", All), ("any", Any)):
            if keys == {word}:
                return self._parts(tree[word], (*path, word), depth, join)
        if keys == {"exists"}:
            return self._existing(tree["exists"], (*path, "exists"))
        return self._asked(tree, path)

    def _parts(
        self, items: object, path: Path, depth: int, join: type[All | Any]
    ) -> Condition | None:
        if not isinstance(items, list | tuple) or not items:
            self._blame(path, "a list of at least one condition")
            return None
        parts = [self.read(item, (*path, n), depth + 1) for n, item in enumerate(items)]
        known = tuple(part for part in parts if part is not None)
        return join(known) if len(known) == len(parts) else None

    def _existing(self, name: object, path: Path) -> Condition | None:
        if not self.exists:
            self._blame(path, "`exists` only stands in applies_to: absence never passes")
            return None
        sort = self._sort(name, path)
        return None if sort is None else Atom(str(name), sort, "exists", "")

    def _asked(self, tree: Mapping[str, object], path: Path) -> Condition | None:
        sort = self._sort(tree.get("field"), (*path, "field"))
        if sort is None:
            return None
        given = sorted(set(tree) - {"field"})
        allowed = OPERATORS[sort]
        if len(given) != 1 or given[0] not in allowed:
            self._blame(path, f"one of {', '.join(sorted(allowed))} for a {sort}")
            return None
        limit = _limit(sort, given[0], tree[given[0]])
        if limit is None:
            self._blame((*path, given[0]), _EXPECTED[sort])
            return None
        return Atom(str(tree["field"]), sort, given[0], limit)

    def _sort(self, name: object, path: Path) -> Sort | None:
        found = self.fields.get(name) if isinstance(name, str) else None
        if found is None:
            self._blame(path, f"one of {', '.join(sorted(self.fields))}")
        return found

    def _blame(self, path: Path, problem: str) -> None:
        self.problems.append(Problem(path, problem))


_EXPECTED: Final[Mapping[Sort, str]] = MappingProxyType(
    {
        Sort.TEXT: f"text, or for `in` a list of texts, each of at most {LONGEST_WORD} characters",
        Sort.NUMBER: "a finite number, or for `in` a list of numbers",
        Sort.FLAG: "true or false",
        Sort.WORDS: f"a word of at most {LONGEST_WORD} characters",
        Sort.TIME: "a duration such as P90D",
    }
)


def _limit(sort: Sort, operator: str, given: object) -> Limit | None:
    if operator == "in":
        return _choices(sort, given)
    match sort, given:
        case Sort.FLAG, bool():
            return given
        case Sort.NUMBER, int() | float() if not isinstance(given, bool):
            return number(given)
        case Sort.TEXT | Sort.WORDS, str() if given and len(given) <= LONGEST_WORD:
            return given
        case Sort.TIME, str():
            return _span(given)
        case _:
            return None


def _choices(sort: Sort, given: object) -> Limit | None:
    if not isinstance(given, list | tuple) or not 0 < len(given) <= MOST_CHOICES:
        return None
    items = tuple(_limit(sort, "eq", item) for item in given)
    return (
        tuple(item for item in items if isinstance(item, str | Decimal))
        if None not in items
        else None
    )


def _span(text: str) -> timedelta | None:
    try:
        return duration(text)
    except ValueError:
        return None
