"""A release in steps: the switch holds the rest, time and a verdict move it, and anybody who may stop takes it back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    NotPermitted,
    SelfRelease,
    SwitchNotActive,
    ValueInvalid,
)
from modelwarden.guard.compiled import compile_switches
from modelwarden.guard.switch import Action
from modelwarden.reactions.safeguards import KeepTime
from modelwarden.safeguards import actions
from modelwarden.safeguards.actions import Verdict
from modelwarden.safeguards.ramp import read_ramp
from modelwarden.values.ids import SwitchId
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.safeguards.switch import Switch
    from modelwarden.store.change import View
    from modelwarden.values.switches import SwitchAnswer
    from tests.safeguards.desk import Desk

MINUTE = 60.0


def judging(*verdicts: Verdict) -> Callable[[View, Switch], Verdict]:
    return lambda _view, _switch: verdicts[0]


def pass_time(desk: Desk, minutes: float, verdict: Verdict = Verdict.PASS) -> None:
    desk.clock.advance(seconds=minutes * MINUTE)
    KeepTime(desk.warden, judge=judging(verdict)).idle()


def ramped(desk: Desk, ramp: str = "10,50,100", bake: str | None = "10m") -> SwitchAnswer:
    made = desk.stop("dave", model="churn")
    desk.asked(made.id, "erin")
    with desk.passing():
        return desk.switches("gina").confirm_release(made.id, notes="fine", ramp=ramp, bake=bake)


@pytest.fixture(autouse=True)
def _by_hand(desk: Desk) -> None:
    """Let no thread of the program move a ramp meanwhile."""
    for follower in desk.warden.followers:
        if follower.name == "safeguards":
            follower.close()


def shown(desk: Desk, switch: str) -> SwitchAnswer:
    return desk.switches("dave").show(switch)


def let_go(desk: Desk, callers: int = 2_000) -> float:
    """Return the share of callers whom the switches of churn's snapshot let go, as the guard decides."""
    matcher = compile_switches([each.rule() for each in desk.live("churn")])
    found = matcher.match({"model": "churn"})
    each = [matcher.for_key(found, f"customer-{n}").action for n in range(callers)]
    return sum(action is Action.NONE for action in each) / callers


def test_each_step_lets_more_callers_go_and_the_last_one_releases(desk: Desk) -> None:
    switch = ramped(desk)
    assert (switch.state, switch.held, switch.ramp_step) == ("ramping", 9_000, 1)
    assert let_go(desk) == pytest.approx(0.1, abs=0.03)
    pass_time(desk, 9)
    assert shown(desk, switch.id).ramp_step == 1
    pass_time(desk, 1.1)
    assert (shown(desk, switch.id).held, shown(desk, switch.id).ramp_step) == (5_000, 2)
    assert let_go(desk) == pytest.approx(0.5, abs=0.05)
    pass_time(desk, 10)
    done = shown(desk, switch.id)
    assert (done.state, done.ended_by, done.held) == ("released", "gina", 0)
    assert desk.live("churn") == ()
    told = [(each["cause"], each["step"], each["held"]) for each in desk.facts("ramp.moved")]
    assert sorted(told) == [("confirmed", 1, 9_000), ("passed", 2, 5_000), ("passed", 3, 10_000)]
    assert len(desk.facts("switch.released")) == 1


def test_who_was_let_go_by_one_step_stays_so_by_the_next(desk: Desk) -> None:
    switch = ramped(desk)
    keys = [f"customer-{n}" for n in range(500)]

    def free() -> set[str]:
        matcher = compile_switches([each.rule() for each in desk.live("churn")])
        found = matcher.match({"model": "churn"})
        return {key for key in keys if matcher.for_key(found, key).action is Action.NONE}

    first = free()
    pass_time(desk, 10)
    assert first < free()
    assert shown(desk, switch.id).ramp_step == 2


def test_what_is_not_known_holds_the_step(desk: Desk) -> None:
    switch = ramped(desk)
    pass_time(desk, 60 * 24, Verdict.UNKNOWN)
    assert (shown(desk, switch.id).state, shown(desk, switch.id).ramp_step) == ("ramping", 1)
    pass_time(desk, 0)
    assert shown(desk, switch.id).ramp_step == 2


def test_a_step_that_fails_holds_everybody_again_before_its_time(desk: Desk) -> None:
    switch = ramped(desk)
    pass_time(desk, 1, Verdict.FAIL)
    kept = shown(desk, switch.id)
    assert (kept.state, kept.held, kept.ramp, kept.ended_by) == ("active", 10_000, None, None)
    assert let_go(desk) == 0
    assert desk.facts("ramp.moved")[0]["cause"] in {"failed", "confirmed"}
    assert {each["cause"] for each in desk.facts("switch.release_refused")} == {"failed"}
    with pytest.raises(ValueInvalid):
        desk.switches("gina").confirm_release(switch.id, notes="x", ramp="50,10,100")


def test_who_may_stop_takes_a_ramp_back(desk: Desk) -> None:
    switch = ramped(desk)
    kept = desk.switches("dave").refuse_release(switch.id, notes="errors rise")
    assert (kept.state, kept.held) == ("active", 10_000)
    assert {each["cause"] for each in desk.facts("ramp.moved")} == {"confirmed", "refused"}


def test_nobody_confirms_twice_or_moves_a_step(desk: Desk) -> None:
    switch = ramped(desk)
    with pytest.raises(SwitchNotActive):
        desk.confirm(switch.id, "gina")
    desk.clock.advance(seconds=11 * MINUTE)
    for name in ("gina", "root", "olivia"):
        principal = desk.switches(name)._bound.principal
        with pytest.raises(NotPermitted):
            desk.warden.change(principal, partial(actions.keep_time, switch_id=SwitchId(switch.id)))
    assert shown(desk, switch.id).ramp_step == 1


def test_a_ramp_asks_for_the_same_two_people(desk: Desk) -> None:
    made = desk.stop("dave", model="churn")
    desk.asked(made.id, "erin")
    with pytest.raises(SelfRelease):
        desk.switches("erin").confirm_release(made.id, notes="fine", ramp="10,100")
    assert shown(desk, made.id).state == "release_requested"


def test_of_two_processes_that_see_a_step_due_one_moves_it(desk: Desk) -> None:
    switch = ramped(desk)
    desk.clock.advance(seconds=11 * MINUTE)
    act = partial(actions.keep_time, switch_id=SwitchId(switch.id))
    with ThreadPoolExecutor(8) as pool:
        each = pool.map(lambda _: desk.warden.change(system("safeguards"), act), range(8))
        moved = [found for found in each if found is not None]
    assert len(moved) == 1
    assert shown(desk, switch.id).ramp_step == 2


def test_after_a_long_silence_each_step_still_stands_for_its_time(desk: Desk) -> None:
    switch = ramped(desk, "10,25,50,100")
    pass_time(desk, 60 * 24 * 30)
    assert shown(desk, switch.id).ramp_step == 2
    KeepTime(desk.warden).idle()
    assert shown(desk, switch.id).ramp_step == 2


def test_stopping_again_in_mid_ramp_is_a_switch_of_its_own(desk: Desk) -> None:
    switch = ramped(desk)
    again = desk.stop("dave", model="churn")
    assert (again.repeated, again.id != switch.id) == (False, True)
    assert let_go(desk) == 0


def test_a_switch_that_was_released_by_a_ramp_never_returns(desk: Desk) -> None:
    switch = ramped(desk, "50,100", "10s")
    pass_time(desk, 1)
    assert shown(desk, switch.id).state == "released"
    with pytest.raises(SwitchNotActive):
        desk.switches("dave").refuse_release(switch.id, notes="too late")
    pass_time(desk, 10, Verdict.FAIL)
    assert shown(desk, switch.id).state == "released"


@pytest.mark.parametrize(
    ("ramp", "bake"),
    [
        ("", None), ("10", None), ("10,10,100", None), ("0,100", None), ("10,101", None), ("10,,100", None),
        ("-5,100", None), ("1e1,100", None), ("\u0661\u0660,100", None), ("10,100", "0s"), ("10,100", "8d"),
        ("10,100", "soon"), (None, "10m"), (",".join(["100"] * 50), None), ("10,100", "1.5h"), ("10,100", "9s"),
    ],
)  # fmt: skip
def test_words_that_mean_no_ramp_are_refused(ramp: str | None, bake: str | None) -> None:
    with pytest.raises(ValueInvalid):
        read_ramp(ramp, bake)


def test_one_step_of_all_is_a_release_at_once(desk: Desk) -> None:
    assert ramped(desk, "100", None).state == "released"


def test_nothing_of_a_ramp_is_said_of_a_switch_without_one(desk: Desk) -> None:
    made = desk.stop("dave", model="churn")
    (rule,) = [each.rule() for each in desk.live("churn")]
    assert "salt" not in rule
    assert (made.ramp, made.bake_s, made.held) == (None, None, 10_000)


def test_of_many_who_confirm_at_once_one_does(desk: Desk) -> None:
    made = desk.stop("dave", model="churn")
    desk.asked(made.id, "erin")

    def confirm(number: int) -> object:
        ramp = "10,100" if number % 2 else None
        rooms = desk.switches(("dave", "gina")[number % 2])
        try:
            return rooms.confirm_release(made.id, notes="looks well", ramp=ramp)
        except SwitchNotActive as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(confirm, range(8)))
    assert sum(isinstance(each, SwitchNotActive) for each in answers) == 7
