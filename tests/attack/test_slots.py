"""Reporters that cheat: parts sent thrice, under another's name, of minutes that were not, or to fill a slot up."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from modelwarden.errors import SlotConflict, SlotInFuture, SlotRefused, SlotTooLate
from modelwarden.guard.recorder import Recorder
from tests.sla.reporting import SLI, THRESHOLDS, Plant, at, part, wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE, TWO = "00000000000000a1", "00000000000000b2"


@pytest.fixture
def plant(store_url: str, tmp_path: Path) -> Iterator[Plant]:
    opened = Plant.opened(store_url, tmp_path)
    yield opened
    opened.warden.close()


def kept(plant: Plant) -> list[Any]:
    with plant.warden.store.database.reading() as connection:
        rows = connection.execute(text("SELECT * FROM slots ORDER BY sli, width, start")).all()
    return [tuple(bytes(c) if isinstance(c, memoryview) else c for c in row) for row in rows]


def test_parts_sent_thrice_in_any_order_and_half_of_them_late_give_the_same_slots(
    plant: Plant,
) -> None:
    account, first = plant.account(), plant.now - 20
    parts = [part(first + n % 10, n + 1, latencies=(0.1 * n, 0.3)) for n in range(40)]
    for one in parts:
        account.sla.record(wire(ONE, one))
    plant.later(hours=7)
    expected = kept(plant)
    # The same once more, in a shuffled order, half of it before and half of it after minutes were merged.
    shuffled = [one for one in parts for _ in range(3)]
    random.Random(7).shuffle(shuffled)  # noqa: S311
    with plant.warden.store.database.writing() as connection:
        for table in ("slots", "slot_parts", "slot_presence", "slot_reporters"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - ours
    plant.clock.advance(hours=-7)
    for one in shuffled[:60]:
        account.sla.record(wire(ONE, one))
    plant.later(hours=7)
    for one in shuffled[60:]:
        account.sla.record(wire(ONE, one))
    plant.later(minutes=1)
    assert kept(plant) == expected


def test_a_reporter_that_lies_about_minutes_reaches_no_sealed_hour_and_no_future(
    plant: Plant,
) -> None:
    account, now = plant.account(), plant.now
    account.sla.record(wire(ONE, part(now)))
    plant.later(hours=50)
    sealed = kept(plant)
    for minute, error in (
        (now, SlotTooLate), (now + 1, SlotTooLate), (0, SlotTooLate), (plant.now + 3, SlotInFuture),
        (10**9, SlotInFuture),
    ):  # fmt: skip
        for number in (1, 9):
            with pytest.raises(error):
                account.sla.record(wire(TWO, part(minute, number)))
    assert kept(plant) == sealed
    account.sla.record(wire(TWO, part(plant.now - 47 * 60)))  # late, and nothing but that
    assert plant.whole(hours=48).total == 3


def test_a_reporter_that_tells_of_many_minutes_at_once_is_not_expected_for_longer(
    plant: Plant,
) -> None:
    account, now = plant.account(), plant.now
    account.sla.record(wire(ONE, *(part(now - n, n + 1) for n in range(30))))
    account.sla.record(wire(TWO, part(now + 2)))  # heard of ahead, once
    plant.clock.advance(minutes=30)
    found = plant.series(since=at(now + 18), until=at(now + 20), step="1m").points
    assert [p.coverage for p in found] == [0.0, 0.0]


def test_nobody_fills_a_slot_so_that_others_no_longer_fit(plant: Plant) -> None:
    account, other, now = plant.account(), plant.account(), plant.now
    for number in range(1, 4):
        account.sla.record(wire(ONE, part(now, number, blocked=10**9 - 3)))
    with pytest.raises(SlotRefused):
        account.sla.record(wire(ONE, part(now, 9, blocked=10**9)))
    other.sla.record(wire(TWO, part(now)))
    plant.later(hours=50)
    assert plant.whole(hours=51).total == 3 * 10**9 + 3


def test_an_instance_can_not_be_taken_over_nor_signed_off_by_another(plant: Plant) -> None:
    account, other, now = plant.account(), plant.account(), plant.now
    account.sla.record(wire(ONE, part(now - 3)))
    account.sla.record(wire(TWO, part(now - 3), part(now - 2, 2)))
    other.sla.record(wire(ONE, closing=True))
    with pytest.raises(SlotConflict):
        other.sla.record(wire(ONE, part(now, 2)))
    found = plant.series(since=at(now - 3), until=at(now - 1), step="1m").points
    assert [p.coverage for p in found] == [1.0, 0.5]


def test_a_recorder_whose_part_is_refused_for_good_tells_the_loss_and_goes_on(plant: Plant) -> None:
    account = plant.account()
    minutes = [plant.clock.now().timestamp() - 3 * 24 * 3600]
    recorder = Recorder(
        account.sla.record, sli=SLI, thresholds=THRESHOLDS, flush_s=3600, clock=lambda: minutes[0]
    )
    recorder.record(0.1)
    recorder.flush()
    minutes[0] = plant.clock.now().timestamp()
    recorder.flush()  # it sees that the minute is another
    for _ in range(3):
        recorder.record(0.1)
    assert recorder.flush()
    recorder.close()
    found = plant.whole()
    assert (found.total, found.dropped, recorder.dropped) == (3, 1, 1)
