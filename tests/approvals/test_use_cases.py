"""Use cases: written down, asked about, in use, ended (RL-8 to RL-11)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.approvals import actions as approvals
from modelwarden.errors import (
    CommentMissing,
    GateRefused,
    IllegalMove,
    JustificationMissing,
    ModelNotFound,
    NameReserved,
    NoOpenRequest,
    NotPermitted,
    OwnerFixed,
    RevisionConflict,
    UseCaseExists,
    UseCaseIncomplete,
    UseCaseIsDeprecated,
    UseCaseNotFound,
    ValueInvalid,
)
from modelwarden.policies.reads import requirements
from modelwarden.registry import actions as registry
from modelwarden.registry.actions import UseCaseWords
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import actions as safeguards
from modelwarden.values.pages import Page
from tests.approvals.use_case_org import COMMENT, UseCaseOrg

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def org(tmp_path: Path) -> Iterator[UseCaseOrg]:
    company = UseCaseOrg(tmp_path)
    yield company
    company.warden.close()


def kinds(org: UseCaseOrg) -> list[str]:
    found = org.warden.audit.search(subject="use_case:retention", limit=50).items
    return [one.entry["type"] for one in found][::-1]


def test_a_use_case_goes_all_its_way_and_the_ledger_shows_it(org: UseCaseOrg) -> None:
    org.go_live("staging", "production")
    org.create()
    org.agreed()
    assert org.shown().state == "approved"
    assert org.use().live_in == ("staging",)
    assert org.use().live_in == ("production", "staging")
    ended = org.do("dave", approvals.deprecate_use_case, "retention", reason="no longer done")
    assert (ended.state, ended.replacement) == ("deprecated", None)
    assert kinds(org) == [
        "usecase.created", "approval.requested", "usecase.submitted", "approval.decided",
        "approval.decided", "usecase.deployed", "usecase.deployed", "approval.voided",
        "usecase.deprecated", "usecase.stopped",
    ]  # fmt: skip


def test_submitting_wants_everything(org: UseCaseOrg) -> None:
    org.do("alice", registry.create_use_case, "bare", words=UseCaseWords())
    with pytest.raises(UseCaseIncomplete, match="name, description, models, input_schema"):
        org.submit("bare")
    org.create()
    with pytest.raises(JustificationMissing):
        org.do("alice", approvals.submit_use_case, "retention", comment="yes")
    org.submit()
    with pytest.raises(IllegalMove):
        org.submit()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"models": ("nobody",)}, ModelNotFound),
        ({"impact": "severe"}, ValueInvalid),
        ({"systems": ("two words",)}, ValueInvalid),
        ({"systems": tuple(f"s{n}" for n in range(65))}, ValueInvalid),
        ({"models": tuple(f"m{n}" for n in range(65))}, ValueInvalid),
        ({"title": " "}, ValueInvalid),
        ({"description": "x" * 4_001}, ValueInvalid),
        ({"input_schema": {}}, ValueInvalid),
        ({"input_schema": {"minimum": float("nan")}}, ValueInvalid),
        ({"output_schema": {"of": "x" * 40_000}}, ValueInvalid),
        ({"owner": "not a group"}, ValueInvalid),
        ({"owner": "alice", "owner_person": "bob"}, ValueInvalid),
    ],
)
def test_what_can_not_be_said(org: UseCaseOrg, words: dict[str, object], error: type) -> None:
    with pytest.raises(error):
        org.create(**words)
    with pytest.raises(UseCaseNotFound):
        org.shown()


def test_names_are_checked_and_taken_once(org: UseCaseOrg) -> None:
    org.create()
    for name, error in (
        ("retention", UseCaseExists), ("create", NameReserved), ("Two Words", ValueInvalid),
    ):  # fmt: skip
        with pytest.raises(error):
            org.create(name)


def test_a_group_owns_and_a_person_stands_in_duties(org: UseCaseOrg) -> None:
    found = org.create(owner="team_retention")
    assert (found.owner_group, found.owner) == ("team_retention", org.who("alice").actor)
    after = org.update(owner="team_retention", owner_person="dave")
    assert after.owner == org.who("dave").actor
    org.submit()
    with pytest.raises(OwnerFixed):
        org.update(owner="alice")


def test_changes_are_guarded_by_a_revision_and_a_permission(org: UseCaseOrg) -> None:
    first = org.create()
    org.update(description="Call those who are likely to leave")
    words = UseCaseWords(description="Another")
    with pytest.raises(RevisionConflict):
        org.do("alice", registry.update_use_case, "retention", words=words, revision=first.revision)
    with pytest.raises(NotPermitted):
        org.update(by="dave", description="Mine")
    with pytest.raises(NotPermitted):
        org.create("theirs", by="bob")
    with pytest.raises(NotPermitted):
        org.submit(by="bob")


def test_the_same_again_writes_nothing(org: UseCaseOrg) -> None:
    org.create()
    size = org.warden.audit.verify().size
    org.update(title="Retention calls", systems=("dialler", "crm"), input_schema={"type": "object"})
    assert org.warden.audit.verify().size == size + 1  # the verification before


def test_a_rejected_one_is_submitted_anew(org: UseCaseOrg) -> None:
    org.create()
    request = org.submit()
    with pytest.raises(CommentMissing):
        org.do("bob", approvals.reject, request, approvals.Ballot())
    org.reject("bob", request, comment="who looks at the calls?")
    assert org.shown().state == "rejected"
    assert org.submit() != request


def test_a_question_taken_back_leaves_a_draft(org: UseCaseOrg) -> None:
    org.create()
    org.do("alice", approvals.withdraw, org.submit())
    assert org.shown().state == "draft"
    with pytest.raises(NoOpenRequest):
        org.see("alice", approvals.find_use_case_request, "retention")


@pytest.mark.parametrize(
    ("impact", "seats"), [("low", 2), ("medium", 2), ("high", 2), ("critical", 3)]
)
def test_the_impact_level_picks_the_seats(org: UseCaseOrg, impact: str, seats: int) -> None:
    org.create(impact=impact)
    request, _ = org.see("alice", approvals.approval, org.submit())
    assert (request.type, len(request.seats), request.humans) == ("use_case", seats, seats)


@pytest.mark.parametrize(
    ("impact", "seats"), [("low", 1), ("medium", 1), ("high", 2), ("critical", 3)]
)
def test_where_the_policy_wants_fewer_the_impact_level_wants_more(
    tmp_path: Path, impact: str, seats: int
) -> None:
    company = UseCaseOrg(tmp_path, policy="builtin/basic")
    company.create(impact=impact)
    request, _ = company.see("alice", approvals.approval, company.submit())
    company.warden.close()
    assert len(request.seats) == seats


def test_each_model_has_to_be_live_there_and_staging_comes_first(org: UseCaseOrg) -> None:
    org.create()
    org.agreed()
    with pytest.raises(GateRefused) as refused:
        org.use()
    assert refused.value.reasons == ("model_not_live",)
    with pytest.raises(GateRefused) as refused:
        org.use(place="production")
    assert refused.value.reasons == ("staging_missing", "model_not_live")
    org.go_live("staging")
    assert org.use().live_in == ("staging",)
    with pytest.raises(GateRefused) as refused:
        org.use()
    assert refused.value.reasons == ("model_not_live",)


def test_one_that_nobody_agreed_to_goes_nowhere(org: UseCaseOrg) -> None:
    org.go_live("staging")
    org.create()
    with pytest.raises(GateRefused) as refused:
        org.use()
    assert refused.value.reasons == ("not_approved",)
    with pytest.raises(NotPermitted):
        org.use(by="alice")


def test_a_model_whose_use_cases_nobody_approved_does_not_reach_production(
    org: UseCaseOrg,
) -> None:
    org.create()
    org.approved()
    org.deploy(environment=Environment.STAGING)
    with pytest.raises(GateRefused) as refused:
        org.deploy()
    assert refused.value.reasons == ("use_case_missing",)
    org.agreed()
    assert org.deploy().version == "churn@1.0.0"


def test_the_impact_forces_the_tier_that_policies_see(org: UseCaseOrg) -> None:
    def enforced() -> bool:
        needs = org.see("alice", requirements, "churn", Environment.PRODUCTION)
        return bool(needs.enforced)

    assert not enforced()  # tier 3
    org.create(impact="low")
    assert not enforced()
    org.update(impact="high")
    assert enforced()
    org.do("dave", approvals.deprecate_use_case, "retention")
    assert not enforced()


def test_an_approval_that_runs_out_before_use_is_asked_for_anew(org: UseCaseOrg) -> None:
    org.go_live("staging")
    org.create()
    org.agreed()
    org.clock.advance(days=400)
    with pytest.raises(GateRefused) as refused:
        org.use()
    assert "approval_expired" in refused.value.reasons
    org.system(approvals.expire_due)
    assert org.shown().state == "draft"


def test_time_does_not_take_a_use_case_out_of_production(org: UseCaseOrg) -> None:
    org.go_live("staging", "production")
    org.create()
    org.agreed()
    org.use()
    org.use()
    org.clock.advance(days=400)
    org.system(approvals.expire_due)
    assert (org.shown().state, org.shown().live_in) == ("deployed", ("production", "staging"))


def test_a_deprecated_one_names_its_replacement_and_takes_nothing_more(org: UseCaseOrg) -> None:
    org.create()
    org.create("calls-2")
    with pytest.raises(NotPermitted):
        org.do("alice", approvals.deprecate_use_case, "retention")
    for other, error in (("retention", ValueInvalid), ("nobody", UseCaseNotFound)):
        with pytest.raises(error):
            org.do("dave", approvals.deprecate_use_case, "retention", replacement=other)
    ended = org.do("dave", approvals.deprecate_use_case, "retention", replacement="calls-2")
    assert ended.replacement == "calls-2"
    for act in (org.update, org.submit, org.use):
        with pytest.raises(UseCaseIsDeprecated, match="use calls-2"):
            act()
    with pytest.raises(UseCaseIsDeprecated):
        org.do("dave", approvals.deprecate_use_case, "calls-2", replacement="retention")


def test_calls_that_carry_a_deprecated_use_case_are_refused_in_every_environment(
    org: UseCaseOrg,
) -> None:
    org.create()
    org.do("dave", approvals.deprecate_use_case, "retention")
    live = org.see("dave", safeguards.switches, Page(limit=10)).items
    assert {
        (one.environment, one.scope, one.action, one.unknown, one.evidence) for one in live
    } == {
        (place, '{"use_case":["retention"]}', "block", "pass", "use_case_deprecated")
        for place in Environment
    }


def test_a_sunset_waits_for_its_time_and_comes_once(org: UseCaseOrg) -> None:
    org.create()
    sunset = org.clock.now() + timedelta(days=30)
    with pytest.raises(ValueInvalid):
        org.do(
            "dave", approvals.deprecate_use_case, "retention", sunset_at=sunset - timedelta(days=31)
        )
    ended = org.do("dave", approvals.deprecate_use_case, "retention", sunset_at=sunset)
    assert ended.stopped_at is None
    assert org.see("dave", approvals.use_cases_due) == []
    org.system(approvals.sunset_use_case, "retention")
    assert org.see("dave", safeguards.switches, Page(limit=10)).items == ()
    org.clock.advance(days=31)
    assert org.see("dave", approvals.use_cases_due) == ["retention"]
    with pytest.raises(NotPermitted):
        org.do("dave", approvals.sunset_use_case, "retention")
    for _ in range(2):
        assert org.system(approvals.sunset_use_case, "retention").stopped_at == org.clock.now()
    assert len(org.see("dave", safeguards.switches, Page(limit=10)).items) == 2


def test_lists_find_by_model_and_state(org: UseCaseOrg) -> None:
    for name in ("a", "b", "c"):
        org.create(name)
    org.update("b", models=())
    org.submit("c")
    found = org.see("alice", registry.use_cases, Page(limit=2))
    assert [one.name for one in found.items] == ["a", "b"]
    rest = org.see("alice", registry.use_cases, Page(limit=2, cursor=found.next_cursor))
    assert [one.name for one in rest.items] == ["c"]
    of_churn = org.see("alice", registry.use_cases, Page(), model="churn")
    assert [one.name for one in of_churn.items] == ["a", "c"]
    none = org.see("alice", registry.use_cases, Page(), model="chur_")
    assert none.items == ()
    asked = org.see("alice", registry.use_cases, Page(), state="submitted")
    assert [one.name for one in asked.items] == ["c"]
    with pytest.raises(ValueInvalid):
        org.see("alice", registry.use_cases, Page(), state="asleep")


def test_the_comment_is_the_justification(org: UseCaseOrg) -> None:
    org.create()
    request, _ = org.see("alice", approvals.approval, org.submit())
    assert org.see("alice", lambda view: view.words(request.justification)) == COMMENT
