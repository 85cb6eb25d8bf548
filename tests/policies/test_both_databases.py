"""Policies that choose, evidence and check runs, the same on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

PURPOSE = "predicts which customers leave next month"
POLICY = """
schema: modelwarden.policy/v1
name: chosen
extends: builtin/basic@1
applies_to: {any: [{field: model.tags, contains: eu}, {field: risk.eu_class, eq: high_annex_iii}]}
checks:
  - {id: scan, type: findings, params: {source: security, max: {high: 0}}, assurance: {witness: distinct}}
  - {id: floor, type: metric, params: {metric: auc, min: 0.7}}
  - {id: gain, type: metric_delta, params: {metric: auc, baseline: live, min: 0}, severity: warn}
  - {id: stop, type: drill, severity: warn}
  - {id: chain, type: chain_verified, severity: warn}
"""
CLEAN = {"source": "security", "counts": {"critical": 0, "high": 0, "medium": 0, "low": 0}}


@pytest.fixture
def warden(store_url: str, tmp_path: Path) -> Iterator[Warden]:
    with open_warden(store_url, keys_folder=tmp_path / "keys", embedded=True) as opened:
        for name, roles in {
            "root": ["admin"],
            "alice": ["developer"],
            "dave": ["operator"],
        }.items():
            opened.add_user(name, roles=roles)
        alice = opened.acting_as("alice")
        alice.models.register("churn", owner="alice", business_purpose=PURPOSE)
        alice.versions.register("churn", "1", metrics={"auc": 0.8})
        opened.acting_as("root").policies.publish(POLICY)
        yield opened


def test_checks_of_a_policy_that_chooses_are_weighed(warden: Warden) -> None:
    alice, dave = warden.acting_as("alice"), warden.acting_as("dave")
    alice.evidence.record("churn", "1", kind="findings", value=CLEAN, tool="scanner")
    assert alice.checks.run("churn", "1").verdict == "unknown"  # her own word on her own version
    dave.evidence.record("churn", "1", kind="findings", value=CLEAN, tool="scanner")
    warden.acting_as("root").audit.verify()
    run = alice.checks.run("churn", "1")
    assert {check.check: check.outcome for check in run.checks} == {
        "scan": "pass", "floor": "pass", "gain": "unknown", "stop": "unknown", "chain": "pass",
    }  # fmt: skip
    assert (run.verdict, run.reproduced, len(run.evidence)) == ("clear", True, 1)
    assert [policy["name"] for policy in run.policies] == ["builtin/moderate", "chosen"]
    first = alice.checks.list("churn", "1", limit=1)
    assert first.items == (run,)
    (older,) = alice.checks.list("churn", "1", limit=1, cursor=first.next_cursor).items
    assert older.verdict == "unknown"
    assert len(alice.evidence.list("churn", "1").items) == 2
    tried = warden.acting_as("root").policies.dry_run(POLICY, environment="staging")
    assert tried.releases == ()
