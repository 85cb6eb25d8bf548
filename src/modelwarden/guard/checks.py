"""Checks of one answer or one row of inputs against its contract (SG-33 to SG-36). Pure.

`checker` compiles a contract into a function that answers None for what is clean, which costs no object, and a
`Finding` for what is not. NaN, infinity and a wrong type are never clipped (SG-35): a number that came from nowhere has
no nearest good one. Batches stand in `checks_batch`, and find the same row by row.

Numbers are int, float and numpy's real numbers. A boolean is none, nor a Decimal, nor a text that looks like one.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.guard.bounds import bounds_in
from modelwarden.guard.contract import LARGEST, Contract, Kind, OnViolation

if TYPE_CHECKING:
    import numpy as np

TOLERANCE: Final = 1e-6
"""By how much probabilities may miss a sum of 1 (SG-33)."""

MISSING: Final = "missing"
WRONG_TYPE: Final = "wrong_type"
WRONG_SHAPE: Final = "wrong_shape"
NOT_FINITE: Final = "not_finite"
BELOW: Final = "below_low"
ABOVE: Final = "above_high"
UNKNOWN_LABEL: Final = "unknown_label"
SUM: Final = "sum_not_one"
NOT_MONOTONE: Final = "not_monotone"
MISSING_FIELD: Final = "missing_field"
WRONG_ROWS: Final = "wrong_rows"

NOTHINGS: Final = frozenset({"NAType", "NaTType", "MaskedConstant"})
"""Types of pandas and numpy whose one value stands for none; neither is imported to ask."""


class Finding(NamedTuple):
    """What is wrong with a value, and what is to happen.

    Attributes:
        reason: one of the words above; of a record with the field behind it: `below_low:score`.
        outcome: CLIP: answer `value` instead. FALLBACK or RAISE: there is no value to answer.
        value: the clipped value, of the type that came.
    """

    reason: str
    outcome: OnViolation
    value: object = None


Check = Callable[[object], Finding | None]


def checker(contract: Contract) -> Check:
    """Compile a contract; the function returned never raises and may be called from any thread."""
    match contract.kind:
        case Kind.NUMBER:
            return _number_check(contract)
        case Kind.LABEL:
            return _label_check(contract)
        case Kind.NUMBERS | Kind.PROBABILITIES | Kind.QUANTILES:
            return partial(_vector, contract)
        case Kind.RECORD:
            fields = tuple((name, checker(field)) for name, field in contract.fields)
            return partial(_record, contract, fields)
        case _:
            return partial(_plain, contract)


def _number_check(contract: Contract) -> Check:
    low, high = contract.bounds()

    def check(value: Any) -> Finding | None:
        # NaN fails each comparison and infinity lies beyond the largest number: one line rules both out.
        if (type(value) is float or type(value) is int) and low <= value <= high:
            return None
        if isinstance(value, float) and low <= value <= high:  # numpy's float64 is one
            return None
        return number(contract, value)

    return check


def _label_check(contract: Contract) -> Check:
    labels = contract.labels or frozenset()
    expected = type(next(iter(labels)))

    def check(value: object) -> Finding | None:
        if type(value) is expected and value in labels:
            return None
        return _label(contract, value)

    return check


def failed(contract: Contract, reason: str) -> Finding:
    """Return the finding of what can't be clipped."""
    raises = contract.on_violation is OnViolation.RAISE
    return Finding(reason, OnViolation.RAISE if raises else OnViolation.FALLBACK)


def is_missing(value: Any) -> bool:
    """Say whether a value stands for none: None, NaN, or the NA and NaT of data frames."""
    if value is None or type(value).__name__ in NOTHINGS:
        return True
    if is_numpy(value) and value.dtype.kind in "mM":
        return bool(sys.modules["numpy"].isnat(value))
    return is_float(value) and math.isnan(value)


def is_float(value: Any) -> bool:
    """Say whether a value is a floating number of any width."""
    return isinstance(value, float) or (is_numpy(value) and value.dtype.kind == "f")


def is_real(value: Any) -> bool:
    """Say whether a value is a number for a contract: int, float or a real number of numpy."""
    if isinstance(value, bool):
        return False
    if is_numpy(value):
        return is_real_type(value.dtype)
    return isinstance(value, int | float)


def is_real_type(dtype: np.dtype[Any]) -> bool:
    """Say whether a type of numpy is a number for a contract; wider ones than 64 bits differ by machine."""
    return dtype.kind in "fiu" and dtype.itemsize <= 8  # noqa: PLR2004


def is_numpy(value: object) -> bool:
    """Say whether a value is a single number of numpy; it is there to be asked if so."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic)


def number(contract: Contract, value: Any) -> Finding | None:
    """Judge one number (or whole number) that is not obviously clean."""
    if contract.nullable and is_missing(value):
        return None
    if not is_real(value):
        return failed(contract, _not_a_number(value))
    if contract.kind is Kind.INTEGER and is_float(value):
        return failed(contract, WRONG_TYPE)
    if is_numpy(value):
        return _numpy_number(contract, value)
    if not -LARGEST <= value <= LARGEST:
        return failed(contract, NOT_FINITE)
    low, high = contract.bounds()
    if isinstance(value, int):  # clipped to a whole number, as it came
        low, high = math.ceil(low), math.floor(high)
    return _ranged(contract, value, low, high)


def _numpy_number(contract: Contract, value: Any) -> Finding | None:
    numpy = sys.modules["numpy"]
    if not numpy.isfinite(value):
        return failed(contract, NOT_FINITE)
    low, high, _ = bounds_in(numpy, value.dtype, contract.bounds())
    return _ranged(contract, value, low, high)


def _ranged(contract: Contract, value: Any, low: Any, high: Any) -> Finding | None:
    """Compare with bounds of the value's own type; they are crossed when nothing of that type lies within."""
    if low <= value <= high:
        return None
    below = (value.item() if is_numpy(value) else value) < contract.bounds()[0]
    reason = BELOW if below else ABOVE
    if contract.on_violation is OnViolation.CLIP and low <= high:
        return Finding(reason, OnViolation.CLIP, low if below else high)
    return failed(contract, reason)


def _not_a_number(value: object) -> str:
    if is_missing(value):
        return MISSING
    ndim = getattr(value, "ndim", 0)
    if isinstance(value, list | tuple) or (isinstance(ndim, int) and ndim > 0):
        return WRONG_SHAPE
    return WRONG_TYPE


def _plain(contract: Contract, value: Any) -> Finding | None:
    if contract.kind is Kind.INTEGER:
        return number(contract, value)
    if is_missing(value):
        return None if contract.nullable else failed(contract, MISSING)
    if contract.kind is Kind.TEXT:
        fits = isinstance(value, str)
    else:
        fits = isinstance(value, bool) or (is_numpy(value) and value.dtype.kind == "b")
    return None if fits else failed(contract, WRONG_TYPE)


def _label(contract: Contract, value: Any) -> Finding | None:
    if is_missing(value):
        return None if contract.nullable else failed(contract, MISSING)
    labels = contract.labels or frozenset()
    expected = type(next(iter(labels)))
    plain = value.item() if is_numpy(value) else value
    if type(plain) is not expected:
        return failed(contract, WRONG_TYPE)
    return None if plain in labels else failed(contract, UNKNOWN_LABEL)


# --- several numbers -------------------------------------------------------------------------------


def _vector(contract: Contract, value: Any) -> Finding | None:
    if contract.nullable and value is None:
        return None
    elements = _elements(value)
    if elements is None:
        return failed(contract, MISSING if value is None else WRONG_TYPE)
    reason = _alone(contract, value, elements) or _together(contract, elements)
    return _each(contract, value, elements) if reason is None else failed(contract, reason)


def _alone(contract: Contract, value: Any, elements: list[Any]) -> str | None:
    """Judge how many numbers there are, and whether each is one."""
    flat = getattr(value, "ndim", 1) == 1
    if not elements or not flat or contract.size not in {None, len(elements)}:
        return WRONG_SHAPE
    if not all(map(is_real, elements)):
        return WRONG_TYPE
    return None if all(map(_is_finite, elements)) else NOT_FINITE


def _elements(value: Any) -> list[Any] | None:
    if isinstance(value, list | tuple):
        return list(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray) and value.ndim:
        return list(value)
    return None


def _is_finite(element: Any) -> bool:
    if isinstance(element, int):
        return -LARGEST <= element <= LARGEST
    return math.isfinite(element)


def _together(contract: Contract, elements: list[Any]) -> str | None:
    """Judge what no single element shows."""
    if contract.kind is Kind.QUANTILES:
        rises = all(a <= b for a, b in pairwise(elements))
        return None if rises else NOT_MONOTONE
    if contract.kind is Kind.PROBABILITIES:
        numbers = [float(element) for element in elements]
        if min(numbers) < -TOLERANCE:
            return BELOW
        if max(numbers) > 1 + TOLERANCE:
            return ABOVE
        total = math.fsum(min(max(number, 0.0), 1.0) for number in numbers)
        return None if abs(total - 1) <= TOLERANCE else SUM
    return None


def _each(contract: Contract, value: Any, elements: list[Any]) -> Finding | None:
    """Clip each number alone; what is beyond 0 and 1 by rounding is clipped, a real excess was refused before."""
    single = Contract(
        low=0.0 if contract.kind is Kind.PROBABILITIES else contract.low,
        high=1.0 if contract.kind is Kind.PROBABILITIES else contract.high,
        on_violation=contract.on_violation,
    )
    findings = [number(single, element) for element in elements]
    found = [finding for finding in findings if finding is not None]
    if not found:
        return None
    if any(finding.outcome is not OnViolation.CLIP for finding in found):
        return failed(contract, found[0].reason)
    answer = [
        element if finding is None else finding.value
        for element, finding in zip(elements, findings, strict=True)
    ]
    return Finding(found[0].reason, OnViolation.CLIP, _like(value, answer))


def _like(value: Any, answer: list[Any]) -> object:
    if isinstance(value, list):
        return answer
    if isinstance(value, tuple):
        return tuple(answer)
    return sys.modules["numpy"].array(answer, dtype=value.dtype)


# --- records ---------------------------------------------------------------------------------------


def _record(
    contract: Contract, fields: tuple[tuple[str, Check], ...], value: object
) -> Finding | None:
    if not isinstance(value, Mapping):
        nothing = value is None
        return failed(contract, MISSING if nothing else WRONG_TYPE)
    clipped: dict[str, object] = {}
    first = ""
    for name, check in fields:
        if name not in value:
            return failed(contract, f"{MISSING_FIELD}:{name}")
        finding = check(value[name])
        if finding is None:
            continue
        reason = f"{finding.reason}:{name}"
        if finding.outcome is not OnViolation.CLIP:
            return Finding(reason, finding.outcome)
        clipped[name] = finding.value
        first = first or reason
    if not clipped:
        return None
    if contract.on_violation is not OnViolation.CLIP:
        return failed(contract, first)
    return Finding(first, OnViolation.CLIP, {**value, **clipped})
