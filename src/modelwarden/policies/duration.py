"""ISO 8601 durations of fixed length: weeks, days, hours, minutes, seconds. Pure.

Years and months are refused: how long they are depends on when they begin.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_FORM: Final = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,9})S)?)?"
)


def duration(text: str) -> timedelta:
    """Return the duration that a text such as `P30D` or `PT1H30M` means. Raises ValueError."""
    found = _FORM.fullmatch(text)
    if found is None or not text.isascii():
        raise ValueError("a duration such as P30D, PT1H or P1DT12H; no years, no months")
    parts = {unit: int(count) for unit, count in found.groupdict().items() if count is not None}
    return timedelta(**parts)
