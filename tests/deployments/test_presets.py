"""A release under the newest edition of each preset, from the question to the first share of traffic."""

from __future__ import annotations

import gzip
import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.approvals import actions as approvals
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.errors import ChecksBlocking, GateRefused, PolicyWeakensParent, StepHeld
from modelwarden.policies import actions as policies
from modelwarden.policies.built_in import built_in
from modelwarden.policies.check import Exhibit, Situation, at_text
from modelwarden.policies.evaluate import evaluate
from modelwarden.policies.governing import join
from modelwarden.registry.lifecycle import Environment
from tests.approvals.org import Org
from tests.deployments.test_steps import advance

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.policies.result import Result

NOW = datetime(2026, 11, 27, tzinfo=UTC)
PRODUCTION, STAGING = Environment.PRODUCTION, Environment.STAGING


def test_nothing_is_asked_of_anybody_before_staging_under_basic(tmp_path: Path) -> None:
    org = Org(tmp_path, policy="builtin/basic")
    assert org.deploy(environment=STAGING).state is DeploymentState.LIVE
    request = org.request()
    org.approve("bob", request.id)
    assert org.deploy().state is DeploymentState.LIVE
    org.warden.close()


def test_under_moderate_a_newcomer_gets_through_and_the_next_version_takes_a_day(
    tmp_path: Path,
) -> None:
    org = Org(tmp_path, policy="builtin/moderate")
    org.approved()
    assert org.deploy(environment=STAGING).state is DeploymentState.LIVE
    assert org.deploy().state is DeploymentState.LIVE
    org.register("1.1.0")
    org.approved("1.1.0")
    begun = org.deploy("1.1.0")
    assert (begun.state, begun.traffic) == (DeploymentState.IN_PROGRESS, 5)
    org.clock.advance(hours=23)
    with pytest.raises(StepHeld):
        advance(org, begun)
    org.clock.advance(hours=1)
    assert advance(org, begun).traffic == 25
    org.clock.advance(hours=1)
    assert advance(org, begun).state is DeploymentState.LIVE
    org.warden.close()


def test_under_strict_nothing_goes_live_without_data_and_a_drill(tmp_path: Path) -> None:
    org = Org(tmp_path, policy="builtin/strict")
    request = org.request()
    for name in ("bob", "carol"):
        org.approve(name, request.id)
    with pytest.raises(GateRefused) as refused:
        org.deploy()
    assert set(refused.value.reasons) == {"not_approved", "checks_unknown"}
    assert "stop.drill" in str(refused.value)
    assert "data" in str(refused.value)
    org.warden.close()


def drilled(preset: str, *, passed: bool, days: int, place: Environment = PRODUCTION) -> Result:
    version = built_in()[f"builtin/{preset}"]
    checks = join([(version.ref, version.parsed)], place).checks
    at = at_text(NOW - timedelta(days=days))
    value = {"environment": "staging", "passed": passed}
    drill = Exhibit(id="drill:drl_1", kind="drill", version="", produced_at=at, value=value)
    found = evaluate(checks, Situation(version="churn@1", exhibits=(drill,)), now=NOW)
    return next(result for result in found if result.check == "stop.drill")


def test_a_drill_that_failed_stops_and_an_old_one_only_under_strict() -> None:
    for preset, days in (("moderate", 180), ("strict", 90)):
        assert not drilled(preset, passed=True, days=days).blocks
        assert drilled(preset, passed=False, days=1).fails
        assert drilled(preset, passed=True, days=days + 1).outcome == "stale"
        assert not drilled(preset, passed=False, days=1, place=STAGING).blocks
    assert not drilled("moderate", passed=True, days=181).blocks
    assert drilled("strict", passed=True, days=91).blocks


class Runs:
    """What would write a file if anything loaded the pickle of it."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.trace), "w"))


def artifact_check(org: Org, label: str) -> tuple[str, tuple[str, ...]]:
    run = org.do("alice", approvals.run_checks, "churn", label)
    found = next(each for each in run.found if each.check == "artifact")
    return str(found.outcome), tuple(str(atom.value) for atom in found.atoms)


def test_under_strict_nobody_is_asked_about_a_pickle_whatever_it_is_called(tmp_path: Path) -> None:
    org = Org(tmp_path, policy="builtin/strict")
    trace = tmp_path / "ran"
    files = {
        "model.pkl": pickle.dumps(Runs(trace)),
        "model.onnx": pickle.dumps(Runs(trace), protocol=0),
        "model.json": gzip.compress(pickle.dumps(Runs(trace))),
    }
    for number, (name, data) in enumerate(files.items()):
        label, path = f"2.{number}.0", tmp_path / name
        path.write_bytes(data)
        alice = org.warden.acting_as("alice")
        alice.versions.register("churn", label, artifact=str(path))
        assert artifact_check(org, label)[0] == "unknown"
        alice.evidence.record("churn", label, kind="contents")
        outcome, seen = artifact_check(org, label)
        assert (outcome, seen) == ("fail", (f"pickle: {name}",))
        with pytest.raises(ChecksBlocking) as refused:
            org.request(label)
        assert refused.value.reasons == ("builtin/strict@3/artifact",)
    assert not trace.exists()
    org.warden.close()


def test_under_strict_a_format_without_code_passes(tmp_path: Path) -> None:
    org = Org(tmp_path, policy="builtin/strict")
    path = tmp_path / "model.json"
    path.write_text('{"weights": [1, 2, 3]}')
    alice = org.warden.acting_as("alice")
    alice.versions.register("churn", "2.0.0", artifact=str(path))
    alice.evidence.record("churn", "2.0.0", kind="contents")
    assert artifact_check(org, "2.0.0") == ("pass", ("verified", "json"))
    assert org.request("2.0.0").label == "2.0.0"
    org.warden.close()


def test_a_policy_that_extends_strict_can_not_let_pickles_in_unsaid(tmp_path: Path) -> None:
    org = Org(tmp_path, policy="builtin/strict")
    text = """
schema: modelwarden.policy/v1
name: own
extends: builtin/strict@3
checks:
  - {id: artifact, type: artifact, params: {formats: [json, pickle]}}
"""
    with pytest.raises(PolicyWeakensParent, match="formats: a format is let through"):
        org.see("root", policies.lint, text)
    org.warden.close()
