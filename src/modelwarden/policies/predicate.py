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
    from collections.abc import Callable, Mapping, Sequence

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


def weigh(asked: Condition, values: Mapping[str, Json], *, now: datetime) -> Ruling:
    """Return what a condition comes to. Raises WrongType for a value of another sort than its field's."""
    match asked:
        case Atom():
            return _atom(asked, values.get(asked.field), now)
        case Not():
            inner = weigh(asked.part, values, now=now)
            return Ruling(None if inner.truth is None else not inner.truth, inner.atoms)
        case All():
            return _joined(asked.parts, values, now=now, closing=False)
        case Any():
            return _joined(asked.parts, values, now=now, closing=True)


def _joined(
    parts: Sequence[Condition], values: Mapping[str, Json], *, now: datetime, closing: bool
) -> Ruling:
    """Return the verdict of parts of which one `closing` answer settles the whole."""
    rulings = [weigh(part, values, now=now) for part in parts]
    truths = {ruling.truth for ruling in rulings}
    truth = closing if closing in truths else None if None in truths else not closing
    return Ruling(truth, tuple(atom for r in rulings if r.truth is truth for atom in r.atoms))


def _atom(asked: Atom, value: Json, now: datetime) -> Ruling:
    if asked.operator == "exists":
        return Ruling(value is not None, (_seen(asked, value),))
    if value is None:
        return Ruling(None, (_seen(asked, None),))
    return Ruling(_holds(asked, value, now), (_seen(asked, value),))


def _holds(asked: Atom, value: Json, now: datetime) -> bool:
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
    found: object = None
    match asked.sort, value:
        case (Sort.TEXT, str()) | (Sort.FLAG, bool()):
            found = value
        case Sort.WORDS, list() | tuple() if all(isinstance(word, str) for word in value):
            found = value
        case Sort.NUMBER, int() | str() if not isinstance(value, bool):
            found = number(value)
        case Sort.TIME, str():
            found = _time(value)
        case _:
            pass
    if found is None:
        raise WrongType(f"{asked.field} holds {type(value).__name__}, not {asked.sort}")
    return found


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
