"""Counts as they grow old: merged, sealed, read in every width, and never counted twice on the way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from modelwarden.errors import Conflict, NotPermitted, SlotTooLate, ValueInvalid
from modelwarden.sla import queries as reporting
from modelwarden.sla import reads
from modelwarden.sla.kept import keeping
from modelwarden.values.system import system
from tests.sla.reporting import SLI, at, part, wire

if TYPE_CHECKING:
    from tests.sla.reporting import Plant

ONE, TWO = "00000000000000a1", "00000000000000b2"
SYSTEM = system("test")


def filled(plant: Plant, minutes: int, *, instance: str = ONE) -> int:
    """Report a part for each of so many minutes up to now; return the first."""
    account, first = plant.account(), plant.now - minutes + 1
    for n in range(0, minutes, 60):
        parts = [part(first + m, m + 1) for m in range(n, min(minutes, n + 60))]
        account.sla.record(wire(instance, *parts))
    return first


def rows(plant: Plant, table: str, where: str = "1 = 1") -> int:
    with plant.warden.store.database.reading() as connection:
        statement = text(f"SELECT count(*) FROM {table} WHERE {where}")  # noqa: S608
        return int(connection.execute(statement).scalar_one())


def whole(plant: Plant, first: int, **how: Any) -> Any:  # noqa: ANN401
    return plant.series(since=at(first), until=at(plant.now + 1), **how).whole


def test_the_same_figures_come_out_however_old_they_are(plant: Plant) -> None:
    first = filled(plant, 70)
    first -= first % 60
    fresh = whole(plant, first, step="1h")
    assert (fresh.total, fresh.bad["0.25"], fresh.timed) == (210, 140, 210)
    for hours in (1, 6, 3, 20, 22, 30):
        plant.later(hours=hours)
        found = whole(plant, first, step="1h")
        assert (found.total, found.bad, found.timed) == (210, fresh.bad, 210)
        assert (found.p50_s, found.p99_s) == (fresh.p50_s, fresh.p99_s)
    assert rows(plant, "slots", "width = 1") == 0
    assert rows(plant, "slots", "width = 60") == 3
    assert rows(plant, "slot_parts") <= 60


def test_coverage_of_a_sealed_hour_is_what_it_was(plant: Plant) -> None:
    first = filled(plant, 30)
    filled(plant, 10, instance=TWO)
    hour = first - first % 60
    before = plant.series(since=at(hour), until=at(hour + 120), step="1h").points
    plant.later(hours=52)
    after = plant.series(since=at(hour), until=at(hour + 120), step="1h").points
    assert [p.coverage for p in after] == [p.coverage for p in before]
    assert any(0 < p.coverage < 1 for p in after)


def test_an_hour_is_sealed_once_and_takes_no_part_any_more(plant: Plant) -> None:
    account = plant.account()
    hour = plant.now // 60
    account.sla.record(wire(ONE, part(plant.now)))
    plant.later(hours=48, minutes=50)
    assert plant.facts("sli.hour_sealed") == []
    plant.later(minutes=10)
    (fact,) = plant.facts("sli.hour_sealed")
    assert (fact["slis"], fact["total"]) == (1, 3)
    plant.later(minutes=1)
    plant.later(hours=5)
    assert len(plant.facts("sli.hour_sealed")) == 1
    plant.clock.advance(hours=-50)  # a clock that was set back opens nothing
    with pytest.raises(SlotTooLate):
        account.sla.record(wire(ONE, part(hour * 60 + 1, 2)))
    assert plant.warden.view(SYSTEM, partial(keeping.mismatched, hours=[hour])) == []


def test_what_is_edited_in_a_sealed_hour_is_seen(plant: Plant) -> None:
    hour = plant.now // 60
    filled(plant, 1)
    plant.later(hours=50)

    def check(*hours: int) -> list[int]:
        return plant.warden.view(SYSTEM, partial(keeping.mismatched, hours=hours))

    assert check(hour, hour + 1) == []
    with plant.warden.store.database.writing() as connection:
        connection.execute(text("UPDATE slots SET errors = 1 WHERE width = 60"))
    assert check(hour) == [hour]
    with plant.warden.store.database.writing() as connection:
        connection.execute(text("UPDATE slots SET errors = 0, start = start + 60 WHERE width = 60"))
    assert check(hour, hour + 1) == [hour, hour + 1]


def test_a_part_that_comes_while_an_hour_is_sealed_is_sealed_too(plant: Plant) -> None:
    account, now = plant.account(), plant.now
    account.sla.record(wire(ONE, part(now)))
    plant.clock.advance(hours=49)
    prepared = plant.warden.view(SYSTEM, keeping.next_sealing)
    assert prepared is not None
    plant.clock.advance(hours=-2)
    account.sla.record(wire(ONE, part(now, 2)))
    plant.clock.advance(hours=2)
    with pytest.raises(Conflict):
        plant.warden.change(SYSTEM, partial(keeping.seal_hour, sealing=prepared))
    plant.keeping.idle()
    (fact,) = plant.facts("sli.hour_sealed")
    assert fact["total"] == 6


def test_nobody_but_the_program_seals(plant: Plant) -> None:
    filled(plant, 1)
    plant.clock.advance(hours=49)
    prepared = plant.warden.view(SYSTEM, keeping.next_sealing)
    assert prepared is not None
    root = plant.acting("root").sla._bound.principal
    with pytest.raises(NotPermitted):
        plant.warden.change(root, partial(keeping.seal_hour, sealing=prepared))


def test_a_late_part_of_minutes_that_were_merged_counts(plant: Plant) -> None:
    account, now = plant.account(), plant.now
    account.sla.record(wire(ONE, part(now)))
    plant.later(hours=7)
    account.sla.record(wire(ONE, part(now), part(now, 2)))
    assert plant.whole(hours=8).total == 6
    plant.later(minutes=1)
    assert plant.whole(hours=8).total == 6
    assert rows(plant, "slots", "width = 1") == 0


def test_gaps_are_gaps_and_zero_traffic_is_not_missing(plant: Plant) -> None:
    account, now = plant.account(), plant.now
    account.sla.record(wire(ONE, part(now - 4, 1), part(now - 2, 2, latencies=())))
    found = plant.series(since=at(now - 4), until=at(now), step="1m").points
    assert [(p.total, p.coverage) for p in found] == [(3, 1.0), (None, 0.0), (0, 1.0), (None, 0.0)]
    assert found[1].p99_s is None


def test_what_was_dropped_lowers_coverage(plant: Plant) -> None:
    plant.account().sla.record(wire(ONE, part(plant.now - 1, dropped=3)))
    (found,) = plant.series(since=at(plant.now - 1), until=at(plant.now), step="1m").points
    assert (found.coverage, found.dropped) == (0.5, 3)


def test_who_signs_off_is_expected_no_longer(plant: Plant) -> None:
    account, now = plant.account(), plant.now
    account.sla.record(wire(ONE, part(now - 3)))
    account.sla.record(wire(TWO, part(now - 3), part(now - 2, 2), part(now - 1, 3)))
    found = plant.series(since=at(now - 3), until=at(now), step="1m").points
    assert [p.coverage for p in found] == [1.0, 0.5, 0.5]
    account.sla.record(wire(ONE, closing=True))
    found = plant.series(since=at(now - 3), until=at(now), step="1m").points
    assert [p.coverage for p in found] == [1.0, 1.0, 1.0]


def test_finer_steps_than_are_kept_are_refused(plant: Plant) -> None:
    for hours, step in (
        (7, "1m"),
        (24 * 4, "5m"),
        (24 * 365, "1h"),
        (1, "7m"),
        (1, "0m"),
        (1, "x"),
    ):
        with pytest.raises(ValueInvalid):
            plant.series(since=at(plant.now - hours * 60), step=step)
    for hours in (1, 7, 24 * 4, 24 * 365):
        assert len(plant.series(since=at(plant.now - hours * 60)).points) <= 366


def test_triggers_read_totals_with_their_coverage(plant: Plant) -> None:
    account, now = plant.account("guard.report"), plant.now
    account.sla.record(wire(ONE, part(now - 2, sli="guard:churn", errors=2)))
    read = partial(reads.counts, model="churn", since=at(now - 4), until=at(now))
    found = plant.warden.view(SYSTEM, partial(read, environment="production"))
    assert (found.total, found.errors, found.minutes, found.coverage) == (3, 2, 4, 0.25)
    empty = plant.warden.view(SYSTEM, partial(read, environment="staging"))
    assert (empty.total, empty.coverage) == (0, 0.0)


def test_sealed_counts_go_when_their_days_are_over(plant: Plant) -> None:
    filled(plant, 1)
    plant.later(hours=50)
    plant.later(days=4)
    assert (rows(plant, "slots", "width = 5"), rows(plant, "slots", "width = 60")) == (0, 1)
    plant.later(days=397)
    assert rows(plant, "slots") == 0
    assert plant.warden.view(SYSTEM, partial(reporting.names_after, after="", limit=9)) == [SLI]


def test_folding_in_small_acts_loses_nothing(plant: Plant, monkeypatch: Any) -> None:  # noqa: ANN401
    first = filled(plant, 20)
    monkeypatch.setattr(keeping, "AT_ONCE", 3)
    plant.later(hours=7)
    assert whole(plant, first, step="5m").total == 60
    assert rows(plant, "slots", "width = 5") <= 5
