"""A sketch of durations: how many fell into each bucket, enough for any quantile within a known error (SL-10 to SL-12).

Sketches are values. They merge in any order to the same sketch, and each has one written form. Thresholds are left out:
those are counted exactly, beside the sketch (SL-2).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from math import exp2
from typing import TYPE_CHECKING, Final, NoReturn

from modelwarden.errors import SketchInvalid
from modelwarden.values.buckets import HIGHEST, LOWEST, SCHEMA, tally, upper_bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from fractions import Fraction

COARSEST, FINEST = -4, 8
"""The schemas of Prometheus native histograms; what is finer than 5 is merged down to it (SL-11)."""

MAX_COUNT: Final = 2**53
"""The most that one sketch counts."""

MAX_BYTES: Final = 16_384
"""More than the longest sketch that can be written: 1,600 buckets of nine bytes."""

_VERSION: Final = 1
_LOW, _MORE = (
    0x7F,
    0x80,
)  # a byte of a varint: seven bits of the number, and whether another byte follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """Counts by bucket.

    Attributes:
        schema: buckets to an octave, as a power of two: 5, or less for one that came from a coarser histogram.
        zero: values ≤ 2^-30 s.
        buckets: (index, count) in rising order, counts above zero.

    Raises SketchInvalid when built from anything else.
    """

    schema: int = SCHEMA
    zero: int = 0
    buckets: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not COARSEST <= self.schema <= SCHEMA:
            raise SketchInvalid(f"schema {self.schema} is not from {COARSEST} to {SCHEMA}")
        lowest, highest = _ends(self.schema)
        before, total = lowest - 1, self.zero
        for index, count in self.buckets:
            if not before < index <= highest:
                raise SketchInvalid(
                    f"index {index} does not rise within {lowest} to {highest} of schema {self.schema}"
                )
            if count < 1:
                raise SketchInvalid(f"bucket {index} counts {count}; an empty one is left out")
            before, total = index, total + count
        if self.zero < 0 or total > MAX_COUNT:
            raise SketchInvalid("counts have to lie from 0 to 2^53, also together")

    @classmethod
    def of(cls, values: Sequence[float]) -> Sketch:
        """Return the sketch of some values in seconds; invalid ones (SL-10) are left out."""
        found = tally(values)
        return cls(zero=found.zero, buckets=tuple(sorted(found.buckets.items())))

    @classmethod
    def of_counts(cls, schema: int, counts: Mapping[int, int], *, zero: int = 0) -> Sketch:
        """Return the sketch of another histogram's counts by index (SL-11).

        An index is that of Prometheus; OpenTelemetry's is one lower. A finer schema than 5 merges down to it; what lies
        below the buckets counts as zero, what lies above counts in the last. Raises SketchInvalid.
        """
        if not COARSEST <= schema <= FINEST:
            raise SketchInvalid(f"schema {schema} is not from {COARSEST} to {FINEST}")
        kept = min(schema, SCHEMA)
        lowest, highest = _ends(kept)
        folded: dict[int, int] = {}
        for index, count in counts.items():
            if count < 0:
                raise SketchInvalid(f"bucket {index} counts {count}")
            coarse = _coarser(index, schema - kept)
            if coarse < lowest:
                zero += count
            elif count:
                coarse = min(coarse, highest)
                folded[coarse] = folded.get(coarse, 0) + count
        return cls(schema=kept, zero=zero, buckets=tuple(sorted(folded.items())))

    @property
    def count(self) -> int:
        """Return how many values the sketch holds."""
        return self.zero + sum(count for _, count in self.buckets)

    @property
    def error(self) -> float:
        """Return the bound of a quantile's relative error: at most 0.010831 at schema 5.

        It holds for values above 2^-30 s, about 1 ns, up to 2^20 s, about 12 days.
        """
        growth = exp2(exp2(-self.schema))
        return (growth - 1.0) / (growth + 1.0)

    def quantile(self, share: Fraction) -> float | None:
        """Return the value at a share from 0 to 1 by nearest rank, in seconds, within `error`; None without values."""
        if not 0 <= share <= 1:
            raise ValueError(f"a quantile of {share}: expected a share from 0 to 1")
        total = self.count
        rank = max(1, -(-share.numerator * total // share.denominator))
        if not total:
            return None
        if self.zero >= rank:
            return 0.0
        reached = accumulate((count for _, count in self.buckets), initial=self.zero)
        next(reached)
        return next(
            _estimate(index, self.schema)
            for (index, _), ranks in zip(self.buckets, reached, strict=True)
            if ranks >= rank
        )

    def coarsened(self, schema: int) -> Sketch:
        """Return this sketch at a coarser schema: buckets merge in pairs. Raises SketchInvalid."""
        if schema == self.schema:
            return self
        if schema > self.schema:
            raise SketchInvalid(f"schema {self.schema} can't be made finer")
        return Sketch.of_counts(
            schema,
            _sums(((_coarser(i, self.schema - schema), n) for i, n in self.buckets), {}),
            zero=self.zero,
        )

    def merged(self, other: Sketch) -> Sketch:
        """Return both together, at the coarser schema of the two. Raises SketchInvalid over 2^53 values."""
        return Sketch.sum_of((self, other))

    @classmethod
    def sum_of(cls, sketches: Sequence[Sketch]) -> Sketch:
        """Return all together, at the coarsest of their schemas. Raises SketchInvalid over 2^53 values."""
        schema = min((one.schema for one in sketches), default=SCHEMA)
        together: dict[int, int] = {}
        zero = 0
        for one in sketches:
            coarse = one.coarsened(schema)
            zero += coarse.zero
            _sums(coarse.buckets, together)
        return cls(schema=schema, zero=zero, buckets=tuple(sorted(together.items())))

    def encode(self) -> bytes:
        """Write the version, the schema, the count of zero, then (step to the index, count) as varints (SL-12)."""
        written = bytearray((_VERSION,))
        _write(written, _zigzag(self.schema))
        _write(written, self.zero)
        before = 0
        for index, count in self.buckets:
            _write(written, _zigzag(index - before))
            _write(written, count)
            before = index
        return bytes(written)

    @classmethod
    def decode(cls, data: bytes) -> Sketch:
        """Read what `encode` wrote, and nothing else: equal sketches have equal bytes. Raises SketchInvalid."""
        if len(data) > MAX_BYTES:
            raise SketchInvalid(f"{len(data)} bytes; no sketch has more than {MAX_BYTES}")
        if data[:1] != bytes((_VERSION,)):
            raise SketchInvalid(f"the first byte has to be the version, {_VERSION}")
        numbers = _numbers(data)
        if len(numbers) < 2 or len(numbers) % 2:  # noqa: PLR2004  # schema and zero, then pairs
            _refuse_end()
        schema, zero, *pairs = numbers
        steps = [n >> 1 if not n & 1 else -(n >> 1) - 1 for n in pairs[::2]]
        buckets = tuple(zip(accumulate(steps), pairs[1::2], strict=True))
        return cls(schema=_unzigzag(schema), zero=zero, buckets=buckets)


def _estimate(index: int, schema: int) -> float:
    low, high = upper_bound(index - 1, schema), upper_bound(index, schema)
    return 2.0 * low * high / (low + high)


def _coarser(index: int, halvings: int) -> int:
    """Return the index of the bucket that holds this one after so many merges in pairs: the quotient, rounded up."""
    return -(-index >> halvings)


def _ends(schema: int) -> tuple[int, int]:
    """Return the first and last index in use; bucket -960 of schema 5 lies within zero."""
    return _coarser(LOWEST + 1, SCHEMA - schema), _coarser(HIGHEST, SCHEMA - schema)


def _sums(pairs: Iterable[tuple[int, int]], counts: dict[int, int]) -> dict[int, int]:
    for index, count in pairs:
        counts[index] = counts.get(index, 0) + count
    return counts


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _unzigzag(number: int) -> int:
    return number >> 1 if not number & 1 else -(number >> 1) - 1


def _write(written: bytearray, number: int) -> None:
    while number > _LOW:
        written.append(number & _LOW | _MORE)
        number >>= 7
    written.append(number)


def _numbers(data: bytes) -> list[int]:
    found = []
    number = shift = 0
    for byte in data[1:]:
        if byte <= _LOW and not shift:  # most numbers are one byte
            found.append(byte)
            continue
        number |= (byte & _LOW) << shift
        if number > MAX_COUNT:
            raise SketchInvalid("a number over 2^53")
        if byte & _MORE:
            shift += 7
            if shift > 53:  # noqa: PLR2004  # the bits of 2^53 are used up
                raise SketchInvalid("a number that is too long")
            continue
        if shift and not byte:
            raise SketchInvalid("a number that is longer than it has to be")
        found.append(number)
        number = shift = 0
    if shift:
        _refuse_end()
    return found


def _refuse_end() -> NoReturn:
    raise SketchInvalid("the bytes end within a number or a pair")
