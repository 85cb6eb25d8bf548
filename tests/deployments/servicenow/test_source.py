"""A release goes live on a change in ServiceNow, and on nothing less (RL-51, RL-52); attacks of RL-61."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.deployments import actions as deployments
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.deployments.servicenow import keeping, queries
from modelwarden.deployments.servicenow.instance import Instance
from modelwarden.deployments.servicenow.source import Ways
from modelwarden.errors import ExternalUnreadable, GateRefused, NotPermitted
from modelwarden.reactions.servicenow import KeepChanges
from modelwarden.values.ids import RequestId, ServicenowId
from tests.approvals.org import SYSTEM
from tests.deployments.fleet import govern
from tests.deployments.servicenow.company import Company
from tests.deployments.test_actions import bodies

if TYPE_CHECKING:
    from modelwarden.deployments.servicenow.instance import Account
    from tests.approvals.org import Org
    from tests.services.servicenow_stub import ServiceNow


def refused(company: Company) -> GateRefused:
    with pytest.raises(GateRefused) as caught:
        company.deploy()
    return caught.value


def test_a_release_goes_live_on_an_approved_change_and_the_change_is_told(company: Company) -> None:
    change = company.ready()
    live = company.deploy()
    company.look()
    company.look()
    assert live.state is DeploymentState.LIVE
    assert change["work_notes"] == f"churn@1.0.0 is live in production by {live.id}."
    assert [verb for verb, _, _ in company.stub.written] == ["POST", "PATCH"]
    types = [body["type"] for body in bodies(company.org, 12)]
    assert types.count("servicenow.change_opened") == types.count("servicenow.change_told") == 1
    accepted = next(b for b in bodies(company.org, 12) if b["type"] == "external.evidence_accepted")
    assert accepted["fact"]["persons"] == [company.org.who("erin").person]


def test_a_change_is_closed_once_its_version_is_live(
    org: Org, servicenow: ServiceNow, instance: Instance
) -> None:
    company = Company(org, servicenow, instance, ways=Ways(closes=("0", "3")))
    change = company.ready()
    company.deploy()
    company.look()
    company.look()
    assert (change["state"], change["close_code"]) == ("3", "successful")
    patches = [fields for verb, _, fields in servicenow.written if verb == "PATCH"]
    assert [one.get("state") for one in patches] == [None, "0", "3"]  # the note comes first
    assert "approval" not in {name for one in patches for name in one}


@pytest.mark.parametrize("stands_at", ["-2", "0", "3"])
def test_whoever_was_killed_while_a_change_was_closed_goes_on_where_it_stands(
    org: Org, servicenow: ServiceNow, instance: Instance, stands_at: str
) -> None:
    company = Company(org, servicenow, instance, ways=Ways(closes=("0", "3")))
    change = company.ready()
    live = company.deploy()
    change |= {"correlation_display": live.id, "state": stands_at}  # noted, and then killed
    company.look()
    patches = [fields for verb, _, fields in servicenow.written if verb == "PATCH"]
    left = {"-2": ["0", "3"], "0": ["3"], "3": []}[stands_at]
    assert [one.get("state") for one in patches] == left
    assert [b["type"] for b in bodies(org, 3)].count("servicenow.change_told") == 1


def test_a_change_says_what_it_is_about_and_is_opened_once(company: Company) -> None:
    request = company.org.request()
    company.look()
    company.look()
    change = company.stub.only_change()
    assert change["correlation_id"] == request.id
    assert change["short_description"] == "Release churn@1.0.0 to production"
    assert request.basis["subject"] is not None
    assert len(company.stub.written) == 1


def test_no_change_is_opened_where_no_policy_asks(company: Company) -> None:
    govern(company.org, asks="{humans: 2}")
    company.org.request()
    company.look()
    assert company.stub.asked == []


def test_what_a_change_comes_to_is_recorded_when_it_turns(company: Company) -> None:
    company.ready(by="")
    company.look()
    company.stub.answer(company.stub.only_change(), company.users["erin"])
    company.look()
    company.look()
    states = [
        b["fact"]["state"]
        for b in bodies(company.org, 12)
        if b["type"] == "servicenow.change_judged"
    ]
    assert states == ["missing", "passed"]


def test_approvals_are_never_written(company: Company) -> None:
    company.ready()
    company.deploy()
    company.look()
    written = {name for _, _, fields in company.stub.written for name in fields}
    assert written == {
        "correlation_id", "short_description", "description", "work_notes", "correlation_display",
    }  # fmt: skip
    assert all("approv" not in path for _, path, _ in company.stub.written)


# attacks


def test_a_change_approved_by_whoever_asked_is_no_approval(company: Company) -> None:
    company.ready(by="alice")
    error = refused(company)
    assert error.reasons == ("external_missing",)
    assert "0 people count as approvers" in str(error)


def test_an_administrator_there_can_not_answer_for_somebody(company: Company) -> None:
    change = company.ready(by="")
    company.stub.answer(change, company.users["erin"], by="mallory")
    assert refused(company).reasons == ("external_missing",)


def test_somebody_whom_nobody_mapped_does_not_count(company: Company) -> None:
    company.ready(by="mallory")
    assert refused(company).reasons == ("external_missing",)


def test_a_person_who_was_suspended_does_not_count(company: Company) -> None:
    company.ready()
    company.org.warden.acting_as("root").users.suspend("erin", reason="left the company")
    assert refused(company).reasons == ("external_missing",)


def test_two_changes_for_one_request_are_none(company: Company) -> None:
    change = company.ready()
    second = company.stub.change(change["correlation_id"])
    company.stub.plan(second, now=company.org.clock.now())
    company.stub.answer(second, company.users["erin"])
    assert "2 changes name this request" in str(refused(company))


def test_another_change_does_not_take_the_place_of_the_one_that_was_opened(
    company: Company,
) -> None:
    change = company.ready(by="")
    other = company.stub.change(change["correlation_id"])
    company.stub.plan(other, now=company.org.clock.now())
    company.stub.answer(other, company.users["erin"])
    change["correlation_id"] = ""
    assert "is not the change that was opened" in str(refused(company))


def test_a_window_that_is_over_lets_nothing_pass(company: Company) -> None:
    company.ready()
    company.org.clock.advance(hours=2)
    assert "outside its planned window" in str(refused(company))


def test_a_rejection_there_blocks(company: Company) -> None:
    change = company.ready()
    company.stub.answer(change, company.users["dave"], "rejected")
    assert refused(company).reasons == ("external_changes_requested",)


def test_what_was_read_a_minute_ago_is_too_old(company: Company) -> None:
    company.ready()
    prepared = company.prepared()
    (seen,) = next(iter(prepared.external.values()))
    company.org.clock.advance(seconds=61)
    assert company.org.clock.now() - seen.seen_at > timedelta(seconds=60)
    with pytest.raises(GateRefused) as caught:
        company.org.do("dave", partial(deployments.start, prepared=prepared), "churn", "1.0.0")
    assert caught.value.reasons == ("external_missing",)


@pytest.mark.parametrize(
    ("answer", "why"), [(b"<html>maintenance</html>", "no JSON"), (b'{"result": {}}', "no rows")]
)
def test_an_instance_that_answers_nonsense_denies_and_says_so(
    company: Company, answer: bytes, why: str
) -> None:
    company.ready()
    company.stub.answers_with = answer
    error = refused(company)
    assert error.reasons == ("external_missing",)
    assert why in str(error)


def test_a_silent_instance_denies_and_says_so(
    org: Org, servicenow: ServiceNow, account: Account
) -> None:
    with closing(Instance(account, patience_s=0.2)) as hurried:
        company = Company(org, servicenow, hurried)
        company.ready()
        servicenow.silent = True
        error = refused(company)
        assert error.reasons == ("external_missing",)
        assert "ServiceNow does not answer: ReadTimeout" in str(error)


def test_an_instance_that_takes_no_calls_denies_and_says_so(company: Company) -> None:
    company.ready()
    company.stub.quiet_s = 30
    assert "asked to be left alone" in str(refused(company))


def test_an_instance_that_ignores_the_question_is_not_believed(company: Company) -> None:
    """Where conditions name a field that it does not have, it answers with every row."""
    change = company.ready()
    for row in company.stub.tables["change_request"]:
        row["u_marker"] = row.pop("correlation_id")
    assert "did not answer with correlation_id" in str(refused(company))
    change["correlation_id"] = change.pop("u_marker")
    for row in company.stub.tables["sysapproval_approver"]:
        del row["sysapproval"]
    assert "did not answer with sysapproval" in str(refused(company))


def test_one_request_that_can_not_be_opened_holds_up_no_other(company: Company) -> None:
    first = company.org.request()
    company.stub.change(first.id)
    company.stub.change(first.id)
    company.org.register("1.1.0")
    second = company.org.request("1.1.0")
    company.look()
    opened = company.org.warden.view(SYSTEM, lambda view: queries.find_opened(view, second.id))
    assert opened is not None


def test_nobody_else_says_which_change_stands_for_a_request(company: Company) -> None:
    request = company.org.request()
    about = company.org.warden.view(SYSTEM, lambda view: queries.about(view, request.id))
    with pytest.raises(NotPermitted):
        company.org.do("root", keeping.keep_opened, about=about, sys_id=ServicenowId("1" * 32))


def test_a_request_that_asks_for_no_release_is_not_judged(company: Company) -> None:
    change = company.ready()
    change["correlation_id"] = "req_nothing"
    with pytest.raises(ExternalUnreadable, match="asks for no release"):
        company.evidence(RequestId("req_nothing"))
    assert company.evidence(None).state == "missing"


def test_a_hint_is_looked_at_before_the_minute_is_over_and_not_at_once_again(
    company: Company,
) -> None:
    company.org.request()
    waits = KeepChanges(company.org.warden, company.source, soonest_s=0.0)
    waits.idle()
    asked = len(company.stub.asked)
    waits.idle()
    assert len(company.stub.asked) == asked
    company.source.hint()
    waits.idle()
    assert len(company.stub.asked) > asked
    company.source.hint()
    patient = KeepChanges(company.org.warden, company.source, soonest_s=3600.0)
    patient.idle()
    asked = len(company.stub.asked)
    company.source.hint()
    patient.idle()
    assert len(company.stub.asked) == asked
