"""Where a switch applies: dimensions, the conditions on them, and their one canonical form (SG-2, SG-3).

Writers read strictly and refuse; guards read leniently, and what they cannot read matches (SG-17). Both bring text
into the same form, at write and at match, because a guard may run under another release of Unicode.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple
from unicodedata import normalize

from modelwarden.errors import ScopeEmpty, UnknownDimension, ValueInvalid
from modelwarden.guard.value import Value
from modelwarden.values.ids import NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DIMENSIONS: Final = (
    "model", "version", "model_type", "endpoint", "segment", "region", "consumer", "use_case",
)  # fmt: skip
"""What every scope may name; up to ten more are configured."""

FOLDED: Final = frozenset({"region"})
"""Dimensions whose values are compared without regard to case."""

MAX_CONFIGURED: Final = 10
MAX_VALUES: Final = 1_000
MAX_LENGTH: Final = 200
"""The longest value that a scope may name, in characters of its canonical form."""

LONGEST_READ: Final = 4_096
"""A longer value in a context counts as missing: reading it would cost more than the prediction."""


class Form(StrEnum):
    """How a condition compares."""

    ANY_OF = "any_of"
    NONE_OF = "not_in"
    PREFIX = "prefix"


_ANY_OF: Final = Form.ANY_OF  # a member is looked up in three steps, and a snapshot has thousands


class Condition(NamedTuple):
    """What one dimension has to be: one of the values, none of them, or text that begins so."""

    dimension: str
    form: Form
    values: tuple[str, ...]


class Scope(Value):
    """Conditions that all have to hold, one a dimension; a dimension that is absent may be anything."""

    conditions: tuple[Condition, ...]

    def __init__(self, conditions: tuple[Condition, ...] = ()) -> None:
        self._set(conditions=conditions)

    def as_json(self) -> dict[str, object]:
        """Return the canonical form: sorted lists of values, each once."""
        return {condition.dimension: _as_json(condition) for condition in self.conditions}

    @property
    def canonical(self) -> bytes:
        """The canonical form as bytes (RFC 8785): equal scopes have equal bytes."""
        from modelwarden.values.canonical import encode_any  # noqa: PLC0415 - a guard only matches, and is spared JSON

        return encode_any(self.as_json())


def normalise(value: object, *, folds: bool = False) -> str | None:
    """Return a value of a context in its canonical form, or None if it counts as missing.

    NFC, trimmed; for a folding dimension the canonical caseless form (Unicode D145). Integers are their decimal text.
    Missing are None, empty text, text with invisible or control characters or of more than 4,096 characters, and
    anything that is neither text nor an integer. What is longer than 200 characters is cut and ends in an ellipsis
    beyond them: it equals nothing that a scope may name, and begins with the same prefixes.
    """
    if type(value) is not str and (value := plain_text(value)) is None:
        return None
    if len(value) > LONGEST_READ:
        return None
    text = value.strip()
    if text.isascii():
        if folds:
            text = text.lower()
    else:
        text = _composed(text, folds=folds)
    if not text or not text.isprintable():
        return None
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"


def plain_text(value: object) -> str | None:
    """Return text as it is and an integer as its decimal text; None for anything else, or over 4,096 bits."""
    if isinstance(value, str):
        return str.__str__(value)  # an enum's member or numpy's text, as plain text
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value) if value.bit_length() <= LONGEST_READ else None
    return None


def read_condition(dimension: str, raw: object) -> Condition | None:
    """Read what a scope says of one dimension, as a guard does; None for what it does not understand.

    The number of values is not limited here: that is the writer's to refuse.
    """
    folds = dimension in FOLDED
    if type(raw) is str:  # what most conditions are
        text = normalise(raw, folds=folds)
        if text is None or len(text) > MAX_LENGTH:
            return None
        return Condition(dimension, _ANY_OF, (text,))
    form, values = _shape(raw)
    named = _named(values, folds=folds)
    return None if named is None else Condition(dimension, form, named)


def parse_scope(
    raw: Mapping[str, object], *, configured: Collection[str] = (), everything: bool = False
) -> Scope:
    """Read the scope of a new switch (SG-2, SG-3).

    Raises:
        ScopeEmpty: no dimension is named, which stops a whole environment, and `everything` does not say so.
        UnknownDimension: a dimension is neither fixed nor configured.
        ValueInvalid: a condition is not of a known form, has too many values, or one that is too long.
    """
    if not raw and not everything:
        raise ScopeEmpty
    if raw and everything:
        raise ValueInvalid("everything", "no dimension beside it: name the scope or everything")
    return _parse("scope", raw, configured)


def parse_except(raw: Mapping[str, object], *, configured: Collection[str] = ()) -> Scope:
    """Read what a new switch leaves out; nothing named leaves out nothing. Raises like `parse_scope`."""
    return _parse("except", raw, configured)


def known_dimensions(configured: Collection[str]) -> frozenset[str]:
    """Return all dimensions. Raises ValueInvalid for a configured name that can't be one, or too many."""
    if len(configured) > MAX_CONFIGURED:
        raise ValueInvalid("dimensions", f"at most {MAX_CONFIGURED} configured ones")
    for name in configured:
        if NAME.fullmatch(name) is None or name in DIMENSIONS:
            raise ValueInvalid("dimensions", f"lowercase names other than {', '.join(DIMENSIONS)}")
    return frozenset(DIMENSIONS).union(configured)


def _parse(field: str, raw: Mapping[str, object], configured: Collection[str]) -> Scope:
    known = known_dimensions(configured)
    conditions = []
    for name in sorted(raw):
        if name not in known:
            raise UnknownDimension(name, sorted(known))
        condition = read_condition(name, raw[name])
        if condition is None:
            raise ValueInvalid(
                f"{field}.{name}",
                'text, a list of texts, {"not_in": [texts]} or {"prefix": text}, each of 1 to'
                f" {MAX_LENGTH} visible characters",
            )
        values = tuple(sorted(set(condition.values)))
        if len(values) > MAX_VALUES:
            raise ValueInvalid(f"{field}.{name}", f"at most {MAX_VALUES:,} values")
        conditions.append(Condition(name, condition.form, values))
    return Scope(tuple(conditions))


def _shape(raw: object) -> tuple[Form, object]:
    if type(raw) is list:
        return Form.ANY_OF, raw
    if isinstance(raw, dict) and len(raw) == 1:
        if "prefix" in raw:
            return Form.PREFIX, [raw["prefix"]]
        return Form.NONE_OF, raw.get("not_in")
    return Form.ANY_OF, None


def _named(values: object, *, folds: bool) -> tuple[str, ...] | None:
    """Return the values that a scope names; None if one is no text, or too long to be named."""
    if not isinstance(values, list):
        return None
    found = []
    for item in values:
        text = normalise(item, folds=folds) if type(item) is str else None
        if text is None or len(text) > MAX_LENGTH:
            return None
        found.append(text)
    return tuple(found) or None


def _composed(text: str, *, folds: bool) -> str:
    """Return text that is not ASCII in NFC; folded, in the canonical caseless form (Unicode D145)."""
    return normalize("NFC", normalize("NFD", text).casefold() if folds else text)


def _as_json(condition: Condition) -> object:
    match condition.form:
        case Form.ANY_OF:
            return list(condition.values)
        case Form.NONE_OF:
            return {"not_in": list(condition.values)}
        case Form.PREFIX:
            return {"prefix": condition.values[0]}
