"""Each verb answers, for people and for programs."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

PURPOSE = "predicts which customers leave next month"


@pytest.fixture(scope="module", autouse=True)
def _model(desk: Desk) -> None:
    desk.done("alice", "models", "register", "churn", "--purpose", PURPOSE, "--tag", "eu")
    artifact = desk.folder / "m.bin"
    artifact.write_bytes(b"one")
    desk.done("alice", "versions", "register", "churn@1", "--artifact", str(artifact))
    desk.done("alice", "versions", "register", "churn@2", "--metric", "auc=0.5")


def test_models(desk: Desk) -> None:
    assert desk.done("alice", "models", "show", "churn")["tags"] == ["eu"]
    assert desk.done("alice", "models", "list", "--tag", "eu")["items"][0]["name"] == "churn"
    kept = desk.done("alice", "models", "update", "churn", "--tier", "2", "--revision", "1")
    assert (kept["risk_tier"], kept["revision"]) == (2, 2)
    stale = desk.refused("alice", "models", "update", "churn", "--tier", "1", "--revision", "1")
    assert stale.error["code"] == "revision_conflict"
    desk.done("alice", "models", "register", "old", "--purpose", PURPOSE)
    ended = desk.done("dave", "models", "retire", "old", "--replacement", "churn")
    assert ended["replacement"] == "churn"


def test_versions(desk: Desk) -> None:
    assert desk.done("alice", "versions", "show", "churn@1")["trust"] == "verified"
    assert [one["version"] for one in desk.done("alice", "versions", "list", "churn")["items"]] == [
        "2",
        "1",
    ]
    compared = desk.done("alice", "versions", "compare", "churn", "1", "2")
    assert compared["metrics"] == {"auc": [None, "0.5"]}
    desk.done(
        "dave", "versions", "record-metrics", "churn@1", "--metric", "p95=12", "--kind", "observed"
    )
    assert desk.done("dave", "versions", "metrics", "churn@1")["items"][0]["value"] == "12"
    assert desk.done("dave", "versions", "retire", "churn@2", "--reason", "a trial")["retired_at"]


def test_users_and_roles(desk: Desk) -> None:
    desk.done("root", "users", "add", "erin", "--email", "erin@example.org", "--role", "analyst")
    assert desk.done("root", "users", "show", "erin")["roles"] == ["analyst"]
    assert desk.done("alice", "users", "me")["handle"] == "alice"
    assert len(desk.done("root", "users", "list", "--limit", "3")["items"]) == 3
    desk.done("root", "users", "update", "erin", "--metadata", "team: risk")
    assert (
        desk.done("root", "users", "suspend", "erin", "--reason", "on leave")["status"]
        == "suspended"
    )
    assert desk.done("root", "users", "reactivate", "erin")["status"] == "active"
    desk.done(
        "root", "roles", "grant", "erin", "operator", "--scope", "model=churn", "--days", "30"
    )
    held = desk.done("root", "roles", "show", "erin")["items"]
    assert {"model": "churn"} in [one["scope"] for one in held]
    desk.done("root", "roles", "revoke", "erin", "operator")
    yes = desk.run("users", "may", "alice", "model.register", "--as", "root")
    assert yes.code == 0
    no = desk.run("users", "may", "erin", "model.register", "--as", "root")
    assert no.code == 1
    desk.done("root", "users", "link", "erin", "--to", "dave")
    gone = desk.done("root", "users", "deactivate", "erin", "--reason", "left")
    assert gone["status"] == "deactivated"
    assert "approver" in {one["name"] for one in desk.done("alice", "roles", "list")["items"]}


def test_service_accounts_and_tokens(desk: Desk) -> None:
    desk.done("root", "service-accounts", "add", "ci", "--owner", "alice")
    assert [one["handle"] for one in desk.done("root", "service-accounts", "list")["items"]] == [
        "ci"
    ]
    made = desk.done("alice", "tokens", "create", "--days", "30", "--scope", "model.read")
    shown = desk.run("models", "show", "churn", "--json", env={"MODELWARDEN_TOKEN": made["secret"]})
    assert shown.json["name"] == "churn"
    fresh = desk.done("alice", "tokens", "rotate", made["id"])
    assert fresh["secret"] not in {None, made["secret"]}
    assert all(one["secret"] is None for one in desk.done("alice", "tokens", "list")["items"])
    desk.done("alice", "tokens", "revoke", fresh["id"])
    ended = desk.run("models", "list", env={"MODELWARDEN_TOKEN": fresh["secret"]})
    assert (ended.code, "unauthenticated" in ended.err) == (1, True)


def test_policies(desk: Desk) -> None:
    document = desk.folder / "policy.yaml"
    basic = Path("src/modelwarden/policies/presets/1/basic.yaml").read_text("utf-8")
    document.write_text(basic.replace("builtin/basic", "ours"))
    assert desk.done("root", "policy", "lint", str(document))["name"] == "ours"
    assert desk.refused("root", "policy", "publish", str(document)).error["code"] == "permit_needed"
    assert desk.done("root", "policy", "dry-run", str(document), "--days", "7")["releases"] == []
    names = [one["name"] for one in desk.done("alice", "policy", "list")["items"]]
    assert "builtin/strict" in names
    assert desk.done("alice", "policy", "show", "builtin/strict")["state"] == "built_in"
    assert len(desk.done("alice", "policy", "versions", "builtin/strict")["items"]) == 3
    words = ("policy", "assign", "builtin/basic", "--model", "churn")
    assert desk.refused("root", *words).code == 4
    assert desk.refused("root", "policy", "retire", "ours").error["code"] == "policy_not_found"
    document.write_text("required_approvers: 2\nsox: true\n")
    assert "line 2, sox" in desk.refused("root", "policy", "import", str(document)).err
    kept = desk.folder / "brought.yaml"
    words = ("policy", "import", str(document), "--leave-out", "sox", "--output", str(kept))
    brought = desk.done("root", *words)
    assert kept.read_text("utf-8") == brought["document"]
    plain = desk.run(*words, "--as", "root")
    assert plain.out.startswith("--- nothing\n+++ imported (draft)\n"), plain
    document.write_bytes(b"\xff")
    assert desk.refused("root", "policy", "lint", str(document)).error["code"] == "policy_invalid"


def test_a_key_is_made_here_enrolled_and_ended(desk: Desk) -> None:
    file = desk.folder / "dave.pem"
    secret = {"MODELWARDEN_KEY_PASSPHRASE": "correct horse"}
    made = desk.run("keys", "generate", str(file), "--json", env=dict(secret))
    assert made.code == 0, made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in file.read_bytes()
    again = desk.run("keys", "generate", str(file), env=dict(secret))
    assert (again.code, "key_unusable" in again.err) == (5, True)
    locked = desk.run("keys", "enrol", str(file), "--as", "dave")
    assert (locked.code, "key_invalid" in locked.err) == (1, True)
    enrolled = desk.run("keys", "enrol", str(file), "--as", "dave", "--json", env=dict(secret))
    assert enrolled.json["id"] == made.json["id"]
    assert desk.done("root", "keys", "confirm", made.json["id"])["status"] == "active"
    ended = desk.done("dave", "keys", "revoke", made.json["id"], "--cause", "lost")
    assert ended["revoked_as"] == "lost"
    assert made.json["id"] in {one["id"] for one in desk.done("root", "keys", "list")["items"]}


def test_a_fingerprint_needs_no_database(desk: Desk) -> None:
    file = desk.folder / "abc"
    file.write_bytes(b"abc")
    ran = desk.run("fingerprint", str(file), "--json", env={"MODELWARDEN_URL": "none"})
    assert ran.json["sha256"].startswith("ba7816bf")
    assert ran.json["fingerprints"] == [f"sha256:{ran.json['sha256']}"]


def test_people_get_tables(desk: Desk) -> None:
    listed = desk.run("versions", "list", "churn", "--as", "alice")
    assert listed.out.splitlines()[0].split()[:3] == ["model", "version", "status"]
    first = desk.run("versions", "list", "churn", "--limit", "1", "--as", "alice")
    assert "more: --cursor " in first.out
    shown = desk.run("models", "show", "churn", "--as", "alice")
    assert "business purpose" in shown.out
    assert "\x1b" not in shown.out + listed.out


def test_evidence_and_checks(desk: Desk) -> None:
    artifact = desk.folder / "scan.bin"
    artifact.write_bytes(b"scanned")
    desk.done("alice", "models", "register", "scanned", "--purpose", PURPOSE)
    desk.done("alice", "versions", "register", "scanned@1", "--artifact", str(artifact))
    report = desk.folder / "counts.json"
    report.write_text('{"critical": 0, "high": 0, "medium": 1, "low": 0}')
    words = ("evidence", "record", "scanned@1", str(report), "--tool", "bandit")
    assert desk.done("alice", *words)["value"]["counts"]["medium"] == 1
    figures = desk.folder / "figures.json"
    figures.write_text('{"metrics": {"auc": {"value": 0.8}}, "dataset_role": "test"}')
    words = ("evidence", "record", "scanned@1", str(figures), "--kind", "metric", "--tool", "eval")
    assert desk.done("alice", *words, "--at", "2026-11-20T10:00:00Z")["kind"] == "metric"
    listed = desk.done("alice", "evidence", "list", "scanned@1")["items"]
    assert [one["kind"] for one in listed] == ["metric", "findings"]
    run = desk.done("alice", "checks", "run", "scanned@1")
    assert (run["verdict"], run["reproduced"]) == ("clear", True)
    assert desk.done("alice", "checks", "show", run["id"]) == run
    assert desk.done("alice", "checks", "list", "scanned@1")["items"] == [run]
    said = desk.run("checks", "run", "scanned@1", "--as", "alice")
    assert "no policy that governs this version has a check" in said.err
    report.write_text('{"critical": NaN}')
    refused = desk.refused("alice", "evidence", "record", "scanned@1", str(report), "--tool", "x")
    assert refused.error["code"] == "evidence_invalid"
