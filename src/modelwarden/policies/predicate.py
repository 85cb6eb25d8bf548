"""Conditions in Kleene logic: true, false, or unknown, and what decided (EVAL-1, EVAL-2). Pure, standard library.

A condition is read once, with every name and type checked; then it is weighed against values as often as wanted. It
holds no code and no pattern, and asks no clock: `now` is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from modelwarden.policies.fields import Sort
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Limit: TypeAlias = "str | bool | Decimal | timedelta | tuple[str | Decimal, ...]"

LONGEST_NUMBER: Final = 64


class WrongType(ValueError):
    """A value is not of the sort that its field has, or is no finite number: the answer is an error (EVAL-2)."""


class Seen(NamedTuple):
    """An atom that decided: what was asked, how, against what, and the value that was there, if any."""

    subject: str
    operator: str
    limit: str
    value: str | None


class Ruling(NamedTuple):
    """What a condition came to. `truth` is None where it is unknown."""

    truth: bool | None
    atoms: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Atom:
    """One question about one field."""

    field: str
    sort: Sort
    operator: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class All:
    """True when each part is; false when one is false."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True when one part is; false when each is false."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when its part is false; unknown when that is unknown."""

    part: Condition


Condition: TypeAlias = Atom | All | Any | Not


def holds(asked: Condition, values: Mapping[str, Json], *, now: datetime) -> bool | None:
    """Return whether a condition is true, or None where that is unknown.

    Every atom is looked at, also where another decides: a value of another sort is an error wherever it stands.
    Raises WrongType.
    """
    if isinstance(asked, Atom):
        value = values.get(asked.field)
        if asked.operator == "exists":
            return value is not None
        return None if value is None else _compared(asked, value, now)
    if isinstance(asked, Not):
        inner = holds(asked.part, values, now=now)
        return None if inner is None else not inner
    closing = isinstance(asked, Any)  # the one answer of a part that settles the whole
    found: bool | None = not closing
    for part in asked.parts:
        truth = holds(part, values, now=now)
        if truth is closing:
            found = closing
        elif truth is None and found is not closing:
            found = None
    return found


def weigh(asked: Condition, values: Mapping[str, Json], *, now: datetime) -> Ruling:
    """Return what a condition comes to, with the atoms that decided. Raises WrongType."""
    truth = holds(asked, values, now=now)
    return Ruling(truth, tuple(_deciding(asked, values, now=now, truth=truth)))


def _deciding(
    asked: Condition, values: Mapping[str, Json], *, now: datetime, truth: bool | None
) -> Iterator[Seen]:
    """Yield the atoms by which a condition came to this."""
    if isinstance(asked, Atom):
        yield _seen(asked, values.get(asked.field))
    elif isinstance(asked, Not):
        inner = None if truth is None else not truth
        yield from _deciding(asked.part, values, now=now, truth=inner)
    else:
        for part in asked.parts:
            if holds(part, values, now=now) is truth:
                yield from _deciding(part, values, now=now, truth=truth)


def _compared(asked: Atom, value: Json, now: datetime) -> bool:
    typed = _typed(asked, value)
    limit = asked.limit
    if isinstance(typed, datetime) and isinstance(limit, timedelta):
        return timedelta(0) <= now - typed <= limit
    return _COMPARE[asked.operator](typed, limit)


_COMPARE: Final[Mapping[str, Callable[..., bool]]] = MappingProxyType(
    {
        "eq": lambda value, limit: bool(value == limit),
        "ne": lambda value, limit: bool(value != limit),
        "lt": lambda value, limit: bool(value < limit),
        "lte": lambda value, limit: bool(value <= limit),
        "gt": lambda value, limit: bool(value > limit),
        "gte": lambda value, limit: bool(value >= limit),
        "in": lambda value, limit: value in limit,
        "contains": lambda value, limit: limit in value,
        "prefix": lambda value, limit: bool(value.startswith(limit)),
    }
)


def _typed(asked: Atom, value: Json) -> object:
    """Return a value as its field's sort compares it; whole numbers as they are. Raises WrongType."""
    sort = asked.sort
    if type(value) is _PLAIN.get(sort):
        return value
    found: object = None
    if sort is Sort.NUMBER and isinstance(value, str):
        found = number(value)
    elif sort is Sort.TIME and isinstance(value, str):
        found = _time(value)
    elif sort is Sort.WORDS and isinstance(value, list | tuple):
        found = value if all(isinstance(word, str) for word in value) else None
    if found is None:
        raise WrongType(f"{asked.field} holds {type(value).__name__}, not {sort}")
    return found


_PLAIN: Final[Mapping[Sort, type]] = MappingProxyType(
    {Sort.TEXT: str, Sort.FLAG: bool, Sort.NUMBER: int}
)


def number(value: object) -> Decimal | None:
    """Return a finite number, or None: figures are whole numbers or decimal text (LG-3)."""
    text = repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, bool) or len(text) > LONGEST_NUMBER:
        return None
    try:
        found = Decimal(text)
    except ArithmeticError:
        return None
    # A short text such as 1e999999 would be a long one once written out.
    return found if found.is_finite() and abs(found.adjusted()) <= LONGEST_NUMBER else None


def _time(text: str) -> datetime | None:
    try:
        return moment(text)
    except ValueError:
        return None


def _seen(asked: Atom, value: Json) -> Seen:
    return Seen(
        asked.field, asked.operator, words(asked.limit), None if value is None else words(value)
    )


def words(value: object) -> str:
    """Return a value or a limit as a result shows it."""
    if isinstance(value, tuple | list):
        return ", ".join(words(item) for item in value)
    if isinstance(value, timedelta):
        return f"PT{int(value.total_seconds())}S"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value).lower() if isinstance(value, bool) else str(value)
