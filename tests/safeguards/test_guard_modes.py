"""How the guards of one model behave: closed where somebody says so, counting alone while a fleet is down."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import ModelNotFound, NotPermitted, OwnerRelease, ValueInvalid
from modelwarden.safeguards.snapshots.body import Topic
from modelwarden.safeguards.snapshots.building import Builder
from tests.safeguards.drill_desk import ran
from tests.safeguards.judges import SYSTEM, Judge
from tests.safeguards.test_sections import body, look, newest

if TYPE_CHECKING:
    from tests.safeguards.desk import Desk

CHURN, FRAUD = Topic("production", "churn"), Topic("production", "fraud")


def said(desk: Desk, topic: Topic = CHURN) -> tuple[str, str]:
    """Return what a snapshot says of news that does not come, and of breakers."""
    _, (found,) = look(desk, Builder(), topic)
    return body(found)["fail"], body(found)["breakers"]


def test_one_model_fails_closed_and_the_others_do_not(desk: Desk) -> None:
    builder = Builder()
    look(desk, builder, CHURN, FRAUD)
    made = desk.acting("dave").guards.set_mode("churn", fail="closed")
    assert (made.fail, made.breakers, made.set_by) == ("closed", "normal", "dave")
    changed, (churn, _) = look(desk, builder, CHURN, FRAUD)
    assert (changed, churn.at.generation) == ([CHURN], newest(desk))
    assert (said(desk), said(desk, FRAUD)) == (("closed", "normal"), ("static", "normal"))
    assert said(desk, Topic("staging", "churn")) == ("static", "normal")
    assert desk.facts("guard.mode_set") == [
        {"model": "churn", "environment": "production", "fail": "closed", "breakers": "normal"}
    ]
    size = newest(desk)
    assert desk.acting("erin").guards.set_mode("churn", fail="closed").set_by == "dave"
    assert newest(desk) == size
    assert desk.acting("dave").guards.mode("fraud").set_by is None


def test_the_stricter_of_a_model_and_of_everywhere_counts(desk: Desk) -> None:
    desk.acting("dave").guards.set_mode("churn", fail="static")
    object.__setattr__(desk.warden.store.around.settings, "guard_fail", "closed")
    assert said(desk) == ("closed", "normal")


def test_who_owns_a_model_does_not_let_its_guards_fail_open_again(desk: Desk) -> None:
    desk.acting("dave").guards.set_mode("churn", fail="closed")
    desk.acting("root").roles.grant("olivia", "operator")
    with pytest.raises(OwnerRelease):
        desk.acting("olivia").guards.set_mode("churn", fail="static")
    assert said(desk) == ("closed", "normal")
    assert desk.acting("dave").guards.set_mode("churn", fail="static").fail == "static"


def test_going_back_takes_the_right_to_release_and_closing_that_to_stop(desk: Desk) -> None:
    olivia = desk.acting("olivia").guards  # who owns a model may stop it, and release nothing
    assert olivia.set_mode("churn", fail="closed").fail == "closed"
    with pytest.raises(NotPermitted):
        olivia.set_mode("churn", fail="static")
    with pytest.raises(NotPermitted):
        desk.acting("ivan").guards.set_mode("churn", fail="closed")
    assert desk.acting("dave").guards.set_mode("churn", fail="static").fail == "static"


@pytest.mark.parametrize(
    "wanted",
    [{"fail": "open"}, {"breakers": "off"}, {"breakers": "metrics_only"}, {"environment": "mars"}],
)
def test_what_is_no_mode_is_refused(desk: Desk, wanted: dict[str, str]) -> None:
    with pytest.raises(ValueInvalid):
        desk.acting("dave").guards.set_mode("churn", **wanted)
    with pytest.raises(ModelNotFound):
        desk.acting("dave").guards.set_mode("nothing", fail="closed")


class Fleet:
    """Ten guards of churn, judged by hand."""

    def __init__(self, desk: Desk, environment: str = "production") -> None:
        self.judge = Judge(desk)
        self.environment = environment

    def beat(self, opened: int) -> None:
        for number in range(10):
            counts = {"open_breakers": int(number < opened)}
            self.judge.report(number, counts=counts, environment=self.environment)
        self.judge.judging.idle()


def test_breakers_only_count_until_the_fleet_has_recovered(desk: Desk) -> None:
    fleet = Fleet(desk)
    for opened, expected in (
        (8, "normal"),
        (9, "metrics_only"),
        (5, "metrics_only"),
        (1, "normal"),
        (9, "metrics_only"),
    ):
        fleet.beat(opened)
        assert said(desk) == ("static", expected), opened
    assert [fact["breakers"] for fact in desk.facts("guard.mode_set")] == [
        "metrics_only", "normal", "metrics_only",
    ]  # fmt: skip
    assert desk.acting("dave").guards.mode("churn").set_by == "system:triggers"


def test_a_person_lets_go_of_breakers_and_the_same_alarm_does_not_hold_them_again(
    desk: Desk,
) -> None:
    fleet = Fleet(desk)
    fleet.beat(9)
    assert desk.acting("dave").guards.set_mode("churn", breakers="normal").breakers == "normal"
    fleet.beat(9)
    assert said(desk) == ("static", "normal")
    fleet.beat(0)
    fleet.beat(9)
    assert said(desk) == ("static", "metrics_only")


def test_a_drill_takes_no_breakers_away(desk: Desk) -> None:
    fleet = Fleet(desk, "staging")
    ran(desk, "breaker_open")
    fleet.beat(9)
    assert desk.facts("breaker.fleet_opened")
    assert said(desk, Topic("staging", "churn")) == ("static", "normal")


def test_two_processes_hold_breakers_once(desk: Desk) -> None:
    fleet = Fleet(desk)
    other = fleet.judge.another()
    fleet.beat(9)
    other.idle()
    assert len(desk.facts("guard.mode_set")) == 1


def test_only_the_program_holds_breakers(desk: Desk) -> None:
    from modelwarden.safeguards.counters import watching  # noqa: PLC0415  # the act behind the door

    found = watching.Seen("metrics_only", "production/churn", stands=True)
    dave: Any = desk.acting("dave").guards._bound.principal
    with pytest.raises(NotPermitted):
        desk.warden.change(dave, partial(watching.tell, found=found))
    assert desk.facts("guard.mode_set") == []
    assert SYSTEM
