"""How use cases are used: what guards count for them adds up once, and nothing is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import NotPermitted, SliUnknown, UseCaseNotFound, ValueInvalid
from tests.safeguards.desk import PURPOSE
from tests.sla.reporting import at, part, used, wire, write_down

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.warden.rooms import Rooms
    from tests.sla.reporting import Plant

ONE, TWO = "00000000000000a1", "00000000000000b2"
CALLS, LETTERS = "guard:churn:calls", "guard:churn:letters"


def guards(plant: Plant, *, scope: Mapping[str, str] | None = None) -> Rooms:
    return plant.account("guard.report", scope=scope)


def test_two_use_cases_of_one_model_are_told_apart_and_the_rest_is_nobodys(plant: Plant) -> None:
    write_down(plant, "calls", "letters")
    account, now = guards(plant), plant.now
    account.sla.record(wire(ONE, part(now, 1, sli="guard:churn"), part(now, 2, sli=CALLS)))
    two = {"latencies": (0.2, 0.4), "errors": 1}
    account.sla.record(
        wire(TWO, part(now, 1, sli="guard:churn", **two), part(now, 2, sli=LETTERS, **two))
    )
    account.sla.record(
        wire(TWO, part(now, 3, sli="guard:churn", fallbacks=3, latencies=(0.1,) * 4))
    )
    calls, letters = used(plant), used(plant, "letters")
    assert (calls.whole.total, calls.whole.errors, calls.whole.fallbacks) == (3, 0, 0)
    assert (letters.whole.total, letters.whole.errors) == (2, 1)
    assert calls.models[0].unattributed == letters.models[0].unattributed == 4
    assert plant.whole("guard:churn").total == 9
    assert calls.whole.p50_s == pytest.approx(0.3, rel=calls.relative_error)
    assert calls.last_used == at(now)
    assert (calls.left_out, calls.manual) == (0, ())
    counted = [point.total for point in calls.points if point.total is not None]
    assert counted == [3]


def test_where_no_guard_reported_there_are_no_figures_and_no_zero(plant: Plant) -> None:
    write_down(plant, "calls")
    found = used(plant)
    assert (found.whole.total, found.whole.p99_s, found.last_used) == (None, None, None)
    assert {point.total for point in found.points} == {None}
    assert found.models[0].unattributed is None


def test_of_several_models_all_is_added_and_each_is_shown(plant: Plant) -> None:
    write_down(plant, "calls", models=("churn", "fraud"))
    account, now = guards(plant, scope={}), plant.now
    account.sla.record(wire(ONE, part(now - 1, 1, sli=CALLS)))
    account.sla.record(wire(TWO, part(now, 1, sli="guard:fraud:calls", latencies=(9.0,))))
    found = used(plant)
    assert found.whole.total == 4
    assert [(one.model, one.whole.total) for one in found.models] == [("churn", 3), ("fraud", 1)]
    assert found.whole.p99_s == pytest.approx(9.0, rel=found.relative_error)
    assert [one.last_used for one in found.models] == [at(now - 1), at(now)]


def test_of_a_long_time_fewer_models_are_read_and_it_says_so(plant: Plant) -> None:
    names = [f"m{n:02}" for n in range(21)]
    for name in names:
        plant.acting("olivia").models.register(name, owner="olivia", business_purpose=PURPOSE)
    write_down(plant, "calls", models=tuple(names))
    found = used(plant)
    assert ([one.model for one in found.models], found.left_out) == (names[:20], 1)
    year = used(plant, since=at(plant.now - 365 * 24 * 60), step="1d")
    assert ([one.model for one in year.models], year.left_out) == (names[:2], 19)


def test_environments_are_apart(plant: Plant) -> None:
    write_down(plant, "calls")
    account = guards(plant)
    account.sla.record(wire(ONE, part(plant.now, 1, sli="guard:churn@staging:calls")))
    assert used(plant).whole.total is None
    assert used(plant, environment="staging").whole.total == 3
    with pytest.raises(ValueInvalid):
        used(plant, environment="moon")


def test_what_is_measured_by_hand_stands_beside_and_is_added_to_nothing(plant: Plant) -> None:
    write_down(plant, "calls")
    plant.acting("dave").sla.define_sli("calls-desk", resource="calls", resource_type="use_case")
    hand = {"sli": "calls-desk", "thresholds": ()}
    plant.account("sla.record", scope={}).sla.record(wire(ONE, part(plant.now, 1, **hand)))
    guards(plant).sla.record(wire(TWO, part(plant.now, 1, sli=CALLS, latencies=(0.1,))))
    found = used(plant)
    assert found.whole.total == 1
    assert [(one.sli, one.whole.total, one.last_used) for one in found.manual] == [
        ("calls-desk", 3, at(plant.now))
    ]


def test_sealed_hours_count_as_before(plant: Plant) -> None:
    write_down(plant, "calls")
    account, then = guards(plant), plant.now
    account.sla.record(wire(ONE, part(then, 1, sli="guard:churn"), part(then, 2, sli=CALLS)))
    account.sla.record(wire(ONE, part(then, 3, sli="guard:churn", latencies=(0.1,)), closing=True))
    plant.later(hours=60)
    found = used(plant)
    assert (found.whole.total, found.models[0].unattributed) == (3, 1)
    assert found.last_used == at(then - then % 60)
    assert used(plant, since=at(plant.now - 60)).whole.total is None


def test_what_is_told_for_a_use_case_that_nobody_wrote_down_counts_for_the_model_alone(
    plant: Plant,
) -> None:
    account, now = guards(plant), plant.now
    account.sla.record(wire(ONE, part(now, 1, sli="guard:churn"), part(now, 2, sli=CALLS)))
    assert plant.whole("guard:churn").total == 3
    with pytest.raises(SliUnknown):
        plant.series(CALLS)
    write_down(plant, "calls")
    found = used(plant)
    assert (found.whole.total, found.models[0].unattributed) == (None, 3)


def test_figures_of_models_that_the_reader_may_not_see_are_left_out_and_it_says_so(
    plant: Plant,
) -> None:
    write_down(plant, "calls", models=("churn", "fraud"))
    account = guards(plant, scope={})
    account.sla.record(wire(ONE, part(plant.now, 1, sli=CALLS)))
    account.sla.record(wire(TWO, part(plant.now, 1, sli="guard:fraud:calls")))
    with pytest.raises(UseCaseNotFound):
        plant.account("model.read", scope={}).use_cases.usage("calls")
    some = plant.account("use_case.read", scope={})
    own = some.use_cases.usage("calls", until=at(plant.now + 1))
    assert (own.whole.total, own.models, own.left_out) == (None, (), 2)
    found = used(plant)
    assert (found.whole.total, found.left_out) == (6, 0)


def test_a_guard_of_one_model_tells_nothing_of_anothers(plant: Plant) -> None:
    write_down(plant, "calls", models=("churn",))
    account = guards(plant, scope={"model": "fraud"})
    with pytest.raises((SliUnknown, NotPermitted)):
        account.sla.record(wire(ONE, part(plant.now, 1, sli=CALLS)))
    account.sla.record(
        wire(ONE, part(plant.now, 2, sli="guard:fraud:calls"))
    )  # not one of its models
    assert used(plant).whole.total is None


@pytest.mark.parametrize(
    "name", ["guard:churn:", "guard:churn::calls", "guard:churn:calls:x", "guard::calls"]
)
def test_names_of_another_form_are_unknown(plant: Plant, name: str) -> None:
    write_down(plant, "calls")
    with pytest.raises(SliUnknown):
        guards(plant, scope={}).sla.record(wire(ONE, part(plant.now, 1, sli=name)))
    assert used(plant).whole.total is None


def test_times_that_are_none_are_refused(plant: Plant) -> None:
    write_down(plant, "calls")
    for how in (
        {"since": at(plant.now), "until": at(plant.now - 60)},
        {"step": "7m"},
        {"step": "1m", "since": at(plant.now - 60 * 24 * 30)},
    ):
        with pytest.raises(ValueInvalid):
            used(plant, **how)
    with pytest.raises(UseCaseNotFound):
        used(plant, "nobody")


def test_a_deprecated_use_case_still_tells_what_was(plant: Plant) -> None:
    write_down(plant, "calls", "letters")
    guards(plant).sla.record(
        wire(ONE, part(plant.now, 1, sli="guard:churn"), part(plant.now, 2, sli=CALLS))
    )
    plant.acting("dave").use_cases.deprecate("calls", reason="over")
    found = used(plant)
    assert (found.whole.total, found.models[0].unattributed) == (3, 0)
