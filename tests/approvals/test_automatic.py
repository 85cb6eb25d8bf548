"""A seat that the policy fills by itself, and all that it does not do (RL-42, RL-43)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import update

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.case import known_keys
from modelwarden.approvals.decision import Custody
from modelwarden.approvals.offline import verify_release
from modelwarden.approvals.signatures import read as read_envelope
from modelwarden.errors import EnforcementTooWeak, PolicyInvalid, PolicyWeakensParent
from modelwarden.policies import actions as policies
from modelwarden.store.schema.approvals import decisions
from tests.approvals.test_checks import permit, reasons, scanned
from tests.approvals.test_waivers import LEAVE, WHY, asks

if TYPE_CHECKING:
    from modelwarden.approvals.case import Dossier
    from tests.approvals.org import Org

SCAN: Final = (
    "{id: scan, type: findings, severity: warn, params: {source: security, max: {high: 0}}}"
)
AUTO: Final = "auto_approval: {enabled: true, seat: analyst, when: {all: [{check: scan}]}}"


def text_of(auto: str = AUTO, *, humans: int = 2, rest: str = "", void: str = "") -> str:
    return (
        "schema: modelwarden.policy/v1\nname: mine\n"
        f"approvals: {{humans: {humans}, seats: [{{role: analyst}}, {{role: approver}}]{void}}}\n"
        f"checks: [{SCAN}]\n{auto}\n{rest}\nenvironments: {{staging: {{approvals: {{humans: 0}}}}}}"
    )


def governs(org: Org, text: str, *, assign: bool = True) -> None:
    found = org.see("root", policies.lint, text)
    permit(org, policies.publish_payload("mine", found.hash), "policy.publish")
    org.do("root", policies.publish, policies.prepare_policy(text))
    if assign:
        payload = policies.assign_payload("mine", model="churn", environment=None)
        permit(org, payload, "policy.assign")
        org.do("root", policies.assign, "mine", model="churn")


def asked(org: Org) -> Dossier:
    request = org.request()
    found: Dossier = org.see("bob", approvals.approval, request.id)
    return found


def agreed(org: Org) -> str:
    """Let the policy fill its seat, and both approvers sign."""
    request = org.request().id
    org.approve("bob", request)
    assert org.approve("carol", request).request.state == "approved"
    return str(request)


@pytest.fixture
def clean(org: Org) -> Org:
    governs(org, text_of())
    scanned(org)
    return org


def test_the_policy_fills_one_seat_and_as_many_people_agree_as_before(clean: Org) -> None:
    request, (decision,) = asked(clean)
    assert (decision.custody, decision.person) == (Custody.POLICY, "policy:mine@1")
    assert request.seats[decision.seat] == ("role:analyst",)
    assert (request.humans, len(request.seats)) == (2, 3)
    after = clean.approve("bob", request.id).request
    assert after.state == "open"  # two signatures, one human
    assert clean.approve("carol", request.id).request.state == "approved"
    shown = clean.warden.acting_as("bob").approvals.show(request.id)
    assert shown.seats[decision.seat].filled_by == "policy:mine@1"
    (told,) = [each for each in shown.decisions if each.custody == "policy"]
    assert told.approver == "policy:mine@1"
    assert clean.deploy().state == "live"
    facts = clean.warden.acting_as("root").audit.search(type="approval.decided").items
    assert {entry.entry["fact"]["custody"] for entry in facts} == {"policy", "personal"}
    run = request.basis["documents"]["check_run"]  # type: ignore[index, call-overload]
    (pinned,) = [each for each in _runs(clean) if each.occasion == "request"]
    assert pinned.digest == run  # what the server's key signed names the run with the values seen


def _runs(org: Org) -> list[policies.CheckRun]:  # type: ignore[name-defined]
    return list(org.warden.acting_as("alice").checks.list("churn", "1.0.0").items)


def test_the_export_says_that_nobody_signed_for_that_seat(clean: Org) -> None:
    request = agreed(clean)
    lines = clean.see("bob", approvals.envelopes, request)
    signed = {read_envelope(line).keyid for line in lines.splitlines()}
    keys = clean.see("bob", known_keys, signed).values()
    found = verify_release(lines, trust=list(keys), at=clean.clock.now())
    assert [each.code for each in found if not each.is_note] == []
    assert any("policy:mine@1" in each.detail for each in found if each.is_note)


@pytest.mark.parametrize("case", ["none", "old", "failing", "waived"])
def test_whatever_does_not_pass_leaves_the_seat_to_a_person(org: Org, case: str) -> None:
    text = text_of(rest=LEAVE)
    governs(org, text.replace("severity: warn,", "severity: warn, max_age: P1D,"))
    if case == "old":
        scanned(org, ago=timedelta(days=2))
    if case in {"failing", "waived"}:
        scanned(org, high=1)
    if case == "waived":
        waiver = asks(org, reason=WHY)
        org.approve("bob", waiver.id)
        org.approve("carol", waiver.id)
    request, given = asked(org)
    assert given == ()
    assert (request.humans, len(request.seats)) == (2, 2)


@pytest.mark.parametrize("auto", [AUTO.replace("true", "false"), ""])
def test_it_is_off_unless_the_policy_says_on(org: Org, auto: str) -> None:
    governs(org, text_of(auto))
    scanned(org)
    assert asked(org).decisions == ()


def test_not_where_what_is_exposed_would_be_let_through(org: Org) -> None:
    alice = org.warden.acting_as("alice")
    alice.models.update("churn", risk_tier=2)
    with pytest.raises(EnforcementTooWeak):
        governs(org, text_of())
    scoped = text_of(rest="applies_to: {field: model.name, eq: churn}")
    governs(org, scoped, assign=False)
    scanned(org)
    assert asked(org).decisions == ()


def test_a_tier_that_was_raised_since_empties_the_seat(clean: Org) -> None:
    agreed(clean)
    clean.warden.acting_as("alice").models.update("churn", risk_tier=1)
    assert reasons(clean) == ("not_approved",)


def test_a_check_that_turns_between_the_answer_and_the_gate_empties_the_seat(clean: Org) -> None:
    agreed(clean)
    clean.clock.advance(minutes=1)
    scanned(clean, high=1)  # only warns, so nothing else refuses
    assert reasons(clean) == ("not_approved",)
    clean.clock.advance(minutes=1)
    scanned(clean)
    assert clean.deploy().state == "live"


def test_whoever_asked_or_owns_it_has_no_policy_of_their_own_decide(clean: Org) -> None:
    agreed(clean)
    clean.warden.acting_as("root").users.link("root", to="alice")
    assert "not_approved" in reasons(clean)  # alice turns out to be who published it
    clean.register("2.0.0")
    scanned(clean, "2.0.0")
    request = clean.request("2.0.0")
    assert clean.see("bob", approvals.approval, request.id).decisions == ()


def test_another_version_of_the_policy_does_not_stand_for_the_first(clean: Org) -> None:
    agreed(clean)
    governs(clean, text_of().replace("high: 0", "high: 9"), assign=False)
    assert "not_approved" in reasons(clean)


def test_a_row_that_says_otherwise_does_not_count(clean: Org) -> None:
    agreed(clean)
    for told, values in (
        ("policy", {"custody": "personal"}),  # the policy's as a person's
        ("personal", {"custody": "policy"}),  # a person's as the policy's
    ):
        with clean.warden.store.database.writing() as connection:
            changed = update(decisions).where(decisions.c.custody == told)
            connection.execute(changed.values(values))
        assert reasons(clean)
        with clean.warden.store.database.writing() as connection:
            back = update(decisions).where(decisions.c.person == "policy:mine@1")
            connection.execute(update(decisions).values(custody="personal"))
            connection.execute(back.values(custody="policy"))
    assert clean.deploy().state == "live"


def test_a_seat_that_another_policy_wants_a_human_in_stays_theirs(clean: Org) -> None:
    other = (
        "schema: modelwarden.policy/v1\nname: second\napplies_to: {field: model.name, eq: churn}\n"
        "approvals: {humans: 2, seats: [{role: analyst}, {role: approver}]}"
    )
    found = clean.see("root", policies.lint, other)
    permit(clean, policies.publish_payload("second", found.hash), "policy.publish")
    clean.do("root", policies.publish, policies.prepare_policy(other))
    assert asked(clean).decisions == ()


def test_a_document_fills_only_seats_and_names_only_checks_that_it_has(org: Org) -> None:
    for wrong in (
        AUTO.replace("analyst", "approver_of_old"),
        AUTO.replace("check: scan", "check: none"),
        AUTO.replace("[{check: scan}]", "[]"),
    ):
        with pytest.raises(PolicyInvalid):
            policies.prepare_policy(text_of(wrong))
    governs(org, text_of(""))
    head = "schema: modelwarden.policy/v1\nname: child\nextends: mine\napprovals: {humans: 2}\n"
    with pytest.raises(PolicyWeakensParent):
        org.see("root", policies.lint, head + AUTO)
