"""Limits in the type of the numbers they hold: the least and the most of a numpy type that keep within them. Pure.

0.1 has no exact form in 32 bits; the nearest one lies above it. So limits are rounded inward: what is clipped to such
a bound is within the limit for whoever reads it, in whatever type. numpy is not imported here: it comes along.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np


class Bounds(NamedTuple):
    """The least and the most, in the type itself; `empty` when no number of that type is within the limits."""

    low: np.generic
    high: np.generic
    empty: bool


@lru_cache(maxsize=1_024)
def bounds_in(numpy: ModuleType, dtype: np.dtype[Any], limits: tuple[float, float]) -> Bounds:
    """Return the limits in a numeric type of numpy, rounded inward."""
    low, high = limits
    if dtype.kind == "f":
        with numpy.errstate(over="ignore", under="ignore"):
            least, most = dtype.type(low), dtype.type(high)
            if float(least) < low:
                least = numpy.nextafter(least, dtype.type(math.inf))
            if float(most) > high:
                most = numpy.nextafter(most, dtype.type(-math.inf))
        return Bounds(least, most, bool(least > most))
    held = numpy.iinfo(dtype)
    first, last = max(math.ceil(low), int(held.min)), min(math.floor(high), int(held.max))
    if first > last:  # nothing lies between a bound of 1 and one of 0
        return Bounds(dtype.type(1), dtype.type(0), empty=True)
    return Bounds(dtype.type(first), dtype.type(last), empty=False)
