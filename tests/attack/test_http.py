"""Cheating over HTTP: pretending to be somebody else, and taking what is not one's own (AC-5, AC-50, AC-76)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.access import actions
from modelwarden.values.system import system
from tests.api import town as towns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.town import Town

CLAIMS = (
    "assigned_by", "approver", "approved_by", "requested_by", "deployed_by", "activated_by", "deactivated_by",
    "triggered_by",
)  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.town(tmp_path_factory.mktemp("town")) as made:
        made.call("carol", "POST", "/users", {"handle": "victim"})
        yield made


@pytest.mark.parametrize("field", CLAIMS)
def test_an_actor_named_in_a_body_is_the_credentials_or_refused(town: Town, field: str) -> None:
    path = "/users/victim/roles/analyst/assign"
    own_id = town.call("carol", "GET", "/me").json()["id"]
    for name in ("alice", "usr_0", "CAROL", "system:process"):
        refused = town.call("carol", "POST", path, {field: name})
        assert (refused.status_code, refused.json()["code"]) == (403, "actor_mismatch")
    for name in ("carol", own_id):
        granted = town.call("carol", "POST", path, {field: name})
        assert (granted.status_code, granted.json()["granted_by"]) == (201, "carol")


def test_a_forged_actor_is_recorded_under_who_sent_it(town: Town) -> None:
    path = "/users/victim/roles/analyst/assign"
    refused = town.call("erin", "POST", path, {"assigned_by": "carol"})
    entry = town.entry(refused)
    assert (entry["type"], entry["fact"]["rule"]) == ("access.denied", "actor_mismatch")
    assert entry["actor"]["id"] == town.call("erin", "GET", "/me").json()["id"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "forged", "registered_by": "carol"},
        {"name": "forged", "actor": "carol"},
        {"name": "forged", "acting_as": "carol"},
        {"name": "forged", "owner": {"actor": "carol"}},
    ],
)
def test_no_other_field_names_an_actor(town: Town, body: dict[str, Any]) -> None:
    assert town.call("alice", "POST", "/models", body).status_code == 422


@pytest.mark.parametrize("query", ["?actor=carol", "?acting_as=carol", "?user=carol", "?as=carol"])
def test_an_actor_in_the_query_of_a_write_is_refused(town: Town, query: str) -> None:
    assert town.call("alice", "POST", f"/models{query}", {"name": "forged"}).status_code == 422


@pytest.mark.parametrize(
    "header", ["X-User-Id", "X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Acting-As", "From"]
)  # fmt: skip
def test_an_actor_in_a_header_is_nobody(town: Town, header: str) -> None:
    assert town.call("alice", "GET", "/me", headers={header: "carol"}).json()["handle"] == "alice"
    assert town.call(None, "GET", "/me", headers={header: "carol"}).status_code == 401


def test_a_key_that_stands_twice_is_not_read_at_all(town: Town) -> None:
    body = b'{"assigned_by": "carol", "assigned_by": "alice"}'
    headers = {"Content-Type": "application/json"}
    answer = town.call(
        "carol", "POST", "/users/victim/roles/analyst/assign", headers=headers, content=body
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "json_invalid")


def test_a_path_that_names_another_shows_what_it_shows_to_everybody(town: Town) -> None:
    assert town.call("alice", "GET", "/users/carol").status_code == 404
    assert town.call("alice", "GET", "/users/nobody-at-all").status_code == 404
    assert town.call("alice", "GET", "/users/carol/roles").status_code == 404
    assert town.call("alice", "GET", "/tokens?user=carol").status_code in {403, 404}
    assert town.call("alice", "POST", "/tokens", {"user": "carol"}).status_code in {403, 422}


def test_a_person_can_not_grant_roles_to_themselves(town: Town) -> None:
    answer = town.call("carol", "POST", "/users/carol/roles", {"role": "developer"})
    assert (answer.status_code, answer.json()["code"]) == (403, "self_grant")


@pytest.mark.parametrize(
    "credential",
    [
        "Bearer", "Bearer mwp_", "Bearer mwp_" + "0" * 38, "Basic Y2Fyb2w6eA==", "bearer",
        "Token mwp_x", "Bearer ${jndi:ldap://x}", "Bearer \xff\xfe",
    ],
)  # fmt: skip
def test_what_is_no_token_is_nobody(town: Town, credential: str) -> None:
    headers = {"Authorization": credential.encode("latin-1")}
    answer = town.call(None, "GET", "/me", headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_two_credentials_are_one_too_many(town: Town) -> None:
    cookie = town.call("alice", "GET", "/me", headers={"Cookie": "__Host-mw=abc"})
    assert (cookie.status_code, cookie.json()["code"]) == (400, "two_credentials")
    tokens = [("Authorization", f"Bearer {town.tokens[name]}") for name in ("alice", "carol")]
    twice = town.http.get("/api/governance/me", headers=tokens)
    assert twice.json()["code"] == "two_credentials"
    assert town.call(None, "GET", "/me", headers={"Cookie": "__Host-mw=abc"}).status_code == 401


def test_a_token_ends_at_once_also_where_it_is_known_already(town: Town) -> None:
    made = town.call("alice", "POST", "/tokens", {"days": 1}).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert town.call(None, "GET", "/me", headers=headers).json()["handle"] == "alice"
    assert town.call("alice", "DELETE", f"/tokens/{made['id']}").json()["revoked_at"]
    assert town.call(None, "GET", "/me", headers=headers).status_code == 401
    assert town.call(None, "POST", "/models", {"name": "late"}, headers=headers).status_code == 401


def test_a_token_of_another_network_is_nobody(town: Town) -> None:
    issue = partial(actions.create_token, user="alice", networks=["10.0.0.0/8"])
    made = town.warden.submit(system("test"), issue).result().value
    for claimed in ({}, {"X-Forwarded-For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}):
        headers = {"Authorization": f"Bearer {made.secret}", **claimed}
        assert town.call(None, "GET", "/me", headers=headers).status_code == 401


def test_a_role_that_was_taken_is_gone_for_a_token_in_use(town: Town) -> None:
    assert town.call("dave", "GET", "/audit-log").status_code == 200
    town.call("carol", "POST", "/users/dave/revoke/operator")
    assert town.call("dave", "GET", "/audit-log").status_code == 403


def test_a_token_found_in_the_open_can_be_handed_in_by_anybody_once(town: Town) -> None:
    made = town.call("alice", "POST", "/tokens", {"days": 1}).json()
    body = {"secret": made["secret"]}
    assert town.call(None, "POST", "/tokens/report", body).json() == {"revoked": True}
    assert town.call(None, "POST", "/tokens/report", body).status_code == 404
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert town.call(None, "GET", "/me", headers=headers).status_code == 401


def test_a_secret_is_in_the_answer_that_makes_it_and_nowhere_else(town: Town) -> None:
    made = town.call("alice", "POST", "/tokens", {"days": 1})
    secret = made.json()["secret"]
    assert made.headers["Cache-Control"] == "no-store"
    assert secret not in town.call("alice", "GET", "/tokens").text
    assert secret not in town.call("erin", "GET", "/audit-log?limit=500").text


def test_somebody_elses_origin_is_let_nowhere(town: Town) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = town.call(None, "OPTIONS", "/models", headers=headers)
    assert preflight.status_code == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.parametrize("sha256", ["..%2f..%2fetc%2fpasswd", "x" * 64, "A" * 64, "%2e%2e"])
def test_an_upload_has_no_other_name_than_its_digest(town: Town, sha256: str) -> None:
    answer = town.call("alice", "PUT", f"/artifacts/{sha256}", content=b"bytes")
    assert answer.status_code in {404, 422}


def test_an_upload_of_other_bytes_leaves_nothing(town: Town) -> None:
    answer = town.call("alice", "PUT", f"/artifacts/{'0' * 64}", content=b"bytes")
    assert (answer.status_code, answer.json()["code"]) == (422, "digest_mismatch")
    store = town.warden.settings.artifact_store
    assert store is not None
    assert list(store.iterdir()) == []
