"""Running a drill, the same way everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import (
    DrillRefused,
    NotFound,
    NotPermitted,
    SamePerson,
    ScopeEmpty,
    UnknownTarget,
    ValueInvalid,
)

if TYPE_CHECKING:
    from tests.conformance.places import Company

PURPOSE: Final = "predicts which customers leave next month"


@pytest.fixture(scope="module", autouse=True)
def _model(company: Company) -> None:
    for name in ("churn", "fraud"):
        company.as_user("alice").models.register(name, owner="alice", business_purpose=PURPOSE)


def test_a_drill_runs_and_is_stopped(company: Company) -> None:
    dave = company.as_user("dave").drills
    made = dave.run(
        "latency:200ms",
        {"model": "churn", "region": ["eu", "UK"]},
        except_={"segment": "vip"},
        share=0.05,
        ttl="5m",
        detect_within="2m",
        activate_within="5m",
        confirm_within="6m",
    )
    assert (made.state, made.environment, made.model, made.share) == (
        "running",
        "staging",
        "churn",
        "0.05",
    )
    assert (made.scope, made.exception) == (
        {"model": ["churn"], "region": ["eu", "uk"]},
        {"segment": ["vip"]},
    )
    assert (made.ttl_s, made.detect_within_s, made.confirm_within_s) == (300, 120, 360)
    assert (made.requested_by, made.confirmed_by, made.report) == ("dave", "dave", None)
    assert dave.show(made.id) == made
    with pytest.raises(DrillRefused):
        dave.run("nan", {"model": "churn"})
    with pytest.raises(SamePerson):
        dave.confirm(made.id)
    done = company.as_user("alice").drills.stop(made.id)
    assert (done.state, done.cause, done.ended_by) == ("ended", "stopped", "alice")
    with pytest.raises(DrillRefused):
        dave.stop(made.id)


def test_lists_name_drills_and_those_that_are_overdue(company: Company) -> None:
    dave, frank = company.as_user("dave").drills, company.as_user("frank").drills
    made = dave.run("nan", {"model": "churn"}, share="0.5")
    dave.stop(made.id)
    page = frank.list(model="churn", limit=1)
    assert [each.id for each in page.items] == [made.id]
    assert page.next_cursor is not None
    assert frank.list(model="churn", cursor=page.next_cursor).items
    assert frank.list(model="fraud").items == ()
    overdue = {(each.model, each.failure_mode) for each in frank.overdue(limit=500).items}
    assert ("fraud", "non_finite_output") in overdue
    assert ("churn", "errors") in overdue
    assert ("churn", "non_finite_output") not in overdue


def test_refusals_are_the_same(company: Company) -> None:
    dave = company.as_user("dave").drills
    with pytest.raises(NotPermitted):
        company.as_user("frank").drills.run("nan", {"model": "churn"})
    with pytest.raises(DrillRefused):
        dave.run("nan", {"model": "churn"}, environment="production")
    with pytest.raises(UnknownTarget):
        dave.run("nan", {"model": "unheard"})
    with pytest.raises(ScopeEmpty):
        dave.run("nan", {})
    for fault, share in (("melt", "0.1"), ("nan", "2"), ("nan", "much")):
        with pytest.raises(ValueInvalid):
            dave.run(fault, {"model": "churn"}, share=share)
    for act in (dave.show, dave.stop, dave.confirm):
        with pytest.raises(NotFound):
            act("dri_0")
