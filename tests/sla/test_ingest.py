"""Parts of slots: each counts once, whoever sends it where, and nothing is taken that contradicts itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import (
    NotPermitted,
    SketchInvalid,
    SliUnknown,
    SlotConflict,
    SlotInFuture,
    SlotInvalid,
    SlotTooLate,
)
from tests.sla.reporting import SLI, part, wire

if TYPE_CHECKING:
    from tests.sla.reporting import Plant

ONE, TWO = "00000000000000a1", "00000000000000b2"


def test_what_two_reporters_count_adds_up(plant: Plant) -> None:
    account, now = plant.account(), plant.now
    account.sla.record(wire(ONE, part(now, 1), part(now, 2, latencies=(0.9,), errors=1)))
    account.sla.record(wire(TWO, part(now, 1, blocked=2)))
    found = plant.whole()
    assert (found.total, found.errors, found.blocked, found.fallbacks) == (9, 1, 2, 0)
    assert found.bad == {"0.25": 5, "0.5": 3}
    assert found.timed == 7


def test_the_same_part_again_counts_once_and_another_under_its_number_is_refused(
    plant: Plant,
) -> None:
    account, now = plant.account(), plant.now
    for _ in range(3):
        account.sla.record(wire(ONE, part(now)))
    with pytest.raises(SlotConflict):
        account.sla.record(wire(ONE, part(now, latencies=(0.1,))))
    with pytest.raises(SlotConflict):  # all or none
        account.sla.record(wire(ONE, part(now, latencies=(0.1,)), part(now, 2)))
    assert plant.whole().total == 3


def test_a_part_sent_from_many_threads_at_once_counts_once(plant: Plant) -> None:
    account, now = plant.account(), plant.now
    data = [wire(ONE, *(part(now - n, 3 * n + k) for k in (1, 2, 3))) for n in range(4)]
    threads = [threading.Thread(target=account.sla.record, args=(d,)) for d in data * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert plant.whole().total == 4 * 3 * 3


def test_an_unknown_name_is_said_to_be_unknown(plant: Plant) -> None:
    account = plant.account(scope={})
    for name in ("churn-latenzy", "guard:nobody", "guard:churn@moon", "guard:"):
        with pytest.raises(SliUnknown):
            account.sla.record(wire(ONE, part(plant.now, sli=name, thresholds=())))


def test_an_sli_out_of_scope_is_refused(plant: Plant) -> None:
    plant.acting("dave").sla.define_sli("fraud-latency", resource="fraud")
    account = plant.account(scope={"model": "churn"})
    with pytest.raises(SliUnknown):  # what may not be read looks absent
        account.sla.record(wire(ONE, part(plant.now, sli="fraud-latency", thresholds=())))
    with pytest.raises(NotPermitted):
        plant.acting("dave").sla.record(wire(ONE, part(plant.now)))


def test_a_guards_token_reports_what_guards_of_its_model_count_and_nothing_else(
    plant: Plant,
) -> None:
    account, now = plant.account("guard.report"), plant.now
    account.sla.record(wire(ONE, part(now, sli="guard:churn", fallbacks=1)))
    account.sla.record(wire(ONE, part(now, 2, sli="guard:churn@staging")))
    for name, thresholds in ((SLI, ("0.25", "0.5")), ("guard:fraud", ())):
        with pytest.raises((SliUnknown, NotPermitted)):
            account.sla.record(wire(ONE, part(now, 3, sli=name, thresholds=thresholds)))
    assert plant.whole("guard:churn").fallbacks == 1
    assert plant.whole("guard:churn@staging").fallbacks == 0


def test_anothers_instance_is_refused_even_to_who_may_report(plant: Plant) -> None:
    plant.account().sla.record(wire(ONE, part(plant.now)))
    with pytest.raises(SlotConflict):
        plant.account().sla.record(wire(ONE, part(plant.now, 2)))
    assert plant.whole().total == 3


def test_a_minute_ahead_or_too_old_is_refused(plant: Plant) -> None:
    account, now = plant.account(), plant.now
    account.sla.record(wire(ONE, part(now + 2, 1), part(now - 48 * 60, 2)))
    for minute, error in ((now + 3, SlotInFuture), (now - 48 * 60 - 1, SlotTooLate)):
        with pytest.raises(error):
            account.sla.record(wire(ONE, part(minute, 9)))


def test_a_repeat_of_what_was_taken_is_done_even_when_it_is_old(plant: Plant) -> None:
    account, sent = plant.account(), wire(ONE, part(plant.now))
    account.sla.record(sent)
    plant.clock.advance(hours=48, minutes=30)
    account.sla.record(sent)


def test_thresholds_are_those_of_the_definition(plant: Plant) -> None:
    account = plant.account()
    for thresholds in ((), ("0.25",), ("0.25", "0.6")):
        with pytest.raises(SlotInvalid):
            account.sla.record(wire(ONE, part(plant.now, thresholds=thresholds)))


def _changed(data: bytes, before: bytes, after: bytes) -> bytes:
    assert before in data
    return data.replace(before, after, 1)


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        pytest.param(b'"total":3', b'"total":2', SlotInvalid, id="bad-over-total"),
        pytest.param(b'"errors":0', b'"errors":-1', SlotInvalid, id="negative"),
        pytest.param(b'"errors":0', b'"errors":4', SlotInvalid, id="errors-over-total"),
        pytest.param(b'"errors":0', b'"errors":0.5', SlotInvalid, id="fraction"),
        pytest.param(b'"total":3', b'"total":1000000001', SlotInvalid, id="huge"),
        pytest.param(b'"total":3', b'"total":NaN', SlotInvalid, id="nan"),
        pytest.param(b'"total":3', b'"total":true', SlotInvalid, id="boolean"),
        pytest.param(b'"bad":[2,1]', b'"bad":[1,2]', SlotInvalid, id="bad-rises"),
        pytest.param(b'"sketch":"', b'"sketch":"A', SketchInvalid, id="sketch"),
        pytest.param(b'"schema":1', b'"schema":2', SlotInvalid, id="schema"),
        pytest.param(b'"part":1', b'"part":0', SlotInvalid, id="number"),
        pytest.param(b'"instance":"0', b'"instance":"G', SlotInvalid, id="instance"),
        pytest.param(b":00.000000Z", b":30.000000Z", SlotInvalid, id="no-minute"),
    ],
)
def test_counts_that_contradict_themselves_are_refused_and_counting_goes_on(
    plant: Plant, before: bytes, after: bytes, error: type[Exception]
) -> None:
    account = plant.account()
    with pytest.raises(error):
        account.sla.record(_changed(wire(ONE, part(plant.now)), before, after))
    account.sla.record(wire(ONE, part(plant.now)))
    assert plant.whole().total == 3


def test_who_may_not_report_leaves_nothing_behind(plant: Plant) -> None:
    with pytest.raises(SliUnknown):
        plant.account("guard.read", scope={"model": "fraud"}).sla.record(wire(ONE, part(plant.now)))
    found: Any = plant.whole()
    assert (found.total, found.coverage) == (None, 0.0)
