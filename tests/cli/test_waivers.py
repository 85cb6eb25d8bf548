"""Waivers on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

WHY = "the scanner's two findings are in code that is never called"


def test_a_waiver_is_asked_for_and_refused_where_the_policy_lets_none(desk: Desk) -> None:
    purpose = "predicts which customers leave next month"
    desk.done("alice", "models", "register", "churn", "--purpose", purpose, "--owner", "alice")
    desk.done("alice", "versions", "register", "churn@1.0.0")
    no = desk.refused("alice", "waivers", "request", "churn@1.0.0", "--check", "scan", "-r", WHY)
    assert (no.code, no.error["code"]) == (1, "not_waivable")
    assert desk.done("frank", "waivers", "list")["items"] == []
    assert desk.done("frank", "waivers", "list", "churn@1.0.0", "--state", "open")["items"] == []
    for verb in ("show", "end"):
        assert desk.refused("alice", "waivers", verb, "req_none").error["code"] == "not_found"


def test_a_statement_is_signed_on_the_command_line(desk: Desk) -> None:
    purpose = "predicts which orders come late next week"
    desk.done("alice", "models", "register", "orders", "--purpose", purpose, "--owner", "alice")
    desk.done("alice", "versions", "register", "orders@1.0.0")
    said = ("evidence", "attest", "orders@1.0.0", "--statement", "validated", "--role", "approver")
    kept = desk.done("bob", *said, "--key", desk.key("bob"))
    assert (kept["kind"], kept["assurance"]) == ("attestation", "attested")
    again = desk.refused("bob", *said, "--key", desk.key("bob"), "--reviews", kept["id"])
    assert (again.code, again.error["code"]) == (1, "same_person")
    desk.done("carol", *said, "--key", desk.key("carol"), "--reviews", kept["id"])
