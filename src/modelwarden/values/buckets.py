"""Buckets of durations: bounds at powers of 2^(1/32) seconds, and counting many values into them (SL-10).

Bucket i covers (2^((i-1)/32), 2^(i/32)] seconds. The bounds are those of Prometheus native histograms of schema 5, to
the last bit, and of OpenTelemetry exponential histograms of scale 5 (their index + 1). One value finds its bucket by
`frexp` and bisection, a list by sorting it, a NumPy array by its bits; tests hold the three to the same answers.
NumPy is used where the caller gave an array, and never imported here.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from functools import cache
from math import frexp, inf, isfinite, ldexp
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

SCHEMA: Final = 5
"""Buckets to an octave, as a power of two: 32."""

LOWEST, HIGHEST = -960, 640
"""The indices that have a bound here: 2^-30 s, about 1 ns, to 2^20 s, about 12 days."""

# The upper halves of exact powers, as Prometheus prints them: some are one unit in the last place below the nearest
# float, so they are written out instead of computed.
_OCTAVE: Final = (
    0.5, 0.5109485743270583, 0.5221368912137069, 0.5335702003384117, 0.5452538663326288, 0.5571933712979462,
    0.5693943173783458, 0.5818624293887887, 0.5946035575013605, 0.6076236799902344, 0.620928906036742,
    0.6345254785958666, 0.6484197773255048, 0.6626183215798706, 0.6771277734684463, 0.6919549409819159,
    0.7071067811865475, 0.7225904034885232, 0.7384130729697496, 0.7545822137967112, 0.7711054127039704,
    0.7879904225539431, 0.805245165974627, 0.8228777390769823, 0.8408964152537144, 0.8593096490612387,
    0.8781260801866495, 0.8973545375015533, 0.9170040432046711, 0.9370838170551498, 0.9576032806985735,
    0.9785720620876999,
)  # fmt: skip


def upper_bound(index: int, schema: int = SCHEMA) -> float:
    """Return the upper bound of a bucket in seconds, itself in the bucket; `schema` is 5 or coarser."""
    index <<= SCHEMA - schema
    return ldexp(_OCTAVE[index & 31], (index >> SCHEMA) + 1)


BOUNDS: Final = tuple(upper_bound(index) for index in range(LOWEST, HIGHEST + 1))
SHORTEST, LONGEST = BOUNDS[0], BOUNDS[-1]


class Tally(NamedTuple):
    """How many of some values fell where.

    Attributes:
        zero: values ≤ 2^-30 s.
        invalid: NaN, infinite and negative ones; they are in no bucket.
        buckets: index to count; values over 2^20 s are in the last bucket.
    """

    zero: int
    invalid: int
    buckets: dict[int, int]


def bucket(seconds: float) -> int | None:
    """Return the index of a valid value's bucket, or None for one that counts as zero."""
    if seconds <= SHORTEST:
        return None
    if seconds > LONGEST:
        return HIGHEST
    fraction, exponent = frexp(seconds)
    return (exponent - 1) * len(_OCTAVE) + bisect_left(_OCTAVE, fraction)


def is_valid(seconds: float) -> bool:
    """Say whether a value can be a duration: finite and not negative."""
    return 0.0 <= seconds < inf  # NaN compares as false


def tally(values: Sequence[float]) -> Tally:
    """Count floats in plain Python."""
    valid = sorted_valid(values)
    return tally_sorted(valid, invalid=len(values) - len(valid))


def sorted_valid(values: Sequence[float]) -> list[float]:
    """Return the valid ones in rising order."""
    # One sum tells of every NaN and infinity; a finite sum that overflows only takes the slower way.
    ordered = sorted(values if isfinite(sum(values)) else filter(is_valid, values))
    return ordered[bisect_left(ordered, 0.0) :] if ordered and ordered[0] < 0.0 else ordered


def tally_sorted(valid: Sequence[float], *, invalid: int) -> Tally:
    """Count what `sorted_valid` returned: a bucket at a time, found from its first value and left after its last."""
    buckets: dict[int, int] = {}
    at, place, end = 0, -1, bisect_right(valid, LONGEST)
    while at < end:
        place += 1  # most often the next value is in the next bucket
        if valid[at] > BOUNDS[place]:
            place = bisect_left(BOUNDS, valid[at], place)
        after = bisect_right(valid, BOUNDS[place], at, end)
        buckets[place + LOWEST] = after - at
        at = after
    if len(valid) > end:
        buckets[HIGHEST] = buckets.get(HIGHEST, 0) + len(valid) - end
    return Tally(buckets.pop(LOWEST, 0), invalid, buckets)


# The bits of positive floats, read as integers, rise with the floats. Six bits of the fraction cut an octave into 64
# cells, each narrower than a bucket, so at most one bound lies in a cell, and adding the right number to the bits
# carries into the cell's place exactly when the value is above that bound.
_CELL_BITS: Final = 46
_CHUNK: Final = 16_384  # the arrays in between stay in the second cache


def tally_array(values: NDArray[np.floating[Any]]) -> Tally:
    """Count an array of any shape; it is read as float64. Raises TypeError, ValueError when it has no numbers."""
    numpy = sys.modules["numpy"]
    flat = numpy.ascontiguousarray(values, dtype=numpy.float64).ravel()
    addends, lowest_cell = _carries(numpy)
    places, invalid = numpy.zeros(len(BOUNDS), dtype=numpy.int64), 0
    for start in range(0, len(flat), _CHUNK):
        chunk = flat[start : start + _CHUNK]
        if not (chunk.min() >= SHORTEST and chunk.max() <= LONGEST):  # false for NaN, too
            valid = chunk[(chunk >= 0.0) & (chunk < inf)]
            invalid += len(chunk) - len(valid)
            chunk = numpy.clip(valid, SHORTEST, LONGEST)
        bits = chunk.view(numpy.int64)
        cells = bits >> _CELL_BITS
        cells -= lowest_cell
        found = addends.take(cells)
        found += bits
        found >>= _CELL_BITS
        places += numpy.bincount(found, minlength=len(BOUNDS))
    zero, places[0] = int(places[0]), 0
    (used,) = places.nonzero()
    buckets = dict(zip((used + LOWEST).tolist(), places[used].tolist(), strict=True))
    return Tally(zero, invalid, buckets)


@cache
def _carries(numpy: ModuleType) -> tuple[NDArray[np.int64], int]:
    """Return what to add to a value's bits, by cell, for its place to stand above `_CELL_BITS`; and the first cell."""
    width = 1 << _CELL_BITS
    bounds = numpy.array(BOUNDS).view(numpy.int64).tolist()
    first, last = bounds[0] >> _CELL_BITS, bounds[-1] >> _CELL_BITS
    addends = []
    for cell in range(first, last + 1):
        start = cell << _CELL_BITS
        below = bisect_left(bounds, start)
        inside = bounds[below] - start if below < len(bounds) else width
        addends.append(((below - cell) << _CELL_BITS) + width - 1 - min(inside, width - 1))
    return numpy.array(addends, dtype=numpy.int64), first
