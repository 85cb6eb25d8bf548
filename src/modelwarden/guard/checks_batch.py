"""Checks of whole batches: what `checks` finds row by row, in a few passes over the numbers (SG-28, SG-33). Pure.

A column of numbers is first asked whether it is clean, which costs a pass or two (`checks_clean`). Only one that is not
is looked at closer, and what follows costs by its dirty rows. Columns of other kinds, and rows that look dirty, go
through the check of one row.

Input is never changed. Rows that can't be clipped keep what came; whoever fills or blanks them goes by `status`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard import columns
from modelwarden.guard.bounds import bounds_in
from modelwarden.guard.checks import (
    ABOVE,
    BELOW,
    MISSING,
    MISSING_FIELD,
    NOT_FINITE,
    TOLERANCE,
    WRONG_ROWS,
    Check,
    Finding,
    checker,
)
from modelwarden.guard.checks_clean import clean_column, outside
from modelwarden.guard.checks_table import Fields
from modelwarden.guard.contract import Contract, Kind, OnViolation
from modelwarden.guard.findings import CLIPPED, FAILED, BatchFindings

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from modelwarden.guard.checks_clean import IsClean

WORDS: Final = (BELOW, ABOVE, NOT_FINITE, MISSING)
_NEAR: Final = 1e-9
"""Sums this near to the edge of the tolerance are added up again, exactly."""


BatchCheck = Callable[..., BatchFindings]


def batch_checker(contract: Contract, *, asks: bool = True) -> BatchCheck:
    """Compile a contract into a function of a batch, and of the number of rows that it has to have.

    It first `asks` whether a column is clean, unless who calls it has done so. numpy is imported at the first batch.
    Raises TypeError for what is no batch at all.
    """
    check_row = checker(contract)
    look = _looker(contract, check_row, clean_column(contract if asks else None))

    def check(values: Any, expected: int | None = None) -> BatchFindings:
        numpy = sys.modules.get("numpy") or columns.load_numpy()
        rows = columns.size(values) if type(values) is not numpy.ndarray else _rows(values)
        if expected is not None and rows != expected:
            return _wrong_rows(numpy, expected, contract)
        return look(numpy, values, rows)

    return check


def _rows(array: NDArray[Any]) -> int:
    return len(array) if array.ndim else columns.size(array)


_Look = Callable[["ModuleType", Any, int], BatchFindings]


def _looker(contract: Contract, check_row: Check, is_clean: IsClean) -> _Look:
    match contract.kind:
        case Kind.NUMBER | Kind.INTEGER:
            return _number_looker(contract, check_row, is_clean)
        case Kind.NUMBERS | Kind.PROBABILITIES | Kind.QUANTILES:
            return _vector_looker(contract, check_row)
        case Kind.RECORD:
            return _record_looker(contract, check_row)
        case _:
            return _word_looker(check_row)


# --- numbers ---------------------------------------------------------------------------------------


def _number_looker(contract: Contract, check_row: Check, is_clean: IsClean) -> _Look:
    whole, is_clean_array = contract.kind is Kind.INTEGER, clean_column(contract)

    def look(numpy: ModuleType, values: Any, rows: int) -> BatchFindings:
        if not rows or is_clean(values):
            return clean_findings(numpy, values, rows)
        found = columns.numbers(values)
        if found is None or (whole and found.array.dtype.kind == "f"):
            return _one_by_one(numpy, values, columns.rows(values), check_row)
        if found.nulls is None and found.array is not values and is_clean_array(found.array):
            return clean_findings(numpy, values, rows)
        return _number_findings(numpy, contract, values, found)

    return look


def _number_findings(
    numpy: ModuleType, contract: Contract, values: Any, found: columns.Numbers
) -> BatchFindings:
    array = found.array
    bounds = bounds_in(numpy, array.dtype, contract.bounds())
    dirty, gone = _outside(numpy, contract, found)
    part = array[dirty]
    below = part < bounds.low
    if bounds.empty:  # such bounds say nothing; compare with the limit itself, as for one row
        below = numpy.array([one < contract.bounds()[0] for one in part.tolist()], bool)
    codes = numpy.logical_not(below).view(numpy.uint8)
    can = numpy.isfinite(part)
    codes[~can] = 2
    if gone is not None:
        codes[gone] = 3
        can &= ~gone
    status = numpy.zeros(len(array), numpy.uint8)
    status[dirty] = FAILED
    if contract.on_violation is OnViolation.CLIP and not bounds.empty:
        at = dirty[can]
        status[at] = CLIPPED
        if len(at):
            answers = numpy.where(below[can], bounds.low, bounds.high)
            values = columns.replaced(values, at, answers)
    raises = contract.on_violation is OnViolation.RAISE and bool(len(dirty))
    return BatchFindings(values, status, dirty, codes, WORDS, raises)


def _outside(
    numpy: ModuleType, contract: Contract, found: columns.Numbers
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the rows that are not within bounds, and which of them are missing; what may be missing is left out."""
    array, nulls = found
    dirty = outside(numpy, array, contract.bounds())
    if nulls is not None:
        dirty = numpy.union1d(dirty, nulls.nonzero()[0])
    gone = None if nulls is None else nulls[dirty]
    if not contract.nullable:
        return dirty, gone
    kept = ~numpy.isnan(array[dirty]) if array.dtype.kind == "f" else numpy.ones(len(dirty), bool)
    if gone is not None:
        kept &= ~gone
    return dirty[kept], None


def clean_findings(numpy: ModuleType, values: Any, rows: int) -> BatchFindings:
    """Return what is found of a batch that is clean."""
    none = numpy.empty(0, numpy.int64)
    return BatchFindings(values, numpy.zeros(rows, numpy.uint8), none, none, WORDS, False)  # noqa: FBT003 - by position: it is the hot path


def _wrong_rows(numpy: ModuleType, expected: int, contract: Contract) -> BatchFindings:
    return BatchFindings(
        values=None,
        status=numpy.full(expected, FAILED, numpy.uint8),
        dirty=numpy.arange(expected),
        codes=numpy.zeros(expected, numpy.uint16),
        words=(WRONG_ROWS,),
        raises=contract.on_violation is OnViolation.RAISE,
    )


# --- rows one by one -------------------------------------------------------------------------------


def _one_by_one(
    numpy: ModuleType,
    values: Any,
    rows: Sequence[Any] | NDArray[Any],
    check: Check,
    suspects: Sequence[int] | None = None,
) -> BatchFindings:
    """Check the rows that may be dirty (all, unless `suspects` names them) as `checks` does."""
    found: dict[int, Finding] = {}
    for row in range(len(rows)) if suspects is None else suspects:
        finding = check(rows[row])
        if finding is not None:
            found[row] = finding
    return _from_findings(numpy, values, len(rows), found)


def _from_findings(
    numpy: ModuleType,
    values: Any,
    rows: int,
    found: dict[int, Finding],
) -> BatchFindings:
    words = tuple(dict.fromkeys(finding.reason for finding in found.values()))
    at = {word: code for code, word in enumerate(words)}
    clipped = [row for row, finding in found.items() if finding.outcome is OnViolation.CLIP]
    status = numpy.zeros(rows, numpy.uint8)
    status[list(found)] = FAILED
    status[clipped] = CLIPPED
    if clipped:
        values = columns.replaced(values, clipped, [found[row].value for row in clipped])
    return BatchFindings(
        values,
        status,
        numpy.array(list(found), numpy.int64),
        numpy.array([at[finding.reason] for finding in found.values()], numpy.uint16),
        words,
        any(finding.outcome is OnViolation.RAISE for finding in found.values()),
    )


def _word_looker(check_row: Check) -> _Look:
    """Labels, texts and booleans: a batch has few different ones, so each is checked once."""

    def look(numpy: ModuleType, values: Any, rows: int) -> BatchFindings:
        several = columns.rows(values)
        try:
            distinct = {(type(value), value) for value in several}
        except TypeError:  # not hashable, so certainly no word
            return _one_by_one(numpy, values, several, check_row)
        if all(check_row(value) is None for _, value in distinct):
            return clean_findings(numpy, values, rows)
        return _one_by_one(numpy, values, several, check_row)

    return look


# --- several numbers a row -------------------------------------------------------------------------


def _vector_looker(contract: Contract, check_row: Check) -> _Look:
    def look(numpy: ModuleType, values: Any, rows: int) -> BatchFindings:
        matrix = columns.matrix(values)
        if matrix is None:
            return _one_by_one(numpy, values, columns.rows(values), check_row)
        if not matrix.shape[1] or contract.size not in {None, matrix.shape[1]}:
            return _one_by_one(numpy, values, list(matrix), check_row)
        suspects = numpy.flatnonzero(_suspicious(numpy, contract, matrix))
        if not len(suspects):
            return clean_findings(numpy, values, rows)
        return _one_by_one(numpy, values, matrix, check_row, suspects.tolist())

    return look


def _suspicious(numpy: ModuleType, contract: Contract, matrix: NDArray[Any]) -> NDArray[Any]:
    """Return for each row whether it may be dirty; a clean one that is named costs time alone."""
    limits = (0.0, 1.0) if contract.kind is Kind.PROBABILITIES else contract.bounds()
    bounds = bounds_in(numpy, matrix.dtype, limits)
    inside = ((matrix >= bounds.low) & (matrix <= bounds.high)).all(axis=1)
    if contract.kind is Kind.PROBABILITIES:
        with numpy.errstate(invalid="ignore", over="ignore"):  # such rows are outside already
            off = numpy.abs(matrix.sum(axis=1, dtype=numpy.float64) - 1.0)
            inside &= off <= TOLERANCE - _NEAR
    elif contract.kind is Kind.QUANTILES:
        inside &= (matrix[:, :-1] <= matrix[:, 1:]).all(axis=1)
    return numpy.logical_not(inside)  # type: ignore[no-any-return]


# --- records ---------------------------------------------------------------------------------------


def _record_looker(contract: Contract, check_row: Check) -> _Look:
    parts = tuple((name, batch_checker(field)) for name, field in contract.fields)

    def look(numpy: ModuleType, values: Any, rows: int) -> BatchFindings:
        if not columns.is_frame(values):
            return _one_by_one(numpy, values, columns.rows(values), check_row)
        found = Fields(numpy, rows)
        there = columns.names(values)
        for name, check in parts:
            if there.count(name) != 1:
                found.miss(f"{MISSING_FIELD}:{name}", contract)
                continue
            found.add(
                name, there.index(name), check(columns.column(values, there.index(name)), rows)
            )
        return found.joined(contract, values)

    return look
