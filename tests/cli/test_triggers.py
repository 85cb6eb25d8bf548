"""`modelwarden triggers`, `freshness` and the verbs of `kill` about proposals, on a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

PURPOSE = "predicts which customers leave next month"
SET = ("triggers", "set", "errors", "--model", "churn", "--signal", "error_rate")


@pytest.fixture(scope="module", autouse=True)
def _model(desk: Desk) -> None:
    desk.done("alice", "models", "register", "churn", "--purpose", PURPOSE)
    desk.done("root", "users", "add", "erin", "--role", "operator")


def test_a_trigger_is_set_listed_loosened_and_retired(desk: Desk) -> None:
    made = desk.done(
        "dave",
        *SET,
        "--at",
        "note=0.02/0.01",
        "--at",
        "proposal=0.1/0.05",
        "--window",
        "5m",
        "--max-share",
        "2.5%",
    )
    assert (made["state"], made["window_s"], made["max_share"]) == ("in_force", 300, 250)
    assert [each["name"] for each in desk.done("erin", "triggers", "list")["items"]] == ["errors"]
    looser = desk.done("dave", *SET, "--at", "proposal=0.2/0.05", "--window", "1h")
    assert (looser["state"], looser["version"]) == ("waiting", 2)
    own = desk.refused("dave", "triggers", "approve", "errors")
    assert own.error["code"] == "self_agreement"
    assert desk.done("erin", "triggers", "approve", "errors")["state"] == "in_force"
    assert desk.done("dave", "triggers", "show", "errors")["version"] == 2
    assert len(desk.done("dave", "triggers", "history", "errors")["items"]) == 2
    assert desk.done("dave", "triggers", "firings", "errors")["items"] == []
    assert desk.done("dave", "triggers", "retire", "errors")["ends"] is True
    assert desk.done("erin", "triggers", "approve", "errors")["state"] == "retired"
    why = ("--severity", "SEV3", "--reason", "a test tenant")
    assert (
        desk.refused("dave", "triggers", "override-severity", "fir_0", *why).error["code"]
        == "not_found"
    )


@pytest.mark.parametrize(
    "wrong",
    [("--window", "ten"), ("--at", "proposal"), ("--max-share", "a lot"), ("--window", "0m")],
    ids=["window", "step", "share", "nothing"],
)
def test_what_can_not_be_read_is_a_usage_error(desk: Desk, wrong: tuple[str, str]) -> None:
    assert desk.run(*SET, *wrong, "--as", "dave").code == 2


def test_proposals_and_failure_modes(desk: Desk) -> None:
    assert desk.done("dave", "kill", "proposals", "--all")["items"] == []
    assert desk.refused("dave", "kill", "accept", "prp_0").error["code"] == "not_found"
    found = desk.run("kill", "failure-modes", "churn", "--as", "dave")
    assert (found.code, "uncovered" in found.out) == (1, True)


def test_the_exit_code_of_a_gate_is_its_verdict(desk: Desk) -> None:
    limits = ("--cadence", "1d", "--max-age", "20000d", "--min-rows", "3")
    wrong = desk.run("freshness", "set", "orders", *limits, "--as", "dave")
    assert wrong.code == 1
    limits = ("--cadence", "300d", "--max-age", "300d", "--min-rows", "3")
    desk.done("dave", "freshness", "set", "orders", *limits, "--column", "id:int")
    given = ("--as-of", "2026-11-26T00:00:00Z", "--column", "id:int")
    codes = {
        rows: desk.run("freshness", "gate", "orders", *given, *rows, "--as", "alice").code
        for rows in ((), ("--rows", "2"), ("--rows", "3"))
    }
    assert list(codes.values())[:2] == [3, 1]
    assert (
        desk.run(
            "freshness", "gate", "orders", "--column", "a:int", "--column", "b", "--as", "alice"
        ).code
        == 2
    )
    assert desk.done("dave", "freshness", "list")["items"][0]["name"] == "orders"
    assert desk.run("freshness", "show", "orders", "--as", "dave").code in {0, 1, 3}
