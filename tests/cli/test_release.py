"""A release on the command line: every step has its exit code, and programs read every answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modelwarden.policies.findings import scan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk

PURPOSE = "predicts which customers leave next month"
WHY = "the third-quarter retraining, evaluated on the hold-out set"


def reasons(file: Path) -> list[dict[str, Any]]:
    """Return the results of a SARIF log, read by whoever reads those of scanners, too."""
    data = file.read_text("utf-8")
    assert scan(data).counts["high"] == len(json.loads(data)["runs"][0]["results"])
    found: list[dict[str, Any]] = json.loads(data)["runs"][0]["results"]
    return found


def test_a_release_from_registration_to_rollback_and_its_proof(desk: Desk) -> None:
    artifact = desk.folder / "model.joblib"
    artifact.write_bytes(b"first")
    desk.done("alice", "models", "register", "churn", "--purpose", PURPOSE, "--owner", "alice")
    first = desk.done(
        "alice", "versions", "register", "churn@1.4.0", "--artifact", str(artifact),
        "--metric", "roc_auc=0.81", "--parameter", "depth=3", "--parameter", "fast=true",
    )  # fmt: skip
    assert first["metrics"] == {"roc_auc": "0.81"}
    assert first["parameters"] == {"depth": 3, "fast": True}

    waiting = desk.refused("dave", "deploy", "start", "churn@1.4.0")
    assert waiting.code == 4
    assert waiting.error["reasons"] == ["not_approved"]
    assert waiting.error["entry"] > 0
    assert desk.refused("dave", "versions", "gate", "churn@1.4.0").code == 4
    assert desk.refused("alice", "versions", "gate", "churn@1.4.0").code == 1
    sarif = desk.folder / "gate.sarif"
    assert desk.refused("dave", "versions", "gate", "churn@1.4.0", "--sarif", str(sarif)).code == 4
    assert [each["ruleId"] for each in reasons(sarif)] == ["not_approved"]

    asked = desk.done("alice", "approvals", "request", "churn@1.4.0", "-j", WHY)
    mine = desk.refused("alice", "approvals", "approve", asked["id"], "--key", desk.key("bob"))
    assert (mine.code, mine.error["code"]) == (1, "not_permitted")
    assert [
        one["id"] for one in desk.done("bob", "approvals", "list", "--waiting-for", "me")["items"]
    ] == [asked["id"]]
    statement = desk.run("approvals", "statement", asked["id"], "--as", "bob")
    assert '"decision":"approve"' in statement.out
    for name in ("bob", "carol"):
        said = desk.done(
            name, "approvals", "approve", asked["id"], "-c", "looks right", "--key", desk.key(name)
        )
    assert said["state"] == "approved"

    before = desk.run("deploy", "status", "churn", "--as", "dave")
    assert (before.code, "nothing is live in production" in before.err) == (0, True)
    assert (
        desk.done("dave", "deploy", "start", "churn@1.4.0", "--reference", "CHG-1")["state"]
        == "live"
    )
    assert desk.done("dave", "deploy", "status", "churn")["version"] == "1.4.0"
    nothing = desk.refused("dave", "deploy", "rollback", "churn", "--reason", "worse")
    assert nothing.error["code"] == "nothing_to_roll_back_to"

    _verify_offline(desk, asked["id"], str(artifact))


def _verify_offline(desk: Desk, request: str, artifact: str) -> None:
    release, trust = str(desk.folder / "release.intoto.jsonl"), desk.folder / "keys.json"
    written = desk.run("approvals", "envelopes", request, "-o", release, "--as", "frank")
    assert written.code == 0, written
    listed = desk.run("keys", "list", "--trust", "--as", "root")
    trust.write_text(listed.out)
    words = ("approvals", "verify", release, "--trust", str(trust))

    holds = desk.run(*words, "--artifact", artifact, "--json", env={"MODELWARDEN_URL": "none"})
    assert (holds.code, holds.json["ok"]) == (0, True), holds
    other = desk.folder / "other.joblib"
    other.write_bytes(b"other")
    differs = desk.run(*words, "--artifact", str(other), "--json")
    assert (differs.code, differs.json["failed"][0]["code"]) == (1, "artifact_mismatch")
    late = desk.run(*words, "--at", "2099-01-01T00:00:00Z")
    assert late.code == 1
    assert "approval_expired" in late.out
    unpinned = desk.run("approvals", "verify", release)
    assert unpinned.code == 3


def test_a_rejection_and_taking_words_back(desk: Desk) -> None:
    other = desk.folder / "next.joblib"
    other.write_bytes(b"next")
    desk.done("alice", "versions", "register", "churn@1.5.0", "--artifact", str(other))
    asked = desk.done("alice", "approvals", "request", "churn@1.5.0", "-j", WHY)["id"]
    desk.done("bob", "approvals", "approve", asked, "--key", desk.key("bob"))
    back = desk.done("bob", "approvals", "withdraw-decision", asked)
    assert back["decisions"][0]["withdrawn_at"] is not None
    desk.done("bob", "approvals", "reject", asked, "-c", "not yet", "--key", desk.key("bob"))
    again = desk.done("alice", "approvals", "request", "churn@1.5.0", "-j", WHY)["id"]
    assert desk.done("alice", "approvals", "withdraw", again)["state"] == "withdrawn"
    shown = desk.run("approvals", "show", asked, "--as", "alice")
    assert "not yet" in shown.out


def test_a_sensitive_thing_waits_for_two_people(desk: Desk) -> None:
    words = ("roles", "define", "reviewer", "--permission", "approval.decide")
    waiting = desk.refused("root", *words)
    assert (waiting.code, waiting.error["code"]) == (4, "permit_needed")
    payload = '{"role": "reviewer", "permissions": ["approval.decide"], "includes": []}'
    asked = desk.done(
        "root", "approvals", "request", "--type", "access", "--action", "role.define",
        "--payload", payload, "-j", WHY,
    )  # fmt: skip
    for name in ("bob", "carol"):
        desk.done(name, "approvals", "approve", asked["id"], "--key", desk.key(name))
    assert desk.done("root", *words)["name"] == "reviewer"


def test_a_deployment_made_elsewhere_is_noted(desk: Desk) -> None:
    made = desk.done("dave", "deploy", "record", "churn@1.5.0", "--environment", "staging")
    assert made["origin"] == "recorded"
    assert desk.done("dave", "deploy", "show", made["id"]) == made
    listed = desk.done("dave", "deploy", "list", "--model", "churn", "--environment", "staging")
    assert [one["id"] for one in listed["items"]] == [made["id"]]
