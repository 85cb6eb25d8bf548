"""Models, versions, figures and policies, the same way everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import DigestMismatch, SizeMismatch

if TYPE_CHECKING:
    from tests.conformance.places import Company

PURPOSE = "predicts which customers leave next month"
WHY = "the risk committee decided this on its last meeting"
POLICY = """
schema: modelwarden.policy/v1
name: ours
approvals:
  humans: 1
  seats:
    - {role: approver}
  void_on: [artifact]
  expires_after: P30D
  signature: personal
"""


@pytest.fixture(scope="module", autouse=True)
def _models(company: Company) -> None:
    alice = company.as_user("alice")
    alice.models.register("churn", business_purpose=PURPOSE, tags=["eu", "credit"], team="risk")
    alice.models.register("fraud", business_purpose=PURPOSE, type="classifier", risk_tier=1)
    alice.versions.register("churn", "1", artifact=company.artifact("one"), metrics={"auc": "0.70"})
    alice.versions.register(
        "churn", "2", artifact=company.artifact("two"), metrics={"auc": 0.75, "brier": 0.1},
        parent="1", algorithm="gbm", source_commit="abc123", trained_by=["dave"],
        parameters={"depth": 3, "rate": 0.1, "nested": {"a": [1, None, True]}},
        datasets=[{"name": "bureau", "role": "training", "fingerprints": [f"sha256:{'0' * 64}"]}],
        description="a second try",
    )  # fmt: skip


def test_models_are_listed_by_what_is_known_of_them(company: Company) -> None:
    models = company.as_user("frank").models
    assert [one.name for one in models.list().items] == ["churn", "fraud"]
    assert [one.name for one in models.list(tag="eu").items] == ["churn"]
    assert [one.name for one in models.list(owner="alice", text="fra").items] == ["fraud"]
    assert models.list(owner="alice", limit=1).next_cursor is not None
    assert models.show("churn").tags == ("credit", "eu")


def test_a_model_is_changed_at_the_revision_that_was_read(company: Company) -> None:
    alice = company.as_user("alice")
    before = alice.models.show("fraud")
    after = alice.models.update("fraud", team="pay", tags=["x"], revision=before.revision)
    assert (after.team, after.tags, after.revision) == ("pay", ("x",), before.revision + 1)
    assert alice.models.show("fraud") == after


def test_a_version_keeps_what_was_said_of_it(company: Company) -> None:
    version = company.as_user("frank").versions.show("churn", "2")
    assert (version.parent, version.algorithm, version.source_commit) == ("1", "gbm", "abc123")
    assert dict(version.parameters) == {"depth": 3, "rate": "0.1", "nested": {"a": [1, None, True]}}
    assert dict(version.metrics) == {"auc": "0.75", "brier": "0.1"}
    assert [dict(one)["name"] for one in version.datasets] == ["bureau"]
    assert version.description == "a second try"
    assert version.sha256 is not None
    assert version.size_bytes == len("two")


def test_versions_are_listed_and_compared(company: Company) -> None:
    versions = company.as_user("frank").versions
    assert [one.version for one in versions.list("churn").items] == ["2", "1"]
    found = versions.compare("churn", "1", "2")
    assert found.metrics["auc"] == ("0.7", "0.75")
    assert found.metrics["brier"] == (None, "0.1")


def test_figures_from_operation_are_appended(company: Company) -> None:
    dave = company.as_user("dave")
    at = datetime.now(UTC) - timedelta(hours=1)
    dave.versions.record_metrics("churn", "1", {"p95_ms": 12.5}, kind="observed", at=at)
    (found,) = dave.versions.metrics("churn", "1").items
    assert (found.name, found.value, found.at, found.recorded_by) == ("p95_ms", "12.5", at, "dave")


def test_what_is_claimed_of_a_file_is_compared_with_what_is_read(company: Company) -> None:
    alice = company.as_user("alice")
    artifact = company.artifact("three")
    with pytest.raises(SizeMismatch):
        alice.versions.register("churn", "3", artifact=artifact, size_bytes=1)
    with pytest.raises(DigestMismatch):
        alice.versions.register(
            "churn", "3", artifact=artifact, fingerprints=[f"sha256:{'0' * 64}"]
        )


def test_an_address_is_kept_as_text(company: Company) -> None:
    alice = company.as_user("alice")
    found = alice.versions.register("churn", "4", artifact="s3://bucket/churn/4")
    assert (found.artifact, found.artifact_kind, found.trust) == ("s3://bucket/churn/4", "text", "")


def test_a_version_and_a_model_are_ended(company: Company) -> None:
    dave = company.as_user("dave")
    assert dave.versions.retire("churn", "4", reason="never read").retired_at is not None
    ended = dave.models.retire("fraud", replacement="churn", reason="merged")
    assert (ended.replacement, ended.retired_at is not None) == ("churn", True)


def permitted(company: Company, action: str, payload: dict[str, str]) -> None:
    asked = company.as_user("root").approvals.request_access(
        action, payload=payload, justification=WHY
    )
    for name in ("bob", "carol"):
        company.as_user(name).approvals.approve(asked.id, key=company.keys[name])


def test_a_policy_is_published_assigned_and_ended(company: Company) -> None:
    policies = company.as_user("root").policies
    drafted = policies.lint(POLICY)
    assert (drafted.name, drafted.version, drafted.state) == ("ours", 0, "draft")
    permitted(company, "policy.publish", {"policy": "ours", "hash": drafted.hash})
    published = policies.publish(POLICY)
    assert (published.version, published.hash, published.state) == (1, drafted.hash, "published")
    assert policies.show("ours") == policies.show("ours@1") == published
    assert policies.versions("ours").items == (published,)
    permitted(company, "policy.assign", {"policy": "ours", "model": "churn"})
    assigned = policies.assign("ours", model="churn")
    assert (assigned.policy, assigned.model, assigned.environment) == ("ours", "churn", None)
    assert {"builtin/basic", "ours"} <= {one.name for one in policies.list().items}
    assert policies.show("builtin/strict").state == "built_in"
    permitted(company, "policy.assign", {"policy": "builtin/basic", "model": "churn"})
    policies.assign("builtin/basic", model="churn")
    assert policies.retire("ours").state == "retired"
