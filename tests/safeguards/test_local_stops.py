"""What guards block by themselves: seen once, adopted or dropped by people, and never believed further than a block."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import (
    NotFound,
    NotPermitted,
    OwnerRelease,
    ReasonRequired,
    ScopeEmpty,
    SwitchNotActive,
)
from modelwarden.reactions.safeguards import KeepTime
from modelwarden.safeguards import actions
from modelwarden.safeguards.fleet import queries
from modelwarden.safeguards.local_stops.stop import SaidStop, rule_digest
from modelwarden.safeguards.snapshots.body import Topic
from modelwarden.safeguards.snapshots.building import Builder
from modelwarden.values.system import system
from tests.safeguards.test_confirming import instance

if TYPE_CHECKING:
    from modelwarden.store.change import View
    from modelwarden.values.local_stops import LocalStopAnswer
    from tests.safeguards.desk import Desk

SINCE = "2026-11-19T00:00:00.000000Z"
WHY = "the stop file is right"


@pytest.fixture(autouse=True)
def _by_hand(desk: Desk) -> None:
    for follower in desk.warden.followers:
        if follower.name == "safeguards":
            follower.close()


def report(desk: Desk, number: int, *said: SaidStop, **fields: Any) -> None:  # noqa: ANN401
    """Let a guard say what it blocks by itself, and the reaction look."""
    now = desk.clock.now()
    made = instance(number, local_stops=said, applied_at=now, heard_at=now, **fields)
    desk.warden.telemetry(
        system("test"), lambda telemetry: queries.keep_instances(telemetry, [made])
    )
    with desk.passing():
        KeepTime(desk.warden).idle()


def by_file(**scope: Any) -> SaidStop:  # noqa: ANN401
    return SaidStop(scope, SINCE)


def carried(switch: str = "swi_forgotten", **rule: Any) -> SaidStop:  # noqa: ANN401
    made = {
        "id": switch, "scope": {"model": ["churn"]}, "except": {}, "action": "block", "fallback": None,
        "unknown": "match", "severity": "SEV1", "lkg_before": SINCE, "held": 10_000,
    } | rule  # fmt: skip
    return SaidStop(made["scope"], SINCE, made)


def standing(desk: Desk, by: str = "dave") -> list[LocalStopAnswer]:
    return list(desk.acting(by).local_stops.list(standing=True).items)


def snapshot(desk: Desk, model: str = "churn") -> dict[str, Any]:
    def build(view: View) -> bytes:
        builder, topic = Builder(), Topic("production", model)
        builder.changed(view, [topic])
        return builder.build(view, [topic]).bodies[0].body

    found: dict[str, Any] = json.loads(desk.warden.view(system("test"), build))
    return found


def test_a_stop_file_is_told_once_however_many_workers_read_it(desk: Desk) -> None:
    for number in (1, 2, 3):
        report(desk, number, by_file(region="EU"), host="web-1")
    (stop,) = standing(desk)
    assert (stop.kind, stop.host, stop.scope) == (
        "file",
        "web-1",
        {"model": ["churn"], "region": ["eu"]},
    )
    assert len(desk.facts("local.stop_seen")) == 1
    report(desk, 4, by_file(region="eu"), host="web-2")
    assert len(standing(desk)) == 2


def test_one_that_goes_and_comes_again_is_told_again(desk: Desk) -> None:
    report(desk, 1, by_file(region="eu"))
    report(desk, 1)
    assert standing(desk) == []
    (gone,) = desk.acting("dave").local_stops.list().items
    assert gone.ended_at is not None
    report(desk, 1, by_file(region="eu"))
    assert len(standing(desk)) == 1
    assert len(desk.facts("local.stop_seen")) == 2


def test_adopting_makes_a_switch_of_the_models_own_calls(desk: Desk) -> None:
    report(desk, 1, by_file())
    (stop,) = standing(desk)
    done = desk.acting("dave").local_stops.adopt(stop.id, reason=WHY)
    switch = desk.switches("dave").show(str(done.adopted_as))
    assert (switch.scope, switch.reason, switch.state) == ({"model": ["churn"]}, WHY, "active")
    assert (done.state, done.resolved_by, standing(desk)) == ("adopted", "dave", [])
    with pytest.raises(SwitchNotActive):
        desk.acting("erin").local_stops.drop(stop.id, notes="late")
    report(desk, 1, by_file())
    assert len(desk.facts("local.stop_seen")) == 1


def test_what_a_restore_forgot_is_one_stop_for_all_who_carry_it_on(desk: Desk) -> None:
    report(desk, 1, carried(), host="web-1")
    report(desk, 2, carried(), host="web-2")
    (stop,) = standing(desk)
    assert (stop.kind, stop.switch, stop.severity) == ("carried", "swi_forgotten", "SEV1")
    assert snapshot(desk)["dropped"] == []


def test_adopting_and_dropping_are_told_in_the_snapshots_of_the_models_concerned(
    desk: Desk,
) -> None:
    first, second = carried("swi_a"), carried("swi_b", scope={"model": ["churn"], "region": ["eu"]})
    report(desk, 1, first, second)
    a, b = sorted(standing(desk), key=lambda each: str(each.switch))
    before = snapshot(desk)["generation"]
    with desk.passing():
        desk.acting("dave").local_stops.drop(a.id, notes="it was released on Monday")
    dropped = snapshot(desk)
    assert dropped["dropped"] == [rule_digest(first.rule or {})]
    assert dropped["generation"] > before
    with desk.passing():
        desk.acting("dave").local_stops.adopt(b.id, reason=WHY)
    both = snapshot(desk)
    assert len(both["dropped"]) == 2
    assert [each["scope"] for each in both["switches"]] == [{"model": ["churn"], "region": ["eu"]}]
    assert snapshot(desk, "fraud")["dropped"] == []


def test_one_that_people_decided_about_is_not_asked_again(desk: Desk) -> None:
    report(desk, 1, carried())
    desk.acting("dave").local_stops.drop(standing(desk)[0].id, notes="it was released")
    report(desk, 1)
    report(desk, 2, carried())
    assert standing(desk) == []
    assert len(desk.facts("local.stop_seen")) == 1


def test_another_rule_under_the_same_name_is_another_stop(desk: Desk) -> None:
    """Whoever reports a narrow rule in a wide one's name has it adopted, and ends nothing of the wide one."""
    narrow = carried(scope={"model": ["churn"], "region": ["zz"]})
    report(desk, 1, narrow)
    report(desk, 2, carried())
    found = {json.dumps(each.scope): each.id for each in standing(desk)}
    assert len(found) == 2
    desk.acting("dave").local_stops.adopt(
        found['{"model": ["churn"], "region": ["zz"]}'], reason=WHY
    )
    assert snapshot(desk)["dropped"] == [rule_digest(narrow.rule or {})]


def test_what_this_ledger_knows_to_be_released_is_dropped_by_itself(desk: Desk) -> None:
    made = desk.stop("dave", severity="SEV4", model="churn")
    (rule,) = [each.rule() for each in desk.live("churn")]
    report(desk, 1, SaidStop(rule["scope"], SINCE, rule))
    assert desk.acting("dave").local_stops.list().items == ()
    desk.asked(made.id, "erin")
    desk.confirm(made.id, "erin")
    report(
        desk,
        2,
        SaidStop(rule["scope"], SINCE, rule),
        instance="00000000-0000-0000-0000-0000000000aa",
    )
    (stop,) = desk.acting("dave").local_stops.list().items
    assert (stop.state, stop.resolved_by) == ("dropped", "system:safeguards")
    assert snapshot(desk)["dropped"] == [rule_digest(rule)]
    report(desk, 3, SaidStop({}, SINCE, {**rule, "scope": {"model": ["churn"], "region": ["eu"]}}))
    assert len(standing(desk)) == 1


def test_dropping_takes_the_right_to_release_notes_and_a_person(desk: Desk) -> None:
    report(desk, 1, carried())
    (stop,) = standing(desk)
    for name, error in (("ivan", NotPermitted), ("root", NotPermitted)):
        with pytest.raises(error):
            desk.acting(name).local_stops.drop(stop.id, notes="let it go")
    with pytest.raises(ReasonRequired):
        desk.acting("dave").local_stops.drop(stop.id, notes=" ")
    desk.acting("root").roles.grant("olivia", "operator", reason="on call this week")
    with pytest.raises(OwnerRelease):
        desk.acting("olivia").local_stops.drop(stop.id, notes="my model is fine")
    with pytest.raises(NotPermitted):
        desk.acting("ivan").local_stops.adopt(stop.id, reason=WHY)
    with pytest.raises(NotFound):
        desk.acting("dave").local_stops.drop("lst_absent", notes="let it go")
    assert [each.id for each in standing(desk)] == [stop.id]


def test_a_carried_stop_of_a_whole_environment_is_adopted_on_purpose_alone(desk: Desk) -> None:
    report(desk, 1, carried(scope={}))
    (stop,) = standing(desk)
    assert stop.everything
    with pytest.raises(ScopeEmpty):
        desk.acting("dave").local_stops.adopt(stop.id, reason=WHY)
    done = desk.acting("dave").local_stops.adopt(stop.id, reason=WHY, everything=True)
    assert desk.switches("dave").show(str(done.adopted_as)).everything


def test_adopting_makes_nothing_milder(desk: Desk) -> None:
    report(desk, 1, carried())
    (stop,) = standing(desk)
    done = desk.acting("dave").local_stops.adopt(stop.id, reason=WHY, severity="SEV4")
    assert desk.switches("dave").show(str(done.adopted_as)).severity == "SEV1"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"action": "allow"}, ("block", {})),
        ({"action": "observe"}, ("block", {})),
        ({"action": "fallback", "fallback": None}, ("block", {})),
        ({"action": "fallback", "fallback": ["default"]}, ("fallback", {})),
        ({"except": {"colour": "red"}}, ("block", {})),
        ({"except": {"region": ["us"]}}, ("block", {"region": ["us"]})),
        ({"except": {"region": ["us"], "shape": "round"}}, ("block", {})),
        ({"unknown": "whatever", "severity": "SEV9", "lkg_before": "yesterday"}, ("block", {})),
    ],
    ids=["allow", "observe", "no-steps", "fallback", "strange", "carved", "half-strange", "words"],
)
def test_what_is_not_understood_of_a_rule_blocks(
    desk: Desk, rule: dict[str, Any], expected: tuple[str, dict[str, Any]]
) -> None:
    report(desk, 1, carried(**rule))
    (stop,) = standing(desk)
    assert (stop.action, stop.exception) == expected


def test_a_flood_of_forged_stops_is_bounded(desk: Desk) -> None:
    for number in range(10):
        said = [by_file(segment=f"s{number}-{each}") for each in range(20)]
        report(desk, number, *said, host=f"web-{number}")
    assert len(desk.facts("local.stop_seen")) == 100
    desk.clock.advance(days=1, minutes=1)
    report(desk, 77, by_file(segment="tomorrow"))
    assert any(each.scope.get("segment") == ["tomorrow"] for each in standing(desk))


def test_nobody_tells_of_stops_but_the_program(desk: Desk) -> None:
    report(desk, 1, by_file(region="eu"))
    (stop,) = standing(desk)
    dave = desk.acting("dave").switches._bound
    with pytest.raises(NotPermitted):
        desk.warden.change(dave.principal, partial(actions.end_stop, stop_id=stop.id))


def test_two_who_decide_at_once_one_is_told_so(desk: Desk) -> None:
    report(desk, 1, carried())
    (stop,) = standing(desk)
    desk.acting("dave").local_stops.drop(stop.id, notes="it was released")
    with pytest.raises(SwitchNotActive):
        desk.acting("erin").local_stops.adopt(stop.id, reason=WHY)
    assert desk.live("churn") == ()


def test_of_many_who_decide_at_once_one_does(desk: Desk) -> None:
    report(desk, 1, carried())
    (stop,) = standing(desk)

    def act(number: int) -> object:
        rooms = desk.acting(("dave", "erin", "gina")[number % 3]).local_stops
        try:
            if number % 2:
                return rooms.drop(stop.id, notes="let it go on")
            return rooms.adopt(stop.id, reason=WHY)
        except SwitchNotActive as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(act, range(8)))
    assert sum(isinstance(each, SwitchNotActive) for each in answers) == 7
    assert len(desk.live("churn")) == len(desk.facts("local.stop_adopted"))
