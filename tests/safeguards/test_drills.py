"""Drills: who runs one where, what refuses and ends it, and what its report says (SG-53, SG-54)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import (
    DrillRefused,
    NotFound,
    NotPermitted,
    SamePerson,
    ScopeEmpty,
    UnknownDimension,
    UnknownTarget,
    ValueInvalid,
)
from modelwarden.safeguards import actions
from modelwarden.safeguards.drills.drill import SETTLED, basis_points, part_of
from modelwarden.safeguards.drills.schedule import read_plans
from modelwarden.values.ids import DrillId
from tests.safeguards.drill_desk import (
    CHURN,
    by_hand,
    drills,
    faults,
    heard,
    pass_time,
    ran,
    set_up,
    stop,
)
from tests.store.deeds import verified

if TYPE_CHECKING:
    from tests.safeguards.desk import Desk


@pytest.fixture(autouse=True)
def _by_hand(desk: Desk) -> None:
    by_hand(desk)


# --- who, where and how much -------------------------------------------------------------------------


def test_a_drill_in_staging_runs_at_once_and_is_told(desk: Desk) -> None:
    made = ran(desk, "latency:200ms", share=0.05, ttl="10m", except_={"segment": "vip"})
    assert (made.state, made.share, made.ttl_s) == ("running", "0.05", 600)
    assert made.confirmed_by == made.requested_by == "dave"
    assert faults(desk) == [
        {
            "drill": made.id,
            "fault": "latency:200ms",
            "scope": {"model": ["churn"]},
            "except": {"segment": ["vip"]},
            "share": 500,
            "until": "2026-11-20T12:10:00.001000Z",
        }
    ]
    assert faults(desk, "production") == []
    told = desk.last()
    assert (told["type"], told["fact"]["model"]) == ("drill.started", "churn")
    assert "vip" not in str(desk.entries())
    assert verified(desk.warden, state=True).problems == ()


def test_production_is_off_unless_configured(desk: Desk) -> None:
    with pytest.raises(DrillRefused, match="off in production"):
        ran(desk, environment="production")
    set_up(desk, drills_environments=())
    with pytest.raises(DrillRefused, match="off in staging"):
        ran(desk)


def test_production_takes_a_second_person(desk: Desk) -> None:
    set_up(desk, drills_environments=("staging", "production"))
    asked = ran(desk, environment="production", share="0.05", ttl="30m")
    assert (asked.state, faults(desk, "production")) == ("requested", [])
    with pytest.raises(SamePerson):
        drills(desk).confirm(asked.id)
    with pytest.raises(NotPermitted):
        drills(desk, "olivia").confirm(asked.id)
    begun = drills(desk, "erin").confirm(asked.id)
    assert (begun.state, begun.confirmed_by) == ("running", "erin")
    assert begun.ends_at == desk.clock.now() + timedelta(minutes=30)
    assert len(faults(desk, "production")) == 1
    with pytest.raises(DrillRefused):
        drills(desk, "gina").confirm(asked.id)


def test_one_person_behind_two_accounts_is_one(desk: Desk) -> None:
    set_up(desk, drills_environments=("production",))
    token = desk.acting("dave").tokens.create().secret
    asked = desk.using(token).drills.run("nan", CHURN, environment="production")
    with pytest.raises(SamePerson):
        drills(desk).confirm(asked.id)


@pytest.mark.parametrize(("share", "ttl"), [("0.0501", "10m"), ("0.01", "31m"), ("1", "10m")])
def test_production_has_small_shares_and_short_times(share: str, ttl: str, desk: Desk) -> None:
    set_up(desk, drills_environments=("production",))
    with pytest.raises(ValueInvalid):
        ran(desk, environment="production", share=share, ttl=ttl)


def test_a_request_lapses(desk: Desk) -> None:
    set_up(desk, drills_environments=("production",))
    asked = ran(desk, environment="production")
    desk.clock.advance(hours=1)
    with pytest.raises(DrillRefused, match="waited"):
        drills(desk, "erin").confirm(asked.id)
    pass_time(desk, seconds=0)
    assert drills(desk).show(asked.id).state == "lapsed"
    assert desk.facts("drill.stopped")[0] == {
        "drill": asked.id, "model": "churn", "environment": "production", "cause": "lapsed", "ran": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "error"),
    [("olivia", NotPermitted), ("ivan", NotPermitted), ("root", None), ("gina", None)],
)
def test_operators_and_administrators_run_drills(
    name: str, error: type[Exception] | None, desk: Desk
) -> None:
    if error is None:
        assert drills(desk, name).run("nan", CHURN).state == "running"
        return
    with pytest.raises(error):
        drills(desk, name).run("nan", CHURN)
    assert desk.denials()[-1]["permission"] == "drill.run"


@pytest.mark.parametrize(
    ("fault", "scope", "error"),
    [
        pytest.param("melt", CHURN, ValueInvalid, id="fault"),
        pytest.param("nan", {}, ScopeEmpty, id="everything"),
        pytest.param("nan", {"region": "eu"}, ValueInvalid, id="no_model"),
        pytest.param("nan", {"model": ["churn", "fraud"]}, ValueInvalid, id="two_models"),
        pytest.param("nan", {"model": {"prefix": "ch"}}, ValueInvalid, id="prefix"),
        pytest.param("nan", {"model": {"not_in": ["fraud"]}}, ValueInvalid, id="not_in"),
        pytest.param("nan", {"model": "unheard"}, UnknownTarget, id="unknown"),
        pytest.param("nan", {"model": "churn", "planet": "mars"}, UnknownDimension, id="dimension"),
        pytest.param(
            "clock_skew:90s", {"model": "churn", "region": "eu"}, ValueInvalid, id="whole"
        ),
    ],
)
def test_what_names_no_fault_or_not_one_model_is_refused(
    fault: str, scope: dict[str, Any], error: type[Exception], desk: Desk
) -> None:
    before = len(desk.entries())
    with pytest.raises(error):
        drills(desk).run(fault, scope)
    assert all(entry["type"].startswith("access") for entry in desk.entries()[before:])


@pytest.mark.parametrize(
    "how",
    [
        {"share": 0}, {"share": -0.5}, {"share": 1.5}, {"share": "nan"}, {"share": "inf"}, {"share": "all"},
        {"share": 0.00001}, {"ttl": "0s"}, {"ttl": "25h"}, {"ttl": "soon"}, {"detect_within": "-1s"},
    ],
    ids=str,
)  # fmt: skip
def test_shares_and_times_are_read_strictly(how: dict[str, Any], desk: Desk) -> None:
    with pytest.raises(ValueInvalid):
        ran(desk, **how)


def test_a_share_is_exact() -> None:
    assert [basis_points(each) for each in (0.01, "0.0001", 1, "0.3", 0.07)] == [
        100,
        1,
        10_000,
        3_000,
        700,
    ]
    assert [part_of(each) for each in (100, 1, 10_000, 3_000)] == ["0.01", "0.0001", "1", "0.3"]


# --- what goes before a drill ------------------------------------------------------------------------


@pytest.mark.parametrize("severity", ["SEV1", "SEV2"])
def test_none_begins_while_a_grave_switch_touches_the_model(severity: str, desk: Desk) -> None:
    stop(desk, severity, region="eu")
    with pytest.raises(DrillRefused, match="release it first"):
        ran(desk)


def test_light_switches_other_models_and_other_environments_refuse_none(desk: Desk) -> None:
    stop(desk, "SEV3")
    stop(desk, "SEV1", model="fraud")
    stop(desk, "SEV1", "production")
    assert ran(desk).state == "running"


def test_a_grave_switch_ends_it_in_the_same_snapshot(desk: Desk) -> None:
    made = ran(desk)
    stop(desk, "SEV3")
    assert len(faults(desk)) == 1
    stop(desk, "SEV2")
    assert faults(desk) == []
    pass_time(desk, seconds=1)
    ended = drills(desk).show(made.id)
    assert (ended.state, ended.cause, ended.ended_by) == ("ended", "switch", "system:drills")


def test_a_confirmation_looks_again(desk: Desk) -> None:
    set_up(desk, drills_environments=("production",))
    asked = ran(desk, environment="production")
    stop(desk, "SEV1", "production")
    with pytest.raises(DrillRefused):
        drills(desk, "erin").confirm(asked.id)


def test_one_drill_at_a_time_on_a_model(desk: Desk) -> None:
    first = ran(desk)
    with pytest.raises(DrillRefused, match="another drill"):
        ran(desk, "error")
    drills(desk).stop(first.id)
    assert ran(desk, "error").state == "running"


# --- how it ends -------------------------------------------------------------------------------------


def test_it_ends_when_its_time_has_come(desk: Desk) -> None:
    made = ran(desk, ttl="10m")
    pass_time(desk, minutes=9)
    assert drills(desk).show(made.id).state == "running"
    pass_time(desk, minutes=1)
    assert drills(desk).show(made.id).cause == "ttl"
    assert faults(desk) == []


def test_who_may_stop_the_model_may_stop_the_drill(desk: Desk) -> None:
    made = ran(desk)
    with pytest.raises(NotPermitted):
        drills(desk, "ivan").stop(made.id)
    assert drills(desk, "olivia").stop(made.id).state == "ended"
    with pytest.raises(DrillRefused):
        drills(desk).stop(made.id)
    with pytest.raises(NotFound):
        drills(desk).stop("dri_0")


def test_nobody_moves_one_in_the_name_of_time(desk: Desk) -> None:
    made = ran(desk)
    (plan,) = read_plans(("churn/nan/0.05/10m/30d/09:00",))
    dave = drills(desk)._bound.principal
    for act in (
        partial(actions.keep_drill, drill_id=DrillId(made.id)),
        partial(actions.start_planned, plan=plan),
    ):
        with pytest.raises(NotPermitted):
            desk.warden.change(dave, act)


def test_what_may_not_be_read_looks_absent(desk: Desk) -> None:
    made = ran(desk)
    desk.warden.add_user("nobody")
    with pytest.raises(NotFound):
        drills(desk, "nobody").show(made.id)
    assert drills(desk, "nobody").list().items == ()
    with pytest.raises(NotFound):
        drills(desk, "nobody").stop(made.id)


# --- the report --------------------------------------------------------------------------------------


def test_a_drill_that_was_seen_and_stopped_passes(desk: Desk) -> None:
    heard(desk, drilled=7, drilled_fell=7)
    made = ran(desk, "error", detect_within="2m", activate_within="5m")
    desk.clock.advance(seconds=60)
    switch = stop(desk, "SEV3")
    heard(desk, drilled=107, drilled_fell=82, drilled_unanswered=25)
    heard(desk, 2, drilled=100, drilled_fell=100)
    pass_time(desk, minutes=10)
    assert drills(desk).show(made.id).report is None
    pass_time(desk, seconds=SETTLED.total_seconds())
    report = drills(desk).show(made.id).report
    assert report is not None
    assert (report.passed, report.missed) == (True, ())
    assert (report.struck, report.fell, report.unanswered) == (200, 175, 25)
    assert report.fallback_share == "0.8750"
    assert report.detect_ms == report.activate_ms
    assert 60_000 <= (report.detect_ms or 0) < 61_000
    assert (report.detected_by, report.confirm_ms) == ("switch.activated", None)
    assert report.silent == ("error_rate",)
    (fact,) = desk.facts("drill.reported")
    assert (fact["passed"], fact["fallback_share"], fact["struck"]) == (True, "0.8750", 200)
    assert switch
    assert verified(desk.warden, state=True).problems == ()


def test_a_drill_that_nobody_saw_fails(desk: Desk) -> None:
    made = ran(desk, confirm_within="1m")
    pass_time(desk, minutes=10)
    pass_time(desk, minutes=1)
    report = drills(desk).show(made.id).report
    assert report is not None
    assert (report.passed, report.missed) == (False, ("struck", "detect", "confirm"))
    assert (report.fallback_share, report.detect_ms) == (None, None)
    assert desk.last()["severity"] == "WARNING"


def test_a_target_that_is_missed_fails_it(desk: Desk) -> None:
    made = ran(desk, detect_within="30s")
    desk.clock.advance(seconds=31)
    stop(desk, "SEV4")
    heard(desk, drilled=3)
    pass_time(desk, minutes=10)
    pass_time(desk, minutes=1)
    report = drills(desk).show(made.id).report
    assert report is not None
    assert report.missed == ("detect",)


def test_switches_elsewhere_and_before_are_no_sign(desk: Desk) -> None:
    stop(desk, "SEV4", region="eu", model="churn")
    made = ran(desk)
    stop(desk, "SEV4", model="fraud")
    stop(desk, "SEV4", "production")
    pass_time(desk, minutes=10)
    pass_time(desk, minutes=1)
    stop(desk, "SEV4", region="us", model="churn")
    report = drills(desk).show(made.id).report
    assert report is not None
    assert report.detected_by is None


def test_it_is_reported_once(desk: Desk) -> None:
    ran(desk)
    pass_time(desk, minutes=10)
    for _ in range(3):
        pass_time(desk, minutes=1)
    assert len(desk.facts("drill.reported")) == 1
