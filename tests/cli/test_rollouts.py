"""A release in steps on the command line, and freezes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

PURPOSE = "predicts which customers leave next month"
WHY = "the third-quarter retraining, evaluated on the hold-out set"


def approved(desk: Desk, label: str) -> None:
    artifact = desk.folder / f"{label}.joblib"
    artifact.write_bytes(label.encode())
    desk.done("alice", "versions", "register", f"churn@{label}", "--artifact", str(artifact))
    asked = desk.done("alice", "approvals", "request", f"churn@{label}", "-j", WHY)
    for name in ("bob", "carol"):
        desk.done(name, "approvals", "approve", asked["id"], "--key", desk.key(name))


def test_a_rollout_is_walked_advanced_broken_off_and_looked_back_at(desk: Desk) -> None:
    desk.done(
        "alice", "models", "register", "churn", "--purpose", PURPOSE, "--owner", "alice", "--tier", "1"
    )  # fmt: skip
    approved(desk, "1.4.0")
    walked = desk.done("dave", "deploy", "promote", "churn@1.4.0")
    assert [one["environment"] for one in walked["deployments"]] == ["staging", "production"]
    assert walked["stopped_at"] is None
    approved(desk, "1.5.0")
    begun = desk.done("dave", "deploy", "start", "churn@1.5.0", "--strategy", "blue_green")
    assert (begun["state"], begun["traffic"]) == ("in_progress", 0)
    desk.run(
        "deploy", "advance", begun["id"], "--as", "dave"
    )  # unless the program took the step before
    assert desk.done("dave", "deploy", "show", begun["id"])["traffic"] == 100
    held = desk.refused("dave", "deploy", "advance", begun["id"])
    assert (held.code, held.error["code"], held.error["reasons"]) == (1, "step_held", ["baking"])
    ended = desk.done("dave", "deploy", "abort", begun["id"], "--reason", "errors went up")
    assert ended["state"] == "aborted"
    live = walked["deployments"][1]["id"]
    said = ("--outcome", "as_expected", "--findings", "errors were as before, and latency lower")
    mine = desk.refused("dave", "deploy", "review", live, *said)
    assert mine.error["code"] == "self_review"
    assert desk.done("root", "deploy", "review", live, *said)["outcome"] == "as_expected"


def test_a_freeze_is_added_shown_and_lifted(desk: Desk) -> None:
    made = desk.done(
        "dave", "freezes", "add", "--until", "2099-01-01T00:00:00Z", "--since", "2098-12-24T00:00:00Z",
        "--reason", "the year closes",
    )  # fmt: skip
    assert (made["model"], made["environment"]) == (None, "production")
    assert [one["id"] for one in desk.done("frank", "freezes", "list")["items"]] == [made["id"]]
    assert desk.done("frank", "freezes", "show", made["id"])["lifted_at"] is None
    assert desk.done("dave", "freezes", "lift", made["id"])["lifted_by"] == "dave"
