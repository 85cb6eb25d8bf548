"""How old what an answer rests on may be (SG-44, the guard's half): one time, or a column of them. Pure.

    Fresh("as_of", warn="1h", fallback="6h", block="24h")

Missing, unparsable or in the future beyond the clocks' skew: stale, which is the strictest level that is set. The same
holds for the age of a model and of the data it was trained on, by the time that is given for them.

A time is an aware or naive `datetime`, a date-time of numpy, pandas, polars or Arrow, an ISO 8601 text, or Unix
seconds. One without a zone is taken for UTC, as numpy does; a date alone is its first moment.
"""

from __future__ import annotations

import math
import re
import sys
from datetime import UTC, date, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard import columns
from modelwarden.guard.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MISSING: Final = "as_of_missing"
UNPARSABLE: Final = "as_of_unparsable"
FUTURE: Final = "as_of_in_future"
OLD: Final = "stale"
_SPAN: Final = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_SECONDS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Level(IntEnum):
    """What the age of a time asks for."""

    FRESH = 0
    WARN = 1
    FALLBACK = 2
    BLOCK = 3


class Freshness(NamedTuple):
    """One time's level; `age_s` is None where it is not known, and `reason` where it is fresh."""

    level: Level
    age_s: float | None
    reason: str | None


class BatchFreshness(NamedTuple):
    """The level (uint8) of each row; `age_s` is NaN where it is not known."""

    levels: NDArray[Any]
    age_s: NDArray[Any]


def span_s(text: str) -> float:
    """Return the seconds that "30s", "5m", "6h" or "7d" mean. Raises ValueInvalid."""
    found = _SPAN.fullmatch(str(text))
    if found is None:
        raise ValueInvalid("span", 'a time such as "30s", "5m", "6h" or "7d"')
    return float(int(found[1]) * _SECONDS[found[2]])


class Fresh(Value):
    """The ages from which a time is warned of, answered by a fallback, or blocked. Raises ValueInvalid.

    Attributes:
        field: the name of the input that holds the time.
        skew: by how much a time may lie ahead of this machine's clock.
    """

    field: str
    warn: str | None
    fallback: str | None
    block: str | None
    skew: str

    def __init__(
        self, field: str, warn: str | None = None, fallback: str | None = None, block: str | None = None,
        skew: str = "30s",
    ) -> None:  # fmt: skip
        self._set(field=field, warn=warn, fallback=fallback, block=block, skew=skew)
        limits = self.limits()
        if not limits:
            raise ValueInvalid(self.field, "warn, fallback or block")
        ages = [age for age, _ in limits]
        if ages != sorted(ages):
            raise ValueInvalid(
                self.field, "warn no later than fallback, and that no later than block"
            )
        span_s(self.skew)

    def limits(self) -> list[tuple[float, Level]]:
        """Return the ages that are set, in seconds, with their levels, mildest first."""
        named = (
            (self.warn, Level.WARN),
            (self.fallback, Level.FALLBACK),
            (self.block, Level.BLOCK),
        )
        return [(span_s(text), level) for text, level in named if text is not None]

    @property
    def stale(self) -> Level:
        """Return the strictest level that is set: that of a time which says nothing."""
        return self.limits()[-1][1]

    def judge(self, moment: object, *, now: float) -> Freshness:
        """Return the level of one time, as seen at `now` (Unix seconds)."""
        seconds = unix_s(moment)
        if isinstance(seconds, str):
            return Freshness(self.stale, None, seconds)
        age = now - seconds
        if age < -span_s(self.skew):
            return Freshness(self.stale, None, FUTURE)
        level = max((level for limit, level in self.limits() if age > limit), default=Level.FRESH)
        return Freshness(level, max(0.0, age), OLD if level else None)

    def judge_batch(self, moments: Any, *, now: float) -> BatchFreshness:  # noqa: ANN401
        """Return the level of each row of a column of times."""
        seconds = _column_s(moments)
        numpy = sys.modules["numpy"]
        age = now - seconds
        with numpy.errstate(invalid="ignore"):
            levels = numpy.zeros(len(age), numpy.uint8)
            for limit, level in self.limits():
                levels[age > limit] = level
            unknown = ~(age >= -span_s(self.skew))
        levels[unknown] = self.stale
        return BatchFreshness(levels, numpy.where(unknown, numpy.nan, numpy.maximum(age, 0.0)))


def unix_s(moment: Any) -> float | str:  # noqa: ANN401
    """Return a time as Unix seconds, or the reason why it is none."""
    if moment is None or type(moment).__name__ in {"NAType", "NaTType"}:
        return MISSING
    if isinstance(moment, date):
        return _of_date(moment)
    if columns.is_a(moment, "numpy", "datetime64"):
        return _of_datetime64(moment)
    if isinstance(moment, str):
        return _of_text(moment)
    is_number = isinstance(moment, int | float) and not isinstance(moment, bool)
    return _of_number(moment) if is_number else UNPARSABLE


def _of_text(moment: str) -> float | str:
    try:
        return _of_datetime(datetime.fromisoformat(moment))
    except ValueError:
        return UNPARSABLE


def _of_date(moment: date) -> float | str:
    whole = (
        moment
        if isinstance(moment, datetime)
        else datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    )
    return _of_datetime(whole)


def _of_datetime(moment: datetime) -> float | str:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return UNPARSABLE


def _of_datetime64(moment: Any) -> float | str:  # noqa: ANN401
    numpy = sys.modules["numpy"]
    return (
        MISSING
        if numpy.isnat(moment)
        else float(moment.astype("datetime64[us]").astype("int64")) / 1e6
    )


def _of_number(moment: float) -> float | str:
    try:
        seconds = float(moment)
    except OverflowError:
        return UNPARSABLE
    if math.isnan(seconds):
        return MISSING
    return seconds if math.isfinite(seconds) else UNPARSABLE


def _column_s(moments: Any) -> NDArray[Any]:  # noqa: ANN401
    """Return a column of times as Unix seconds, NaN for what is none."""
    numpy = sys.modules.get("numpy") or columns.load_numpy()
    array = _datetimes(moments)
    if array is not None:
        seconds = array.astype("datetime64[us]").astype("int64") / 1e6
        seconds[numpy.isnat(array)] = numpy.nan
        return seconds
    found = columns.numbers(moments)
    if found is not None and found.array.dtype.kind != "O":
        plain = found.array.astype("float64")
        plain[~numpy.isfinite(plain)] = numpy.nan
        if found.nulls is not None:
            plain[found.nulls] = numpy.nan
        return plain
    read = [unix_s(moment) for moment in columns.rows(moments)]
    return numpy.array([math.nan if isinstance(s, str) else s for s in read], "float64")  # type: ignore[no-any-return]


def _datetimes(moments: Any) -> NDArray[Any] | None:  # noqa: ANN401
    """Return a column of date-times in numpy's own type, in UTC, or None where it is something else."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if columns.is_a(moments, "pandas", "Series", "Index"):
        zone = getattr(moments.dtype, "tz", None)
        if zone is not None:
            return moments.to_numpy(dtype="datetime64[us]")  # type: ignore[no-any-return]
        moments = moments.to_numpy() if isinstance(moments.dtype, numpy.dtype) else moments
    elif columns.is_a(moments, "polars", "Series") and moments.dtype.is_temporal():
        moments = moments.to_numpy()
    plain = isinstance(moments, numpy.ndarray) and not isinstance(moments, numpy.ma.MaskedArray)
    return moments if plain and moments.ndim == 1 and moments.dtype.kind == "M" else None
