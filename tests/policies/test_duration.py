from __future__ import annotations

from datetime import timedelta

import pytest

from modelwarden.policies.duration import duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P30D", timedelta(days=30)),
        ("P2W", timedelta(weeks=2)),
        ("PT1H", timedelta(hours=1)),
        ("PT90M", timedelta(minutes=90)),
        ("P1DT12H30M5S", timedelta(days=1, hours=12, minutes=30, seconds=5)),
        ("PT0S", timedelta()),
    ],
)
def test_a_duration_of_fixed_length_is_read(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "P1Y",
        "P3M",
        "30D",
        "P1.5D",
        "P-1D",
        "p1d",
        "P1D ",
        "PT1H1D",
        "P٣D",
        "P999999D",
    ],
)
def test_what_has_no_fixed_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no years, no months"):
        duration(text)
