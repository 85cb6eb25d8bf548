"""Use cases on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

PURPOSE = "predicts which customers leave next month"
WHY = "the retention team wants to call customers before they leave"


def test_a_use_case_is_written_asked_about_and_ended(desk: Desk) -> None:
    desk.done("alice", "models", "register", "churn", "--purpose", PURPOSE, "--owner", "alice")
    made = desk.done(
        "alice", "usecases", "create", "calls", "--name", "Calls", "--description", "Call those who leave",
        "--model", "churn", "--impact", "low", "--system", "crm", "--input-schema", '{"minimum": 0.5}',
    )  # fmt: skip
    assert (made["status"], made["input_schema"]) == ("draft", {"minimum": 0.5})
    bare = desk.refused("alice", "usecases", "submit", "calls", "--comment", WHY)
    assert (bare.code, bare.error["code"]) == (1, "use_case_incomplete")
    schema = ("--output-schema", '{"type": "number"}')
    assert desk.done("alice", "usecases", "update", "calls", *schema)["output_schema"]
    usage = desk.run("--as", "alice", "usecases", "update", "calls", "--output-schema", "[")
    assert usage.code == 2
    assert desk.done("alice", "usecases", "submit", "calls", "--comment", WHY)["request"]
    no = desk.done(
        "bob", "usecases", "reject", "calls", "--comment", "who looks?", "--key", desk.key("bob")
    )
    assert no["state"] == "rejected"
    desk.done("alice", "usecases", "submit", "calls", "--comment", WHY)
    for name in ("bob", "carol"):
        desk.done(name, "usecases", "approve", "calls", "--key", desk.key(name))
    held = desk.refused("dave", "usecases", "deploy", "calls")
    assert held.error["reasons"] == ["model_not_live"]
    assert desk.done("frank", "usecases", "show", "calls")["status"] == "approved"
    ended = desk.done("dave", "usecases", "deprecate", "calls", "--sunset", "2099-01-01T00:00:00Z")
    assert (ended["status"], ended["stopped_at"]) == ("deprecated", None)
    told = desk.done("alice", "usecases", "usage", "calls", "--step", "1d")
    assert (told["usecase"], told["whole"]["total"]) == ("calls", None)
    shown = desk.run("--as", "alice", "usecases", "usage", "calls")
    assert "nothing known" in shown.out
    listed = desk.done("frank", "usecases", "list", "--status", "deprecated")["items"]
    assert [one["usecase"] for one in listed] == ["calls"]
    told = desk.done("frank", "usecases", "history", "calls", "--limit", "1")["items"]
    assert told[0]["entry"]["type"] == "usecase.deprecated"
