"""Entries of a time: verified and exported as the range of numbers that holds all of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit.offline import verify_export
from modelwarden.errors import FilterInvalid
from modelwarden.warden.warden import Warden, open_warden
from tests.access.company import HeldClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Warden]:
    """Give a warden on which somebody is added each day, and once with a clock that had stepped back."""
    clock = HeldClock(DAY)
    with open_warden(f"sqlite:///{tmp_path}/warden.db", clock=clock) as warden:
        for handle, step in (("ann", 1), ("ben", 1), ("cem", -2), ("dan", 4), ("eva", 0)):
            warden.add_user(handle)
            clock.advance(days=step)
        yield warden


def test_a_day_means_all_that_was_recorded_on_it(days: Warden) -> None:
    found = days.audit.verify(since="2026-11-21", until="2026-11-21")
    assert found.ok
    times = {entry.seq: entry.entry["at"][:10] for entry in days.audit.search(limit=500).items}
    on_day = [seq for seq, day in times.items() if day == "2026-11-21"]
    assert (found.first, found.last) == (min(on_day), max(on_day))


def test_a_clock_that_stepped_back_widens_the_range(days: Warden) -> None:
    times = {entry.seq: entry.entry["at"][:10] for entry in days.audit.search(limit=500).items}
    first_day = [seq for seq, day in times.items() if day == "2026-11-20"]
    found = days.audit.verify(until="2026-11-20T23:00:00Z")
    assert (found.first, found.last) == (min(first_day), max(first_day))
    between = [times[seq] for seq in range(found.first, found.last + 1)]
    assert len(set(between)) > 1


def test_a_time_without_entries_or_beside_numbers_is_refused(days: Warden) -> None:
    for wanted in (
        {"since": "2020-01-01", "until": "2020-01-02"},
        {"since": "2026-11-20", "first": 2},
        {"until": "2026-11-20", "last": 3},
        {"since": "yesterday"},
    ):
        with pytest.raises(FilterInvalid):
            days.audit.verify(**wanted)  # type: ignore[arg-type]


def test_a_time_is_exported_and_verifies_alone(days: Warden, tmp_path: Path) -> None:
    made = days.audit.export(tmp_path / "day", since="2026-11-21", until="2026-11-21")
    asked = days.audit.verify(since="2026-11-21", until="2026-11-21")
    assert (made.first, made.last) == (asked.first, asked.last)
    found = verify_export(tmp_path / "day", trusted=days.audit.keys())
    assert (found.ok, found.first, found.last) == (True, made.first, made.last)
