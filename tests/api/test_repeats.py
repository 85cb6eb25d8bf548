"""A write may be sent again; a stale one is refused; a receipt can be waited for (AC-72, AC-73, LG-25)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modelwarden.ledger.checkpoint import open_note
from modelwarden.ledger.keys import parse_vkey

if TYPE_CHECKING:
    from tests.api.town import Town


def once(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def test_the_same_call_again_does_nothing_and_says_so(town: Town) -> None:
    body = {"handle": "twice", "email": "twice@example.org"}
    first = town.call("carol", "POST", "/users", body, headers=once("k-1"))
    size = town.size
    again = town.call("carol", "POST", "/users", body, headers=once("k-1"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Governance-Entry"] == first.headers["Governance-Entry"]
    assert again.headers["Idempotent-Replay"] == "true"
    assert "Idempotent-Replay" not in first.headers
    assert town.size == size


def test_what_is_answered_again_is_read_again(town: Town) -> None:
    body = {"name": "moved"}
    town.call("alice", "POST", "/models", body, headers=once("k-2"))
    town.call("alice", "PATCH", "/models/moved", {"team": "risk"})
    again = town.call("alice", "POST", "/models", body, headers=once("k-2"))
    assert (again.status_code, again.json()["team"], again.json()["revision"]) == (201, "risk", 2)


def test_a_key_is_one_actors_on_one_path_for_one_body(town: Town) -> None:
    body = {"handle": "kept"}
    town.call("carol", "POST", "/users", body, headers=once("k-3"))
    other = town.call("carol", "POST", "/users", {"handle": "other"}, headers=once("k-3"))
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    elsewhere = town.call(
        "carol", "POST", "/users/kept/roles", {"role": "analyst"}, headers=once("k-3")
    )
    assert elsewhere.status_code == 201
    somebody = town.call("alice", "POST", "/users", body, headers=once("k-3"))
    assert somebody.json()["code"] == "not_permitted"


def test_a_refusal_is_not_kept(town: Town) -> None:
    body = {"name": "later", "owner": "unknown-person"}
    refused = town.call("alice", "POST", "/models", body, headers=once("k-4"))
    assert refused.status_code == 404
    town.call("carol", "POST", "/users", {"handle": "unknown-person"})
    assert town.call("alice", "POST", "/models", body, headers=once("k-4")).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 129, "ü"])
def test_a_key_is_printable_and_not_long(town: Town, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = town.call("alice", "POST", "/models", {"name": "nope"}, headers=headers)  # type: ignore[arg-type]
    assert answer.json()["errors"][0]["field"] == "header.Idempotency-Key"


def test_where_a_secret_is_answered_a_key_is_refused(town: Town) -> None:
    for path in ("/tokens", "/keys/challenge"):
        answer = town.call("alice", "POST", path, {}, headers=once("k-5"))
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_refused")


def test_every_governed_write_answers_a_repeat(town: Town) -> None:
    """Roles, keys, requests and figures too: whatever made them is read again by its id."""
    purpose = "predicts which customers leave next month"
    body = {"name": "asked", "owner": "alice", "business_purpose": purpose}
    town.call("alice", "POST", "/models", body)
    town.call("alice", "POST", "/models/register", {"model": "asked", "version": "1"})
    town.call("carol", "POST", "/users", {"handle": "repeated"})
    why = {"justification": "it is better than the one before"}
    writes = [
        ("alice", "/models/asked/versions/1/metrics", {"metrics": {"auc": 0.9}}),
        ("alice", "/models/asked/versions/1/request-approval", why),
        ("carol", "/users/repeated/roles", {"role": "operator"}),
        ("carol", "/users/repeated/revoke/operator", {}),
        ("carol", "/users/repeated/suspend", {"reason": "on leave"}),
        ("carol", "/roles", {"role": "reader", "permissions": ["model.read"]}),
        ("carol", "/service-accounts", {"handle": "robot", "owner": "alice"}),
    ]
    for number, (name, path, body) in enumerate(writes):
        first = town.call(name, "POST", path, body, headers=once(f"w-{number}"))
        size = town.size
        again = town.call(name, "POST", path, body, headers=once(f"w-{number}"))
        assert first.status_code < 300, first.text
        assert (again.status_code, town.size) == (first.status_code, size), path
        assert again.headers["Idempotent-Replay"] == "true", path
        if "revoke" not in path:
            assert again.json() == first.json(), path


def test_a_revision_that_was_overtaken_is_refused(town: Town) -> None:
    made = town.call("alice", "POST", "/models", {"name": "etag"})
    assert (
        made.headers["ETag"] == '"1"' == town.call("alice", "GET", "/models/etag").headers["ETag"]
    )
    headers = {"If-Match": '"1"'}
    body = {"team": "risk"}
    moved = town.call("alice", "PATCH", "/models/etag", body, headers=headers)
    assert (moved.status_code, moved.headers["ETag"]) == (200, '"2"')
    stale = town.call("alice", "PATCH", "/models/etag", body, headers=headers)
    assert (stale.status_code, stale.json()["code"]) == (412, "revision_conflict")
    suspended = town.call(
        "carol", "POST", "/users/nobody/suspend", {"reason": "leave"}, headers={"If-Match": '"9"'}
    )
    assert suspended.status_code == 412
    assert town.call("alice", "PATCH", "/models/etag", body, headers={"If-Match": "*"}).is_success


@pytest.mark.parametrize("text", ["1", "W/1", '"x"', '""', '"1", "2"'])
def test_if_match_has_one_form(town: Town, text: str) -> None:
    answer = town.call("alice", "PATCH", "/models/etag", {"team": "x"}, headers={"If-Match": text})
    assert answer.json()["errors"][0]["field"] == "header.If-Match"


def test_if_match_where_nothing_has_a_revision_is_refused(town: Town) -> None:
    answer = town.call("alice", "POST", "/tokens", {}, headers={"If-Match": '"1"'})
    assert answer.json()["errors"][0]["field"] == "header.If-Match"


def test_a_receipt_is_given_once_a_checkpoint_covers_the_entry(town: Town) -> None:
    answer = town.call("alice", "POST", "/models?wait=checkpointed", {"name": "waited"})
    receipt = json.loads(answer.headers["Governance-Receipt"])
    assert receipt["status"] == "checkpointed"
    assert receipt["seq"] == int(answer.headers["Governance-Entry"])
    newest = town.call("erin", "GET", "/audit-log/checkpoint").json()
    key = parse_vkey(town.call("erin", "GET", "/audit-log/keys").json()["items"][0])
    assert open_note(newest["note"].encode(), [key]).size > receipt["seq"]
    entry = town.call("erin", "GET", f"/audit-log/{receipt['seq']}").json()
    assert (entry["leaf_hash"], entry["entry_hash"]) == (
        receipt["leaf_hash"],
        receipt["entry_hash"],
    )
    witnessed = town.call("alice", "POST", "/models?wait=witnessed", {"name": "nope"})
    assert witnessed.json()["code"] == "filter_invalid"


def test_evidence_and_check_runs_sent_again_are_the_same(town: Town) -> None:
    town.call("alice", "POST", "/models", {"name": "weighed"})
    town.call("alice", "POST", "/models/weighed/versions", {"version": "1"})
    where = "/models/weighed/versions/1"
    for what, body in (
        ("evidence", {"kind": "metric", "value": {"metrics": {"auc": 0.9}}, "tool": "eval"}),
        ("checks", {"environment": "staging"}),
    ):
        first = town.call("alice", "POST", f"{where}/{what}", body, headers=once(f"k-{what}"))
        size = town.size
        again = town.call("alice", "POST", f"{where}/{what}", body, headers=once(f"k-{what}"))
        assert (first.status_code, again.status_code) == (201, 201), first.text
        assert again.json() == first.json()
        assert town.size == size
