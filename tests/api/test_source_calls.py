"""The calls of the source documents, as they write them, once a token is added (interfaces.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.api.town import Town

REGISTER = {
    "model_id": "vehicle_classifier",
    "version": "1.0.0",
    "description": "Classifies vehicle types from images",
    "source_commit": "abc123def456",
    "model_path": "s3://models/vehicle_classifier_v1.bin",
    "model_size_bytes": 51_200_000,
}


@pytest.fixture(scope="module")
def registered(town: Town) -> dict[str, Any]:
    answer = town.call("alice", "POST", "/models/register", REGISTER)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_version_is_registered_and_the_model_with_it(
    town: Town, registered: dict[str, Any]
) -> None:
    assert {name: registered[name] for name in REGISTER} == REGISTER
    assert registered["model"] == registered["model_id"] == "vehicle_classifier"
    assert registered["artifact"] == registered["model_path"]
    assert (registered["approval_status"], registered["trust"]) == ("draft", "")
    assert isinstance(registered["created_at"], str)
    listed = town.call("alice", "GET", "/models/vehicle_classifier/versions").json()["items"]
    assert [one["model_version"] for one in listed] == ["1.0.0"]


def test_their_names_of_parameters_and_snapshot_are_understood(town: Town) -> None:
    body = {
        "model_id": "theirs", "model_version": "1", "hyperparameters": {"depth": 3},
        "training_snapshot_id": "snap-1",
    }  # fmt: skip
    found = town.call("alice", "POST", "/models/register", body).json()
    assert (found["parameters"], found["hyperparameters"]) == ({"depth": 3}, {"depth": 3})
    assert (found["snapshot"], found["training_snapshot_id"]) == ("snap-1", "snap-1")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("model", "model_id"), ("artifact", "model_path"), ("parameters", "hyperparameters")],
)
def test_both_names_of_one_field_are_refused(town: Town, ours: str, theirs: str) -> None:
    values = {"model": "both", "model_id": "both", "artifact": "a", "model_path": "a"}
    body: dict[str, Any] = {"model": "both", "version": "1"}
    body |= {name: values.get(name, {"a": 1}) for name in (ours, theirs)}
    answer = town.call("alice", "POST", "/models/register", body)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [f"body.{theirs}"]


def test_their_names_are_not_understood_elsewhere(town: Town) -> None:
    assert town.call("alice", "POST", "/models", {"model_id": "x"}).status_code == 422


def test_a_user_is_created_and_holds_a_role(town: Town) -> None:
    body = {"user_id": "operator_001", "email": "operator@company.com"}
    made = town.call("carol", "POST", "/users/create", body)
    assert (made.status_code, made.json()["user_id"], made.json()["handle"]) == (
        201,
        "operator_001",
        "operator_001",
    )
    path = "/users/operator_001/roles/operator/assign"
    granted = town.call("carol", "POST", path, {"assigned_by": "carol"})
    assert (granted.status_code, granted.json()["user_id"], granted.json()["role"]) == (
        201,
        "operator_001",
        "operator",
    )
    held = town.call("carol", "GET", "/users/operator_001/roles").json()["items"]
    assert [one["role"] for one in held] == ["operator"]
    for path in (
        "/users/operator_001/permissions/MODEL_DEPLOY",
        "/permissions/operator_001/MODEL_DEPLOY",
    ):
        found = town.call("carol", "GET", path).json()
        assert (found["allow"], found["has_permission"], found["user_id"]) == (
            True,
            True,
            "operator_001",
        )
    revoked = town.call("carol", "POST", "/users/operator_001/revoke/operator")
    assert [one["role"] for one in revoked.json()["items"]] == ["operator"]
    after = town.call("carol", "GET", "/users/operator_001/permissions/MODEL_DEPLOY").json()
    assert after["has_permission"] is False


def test_the_audit_trail_of_a_user_is_found(town: Town, registered: dict[str, Any]) -> None:
    found = town.call("erin", "GET", "/audit-log?user_id=alice&limit=100").json()["items"]
    assert registered["registered_by"] == "alice"
    assert "version.registered" in {one["entry"]["type"] for one in found}
    assert len({one["entry"]["actor"]["id"] for one in found}) == 1
    both = town.call("erin", "GET", "/audit-log?user_id=alice&actor=alice")
    assert both.status_code == 422


def test_health_says_how_each_component_is(town: Town) -> None:
    found = town.call(None, "GET", "/health").json()
    assert found["status"] == "ok"
    assert {"database", "ledger", "keys"} <= {one["name"] for one in found["components"]}
    assert town.call(None, "GET", "/ready").json() == {"status": "ok"}
    assert town.call(None, "GET", "/live").json() == {"status": "ok"}


def test_as_a_sequence_theirs_takes_two_steps_more(town: Town, registered: dict[str, Any]) -> None:
    """Confirming owner and purpose, and asking; then `approve` answers, and `deploy` says what is missing."""
    path = f"/models/{registered['model']}/versions/{registered['version']}"
    early = town.call("bob", "POST", f"{path}/approve", {"approval_notes": "looks good"})
    assert (early.status_code, early.json()["code"]) == (409, "no_open_request")
    confirmed = {"owner": "alice", "business_purpose": "tells vehicles apart for routing"}
    assert town.call("alice", "PATCH", "/models/vehicle_classifier", confirmed).is_success
    asked = town.call(
        "alice", "POST", f"{path}/request-approval",
        {"justification": "better than the one before", "requested_by": "alice"},
    )  # fmt: skip
    assert (asked.status_code, asked.json()["model_id"]) == (201, "vehicle_classifier")
    own = town.call("grace", "POST", f"{path}/approve", {"approver": "bob"})
    assert (own.status_code, own.json()["code"]) == (403, "actor_mismatch")
    unsigned = town.call(
        "bob", "POST", f"{path}/approve", {"approved_by": "bob", "approval_notes": "fine"}
    )
    assert unsigned.status_code in {200, 403}
    body = {"deployed_by": "dave", "deployment_stage": "production", "deployment_notes": "first"}
    refused = town.call("dave", "POST", f"{path}/deploy", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "gate_refused")
    assert refused.json()["reasons"]
    history = town.call("alice", "GET", f"{path}/history").json()["items"]
    assert history[-1]["entry"]["type"] == "version.registered"


def test_a_stage_is_an_environment_or_a_strategy(town: Town, registered: dict[str, Any]) -> None:
    path = f"/models/{registered['model']}/{registered['version']}/deploy"
    both = town.call(
        "dave", "POST", path, {"deployment_stage": "staging", "environment": "staging"}
    )
    assert both.status_code == 422
    strategy = town.call("dave", "POST", path, {"deployment_stage": "sideways"})
    assert strategy.json()["code"] in {"strategy_unknown", "gate_refused"}


def test_their_use_case_goes_as_far_as_people_let_it(
    town: Town, registered: dict[str, Any]
) -> None:
    body = {
        "usecase_id": "vehicle_type_detection",
        "name": "Vehicle Type Detection",
        "description": "Detect and classify vehicle types",
        "owner": "team_perception",
        "model_ids": [registered["model"]],
        "impact_level": "high",
        "affected_systems": ["insurance_pricing", "routing"],
    }
    made = town.call("alice", "POST", "/usecases/create", body)
    assert made.status_code == 201, made.text
    told = made.json()
    assert {name: told[name] for name in body} == body
    assert (told["usecase"], told["models"], told["status"]) == (
        body["usecase_id"],
        body["model_ids"],
        "draft",
    )
    assert (told["owner_person"], told["risk_tier"]) == ("alice", 2)
    path = "/usecases/vehicle_type_detection"
    assert town.call("frank", "GET", path).json()["usecase_id"] == body["usecase_id"]
    early = town.call("bob", "POST", f"{path}/approve")
    assert (early.status_code, early.json()["code"]) == (409, "no_open_request")
    comment = {"comment": "the routing team needs to know what drives where"}
    bare = town.call("alice", "POST", f"{path}/submit", comment)
    assert (bare.status_code, bare.json()["code"]) == (422, "use_case_incomplete")
    schemas = {"input_schema": {"type": "object"}, "output_schema": {"enum": ["car", "van"]}}
    assert town.call("alice", "PATCH", path, schemas).json()["output_schema"] == {
        "enum": ["car", "van"]
    }
    assert town.call("alice", "POST", f"{path}/submit", comment).json()["status"] == "submitted"
    own = town.call("grace", "POST", f"{path}/approve", {"approved_by": "bob"})
    assert own.json()["code"] == "actor_mismatch"
    unready = town.call("dave", "POST", f"{path}/deploy")
    assert (unready.status_code, unready.json()["code"]) == (409, "gate_refused")
    assert {"not_approved", "model_not_live"} <= set(unready.json()["reasons"])
    ended = town.call("dave", "POST", f"{path}/deprecate")
    assert (ended.status_code, ended.json()["status"]) == (200, "deprecated")
    assert town.entry(ended)["type"] in {"usecase.deprecated", "usecase.stopped"}
    again = town.call("alice", "POST", f"{path}/submit", comment)
    assert (again.status_code, again.json()["code"]) == (409, "use_case_deprecated")
    both = town.call("alice", "POST", "/usecases/create", body | {"models": []})
    assert both.status_code == 422
    deleted = town.call("dave", "DELETE", path)
    assert deleted.status_code == 405
