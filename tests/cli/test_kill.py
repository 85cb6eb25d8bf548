"""`modelwarden kill` on a database, with no server up (SG-14)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

PURPOSE = "predicts which customers leave next month"
WHY = ("--reason", "PSI 0.61 in the last hour")
NOTES = ("--notes", "the feed is right again")


@pytest.fixture(scope="module", autouse=True)
def _model(desk: Desk) -> None:
    desk.done("alice", "models", "register", "churn", "--purpose", PURPOSE)
    desk.done("alice", "models", "update", "churn", "--owner", "alice")
    desk.done("root", "users", "add", "erin", "--role", "operator")


def test_a_model_is_stopped_checked_and_let_go_on(desk: Desk) -> None:
    made = desk.done(
        "dave", "kill", "activate", "--model", "churn", "--scope", "region=eu", "--scope", "region=us",
        "--scope-json", '{"segment": {"not_in": ["vip"]}}', "--except", "consumer=audit",
        "--fallback", "last_known_good", "--fallback", "default", *WHY,
    )  # fmt: skip
    assert made["scope"] == {
        "model": ["churn"], "region": ["eu", "us"], "segment": {"not_in": ["vip"]},
    }  # fmt: skip
    assert (made["exception"], made["fallback"]) == (
        {"consumer": ["audit"]}, ["last_known_good", "default"],
    )  # fmt: skip
    assert [one["id"] for one in desk.done("erin", "kill", "list")["items"]] == [made["id"]]
    stopped = desk.run("kill", "check", "model=churn", "region=EU", "--as", "dave")
    assert (stopped.code, made["id"] in stopped.out) == (1, True)
    assert "not named, so taken to match: segment" in stopped.out
    passed = desk.done("dave", "kill", "check", "model=churn", "region=br")
    assert passed["action"] == "none"
    asked = desk.done("erin", "kill", "request-release", made["id"], *NOTES, "--verification", "v")
    assert (asked["state"], asked["verification"]) == ("release_requested", "v")
    own = desk.refused("erin", "kill", "confirm-release", made["id"], *NOTES)
    assert (own.code, own.error["code"]) == (1, "self_release")
    assert desk.done("dave", "kill", "refuse-release", made["id"], *NOTES)["state"] == "active"
    desk.done("erin", "kill", "request-release", made["id"], *NOTES)
    assert desk.done("erin", "kill", "withdraw-release", made["id"])["state"] == "active"
    desk.done("erin", "kill", "request-release", made["id"], *NOTES)
    assert desk.done("dave", "kill", "confirm-release", made["id"], *NOTES)["state"] == "released"
    assert desk.done("dave", "kill", "show", made["id"])["ended_by"] == "dave"
    history = desk.done("dave", "kill", "history", "--model", "churn", "--limit", "1")
    assert history["items"][0]["id"] == made["id"]


def test_the_owner_stops_the_model_without_a_role(desk: Desk) -> None:
    made = desk.done("alice", "kill", "activate", "--model", "churn", "--severity", "SEV1", *WHY)
    assert made["severity"] == "SEV1"
    assert desk.refused("bob", "kill", "activate", "--model", "churn", *WHY).code == 1


def test_a_whole_environment_is_typed_once_more(desk: Desk) -> None:
    wrong = desk.run("kill", "activate", "--everything", "staging", *WHY, "--as", "dave")
    assert wrong.code == 2
    none = desk.refused("dave", "kill", "activate", *WHY)
    assert none.error["code"] == "scope_empty"
    made = desk.done(
        "dave", "kill", "activate", "--everything", "staging", "-e", "staging", "--severity", "SEV4",
        *WHY,
    )  # fmt: skip
    assert (made["everything"], made["environment"]) == (True, "staging")


def test_a_file_is_applied_and_a_wrong_one_is_a_usage_error(desk: Desk) -> None:
    file = desk.folder / "switches.yaml"
    file.write_text(
        "source: cli\n"
        "switches:\n"
        "  - name: churn-mx\n"
        "    reason: the feed of mx is late\n"
        "    scope: {model: churn, region: mx}\n"
        "    severity: SEV3\n"
        "    expires_at: '2999-01-01T00:00:00Z'\n"
    )
    first = desk.done("dave", "kill", "apply", "-f", str(file))
    assert [one["outcome"] for one in first["toggles"]] == ["activated"]
    shown = desk.run("kill", "apply", "-f", str(file), "--as", "dave")
    assert (shown.code, "unchanged" in shown.out) == (0, True)
    file.write_text(json.dumps({"source": "cli", "switches": []}))
    gone = desk.done("dave", "kill", "apply", "-f", str(file))
    assert gone["toggles"][0]["outcome"] == "release_requested"
    for text in ("switches: &a []\nmore: *a\n", "- 1\n", "a: b: c\n"):
        file.write_text(text)
        assert desk.run("kill", "apply", "-f", str(file), "--as", "dave").code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--scope", "region"),
        ("--scope", "=eu"),
        ("--scope", "region=eu", "--scope-json", '{"region": "us"}'),
        ("--scope-json", "[]"),
    ],
)
def test_a_scope_that_can_not_be_read_is_a_usage_error(desk: Desk, words: tuple[str, ...]) -> None:
    assert desk.run("kill", "activate", *words, *WHY, "--as", "dave").code == 2
    assert desk.run("kill", "check", "region=a", "region=b", "--as", "dave").code == 2


def test_people_read_tables(desk: Desk) -> None:
    desk.done("dave", "kill", "activate", "--scope", "region=jp", *WHY)
    shown = desk.run("kill", "list", "-e", "production", "--as", "frank")
    assert shown.code == 0
    assert "region: jp" in shown.out
    assert "activated by" in shown.out


def test_who_has_a_stop_is_listed_with_the_missing_ones_first(desk: Desk) -> None:
    made = desk.done("dave", "kill", "activate", "--model", "churn", "--scope", "region=jp", *WHY)
    assert desk.done("dave", "guards", "list", "--model", "churn")["items"] == []
    found = desk.done("dave", "kill", "confirmations", made["id"])
    assert (found["confirmed"], found["expected"], found["guards"]) == (0, 0, [])
    said = desk.run("kill", "confirmations", made["id"], "--as", "dave")
    assert said.out.strip().endswith(": 0 of 0, 0 lost")
    lost = desk.refused("dave", "kill", "confirmations", "swi_0")
    assert (lost.code, lost.error["code"]) == (1, "not_found")
