"""Waivers that somebody wants to get more out of than was signed (EVAL-5)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text, update

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.actions import Ballot
from modelwarden.approvals.offline import trusted_keys, verify_release
from modelwarden.approvals.request import RequestState, VoidCause
from modelwarden.errors import (
    AlreadyDecided,
    NotFound,
    NotWaivable,
    PolicyWeakensParent,
    RequestClosed,
    RequestExists,
    SamePerson,
    SelfApproval,
    StatementChanged,
)
from modelwarden.policies import actions as policies
from modelwarden.registry.reads import version
from modelwarden.store.schema.approvals import approvals as rows
from tests.approvals.org import Org
from tests.approvals.test_checks import FLOOR, SCAN, outcomes, publish, ran, reasons, scanned
from tests.approvals.test_waivers import LEAVE, WHY, asks, shown, waived

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    company = Org(tmp_path)
    publish(company, f"{SCAN}, {FLOOR}", rest=LEAVE)
    scanned(company, high=1)
    yield company
    company.warden.close()


def edit(org: Org, request: str, change: str) -> None:
    """Change a row behind the program's back."""
    statement = f"UPDATE approvals SET {change} WHERE id = '{request}'"  # noqa: S608  # our own words
    with org.warden.store.database.writing() as connection:
        connection.execute(text(statement))


def test_a_waiver_of_one_version_does_not_serve_another(org: Org) -> None:
    org.register("2.0.0")
    scanned(org, "2.0.0", high=1)
    given = waived(org)
    assert outcomes(org.do("alice", approvals.run_checks, "churn", "2.0.0"))["scan"] == "fail"
    other = org.do("alice", approvals.request_waiver, "churn", "2.0.0", check="scan", reason=WHY)
    line, _ = org.see("bob", approvals.envelopes, given.id).splitlines()
    ballot = Ballot(envelope=line, comment="c", comment_salt=b"0" * 32)
    with pytest.raises(StatementChanged):  # bob's own signature, on another question
        org.do("bob", approvals.approve, other.id, ballot)
    edit(org, given.id, "version = 'churn@2.0.0', label = '2.0.0'")
    assert outcomes(org.do("alice", approvals.run_checks, "churn", "2.0.0"))["scan"] == "fail"


@pytest.mark.parametrize(
    "change",
    [
        "payload = replace(payload, 'scan', 'floor')",
        "expires_at = '2027-11-20T12:00:00.000000Z'",
        "environment = 'staging'",
        "seats = '[[\"role:approver\"]]'",
        "type = 'release'",
    ],
)
def test_an_edited_waiver_is_none(org: Org, change: str) -> None:
    given = waived(org)
    org.do("alice", approvals.run_checks, "churn", "1.0.0")
    edit(org, given.id, change)
    run = org.do("alice", approvals.run_checks, "churn", "1.0.0")
    assert outcomes(run) == {"scan": "fail", "floor": "pass"}
    assert "checks_blocking" in reasons(org)


def test_a_release_that_people_agreed_to_can_not_be_made_a_waiver(org: Org) -> None:
    scanned(org, ago=-timedelta(seconds=1))
    release = org.approved()
    org.clock.advance(minutes=1)
    scanned(org, high=1)
    payload = json.dumps({"check": "mine@1/scan", "type": "findings", "owner": "x", "subject": "y"})
    with org.warden.store.database.writing() as connection:
        connection.execute(
            update(rows).where(rows.c.id == release.id).values(type="waiver", payload=payload)
        )
    assert outcomes(ran(org))["scan"] == "fail"


def test_a_waiver_never_passes_for_the_approval_of_a_release(org: Org) -> None:
    given = waived(org)
    assert set(reasons(org)) == {"not_approved"}
    edit(org, given.id, "type = 'release'")
    assert {"signature_invalid", "approval_void"} <= set(reasons(org))
    lines = org.see("bob", approvals.envelopes, given.id)
    keys = [
        {"keyid": key.keyid, "pem": key.public_pem, "person": person,
         "valid_from": "2026-01-01T00:00:00.000000Z", "valid_to": None, "revoked": None}
        for name, key in org.keys.items()
        for person in [org.see(name, lambda view: view.person)]
    ]  # fmt: skip
    known = org.see("alice", version, "churn", "1.0.0")
    found = verify_release(
        lines,
        trust=trusted_keys(json.dumps(keys)),
        at=org.clock.now(),
        artifact_sha256=known.subject_sha256,
    )
    assert "artifact_mismatch" in {finding.code for finding in found}


def test_nobody_signs_leave_for_what_they_take_part_in(org: Org) -> None:
    org.warden.add_user("rita", roles=["developer"])
    asked = asks(org, by="rita")
    org.warden.acting_as("root").users.link("rita", to="bob")  # a second account of bob's
    with pytest.raises(SelfApproval):
        org.approve("bob", asked.id)


def test_two_accounts_of_one_person_found_out_afterwards_do_not_count(org: Org) -> None:
    org.warden.add_user("rita", roles=["developer"])
    asked = asks(org, by="rita")
    org.approve("bob", asked.id)
    org.approve("carol", asked.id)
    assert outcomes(ran(org))["scan"] == "waived"
    org.warden.acting_as("root").users.link("rita", to="bob")
    assert outcomes(ran(org))["scan"] == "fail"


def test_whoever_sees_to_it_does_not_sign_it_and_nobody_signs_twice(org: Org) -> None:
    asked = asks(org, owner="bob")
    with pytest.raises(SelfApproval):
        org.approve("bob", asked.id)
    org.approve("carol", asked.id)
    org.warden.add_user("cora", roles=[])
    with pytest.raises(NotFound):
        org.do("cora", approvals.approve, asked.id)
    org.warden.acting_as("root").users.link("cora", to="carol")
    with pytest.raises(AlreadyDecided):
        org.approve("carol", asked.id)
    with pytest.raises((SamePerson, NotFound)):
        org.do("cora", approvals.approve, asked.id)


@pytest.mark.parametrize("by", [0, 1])
def test_a_waiver_that_ends_in_the_moment_of_the_gate_is_over(org: Org, by: int) -> None:
    end = org.clock.now() + timedelta(hours=1)
    waived(org, expires_at=end)
    org.approved()
    org.clock.time = end + timedelta(microseconds=by - 1000)  # a change takes a millisecond here
    assert reasons(org) == ("checks_blocking",)


def test_the_last_signature_comes_too_late(org: Org) -> None:
    end = org.clock.now() + timedelta(minutes=5)
    asked = asks(org, expires_at=end)
    org.approve("bob", asked.id)
    ballot = org.ballot("carol", asked.id)
    org.clock.time = end
    with pytest.raises(RequestClosed):
        org.do("carol", approvals.approve, asked.id, ballot)


@pytest.mark.parametrize(
    ("check", "name"),
    [("{id: chain, type: chain_verified}", "chain"), ("{id: bytes, type: artifact}", "bytes")],
)
def test_what_has_to_hold_can_not_be_waived(org: Org, check: str, name: str) -> None:
    publish(org, check, rest=LEAVE)
    with pytest.raises(NotWaivable):
        asks(org, check=name)
    publish(org, "{id: chain, type: findings, params: {source: x, max: {high: 0}}}", rest=LEAVE)
    given = waived(org, check="chain")
    publish(org, "{id: chain, type: chain_verified}", rest=LEAVE)
    edit(org, given.id, "payload = replace(payload, 'mine@3', 'mine@4')")
    assert outcomes(ran(org)) == {"chain": "unknown"}


def test_a_policy_that_is_loosened_after_the_waiver_does_not_lengthen_it(org: Org) -> None:
    given = waived(org)
    publish(
        org, f"{SCAN}, {FLOOR}", rest=LEAVE.replace("P30D", "P365D").replace("any: 2", "any: 1")
    )
    assert outcomes(ran(org))["scan"] == "fail"
    org.system(approvals.void_changed, "churn")
    assert shown(org, given.id).cause is VoidCause.POLICY


def test_a_child_lets_no_more_be_waived_than_its_parent(org: Org) -> None:
    head = "schema: modelwarden.policy/v1\nname: child\nextends: mine\napprovals: {humans: 2}\n"
    for more in (
        LEAVE.replace("P30D", "P31D"),
        LEAVE.replace("any: 2", "any: 1"),
    ):
        with pytest.raises(PolicyWeakensParent):
            org.see("root", policies.lint, head + more)
    org.see("root", policies.lint, head + LEAVE.replace("P30D", "P7D"))
    publish(org, SCAN)
    with pytest.raises(PolicyWeakensParent):
        org.see("root", policies.lint, head + LEAVE)


def test_two_questions_about_one_check_do_not_stand_beside_each_other(org: Org) -> None:
    asked = asks(org)
    with pytest.raises(RequestExists):
        asks(org, by="dave")
    asks(org, check="floor")
    with org.warden.store.database.reading() as connection:
        found = connection.execute(select(rows.c.id).where(rows.c.type == "waiver")).scalars().all()
    assert asked.id in found
    assert len(found) == 2
    scanned(org, ago=-timedelta(seconds=1))
    org.clock.advance(minutes=1)
    assert org.request().state is RequestState.OPEN  # and a release is asked for beside them
