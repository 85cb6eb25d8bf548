"""Checks at the three doors that they hold: asking, agreeing, going live; and when they turn (RL-15, RL-17, RL-33)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import select, update

from modelwarden.access.actions import write_permit
from modelwarden.approvals import actions as approvals
from modelwarden.approvals.request import RequestState, VoidCause
from modelwarden.audit.reads import stored_entry
from modelwarden.deployments import actions as deployments
from modelwarden.errors import (
    ChecksBlocking,
    DigestMismatch,
    EvidenceFromFuture,
    GateRefused,
    NotPermitted,
    StatementChanged,
    VersionNotFound,
)
from modelwarden.policies import actions as policies
from modelwarden.policies import checking, queries
from modelwarden.reactions.approvals import VoidApprovals
from modelwarden.registry.actions import record_metrics
from modelwarden.registry.lifecycle import Environment
from modelwarden.store.schema.ledger import entries
from modelwarden.store.schema.policies import check_runs, evidence
from modelwarden.values.ids import RequestId, VersionName
from modelwarden.values.pages import Page

if TYPE_CHECKING:
    from modelwarden.policies.check_run import CheckRun
    from modelwarden.policies.evidence import Evidence
    from modelwarden.store.change import Change
    from modelwarden.values.ids import Digest
    from tests.approvals.org import Org

SCAN: Final = "{id: scan, type: findings, params: {source: security, max: {critical: 0, high: 0}}, max_age: P7D}"
FLOOR: Final = "{id: floor, type: metric, params: {metric: roc_auc, min: 0.75}}"


def draft_of(checks: str, *, approving: str = "", rest: str = "", name: str = "mine") -> str:
    return (
        f"schema: modelwarden.policy/v1\nname: {name}\n"
        f"approvals: {{humans: 2, seats: [{{any: 2, of: [{{role: approver}}]}}], {approving}}}\n"
        f"checks: [{checks}]\n{rest}\n"
        "environments: {staging: {approvals: {humans: 0}}}"
    )


def publish(
    org: Org, checks: str, *, approving: str = "", rest: str = "", name: str = "mine"
) -> None:
    """Publish a policy with these checks and let it govern churn, as root with permits."""
    text = draft_of(checks, approving=approving, rest=rest, name=name)
    found = org.see("root", policies.lint, text)
    permit(org, policies.publish_payload(name, found.hash), "policy.publish")
    org.do("root", policies.publish, policies.prepare_policy(text))
    if "applies_to" not in rest:
        payload = policies.assign_payload(name, model="churn", environment=None)
        permit(org, payload, "policy.assign")
        org.do("root", policies.assign, name, model="churn")


def permit(org: Org, payload: Digest, action: str) -> None:
    def written(change: Change) -> None:
        write_permit(
            change,
            action=action,
            payload_digest=payload,
            requester=change.actor,
            request=RequestId("req_1"),
            expires_at=change.now + timedelta(hours=1),
        )

    org.do("root", written)


def scanned(
    org: Org,
    label: str = "1.0.0",
    *,
    by: str = "alice",
    ago: timedelta = timedelta(),
    **counts: int,
) -> Evidence:
    """Record what a scanner found."""
    report = {"critical": 0, "high": 0, "medium": 0, "low": 0, **counts}
    new = policies.prepare_evidence(
        "findings",
        value={"source": "security", "counts": report},
        tool="bandit 1.9",
        produced_at=org.clock.now() - ago,
    )
    found: Evidence = org.do(by, policies.record_evidence, "churn", label, new=new)
    return found


def ran(org: Org, by: str = "alice") -> CheckRun:
    found: CheckRun = org.do(by, approvals.run_checks, "churn", "1.0.0")
    return found


def outcomes(run: CheckRun) -> dict[str, str]:
    return {result.check: result.outcome.value for result in run.found}


def reasons(org: Org, **launch: object) -> tuple[str, ...]:
    with pytest.raises(GateRefused) as caught:
        org.deploy(**launch)
    return caught.value.reasons


def runs(org: Org) -> list[CheckRun]:
    return list(org.see("alice", policies.check_runs, "churn", "1.0.0", page=Page()).items)


def test_a_release_walks_through_its_checks(org: Org) -> None:
    publish(org, f"{SCAN}, {FLOOR}")
    assert outcomes(ran(org)) == {"scan": "unknown", "floor": "pass"}
    scanned(org)
    request = org.approved()
    assert org.deploy().state == "live"
    assert [run.occasion for run in runs(org)] == ["gate", "request", "asked"]
    (pinned,) = [run for run in runs(org) if run.occasion == "request"]
    assert request.basis["documents"] == {"check_run": pinned.digest}
    for run in runs(org):
        assert org.see("alice", checking.is_reproduced, run)
    last = org.warden.acting_as("root").audit
    facts = [entry.entry["type"] for entry in last.search(limit=50).items]
    assert "checks.evaluated" in facts
    assert "evidence.recorded" in facts


def test_a_failing_check_refuses_the_question_and_an_unknown_one_the_deployment(org: Org) -> None:
    publish(org, SCAN)
    scanned(org, high=1)
    with pytest.raises(ChecksBlocking) as caught:
        org.request()
    assert caught.value.reasons == ("mine@1/scan",)
    scanned(org, ago=timedelta(days=-0.001))
    org.approved()
    org.clock.advance(days=8)
    assert reasons(org) == ("checks_unknown",)
    scanned(org)
    assert org.deploy().state == "live"


def test_a_policy_may_let_ask_all_the_same(org: Org) -> None:
    publish(org, SCAN, approving="request_when: any")
    scanned(org, high=1)
    org.approved()
    org.system(partial(_void, expect=0))
    assert reasons(org) == ("checks_blocking",)


def _void(change: Change, *, expect: int) -> None:
    ended = approvals.void_changed(change, "churn")  # type: ignore[arg-type]
    assert len(ended) == expect


def test_what_turns_voids_what_was_agreed_to(org: Org) -> None:
    publish(org, SCAN)
    scanned(org)
    request = org.request()
    org.approve("bob", request.id)
    org.clock.advance(minutes=1)
    scanned(org, critical=2)
    with pytest.raises(ChecksBlocking):
        org.approve("carol", request.id)
    org.system(partial(_void, expect=1))
    found = org.see("alice", approvals.approval, request.id).request
    assert (found.state, found.cause) == (RequestState.VOID, VoidCause.CHECKS)
    with pytest.raises(ChecksBlocking):
        org.request()


def test_a_rejection_needs_no_passing_check(org: Org) -> None:
    publish(org, SCAN)
    scanned(org)
    request = org.request()
    org.clock.advance(minutes=1)
    scanned(org, critical=2)
    assert (
        org.reject("bob", request.id, comment="two critical findings").request.state == "rejected"
    )


def test_what_turned_between_the_vote_and_the_gate_is_seen_at_the_gate(org: Org) -> None:
    publish(org, SCAN)
    scanned(org)
    org.approved()
    org.clock.advance(minutes=1)
    scanned(org, high=1)
    assert reasons(org) == ("checks_blocking",)
    assert [run.occasion for run in runs(org)] == [
        "request"
    ]  # a refused start leaves nothing behind


def test_a_policy_that_was_weakened_after_the_vote_does_not_help(org: Org) -> None:
    publish(org, SCAN, approving="void_on: [policy]")
    scanned(org)
    request = org.request()
    org.approve("bob", request.id)
    org.clock.advance(minutes=1)
    scanned(org, critical=1)
    publish(org, SCAN.replace("critical: 0", "critical: 9"), approving="void_on: [policy]")
    with pytest.raises(StatementChanged):
        org.approve("carol", request.id)
    assert "not_approved" in reasons(org)


def test_a_policy_that_chooses_the_model_after_the_vote_is_seen(org: Org) -> None:
    org.approved()
    publish(org, SCAN, rest="applies_to: {field: model.name, eq: churn}")
    assert set(reasons(org)) == {"policy_changed", "checks_unknown"}


def test_enforcement_decides_what_a_failing_check_does(org: Org) -> None:
    publish(org, SCAN, rest="enforcement: warn")
    scanned(org, critical=1)
    org.approved()
    assert org.deploy().state == "live"
    assert outcomes(runs(org)[0]) == {"scan": "fail"}


def test_evidence_is_about_these_bytes_and_of_no_tomorrow(org: Org) -> None:
    publish(org, SCAN)
    value = {"source": "security", "counts": {"critical": 0, "high": 0, "medium": 0, "low": 0}}
    other = policies.prepare_evidence("findings", value=value, tool="t", artifact="a" * 64)
    with pytest.raises(DigestMismatch):
        org.do("alice", policies.record_evidence, "churn", "1.0.0", new=other)
    with pytest.raises(EvidenceFromFuture):
        scanned(org, ago=-timedelta(minutes=5, seconds=1))
    for name in ("bob", "root"):
        with pytest.raises(NotPermitted):
            scanned(org, by=name)
    org.register("2.0.0")
    scanned(org, "2.0.0")
    assert outcomes(ran(org)) == {"scan": "unknown"}
    with pytest.raises(VersionNotFound):
        scanned(org, "3.0.0")


def test_a_row_for_other_bytes_does_not_count_and_an_edited_run_does_not_reproduce(
    org: Org,
) -> None:
    publish(org, SCAN)
    scanned(org)
    run = ran(org)
    assert outcomes(run) == {"scan": "pass"}
    with org.warden.store.database.writing() as connection:
        connection.execute(update(evidence).values(subject="b" * 64))
        edited = run.results.replace('"pass"', '"fail"')
        connection.execute(update(check_runs).values(results=edited))
    assert outcomes(ran(org)) == {"scan": "unknown"}
    old = org.see("alice", policies.check_run, run.id)
    assert not org.see("alice", checking.is_reproduced, replace(run, types=run.types + 1))
    assert not org.see("alice", checking.is_reproduced, old)
    assert not org.see(
        "alice",
        checking.is_reproduced,
        replace(run, policies=({**run.policies[0], "hash": "0" * 64},)),
    )


def test_an_edited_value_is_an_error_also_with_older_evidence_that_passes(org: Org) -> None:
    publish(org, SCAN)
    scanned(org)
    newest = scanned(org, critical=1)
    for value in (
        '{"source":"security"}',
        '{"counts":{"critical":NaN,"high":0},"source":"security"}',
        "[]",
    ):
        with org.warden.store.database.writing() as connection:
            connection.execute(
                update(evidence).where(evidence.c.id == newest.id).values(value=value)
            )
        assert outcomes(ran(org)) == {"scan": "error"}
        assert org.see("alice", checking.is_reproduced, runs(org)[0])


def test_a_figure_recorded_after_the_vote_voids_as_before(org: Org) -> None:
    publish(org, FLOOR)
    request = org.request()
    org.do("alice", record_metrics, "churn", label="1.0.0", metrics={"roc_auc": 0.5})
    org.system(partial(_void, expect=1))
    assert org.see("alice", approvals.approval, request.id).request.cause is VoidCause.METRICS
    with pytest.raises(ChecksBlocking):
        org.request()


def test_a_gain_is_measured_against_what_is_live(org: Org) -> None:
    publish(org, "{id: gain, type: metric_delta, params: {metric: roc_auc, baseline: live, min: 0.01},"
                 " on_unknown: warn, reason: the first release has nothing to compare with}")  # fmt: skip
    org.approved()
    org.deploy()
    data = [{"name": "holdout", "role": "test", "fingerprints": ["blake3:" + "c" * 64]}]
    org.register("2.0.0", datasets=data)
    org.clock.advance(minutes=1)
    run = org.do("alice", approvals.run_checks, "churn", "2.0.0")
    assert outcomes(run) == {"gain": "unknown"}  # 1.0.0 names no test data
    org.register("3.0.0", datasets=data)
    org.do("alice", record_metrics, "churn", label="3.0.0", metrics={"roc_auc": 0.83})
    publish(
        org, "{id: gain, type: metric_delta, params: {metric: roc_auc, baseline: 2.0.0, min: 0.01}}"
    )
    assert outcomes(org.do("alice", approvals.run_checks, "churn", "3.0.0")) == {"gain": "pass"}
    assert outcomes(org.do("alice", approvals.run_checks, "churn", "2.0.0")) == {"gain": "unknown"}


def test_the_ledger_has_to_have_been_verified_as_a_whole(org: Org) -> None:
    publish(org, "{id: chain, type: chain_verified, max_age: P1D}")
    auditor = org.warden.acting_as("root").audit
    assert outcomes(ran(org)) == {"chain": "unknown"}
    org.clock.advance(hours=2)
    ran(org)
    auditor.verify(first=0, last=3)
    assert outcomes(ran(org)) == {"chain": "unknown"}
    auditor.verify(first=4)
    assert outcomes(ran(org)) == {"chain": "unknown"}
    auditor.verify()
    assert outcomes(ran(org)) == {"chain": "pass"}
    org.clock.advance(days=1, seconds=1)
    assert outcomes(ran(org)) == {"chain": "stale"}


def test_seats_in_order_are_filled_in_order(org: Org) -> None:
    publish(org, "", approving="order: sequential")
    bob = org.see("bob", lambda view: view.person)
    carol = org.see("carol", lambda view: view.person)
    text = (
        "schema: modelwarden.policy/v1\nname: mine\n"
        f"approvals: {{humans: 2, seats: [{{person: {carol}}}, {{person: {bob}}}], order: sequential}}"
    )
    found = org.see("root", policies.lint, text)
    permit(org, policies.publish_payload("mine", found.hash), "policy.publish")
    org.do("root", policies.publish, policies.prepare_policy(text))
    request = org.request()
    with pytest.raises(NotPermitted) as caught:
        org.approve("bob", request.id)
    assert caught.value.reasons == ("order",)
    org.approve("carol", request.id)
    assert org.approve("bob", request.id).request.state is RequestState.APPROVED


def test_where_all_seats_are_heard_one_rejection_does_not_close(org: Org) -> None:
    publish(org, "", approving="rejection: all_seats")
    request = org.request()
    assert org.reject("bob", request.id, comment="not convinced").request.state is RequestState.OPEN
    assert org.approve("carol", request.id).request.state is RequestState.REJECTED


def test_checks_alone_hold_staging_where_no_human_is_asked(org: Org) -> None:
    publish(org, SCAN)
    assert reasons(org, environment=Environment.STAGING) == ("checks_unknown",)
    scanned(org)
    assert org.deploy(environment=Environment.STAGING).state == "live"
    outlook = org.see("dave", deployments.gate_answer, "churn", "1.0.0")
    assert "not_approved" in outlook.verdict.codes


def test_old_rows_are_found_by_digest_and_only_by_it(org: Org) -> None:
    publish(org, SCAN)
    run = ran(org)
    assert org.see("alice", queries.run_of_digest, run.digest) == run
    assert org.see("alice", queries.run_of_digest, "0" * 64) is None
    assert (
        org.see(
            "alice",
            queries.evidence_of,
            VersionName("churn@1.0.0"),
            kind="findings",
            by="~",
            limit=9,
        )
        == []
    )


def reacts(org: Org) -> None:
    """Let the reaction see every entry so far, as its follower would."""
    with org.warden.store.database.reading() as connection:
        numbers = connection.execute(select(entries.c.seq).order_by(entries.c.seq)).scalars().all()
    batch = [org.see("root", stored_entry, number) for number in numbers]
    VoidApprovals(org.warden)(batch, b"")


def test_a_newer_policy_voids_what_was_asked_under_the_older(org: Org) -> None:
    publish(org, SCAN, approving="void_on: [policy]")
    scanned(org)
    request = org.request()
    reacts(org)
    assert org.see("bob", approvals.approval, request.id).request.state is RequestState.OPEN
    publish(org, SCAN.replace("P7D", "P6D"), approving="void_on: [policy]")
    reacts(org)
    found = org.see("bob", approvals.approval, request.id).request
    assert (found.state, found.cause) == (RequestState.VOID, VoidCause.POLICY)


def test_evidence_that_turns_a_check_voids_without_anybody_asking(org: Org) -> None:
    publish(org, SCAN)
    scanned(org)
    request = org.approved()
    org.clock.advance(minutes=1)
    scanned(org, high=1)
    reacts(org)
    found = org.see("bob", approvals.approval, request.id).request
    assert (found.state, found.cause) == (RequestState.VOID, VoidCause.CHECKS)


def test_publishing_and_agreeing_at_once_never_leaves_an_approval_under_an_older_policy(
    org: Org,
) -> None:
    publish(org, FLOOR, approving="void_on: [policy]")
    request = org.request()
    org.approve("bob", request.id)
    ballot = org.ballot("carol", request.id)
    text = draft_of(f"{FLOOR}, {SCAN}", approving="void_on: [policy]")
    found = org.see("root", policies.lint, text)
    permit(org, policies.publish_payload("mine", found.hash), "policy.publish")
    document = policies.prepare_policy(text)
    with ThreadPoolExecutor(2) as pool:
        agreed = pool.submit(org.do, "carol", approvals.approve, request.id, ballot)
        pool.submit(org.do, "root", policies.publish, document).result()
        if isinstance(agreed.exception(), StatementChanged):
            assert org.see("bob", approvals.approval, request.id).request.state is RequestState.OPEN
        else:
            assert agreed.exception() is None
    assert {"policy_changed", "checks_unknown"} <= set(reasons(org))


def test_a_witness_is_nobody_who_had_a_part_in_the_version(org: Org) -> None:
    publish(org, SCAN.replace("P7D}", "P7D, assurance: {witness: distinct}}"))
    scanned(org)
    assert outcomes(ran(org)) == {"scan": "unknown"}  # alice owns and registered it
    scanned(org, by="dave")
    run = ran(org)
    assert outcomes(run) == {"scan": "pass"}
    org.register("2.0.0", trained_by=["dave"])
    scanned(org, "2.0.0", by="dave")
    assert outcomes(org.do("alice", approvals.run_checks, "churn", "2.0.0")) == {"scan": "unknown"}
    root = org.warden.acting_as("root")
    root.users.link("dave", to="alice")
    assert outcomes(ran(org)) == {"scan": "unknown"}  # one person, two accounts
    assert org.see("alice", checking.is_reproduced, run)
