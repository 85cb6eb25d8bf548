"""Evidence and checks, the same way everywhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    ChecksBlocking,
    CursorInvalid,
    EvidenceFromFuture,
    EvidenceInvalid,
    GateRefused,
    NotFound,
    NotPermitted,
    PolicyInvalid,
    PolicyWeakensParent,
)
from modelwarden.fingerprints.model_signature import sign
from modelwarden.fingerprints.resources import read_resources
from modelwarden.ledger.keys import SigningKey
from tests.conformance.test_registry import PURPOSE, WHY, permitted

if TYPE_CHECKING:
    from tests.conformance.places import Company

POLICY = """
schema: modelwarden.policy/v1
name: checked
extends: builtin/moderate@1
checks:
  - {id: scan, type: findings, params: {source: security, max: {critical: 0, high: 0}}, max_age: P7D}
  - {id: gain, type: metric, params: {metric: auc, min: 0.7, use: ci_lower, dataset_role: test}}
"""
SARIF = {
    "version": "2.1.0",
    "runs": [{"tool": {"driver": {"name": "scanner"}}, "results": [{"level": "error"}]}],
}


@pytest.fixture(scope="module", autouse=True)
def _governed(company: Company) -> None:
    alice, root = company.as_user("alice"), company.as_user("root")
    alice.models.register("churn", owner="alice", business_purpose=PURPOSE)
    alice.versions.register("churn", "1", artifact=company.artifact("one"), metrics={"auc": "0.80"})
    drafted = root.policies.lint(POLICY)
    permitted(company, "policy.publish", {"policy": "checked", "hash": drafted.hash})
    root.policies.publish(POLICY)
    permitted(company, "policy.assign", {"policy": "checked", "model": "churn"})
    root.policies.assign("checked", model="churn")


def test_evidence_is_recorded_listed_and_weighed(company: Company) -> None:
    alice = company.as_user("alice")
    run = alice.checks.run("churn", "1")
    assert run.verdict == "unknown"
    assert {one.check: one.outcome for one in run.checks} == {"scan": "unknown", "gain": "unknown"}
    bad = alice.evidence.record(
        "churn", "1", kind="findings", report=json.dumps(SARIF), source="security"
    )
    assert (bad.tool, bad.value["counts"]["high"], bad.assurance) == ("scanner", 1, "imported")
    at = datetime.now(UTC) - timedelta(minutes=1)
    figures = {
        "metrics": {"auc": {"value": 0.8, "ci_lower": 0.71, "ci_upper": "0.89"}},
        "dataset_role": "test",
    }
    measured = alice.evidence.record(
        "churn",
        "1",
        kind="metric",
        value=figures,
        tool="evaluate 1.0",
        produced_at=at,
        inputs=["a" * 64],
    )
    assert measured.value["metrics"]["auc"] == {
        "ci_lower": "0.71",
        "ci_upper": "0.89",
        "value": "0.8",
    }
    assert measured.produced_at == at
    run = alice.checks.run("churn", "1")
    (failed,) = [one for one in run.checks if one.outcome == "fail"]
    assert (run.verdict, failed.check, failed.policy) == ("blocked", "scan", "checked@1")
    assert (failed.seen[0].subject, failed.seen[0].value) == ("findings.high", "1")
    assert failed.evidence == (bad.id,)
    assert set(run.evidence) == {bad.id, measured.id}
    frank = company.as_user("frank")
    assert [one.id for one in frank.evidence.list("churn", "1").items] == [measured.id, bad.id]
    assert frank.checks.show(run.id) == frank.checks.list("churn", "1").items[0] == run
    assert run.reproduced
    with pytest.raises(ChecksBlocking):
        alice.approvals.request("churn", "1", justification=WHY)
    none = {"critical": 0, "high": 0, "medium": 3, "low": 1}
    alice.evidence.record(
        "churn", "1", kind="findings", value={"source": "security", "counts": none}, tool="x"
    )
    assert alice.checks.run("churn", "1").verdict == "clear"
    alice.approvals.request("churn", "1", justification=WHY)


def test_what_is_wrong_with_evidence_is_said_everywhere(company: Company) -> None:
    alice = company.as_user("alice")
    value = {"metrics": {"auc": 0.8}}
    soon = datetime.now(UTC) + timedelta(minutes=6)
    with pytest.raises(EvidenceFromFuture):
        alice.evidence.record("churn", "1", kind="metric", value=value, tool="x", produced_at=soon)
    for broken in (
        {"metrics": {"auc": "NaN"}},
        {"metrics": {"auc": "Infinity"}},
        {"metrics": {}},
        {"metrics": {"auc": {"value": 0.8, "ci_lower": 0.9, "ci_upper": 0.95}}},
        {"metrics": {"auc": {"value": 0.8, "ci_lower": 0.7}}},
        {"metrics": {"auc": 0.8}, "rows": [1, 2]},
        {"metrics": {"auc": True}},
        {"metrics": {"auc": [0.8]}},
        {"metrics": {"auc": 0.8}, "dataset": "mine"},
    ):
        with pytest.raises(EvidenceInvalid):
            alice.evidence.record("churn", "1", kind="metric", value=broken, tool="x")
    with pytest.raises(EvidenceInvalid):
        alice.evidence.record("churn", "1", kind="findings", report="{}", source="security")
    with pytest.raises(EvidenceInvalid):
        alice.evidence.record("churn", "1", kind="metric", value=value, tool="written by\nDave")
    with pytest.raises(NotPermitted):
        company.as_user("bob").evidence.record("churn", "1", kind="metric", value=value, tool="x")
    with pytest.raises(NotFound):
        alice.checks.show("run_none")


def test_the_gate_names_the_checks(company: Company) -> None:
    with pytest.raises(GateRefused) as caught:
        company.as_user("dave").deployments.start("churn", "1", environment="staging")
    assert "not_approved" in caught.value.reasons
    alice = company.as_user("alice")
    alice.versions.register("churn", "2", artifact=company.artifact("two"))
    assert "checks_unknown" in {r.code for r in alice.deployments.gate("churn", "2").reasons}


def test_a_weaker_child_is_refused_with_its_places(company: Company) -> None:
    weak = POLICY.replace("name: checked", "name: weak") + "approvals: {humans: 1, seats: []}\n"
    with pytest.raises(PolicyWeakensParent, match=r"approvals\.humans: 1 people instead of 2"):
        company.as_user("root").policies.lint(weak)


def test_a_draft_is_held_against_the_past(company: Company) -> None:
    tried = company.as_user("root").policies.dry_run(POLICY, days=30, model="churn")
    assert (tried.policy, tried.releases) == ("checked", ())
    assert tried.counts == dict.fromkeys(
        ("newly_blocked", "newly_clear", "still_blocked", "still_clear"), 0
    )
    assert (tried.next_cursor, tried.since < datetime.now(UTC) - timedelta(days=29)) == (None, True)
    with pytest.raises(NotPermitted):
        company.as_user("alice").policies.dry_run(POLICY)
    with pytest.raises(CursorInvalid):
        company.as_user("root").policies.dry_run(POLICY, cursor="é")


def test_a_file_of_another_program_becomes_a_policy(company: Company) -> None:
    root, text = company.as_user("root"), "compliance_level: strict\nauto_approve: true\n"
    with pytest.raises(PolicyInvalid, match="line 2, auto_approve"):
        root.policies.import_policy(text)
    found = root.policies.import_policy(text, name="brought", leave_out=["auto_approve"])
    assert (found.name, found.beside, found.settings) == ("brought", "builtin/strict@3", ())
    assert found.notes == ("left out: auto_approve",)
    assert "-name: builtin/strict" in found.diff
    assert "+name: brought" in found.diff
    assert root.policies.lint(found.document).hash == found.hash
    with pytest.raises(NotPermitted):
        company.as_user("alice").policies.import_policy(text)


def test_files_are_read_by_the_server_and_signed_by_a_person(company: Company) -> None:
    alice = company.as_user("alice")
    alice.models.register("read", owner="alice", business_purpose=PURPOSE)
    alice.versions.register("read", "1", artifact=company.artifact("two"))
    read = alice.evidence.record("read", "1", kind="contents")
    assert (read.assurance, set(read.value["formats"])) == ("measured", {"text"})
    key = company.keys["bob"]
    bundle = sign(read_resources(company.folder / "two.joblib"), key).decode()
    signed = alice.evidence.record("read", "1", kind="signature", report=bundle)
    assert (signed.assurance, signed.value["keyid"]) == ("attested", key.keyid)
    stranger = sign(read_resources(company.folder / "two.joblib"), SigningKey.generate()).decode()
    for given in ({"report": stranger}, {"value": {"bundle": bundle}}):
        with pytest.raises(EvidenceInvalid):
            alice.evidence.record("read", "1", kind="signature", **given)
    with pytest.raises(EvidenceInvalid):
        alice.evidence.record("read", "1", kind="contents", value={"files": {}, "formats": {}})
    with pytest.raises(NotPermitted):
        company.as_user("root").evidence.record("read", "1", kind="contents")
