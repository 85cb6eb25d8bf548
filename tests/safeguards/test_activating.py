"""Stopping: who may, what is refused, what answers for a second stop, and what the ledger shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import (
    FallbackUnknown,
    NotPermitted,
    ReasonRequired,
    ScopeEmpty,
    SettingInvalid,
    UnknownDimension,
    UnknownTarget,
    ValueInvalid,
)
from modelwarden.warden.warden import open_warden
from tests.access.company import START
from tests.safeguards.desk import WHY
from tests.store.deeds import verified

if TYPE_CHECKING:
    from pathlib import Path

    from tests.safeguards.desk import Desk

DAY = timedelta(days=1)


def test_an_operator_stops_a_model_at_once_and_the_ledger_shows_it(desk: Desk) -> None:
    made = desk.switches("dave").activate(
        {"model": "churn", "region": " EU "}, reason=WHY, fallback="chain", incident="INC-7"
    )
    assert (made.state, made.action, made.fallback) == ("active", "fallback", ("chain",))
    assert made.scope == {"model": ["churn"], "region": ["eu"]}
    assert (made.reason, made.activated_by, made.via) == (WHY, "dave", "human")
    assert (made.severity, made.expires_at, made.lkg_before) == ("SEV2", None, START)
    entry = desk.last()
    assert (entry["type"], entry["severity"]) == ("switch.activated", "HIGH")
    assert {"model:churn", f"switch:{made.id}"} <= set(entry["about"])
    assert entry["fact"]["dimensions"] == ["model", "region"]
    assert "eu" not in str(entry).replace("europe", "")
    assert WHY not in str(entry)
    shown = desk.switches("olivia").show(made.id)
    assert replace(shown, applied=None) == replace(made, applied=None)  # soon somebody counts
    assert verified(desk.warden, state=True).problems == ()


@pytest.mark.parametrize("name", ["root", "olivia"])
def test_administrators_and_the_owner_stop_a_model(desk: Desk, name: str) -> None:
    assert desk.stop(name).activated_by == name


def test_an_owner_stops_nothing_but_the_own_model(desk: Desk) -> None:
    for scope in ({"model": "fraud"}, {"model": ["churn", "fraud"]}, {"region": "eu"}):
        with pytest.raises(NotPermitted):
            desk.switches("olivia").activate(scope, reason=WHY)
    with pytest.raises(NotPermitted):
        desk.switches("olivia").activate(reason=WHY, everything=True)
    denied = desk.denials()[-1]
    assert (denied["rule"], denied["permission"]) == ("not_permitted", "switch.activate")


def test_who_owned_a_model_before_stops_it_no_more(desk: Desk) -> None:
    desk.acting("olivia").models.update("churn", owner="ulla")
    with pytest.raises(NotPermitted):
        desk.stop("olivia")
    assert desk.stop("ulla").state == "active"


def test_asking_who_may_stop_a_model_names_its_owner(desk: Desk) -> None:
    may = desk.acting("root").users.may
    assert (may("olivia", "switch.activate", model="churn").code) == "owner"
    assert not may("olivia", "switch.activate", model="fraud").allow
    assert not may("olivia", "switch.release", model="churn").allow


def test_a_right_in_one_model_stops_no_other(desk: Desk) -> None:
    desk.join("nina")
    desk.acting("root").roles.grant("nina", "operator", scope={"model": "churn"})
    assert desk.stop("nina").state == "active"
    for scope in ({"model": "fraud"}, {"model": {"prefix": "ch"}}, {"model_type": "classifier"}):
        with pytest.raises(NotPermitted):
            desk.switches("nina").activate(scope, reason=WHY)


def test_the_same_again_answers_the_switch_that_stands(desk: Desk) -> None:
    first = desk.stop(model="churn", region=["eu", "us"])
    before = len(desk.entries())
    again = desk.stop("erin", model=["churn"], region=["US ", "eu", "eu"])
    assert (again.id, again.repeated, first.repeated) == (first.id, True, False)
    assert len(desk.entries()) == before


@pytest.mark.parametrize(
    "stronger",
    [
        {"severity": "SEV1"},
        {"action": "observe", "expires_at": START + DAY},
        {"fallback": "chain"},
        {"except_": {"region": "eu"}},
        {"unknown": "pass"},
        {"environment": "staging"},
        {"lkg_before": START - DAY},
    ],
)
def test_another_effect_is_another_switch(desk: Desk, stronger: dict[str, Any]) -> None:
    first = desk.stop()
    second = desk.switches("dave").activate({"model": "churn"}, reason=WHY, **stronger)
    assert (second.id != first.id, second.repeated) == (True, False)


def test_one_that_ends_does_not_answer_for_one_that_stays(desk: Desk) -> None:
    ends = desk.switches("dave").activate(
        {"model": "churn"}, reason=WHY, expires_at=START + DAY, on_expiry="release"
    )
    stays = desk.stop()
    assert stays.id != ends.id
    shorter = desk.switches("dave").activate(
        {"model": "churn"}, reason=WHY, expires_at=START + DAY / 2, on_expiry="release"
    )
    assert shorter.repeated


def test_one_whose_release_is_asked_for_does_not_answer_for_a_new_stop(desk: Desk) -> None:
    first = desk.stop()
    desk.asked(first.id)
    second = desk.stop("gina")
    assert second.id != first.id
    desk.confirm(first.id, "dave")
    assert [each.id for each in desk.live("churn")] == [second.id]


@pytest.mark.parametrize(
    ("scope", "error"),
    [
        ({}, ScopeEmpty),
        ({"modell": "churn"}, UnknownDimension),
        ({"model": "chrun"}, UnknownTarget),
        ({"model": {"prefix": "Ch"}}, UnknownTarget),
        ({"model": {"not_in": ["chrun"]}}, UnknownTarget),
        ({"model": "churn", "version": "1.4"}, UnknownTarget),
        ({"model": "fraud", "version": "1.4.0"}, UnknownTarget),
        ({"version": {"prefix": "2."}}, UnknownTarget),
        ({"region": ""}, ValueInvalid),
        ({"region": {"prefix": "e", "not_in": []}}, ValueInvalid),
        ({"region": ["x" * 201]}, ValueInvalid),
        ({"region": [f"r{n}" for n in range(1_001)]}, ValueInvalid),
    ],
)
def test_what_would_stop_nothing_or_too_much_is_refused(
    desk: Desk, scope: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        desk.switches("dave").activate(scope, reason=WHY)
    assert desk.facts("switch.activated") == []


def test_what_is_carved_out_has_to_be_there_too(desk: Desk) -> None:
    with pytest.raises(UnknownTarget):
        desk.switches("dave").activate({"region": "eu"}, reason=WHY, except_={"model": "chrun"})


@pytest.mark.parametrize(
    "scope",
    [
        {"model": {"prefix": "ch"}},
        {"model": {"not_in": ["churn"]}},
        {"model": "churn", "version": ["1.4.0"]},
        {"version": {"prefix": "1."}},
        {"model_type": "anything", "segment": {"not_in": ["vip"]}},
    ],
)
def test_what_is_there_may_be_named_in_every_form(desk: Desk, scope: dict[str, Any]) -> None:
    assert desk.switches("dave").activate(scope, reason=WHY).state == "active"


def test_what_is_not_registered_can_be_stopped_on_purpose(desk: Desk) -> None:
    made = desk.switches("dave").activate({"model": "lab one"}, reason=WHY, allow_unknown=True)
    assert made.scope == {"model": ["lab one"]}
    assert desk.last()["fact"]["models"] == []  # no name that a model could have


def test_a_whole_environment_stops_only_on_purpose(desk: Desk) -> None:
    with pytest.raises(ValueInvalid):
        desk.switches("dave").activate({"model": "churn"}, reason=WHY, everything=True)
    made = desk.switches("dave").activate(reason=WHY, everything=True)
    assert (made.everything, made.scope) == (True, {})


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2_001])
def test_a_stop_says_why(desk: Desk, reason: str) -> None:
    with pytest.raises(ReasonRequired):
        desk.switches("dave").activate({"model": "churn"}, reason=reason)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"fallback": "last_known"}, FallbackUnknown),
        ({"fallback": ["chain", "baseline"]}, FallbackUnknown),
        ({"fallback": ["baseline", "baseline"]}, FallbackUnknown),
        ({"fallback": "chain", "action": "block"}, ValueInvalid),
        ({"action": "fallback"}, ValueInvalid),
        ({"action": "allow"}, ValueInvalid),
        ({"severity": "SEV5"}, ValueInvalid),
        ({"incident": "we talked about it"}, ValueInvalid),
        ({"action": "observe"}, ValueInvalid),
        ({"action": "observe", "expires_at": START + 8 * DAY}, ValueInvalid),
        ({"action": "observe", "expires_at": START + DAY, "on_expiry": "remind"}, ValueInvalid),
        ({"expires_at": START + DAY, "on_expiry": "release", "severity": "SEV1"}, ValueInvalid),
        ({"expires_at": START}, ValueInvalid),
        ({"on_expiry": "release"}, ValueInvalid),
    ],
)
def test_what_does_not_fit_together_is_refused(
    desk: Desk, wrong: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        desk.switches("dave").activate({"model": "churn"}, reason=WHY, **wrong)


def test_an_emergency_stop_names_a_model_or_a_type(desk: Desk) -> None:
    by_type = desk.switches("dave").emergency_disable(model_type="classifier", reason=WHY)
    assert by_type.scope == {"model_type": ["classifier"]}
    by_name = desk.switches("dave").emergency_disable(model="churn", reason=WHY)
    assert (by_name.scope, by_name.action) == ({"model": ["churn"]}, "block")
    with pytest.raises(ScopeEmpty):
        desk.switches("dave").emergency_disable(reason=WHY)


def test_remembered_values_of_before_the_stop_stay_usable_and_none_of_the_future(
    desk: Desk,
) -> None:
    made = desk.switches("dave").activate({"model": "churn"}, reason=WHY, lkg_before=START + DAY)
    assert made.lkg_before == START


def test_a_program_with_the_role_stops_and_can_not_release(desk: Desk) -> None:
    root = desk.acting("root")
    root.service_accounts.add("robot", owner="gina")
    root.roles.grant("robot", "operator", scope={"model": "churn"})
    made = desk.stop("robot")
    assert made.via == "program"
    with pytest.raises(NotPermitted):
        desk.asked(made.id, "robot")


@pytest.mark.parametrize(
    "names", [("region",), ("environment",), ("Two Words",), tuple(f"d{n}" for n in range(11))]
)
def test_dimensions_that_can_be_none_are_refused_at_the_start(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    with pytest.raises(SettingInvalid):
        open_warden(f"sqlite:///{tmp_path}/warden.db", switch_dimensions=names)
