"""What a fault makes of an answer, or of the inputs of a call (SG-53). Pure: what it is given is never changed.

It knows numbers, and lists, tuples and mappings of them. Whatever else a model takes or answers stays as it is, but
for `nan`, which then stands in its place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from modelwarden.guard.contract import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.guard.contract import Contract

FAR: Final = 1e12
"""What is out of range where no contract says what the range is."""


def not_a_number(value: object) -> object:
    """Return the same shape with NaN in the place of its numbers."""
    return _each(value, lambda _: math.nan, other=lambda _: math.nan)


def out_of_range(value: object, contract: Contract | None) -> object:
    """Return the same shape with finite numbers beyond the range that is allowed."""
    low, high = (-LARGEST, LARGEST) if contract is None else contract.bounds()
    if high < LARGEST:
        beyond = high + max(1.0, abs(high))
    elif low > -LARGEST:
        beyond = low - max(1.0, abs(low))
    else:
        beyond = FAR
    return _each(value, lambda number: type(number)(beyond))


def shifted(value: object, part: float) -> object:
    """Return the same shape with each number moved by a part of its size, as a feed does whose unit has changed."""
    return _each(value, lambda number: type(number)(number + part * max(1.0, abs(number))))


def without_one(value: object) -> object:
    """Return inputs that lack one feature: the first by name, or the last by place."""
    if isinstance(value, Mapping):
        missing = min(value, key=str, default=None)
        return {name: item for name, item in value.items() if name != missing}
    if isinstance(value, list | tuple) and type(value) in {list, tuple}:
        return value[:-1]
    return value


def _each(
    value: object,
    change: Callable[[float], float],
    *,
    other: Callable[[object], object] = lambda value: value,
) -> object:
    if isinstance(value, bool):
        return other(value)
    if isinstance(value, int | float):
        return change(value) if math.isfinite(value) else value
    if isinstance(value, Mapping):
        return {name: _each(item, change, other=lambda item: item) for name, item in value.items()}
    if type(value) is list:
        return [_each(item, change, other=lambda item: item) for item in value]
    if type(value) is tuple:
        return tuple(_each(item, change, other=lambda item: item) for item in value)
    return other(value)
