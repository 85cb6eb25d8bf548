"""What an answer or an input has to look like (SG-33, SG-36), and how two such contracts join (SG-34). Pure.

One contract is approved with a version and travels in the snapshot; another may stand in code. Joining them only ever
tightens. Figures in documents are whole numbers or decimal text, as entries hold no floats.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from modelwarden.errors import LimitsConflict, ValueInvalid
from modelwarden.guard.value import Value

Label = str | int | bool
LARGEST: Final = sys.float_info.max
_DECIMAL: Final = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,3})?")
_EXACT: Final = 2**53
"""Whole numbers from here on stand as text (RFC 8785: JSON's numbers are doubles)."""
_KEYS: Final = frozenset(
    {"kind", "low", "high", "labels", "size", "fields", "nullable", "on_violation"}
)


class Kind(StrEnum):
    """What one row is."""

    NUMBER = "number"
    INTEGER = "integer"
    TEXT = "text"
    BOOLEAN = "boolean"
    LABEL = "label"
    """One of a set: a class, or a category of an input."""
    NUMBERS = "numbers"
    """Numbers in a fixed order."""
    PROBABILITIES = "probabilities"
    """Numbers from 0 to 1 that sum to 1 ± 1e-6."""
    QUANTILES = "quantiles"
    """Numbers that never fall."""
    RECORD = "record"
    """Fields by name; other fields than those named are let through."""


class OnViolation(StrEnum):
    """What happens to an answer outside its range; what can't be clipped falls back instead of being clipped."""

    CLIP = "clip"
    FALLBACK = "fallback"
    RAISE = "raise"


RANGED: Final = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.NUMBERS, Kind.QUANTILES})
SIZED: Final = frozenset({Kind.NUMBERS, Kind.PROBABILITIES, Kind.QUANTILES})
STRICTNESS: Final = (OnViolation.CLIP, OnViolation.FALLBACK, OnViolation.RAISE)


class Contract(Value):
    """What one row has to look like. Raises ValueInvalid when it contradicts itself.

    Attributes:
        low: the least that is allowed, inclusive; of each number where there are several.
        high: the most that is allowed, inclusive.
        labels: what a label may be; all of one type.
        size: how many numbers there are.
        fields: names and what stands under them, of a record; checked in the order of their names.
        nullable: a missing value (None, NaN, NA) is allowed, as in inputs.
    """

    kind: Kind
    low: float | None
    high: float | None
    labels: frozenset[Label] | None
    size: int | None
    fields: tuple[tuple[str, Contract], ...]
    nullable: bool
    on_violation: OnViolation

    def __init__(  # noqa: PLR0913 - each has its own default
        self, *, kind: Kind = Kind.NUMBER, low: float | None = None, high: float | None = None,
        labels: frozenset[Label] | None = None, size: int | None = None,
        fields: tuple[tuple[str, Contract], ...] = (), nullable: bool = False,
        on_violation: OnViolation = OnViolation.CLIP,
    ) -> None:  # fmt: skip
        self._set(
            kind=kind, low=low, high=high, labels=labels, size=size, fields=fields, nullable=nullable,
            on_violation=on_violation,
        )  # fmt: skip
        for name, is_right, expected in (
            ("low", self._may_be_limit(self.low), "a finite number, for numbers"),
            ("high", self._may_be_limit(self.high), "a finite number, for numbers"),
            ("low", self._rises(), "no more than high"),
            ("labels", self._may_be_labels(), "texts, whole numbers or booleans of one type, for kind label"),
            ("size", self._may_be_size(), "a whole number above 0, for several numbers"),
            ("fields", self._may_be_fields(), "names, each once, for kind record"),
        ):  # fmt: skip
            if not is_right:
                raise ValueInvalid(name, expected)
        self._set(fields=tuple(sorted(fields, key=lambda field: field[0])))

    def _may_be_limit(self, limit: float | None) -> bool:
        return limit is None or (
            self.kind in RANGED and type(limit) in {int, float} and -LARGEST <= limit <= LARGEST
        )

    def _rises(self) -> bool:
        return self.low is None or self.high is None or self.low <= self.high

    def _may_be_labels(self) -> bool:
        if self.labels is None or self.kind is not Kind.LABEL:
            return self.labels is None and self.kind is not Kind.LABEL
        types = {type(label) for label in self.labels}
        return len(types) == 1 and types <= {str, int, bool}

    def _may_be_size(self) -> bool:
        return self.size is None or (
            self.kind in SIZED and type(self.size) is int and self.size > 0
        )

    def _may_be_fields(self) -> bool:
        named = len(dict(self.fields)) == len(self.fields)
        return named and bool(self.fields) == (self.kind is Kind.RECORD)

    def bounds(self) -> tuple[float, float]:
        """Return low and high; where none is set, the largest finite numbers, so that infinity is outside."""
        low = -LARGEST if self.low is None else self.low
        return low, LARGEST if self.high is None else self.high


def probability(*, on_violation: OnViolation = OnViolation.CLIP) -> Contract:
    """Return the contract of a probability such as churn: 0 to 1 (SG-33)."""
    return Contract(low=0.0, high=1.0, on_violation=on_violation)


def non_negative(*, high: float, on_violation: OnViolation = OnViolation.CLIP) -> Contract:
    """Return the contract of an amount such as a customer's value; `high` has to be named (SG-33)."""
    return Contract(low=0.0, high=high, on_violation=on_violation)


def inputs(columns: Mapping[str, Contract]) -> Contract:
    """Return the contract of a row of inputs: a bad row falls back, since no input is ever clipped (SG-36)."""
    unclipped = {
        name: column.with_(on_violation=max(column.on_violation, OnViolation.FALLBACK, key=STRICTNESS.index))
        for name, column in columns.items()
    }  # fmt: skip
    return Contract(
        kind=Kind.RECORD, fields=tuple(unclipped.items()), on_violation=OnViolation.FALLBACK
    )


# --- joining ---------------------------------------------------------------------------------------


def join(registered: Contract | None, code: Contract | None) -> Contract | None:
    """Return the contract that allows what both allow (SG-34). Raises LimitsConflict when that is nothing."""
    if registered is None or code is None:
        return code if registered is None else registered
    return _joined(registered, code, "outputs")


def _joined(one: Contract, other: Contract, where: str) -> Contract:
    low, high = _tighter(max, one.low, other.low), _tighter(min, one.high, other.high)
    if low is not None and high is not None and low > high:
        raise LimitsConflict(f"{where}, low and high")
    kind = _kind(one.kind, other.kind, where)
    if kind is Kind.INTEGER and low is not None and high is not None:
        low, high = math.ceil(low), math.floor(high)
        if low > high:
            raise LimitsConflict(f"{where}, whole numbers")
    return Contract(
        kind=kind,
        low=low,
        high=high,
        labels=_labels(one, other, where),
        size=_size(one.size, other.size, where),
        fields=_fields(one, other, where),
        nullable=one.nullable and other.nullable,
        on_violation=max(one.on_violation, other.on_violation, key=STRICTNESS.index),
    )


def _tighter(choose: object, one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other) if choose is max else min(one, other)


def _kind(one: Kind, other: Kind, where: str) -> Kind:
    if one is other:
        return one
    if {one, other} == {Kind.NUMBER, Kind.INTEGER}:
        return Kind.INTEGER
    raise LimitsConflict(f"{where}, {one} and {other}")


def _labels(one: Contract, other: Contract, where: str) -> frozenset[Label] | None:
    if one.labels is None or other.labels is None:
        return None
    typed = {(type(label), label) for label in other.labels}  # 1 and True are equal, and differ
    shared = frozenset(label for label in one.labels if (type(label), label) in typed)
    if not shared:
        raise LimitsConflict(f"{where}, labels")
    return shared


def _size(one: int | None, other: int | None, where: str) -> int | None:
    if one is not None and other is not None and one != other:
        raise LimitsConflict(f"{where}, {one} and {other} numbers")
    return other if one is None else one


def _fields(one: Contract, other: Contract, where: str) -> tuple[tuple[str, Contract], ...]:
    ours, theirs = dict(one.fields), dict(other.fields)
    return tuple(
        (name, _joined(ours[name], theirs[name], f"{where}.{name}"))
        if name in ours and name in theirs
        else (name, ours[name] if name in ours else theirs[name])
        for name in dict.fromkeys((*ours, *theirs))
    )


# --- documents -------------------------------------------------------------------------------------


def parse(document: object) -> Contract:
    """Return the contract that a document says. Raises ValueInvalid, also for a key that it does not know.

    A limit that were skipped because nobody knows its name would let through what an approver ruled out.
    """
    if not isinstance(document, Mapping) or not document.keys() <= _KEYS:
        raise ValueInvalid(
            "outputs", f"an object with no other keys than {', '.join(sorted(_KEYS))}"
        )
    fields = document.get("fields", {})
    if not isinstance(fields, Mapping) or not all(isinstance(name, str) for name in fields):
        raise ValueInvalid("fields", "an object")
    labels = document.get("labels")
    if labels is not None and not _is_list_of_labels(labels):
        raise ValueInvalid("labels", "a list of texts, whole numbers or booleans, each once")
    nullable = document.get("nullable", False)
    if type(nullable) is not bool:
        raise ValueInvalid("nullable", "true or false")
    try:
        kind = Kind(document.get("kind", Kind.NUMBER))
        on_violation = OnViolation(document.get("on_violation", OnViolation.CLIP))
    except ValueError as error:
        raise ValueInvalid("outputs", f"a known kind and on_violation ({error})") from error
    return Contract(
        kind=kind,
        low=_figure("low", document.get("low")),
        high=_figure("high", document.get("high")),
        labels=None if labels is None else frozenset(labels),
        size=document.get("size"),
        fields=tuple((name, parse(field)) for name, field in fields.items()),
        nullable=nullable,
        on_violation=on_violation,
    )


def _is_list_of_labels(labels: object) -> bool:
    return (
        isinstance(labels, list)
        and all(type(label) in {str, int, bool} for label in labels)
        and len(set(labels)) == len(labels)
    )


def _figure(name: str, figure: object) -> float | None:
    if figure is None or type(figure) is int:
        return figure
    if isinstance(figure, str) and _DECIMAL.fullmatch(figure):
        return int(figure) if figure.lstrip("-").isdigit() else float(figure)
    raise ValueInvalid(name, 'a whole number, or a decimal number as text: "0.5"')


def document(contract: Contract) -> dict[str, object]:
    """Return what `parse` reads, with nothing in it that has no canonical form (LG-3)."""
    said: dict[str, object] = {"kind": contract.kind.value}
    for name, limit in (("low", contract.low), ("high", contract.high)):
        if limit is not None:
            said[name] = limit if type(limit) is int and abs(limit) < _EXACT else repr(limit)
    if contract.labels is not None:
        said["labels"] = sorted(contract.labels)
    if contract.size is not None:
        said["size"] = contract.size
    if contract.fields:
        said["fields"] = {name: document(field) for name, field in contract.fields}
    if contract.nullable:
        said["nullable"] = True
    if contract.on_violation is not OnViolation.CLIP:
        said["on_violation"] = contract.on_violation.value
    return said
