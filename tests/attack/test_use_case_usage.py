"""Reporters and readers that want a use case's figures wrong, or want to know what is not theirs."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import SliUnknown, SlotRefused, ValueInvalid
from modelwarden.guard import slot_report
from modelwarden.guard.guard import Guard
from modelwarden.guard.recorder import Recorder
from tests.safeguards.desk import PURPOSE
from tests.sla.reporting import Plant, at, part, used, wire, write_down

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


ONE, TWO = "00000000000000a1", "00000000000000b2"
MODEL, CALLS, LETTERS = "guard:churn", "guard:churn:calls", "guard:churn:letters"


@pytest.fixture
def plant(store_url: str, tmp_path: Path) -> Iterator[Plant]:
    opened = Plant.opened(store_url, tmp_path)
    yield opened
    opened.warden.close()


# --- what a reporter may tell ------------------------------------------------------------------------


@pytest.mark.parametrize("name", [CALLS, "guard:churn:nobody", "guard:nothing:calls"])
def test_a_reporter_of_another_model_learns_no_name_of_a_model_or_use_case(
    plant: Plant, name: str
) -> None:
    write_down(plant, "calls")
    account = plant.account("guard.report", scope={"model": "fraud"})
    with pytest.raises(SliUnknown):
        account.sla.record(wire(ONE, part(plant.now, 1, sli=name)))


def test_what_is_told_for_no_model_is_refused_with_all_that_came_along(plant: Plant) -> None:
    account = plant.account("guard.report", scope={})
    report = wire(ONE, part(plant.now, 1, sli=MODEL), part(plant.now, 2, sli="guard:chrun:calls"))
    with pytest.raises(SliUnknown):
        account.sla.record(report)
    assert plant.whole(MODEL).total is None


def test_parts_sent_again_with_and_without_those_that_were_strange_count_once(plant: Plant) -> None:
    account, now = plant.account("guard.report"), plant.now
    parts = [part(now, 1, sli=MODEL), part(now, 2, sli=CALLS), part(now, 3, sli=MODEL)]
    for some in (parts, parts[1:], parts[:2]):
        account.sla.record(wire(ONE, *some))
    write_down(plant, "calls")
    for some in (parts, parts[1:2], parts[::2]):
        account.sla.record(wire(ONE, *some, closing=True))
    found = used(plant)
    assert (plant.whole(MODEL).total, found.whole.total, found.models[0].unattributed) == (6, 3, 3)


# --- who may read ------------------------------------------------------------------------------------


def test_who_may_not_see_a_use_case_sees_no_series_of_it(plant: Plant) -> None:
    write_down(plant, "calls")
    plant.account("guard.report").sla.record(wire(ONE, part(plant.now, 1, sli=CALLS)))
    reader = plant.account("model.read")
    with pytest.raises(SliUnknown):
        reader.sla.slots(CALLS)
    assert CALLS not in [one.name for one in reader.sla.slis().items]
    assert used(plant).whole.total == 3


# --- what is nobody's --------------------------------------------------------------------------------


def test_what_was_counted_for_a_use_case_is_not_nobodys_once_its_model_is_taken_away(
    plant: Plant,
) -> None:
    write_down(plant, "calls", "letters")
    account, now = plant.account("guard.report"), plant.now
    account.sla.record(wire(ONE, part(now, 1, sli=MODEL), part(now, 2, sli=LETTERS)))
    assert used(plant).models[0].unattributed == 0
    plant.acting("olivia").use_cases.update("letters", models=("fraud",))
    assert used(plant).models[0].unattributed == 0


def test_a_use_case_whose_name_begins_like_another_takes_nothing_from_what_is_nobodys(
    plant: Plant,
) -> None:
    plant.acting("olivia").models.register("churn.a", owner="olivia", business_purpose=PURPOSE)
    write_down(plant, "calls", "call_", "calls.late", "guard", "staging", "churn")
    account, now = plant.account("guard.report", scope={}), plant.now
    account.sla.record(wire(ONE, part(now, 1, sli=MODEL), part(now, 2, sli="guard:churn:guard")))
    account.sla.record(wire(TWO, part(now, 1, sli=MODEL), part(now, 2, sli="guard:churn.a:calls")))
    account.sla.record(wire(TWO, part(now, 3, sli="guard:churn@staging:calls")))
    assert used(plant).models[0].unattributed == 3
    assert used(plant, "guard").whole.total == 3


@pytest.mark.parametrize(("begin", "end", "expected"), [(30, 60, 3), (0, 30, 0), (0, 60, 3)])
def test_parts_of_a_sealed_hour_say_of_themselves_alone_what_was_nobodys(
    plant: Plant, begin: int, end: int, expected: int
) -> None:
    write_down(plant, "calls")
    hour = plant.now - plant.now % 60 - 60
    account = plant.account("guard.report")
    account.sla.record(wire(ONE, part(hour + 40, 1, sli=MODEL)))
    plant.later(hours=52)
    whole = plant.series(MODEL, since=at(hour + begin), until=at(hour + end), step="15m").whole
    assert (whole.total or 0) == expected
    found = used(plant, since=at(hour + begin), until=at(hour + end), step="15m")
    assert (found.models[0].unattributed or 0) == expected


def test_where_nobody_told_of_a_model_it_is_not_known_that_nothing_was_nobodys(
    plant: Plant,
) -> None:
    write_down(plant, "calls")
    assert used(plant).models[0].unattributed is None


# --- by hand -----------------------------------------------------------------------------------------


def test_definitions_of_elsewhere_crowd_out_none_of_here(plant: Plant) -> None:
    write_down(plant, "calls")
    dave = plant.acting("dave")
    about = {"resource": "calls", "resource_type": "use_case"}
    for n in range(20):
        dave.sla.define_sli(f"a{n:02}", labels={"environment": "staging"}, **about)
    dave.sla.define_sli("desk", **about)
    plant.account("sla.record", scope={}).sla.record(
        wire(ONE, part(plant.now, 1, sli="desk", thresholds=()))
    )
    assert [(one.sli, one.whole.total) for one in used(plant).manual] == [("desk", 3)]


def test_thresholds_that_were_defined_anew_leave_those_that_both_counted(plant: Plant) -> None:
    write_down(plant, "calls")
    dave, account = plant.acting("dave"), plant.account("sla.record", scope={})
    for number, thresholds in enumerate((("0.25", "0.5"), ("0.5", "1")), start=1):
        dave.sla.define_sli("desk", resource="calls", resource_type="use_case", thresholds=thresholds)  # fmt: skip
        account.sla.record(wire(ONE, part(plant.now, number, sli="desk", thresholds=thresholds)))
    (one,) = used(plant).manual
    assert (one.whole.total, dict(one.whole.bad)) == (6, {"0.5": 2})


# --- times -------------------------------------------------------------------------------------------

LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "how",
    [
        {"until": LAST},
        {"until": LAST, "since": LAST - timedelta(days=1), "step": "1d"},
        {"until": LAST.replace(tzinfo=timezone(-timedelta(hours=12)))},
        {"since": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=12)))},
        {"until": datetime(1970, 1, 2, tzinfo=UTC)},
        {"until": datetime(2026, 11, 1)},  # noqa: DTZ001 - without a zone
        {"step": "٣d"},
        {"step": "NaN"},
        {"environment": "production:calls"},
    ],
)
def test_what_is_no_time_of_ours_is_refused(plant: Plant, how: dict[str, Any]) -> None:
    write_down(plant, "calls")
    with pytest.raises(ValueInvalid):
        used(plant, **how)


# --- guards ------------------------------------------------------------------------------------------


def test_a_guard_with_the_longest_names_starts_and_counts_for_both(
    plant: Plant, tmp_path: Path
) -> None:
    model, case = "m" * 128, "u" * 128
    plant.acting("olivia").models.register(model, owner="olivia", business_purpose=PURPOSE)
    write_down(plant, case, models=(model,))
    guard = Guard(
        "http://127.0.0.1:9",
        model,
        environment="staging",
        use_case=case,
        state_dir=tmp_path / "state",
        init_wait=0,
    )
    guard.close()
    names = (f"guard:{model}@staging", f"guard:{model}@staging:{case}")
    plant.account("guard.report", scope={}).sla.record(
        wire(ONE, *(part(plant.now, n, sli=name) for n, name in enumerate(names, start=1)))
    )
    found = used(plant, case, environment="staging")
    assert (found.whole.total, found.models[0].unattributed) == (3, 0)
    dave, cursor, seen = plant.acting("dave"), None, []
    while not seen or cursor:
        listed = dave.sla.slis(limit=1, cursor=cursor)
        seen += [one.name for one in listed.items]
        cursor = listed.next_cursor
    assert set(names) <= set(seen)


@pytest.mark.parametrize("name", ["", "Calls", "calls:late", "a/b", "u" * 129])
def test_a_guard_for_what_can_be_no_use_case_is_refused_before_anything_runs(
    tmp_path: Path, name: str
) -> None:
    before = threading.active_count()
    with pytest.raises(ValueInvalid, match="use_case"):
        Guard("http://127.0.0.1:9", "churn", use_case=name, state_dir=tmp_path, init_wait=0)
    assert threading.active_count() == before


def lost_with(slis: tuple[str, ...], folder: Path) -> int:
    """Leave a killed reporter's parts of three attempts; return what whoever finds them tells as lost."""

    def refused(_report: bytes) -> None:
        raise SlotRefused("never")

    folder.mkdir()
    for number, name in enumerate(slis, start=1):
        made = part(29_000_000, number, sli=name)
        (folder / f"{ONE}-{number:012d}.part").write_bytes(made.encode())
    recorder = Recorder(refused, sli=slis, spool=folder, flush_s=60)
    recorder.flush()
    lost = recorder.dropped
    recorder.close()
    return lost


def test_what_is_lost_of_a_killed_guard_with_a_use_case_is_lost_once(tmp_path: Path) -> None:
    assert lost_with((MODEL,), tmp_path / "one") == 3
    assert lost_with((MODEL, CALLS), tmp_path / "two") == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_tells_its_own_for_both_names(tmp_path: Path) -> None:
    told = tmp_path / "told"

    def keep(report: bytes) -> None:
        with told.open("ab") as file:
            file.write(report + b"\n")

    recorder = Recorder(keep, sli=(MODEL, CALLS), flush_s=60)
    recorder.record(0.1)
    child = os.fork()
    if not child:
        recorder.record(0.2)
        recorder.record(0.2)
        recorder.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    recorder.close()
    reports = [slot_report.read(line) for line in told.read_bytes().splitlines()]
    totals: dict[tuple[str, str], int] = {}
    for report in reports:
        for one in report.parts:
            key = report.instance, one.sli
            totals[key] = totals.get(key, 0) + one.counts.total
    assert sorted((name, total) for (_, name), total in totals.items()) == [
        (MODEL, 1), (MODEL, 2), (CALLS, 1), (CALLS, 2),
    ]  # fmt: skip
    assert len({instance for instance, _ in totals}) == 2
