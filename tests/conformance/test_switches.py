"""Stopping a model and letting it go on, the same way everywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.errors import (
    NotFound,
    NotPermitted,
    OwnerRelease,
    ReasonRequired,
    ReleaseNotRequested,
    ScopeEmpty,
    SelfRelease,
    SwitchNotActive,
    UnknownDimension,
    UnknownTarget,
    ValueInvalid,
)

if TYPE_CHECKING:
    from tests.conformance.places import Company

WHY: Final = "PSI 0.61 in the last hour"
PURPOSE: Final = "predicts which customers leave next month"


@pytest.fixture(scope="module", autouse=True)
def _model(company: Company) -> None:
    company.as_user("alice").models.register(
        "churn", owner="alice", business_purpose=PURPOSE, type="classifier"
    )
    for name in ("alice", "carol"):
        company.as_user("root").roles.grant(name, "operator", reason="on call this week")


def test_a_model_is_stopped_and_goes_on_by_two_people(company: Company) -> None:
    dave, carol = company.as_user("dave").switches, company.as_user("carol").switches
    until = datetime.now(UTC) + timedelta(days=2)
    made = dave.activate(
        {"model": "churn", "segment": {"not_in": ["vip"]}, "version": {"prefix": "1."}},
        reason=WHY,
        except_={"region": ["us", "eu"]},
        fallback=["last_known_good", "default"],
        severity="SEV1",
        incident="INC-2041",
        evidence="psi-41",
        expires_at=until,
        unknown="pass",
        allow_unknown=True,
    )
    assert (made.scope["segment"], made.exception) == (
        {"not_in": ["vip"]},
        {"region": ["eu", "us"]},
    )
    assert (made.action, made.fallback, made.unknown) == (
        "fallback",
        ("last_known_good", "default"),
        "pass",
    )
    assert (made.on_expiry, made.expires_at, made.reason) == ("remind", until, WHY)
    assert (made.incident, made.evidence, made.activated_by) == ("INC-2041", "psi-41", "dave")
    assert replace(carol.show(made.id), applied=None) == replace(made, applied=None)
    asked = carol.request_release(made.id, notes="the feed is right", verification="PSI 0.02")
    assert (asked.state, asked.release_requested_by) == ("release_requested", "carol")
    for name, error in (("carol", SelfRelease), ("dave", SelfRelease), ("alice", OwnerRelease)):
        with pytest.raises(error):
            company.as_user(name).switches.confirm_release(made.id, notes="looks well")
    assert carol.withdraw_release(made.id, notes="too early").state == "active"
    with pytest.raises(ReleaseNotRequested):
        carol.confirm_release(made.id, notes="looks well")
    dave.request_release(made.id, notes="the feed is right")
    assert dave.refuse_release(made.id, notes="not yet").state == "active"
    company.as_user("alice").switches.request_release(made.id, notes="the feed is right")
    done = carol.confirm_release(made.id, notes="looks well")
    assert (done.state, done.ended_by, done.ended_notes) == ("released", "carol", "looks well")
    with pytest.raises(SwitchNotActive):
        carol.confirm_release(made.id, notes="looks well")


def test_the_same_stop_answers_the_switch_that_stands(company: Company) -> None:
    dave = company.as_user("dave").switches
    first = dave.activate({"model": "churn", "region": "eu"}, reason=WHY)
    again = company.as_user("root").switches.activate(
        {"region": "EU", "model": ["churn"]}, reason=WHY
    )
    assert (again.id, first.repeated, again.repeated) == (first.id, False, True)
    assert dave.emergency_disable(model="churn", reason=WHY).scope == {"model": ["churn"]}
    assert dave.emergency_disable(model_type="classifier", reason=WHY).repeated is False


def test_lists_and_checks_say_what_is_in_force(company: Company) -> None:
    frank = company.as_user("frank").switches
    made = company.as_user("dave").switches.activate(
        {"model": "churn", "consumer": "batch"}, reason=WHY, environment="staging"
    )
    company.as_user("dave").switches.activate({"region": "eu"}, reason=WHY, severity="SEV4")
    page = frank.active(environment="staging", model="churn", limit=1)
    assert [each.id for each in page.items] == [made.id]
    history = frank.history(limit=2)
    assert len(history.items) == 2
    assert history.next_cursor is not None
    assert frank.history(limit=2, cursor=history.next_cursor).items
    found = frank.check({"model": "churn", "consumer": "batch"}, environment="staging")
    assert (found.action, found.environment, found.missing) == ("block", "staging", ())
    assert found.matches[0].why == {"model": "churn is named", "consumer": "batch is named"}
    assert (
        frank.check({"model": "churn", "consumer": "web"}, environment="staging").action == "none"
    )


def test_a_file_of_switches_is_applied_again_and_again(company: Company) -> None:
    dave = company.as_user("dave").switches
    document: dict[str, Any] = {
        "source": "payments",
        "switches": [
            {"name": "eu", "reason": WHY, "scope": {"model": "churn", "region": ["eu", "uk"]}},
            {
                "name": "all",
                "reason": WHY,
                "scope": {"endpoint": "/score"},
                "except": {"region": "us"},
            },
        ],
    }
    first = dave.apply(document)
    assert [(each.name, each.outcome) for each in first.toggles] == [
        ("eu", "activated"),
        ("all", "activated"),
    ]
    assert [each.outcome for each in dave.apply(document).toggles] == ["unchanged"] * 2
    found = dave.apply({**document, "switches": document["switches"][:1]})
    assert [each.outcome for each in found.toggles] == ["unchanged", "release_requested"]
    with pytest.raises(ValueInvalid):
        dave.apply({"switches": [{"name": "eu", "colour": "red"}]})


@pytest.mark.parametrize(
    ("scope", "more", "error"),
    [
        ({}, {}, ScopeEmpty),
        ({"colour": "red"}, {}, UnknownDimension),
        ({"model": "chrun"}, {}, UnknownTarget),
        ({"model": "churn"}, {"severity": "SEV9"}, ValueInvalid),
        ({"model": "churn"}, {"reason": ""}, ReasonRequired),
        ({"model": "churn"}, {"fallback": []}, ValueInvalid),
        ({"region": 7}, {}, ValueInvalid),
    ],
)
def test_what_is_refused_is_refused_alike(
    company: Company, scope: dict[str, Any], more: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        company.as_user("dave").switches.activate(scope, **{"reason": WHY, **more})


def test_rights_are_asked_alike(company: Company) -> None:
    made = company.as_user("dave").switches.activate(reason=WHY, everything=True)
    for name in ("frank", "bob"):
        with pytest.raises(NotPermitted):
            company.as_user(name).switches.activate({"model": "churn"}, reason=WHY)
        with pytest.raises(NotPermitted):
            company.as_user(name).switches.request_release(made.id, notes="let it go")
    with pytest.raises(NotFound):
        company.as_user("dave").switches.show("swi_absent")


def test_a_preview_says_alike_what_is_not_known(company: Company) -> None:
    frank = company.as_user("frank").switches
    found = frank.preview({"model": "churn", "region": "EU"}, except_={"consumer": "batch"})
    assert (found.scope, found.exception) == (
        {"model": ["churn"], "region": ["eu"]},
        {"consumer": ["batch"]},
    )
    assert (found.workers, found.decisions, found.share) == (0, 0, None)
    with pytest.raises(UnknownDimension):
        frank.preview({"colour": "red"})


def test_a_release_goes_in_steps_alike(company: Company) -> None:
    dave, carol = company.as_user("dave").switches, company.as_user("carol").switches
    made = dave.activate({"model": "churn", "use_case": "ramped"}, reason=WHY)
    dave.request_release(made.id, notes="the feed is right")
    with pytest.raises(ValueInvalid):
        carol.confirm_release(made.id, notes="looks well", ramp="50,10")
    found = carol.confirm_release(made.id, notes="looks well", ramp="10,50,100", bake="7d")
    assert (found.state, found.ramp, found.ramp_step, found.held, found.bake_s) == (
        "ramping",
        (10, 50, 100),
        1,
        9_000,
        604_800,
    )
    with pytest.raises(SwitchNotActive):
        carol.confirm_release(made.id, notes="looks well")
    assert dave.refuse_release(made.id, notes="errors rise").held == 10_000


def test_local_stops_are_listed_and_refused_alike(company: Company) -> None:
    dave = company.as_user("dave").local_stops
    assert dave.list(standing=True, limit=5).items == ()
    for act in (lambda: dave.show("lst_0"), lambda: dave.adopt("lst_0", reason=WHY)):
        with pytest.raises(NotFound):
            act()
    with pytest.raises(NotFound):
        dave.drop("lst_0", notes="not ours")
    with pytest.raises(ValueInvalid):
        dave.adopt("lst_0", reason=WHY, severity="SEV9")
