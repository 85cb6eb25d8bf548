"""Whether a column of numbers is clean: asked before anything else, in one pass or two, without a mask (SG-28). Pure.

The bits of floats from 0 upward, read as whole numbers, rise with them; those of what is negative or NaN stand above
all of them (IEEE 754). So where the least that is allowed is 0, one look for the largest says it all. Elsewhere NaN is
what `argmin` and `argmax` find first. numpy's `argmax` is the quickest of its passes over an array.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from modelwarden.guard.bounds import Bounds, bounds_in
from modelwarden.guard.checks import is_real_type
from modelwarden.guard.contract import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from modelwarden.guard.contract import Contract

    IsClean = Callable[[Any], bool]


class Known(NamedTuple):
    """What is known of a type of numbers: `bits` to read its floats by and the largest that is allowed, or None."""

    bounds: Bounds
    bits: np.dtype[Any] | None
    most: int


def clean_column(contract: Contract | None) -> IsClean:
    """Return what says that all rows of an array of numbers are clean; False: they are not, or it has to be looked at.

    An array without rows is not clean, nor is anything that is no array of one dimension.
    """
    if contract is None or contract.kind not in {Kind.NUMBER, Kind.INTEGER}:
        return lambda _values: False
    limits, kinds = contract.bounds(), "iu" if contract.kind is Kind.INTEGER else "fiu"
    known: dict[np.dtype[Any], Known | None] = {}  # as many as there are types of numbers

    def is_clean(values: Any) -> bool:  # noqa: ANN401 - any batch
        numpy = sys.modules.get("numpy")
        if (
            numpy is None
            or type(values) is not numpy.ndarray
            or values.ndim != 1
            or not len(values)
        ):
            return False
        dtype = values.dtype
        try:
            found = known[dtype]
        except KeyError:
            real = is_real_type(dtype) and dtype.kind in kinds
            found = known[dtype] = _known(numpy, dtype, limits) if real else None
        if found is None:
            return False
        if found.bits is not None:
            bits = values.view(found.bits)
            return bool(bits.item(bits.argmax()) <= found.most)
        low, high, _ = found.bounds
        return bool(values[values.argmin()] >= low and values[values.argmax()] <= high)

    return is_clean


def outside(numpy: Any, array: NDArray[Any], limits: tuple[float, float]) -> NDArray[Any]:  # noqa: ANN401 - the module
    """Return the rows of an array of numbers that are not within limits."""
    bounds, bits, most = _known(numpy, array.dtype, limits)
    if bits is None:
        inside = array >= bounds.low
        inside &= array <= bounds.high
        return numpy.logical_not(inside, out=inside).nonzero()[0]  # type: ignore[no-any-return]
    rows: NDArray[Any] = (array.view(bits) > bits.type(most)).nonzero()[0]
    part = array[rows]
    return rows if part.all() else rows[part != 0]  # the bits of -0.0 stand above, too


@lru_cache(maxsize=1_024)
def _known(numpy: Any, dtype: np.dtype[Any], limits: tuple[float, float]) -> Known:  # noqa: ANN401 - the module
    bounds = bounds_in(numpy, dtype, limits)
    rises = dtype.kind == "f" and dtype.isnative
    if rises and limits[0] == 0 < limits[1]:
        bits = numpy.dtype(f"u{dtype.itemsize}")
        return Known(bounds, bits, int(bounds.high.view(bits)))
    return Known(bounds, None, 0)
