"""Switches as configuration: applied again it changes nothing, and it never lets anything go on by itself (SG-8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import NotPermitted, ReasonRequired, UnknownTarget, ValueInvalid
from tests.safeguards.desk import WHY

if TYPE_CHECKING:
    from modelwarden.values.switches import TogglesAnswer
    from tests.safeguards.desk import Desk

EU = {"name": "churn-eu", "reason": WHY, "scope": {"model": "churn", "region": "eu"}}
FRAUD = {"name": "fraud", "reason": WHY, "scope": {"model": "fraud"}, "severity": "SEV3"}


def applied(desk: Desk, *switches: dict[str, Any], by: str = "dave", **more: str) -> TogglesAnswer:
    with desk.passing():
        return desk.switches(by).apply({"switches": list(switches), **more})


def outcomes(found: TogglesAnswer) -> list[tuple[str, str]]:
    return [(each.name, each.outcome) for each in found.toggles]


def states(desk: Desk) -> list[tuple[str | None, str]]:
    return [(each.name, each.state) for each in desk.switches("dave").history().items][::-1]


def test_a_file_is_applied_and_again_changes_nothing(desk: Desk) -> None:
    found = applied(desk, EU, FRAUD)
    assert outcomes(found) == [("churn-eu", "activated"), ("fraud", "activated")]
    before = len(desk.entries())
    again = applied(desk, EU, FRAUD | {"reason": "said in other words"}, by="erin")
    assert outcomes(again) == [("churn-eu", "unchanged"), ("fraud", "unchanged")]
    assert [each.switch for each in again.toggles] == [each.switch for each in found.toggles]
    assert len(desk.entries()) == before
    shown = desk.switches("dave").show(str(found.toggles[0].switch))
    assert (shown.name, shown.source, shown.reason) == ("churn-eu", "switches", WHY)


def test_what_a_file_no_longer_names_stays_enforced_until_people_confirm(desk: Desk) -> None:
    applied(desk, EU, FRAUD)
    found = applied(desk, EU, by="erin")
    assert outcomes(found) == [("churn-eu", "unchanged"), ("fraud", "release_requested")]
    assert len(desk.live("fraud")) == 1
    assert outcomes(applied(desk, EU, by="erin")) == outcomes(found)
    desk.confirm(str(found.toggles[1].switch), "gina")
    assert outcomes(applied(desk, EU)) == [("churn-eu", "unchanged")]
    gone = applied(desk)
    assert outcomes(gone) == [("churn-eu", "release_requested")]
    desk.confirm(str(gone.toggles[0].switch), "gina")
    assert applied(desk).toggles == ()


def test_a_change_puts_the_new_one_in_force_before_the_old_one_goes(desk: Desk) -> None:
    applied(desk, EU)
    found = applied(desk, EU | {"scope": {"model": "churn", "region": ["eu", "us"]}})
    assert outcomes(found) == [("churn-eu", "activated"), ("churn-eu", "release_requested")]
    assert states(desk) == [("churn-eu", "release_requested"), ("churn-eu", "active")]
    wider = EU | {"scope": {"model": "churn", "region": ["us", "eu"]}}
    assert outcomes(applied(desk, wider)) == [
        ("churn-eu", "unchanged"),
        ("churn-eu", "release_requested"),
    ]


def test_another_file_is_left_alone(desk: Desk) -> None:
    applied(desk, EU, source="payments")
    assert outcomes(applied(desk, FRAUD, source="risk")) == [("fraud", "activated")]
    assert states(desk) == [("churn-eu", "active"), ("fraud", "active")]
    manual = desk.stop("dave")
    applied(desk, source="payments")
    assert desk.switches("dave").show(manual.id).state == "active"


def test_who_may_not_release_leaves_it_to_people(desk: Desk) -> None:
    root = desk.acting("root")
    root.service_accounts.add("pipeline", owner="gina")
    root.roles.grant("pipeline", "operator", reason="applies the file")
    for name in ("pipeline", "root"):
        applied(desk, EU, by=name, source=name)
        found = applied(desk, by=name, source=name)
        assert outcomes(found) == [("churn-eu", "still_active")]
        assert states(desk)[-1] == ("churn-eu", "active")


def test_a_release_of_what_the_file_still_names_needs_the_file_changed_first(desk: Desk) -> None:
    made = applied(desk, EU).toggles[0].switch
    desk.asked(str(made))
    assert outcomes(applied(desk, EU)) == [("churn-eu", "unchanged")]
    desk.confirm(str(made), "gina")
    assert outcomes(applied(desk, EU)) == [("churn-eu", "activated")]
    assert states(desk) == [("churn-eu", "released"), ("churn-eu", "active")]


def test_one_whose_end_has_passed_is_not_activated(desk: Desk) -> None:
    ends = EU | {"expires_at": "2026-11-20T13:00:00Z", "on_expiry": "release"}
    assert outcomes(applied(desk, ends)) == [("churn-eu", "activated")]
    desk.clock.advance(hours=2)
    assert ("churn-eu", "over") in outcomes(applied(desk, ends))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"switches": "all"},
        {"switches": [EU], "owner": "me"},
        {"switches": [EU], "source": "Not A Name"},
        {"switches": [EU, EU]},
        {"switches": ["churn"]},
        {"switches": [EU | {"state": "released"}]},
        {"switches": [EU | {"scope": ["churn"]}]},
        {"switches": [EU | {"everything": "yes"}]},
        {"switches": [EU | {"expires_at": "tomorrow"}]},
        {"switches": [EU | {"expires_at": "2026-12-20T12:00:00"}]},
        {"switches": [EU | {"fallback": [1]}]},
        {"switches": [{"name": "x", "scope": {"model": "churn"}}]},
        {"switches": [EU] * 201},
        {"switches": []},
    ],
)
def test_a_file_of_another_form_is_refused_whole(desk: Desk, document: dict[str, Any]) -> None:
    with pytest.raises(ValueInvalid):
        desk.switches("dave").apply(document)
    assert desk.facts("switch.activated") == []


@pytest.mark.parametrize(
    ("second", "error"),
    [
        (FRAUD | {"scope": {"model": "fruad"}}, UnknownTarget),
        (FRAUD | {"reason": ""}, ReasonRequired),
    ],
)
def test_all_of_a_file_is_applied_or_nothing(
    desk: Desk, second: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        applied(desk, EU, second)
    assert states(desk) == []


def test_it_takes_the_right_to_every_switch_of_the_file(desk: Desk) -> None:
    with pytest.raises(NotPermitted):
        applied(desk, EU, FRAUD, by="olivia")
    assert states(desk) == []
    assert outcomes(applied(desk, EU, by="olivia", source="mine")) == [("churn-eu", "activated")]
