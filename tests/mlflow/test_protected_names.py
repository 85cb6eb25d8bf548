"""Nobody moves what a live version is called: over REST, the page's own routes, the SDK, or GraphQL (RL-57, RL-61)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.services.mlflow_server import accounts, call, free_port, mlflow_serving, run_python

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mlflow.conftest import Pair

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

REFUSED: Final = (403, "PERMISSION_DENIED")
PAGE: Final = "/ajax-api/2.0/mlflow/"
"""What MLflow's web page calls."""

BY_SDK: Final = """
import sys
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
try:
    MlflowClient().set_registered_model_alias(sys.argv[1], "production", "2")
except MlflowException as error:
    print(error.error_code)
"""


@pytest.fixture(scope="module")
def held(pair: Pair) -> Pair:
    """Version 1 of `held` is live in production, version 2 is a draft."""
    pair.keep("held", 2)
    pair.approve("held", "1")
    pair.deploy("held", "1")
    pair.look()
    assert pair.alias("held") == "1"
    return pair


def answer(pair: Pair, method: str, path: str, **body: object) -> tuple[int, str]:
    found = pair.call(method, path, **body)
    return found.status_code, found.json().get("error_code", "")


@pytest.mark.parametrize("alias", ["production", "champion", "Production", "PRODUCTION"])
@pytest.mark.parametrize("root", ["/api/2.0/mlflow/", PAGE])
def test_an_alias_is_not_set_to_what_is_not_live(held: Pair, alias: str, root: str) -> None:
    body = {"name": "held", "alias": alias, "version": "2"}
    found = held.call("POST", "registered-models/alias", root=root, **body)
    assert (found.status_code, found.json()["error_code"]) == REFUSED
    assert "version 1 of held is live in production" in found.json()["message"]
    assert "Version 2 is draft for production" in found.json()["message"]
    assert held.alias("held") == "1"


def test_mlflow_s_own_client_does_not_move_it(held: Pair) -> None:
    assert run_python(BY_SDK, "held", environment=held.environment) == "PERMISSION_DENIED\n"
    assert held.alias("held") == "1"


def test_a_protected_alias_is_not_taken_away(held: Pair) -> None:
    path = "registered-models/alias"
    assert answer(held, "DELETE", path, name="held", alias="production") == REFUSED
    assert held.alias("held") == "1"


def test_stages_are_not_a_way_around(held: Pair) -> None:
    for version, stage in (("2", "Production"), ("2", "staging"), ("1", "Archived"), ("1", "None")):
        body = {"name": "held", "version": version, "stage": stage}
        path = "model-versions/transition-stage"
        found = answer(held, "POST", path, archive_existing_versions=True, **body)
        assert found == REFUSED
    body = {"name": "held", "version": "1", "stage": "Production"}
    found = answer(
        held, "POST", "model-versions/transition-stage", archive_existing_versions=False, **body
    )
    assert found == (200, "")


def test_a_live_version_and_its_model_stay_and_keep_their_name(held: Pair) -> None:
    assert answer(held, "DELETE", "model-versions/delete", name="held", version="1") == REFUSED
    assert answer(held, "DELETE", "registered-models/delete", name="held") == REFUSED
    renamed = {"name": "held", "new_name": "held-2"}
    assert answer(held, "POST", "registered-models/rename", **renamed) == REFUSED


def test_graphql_has_no_other_way(held: Pair) -> None:
    """MLflow's schema changes nothing in the registry today; one that did would meet the same store."""
    query = "{ __schema { mutationType { fields { name } } } }"
    found = call(held.address, "POST", "graphql", root="/", query=query)
    fields = found.json()["data"]["__schema"]["mutationType"]["fields"]
    known = {"mlflowSearchDatasets", "mlflowSearchRuns", "testMutation"}
    assert {each["name"] for each in fields} == known


def test_other_names_stay_free(held: Pair) -> None:
    path = "registered-models/alias"
    free = {"name": "held", "alias": "candidate"}
    assert answer(held, "POST", path, version="2", **free) == (200, "")
    assert answer(held, "DELETE", path, **free) == (200, "")
    held.keep("free", 1)
    assert answer(held, "DELETE", "model-versions/delete", name="free", version="1") == (200, "")


def test_a_model_that_is_not_registered_gets_no_protected_alias(held: Pair) -> None:
    held.draft("Unknown Here", held.run())
    body = {"name": "Unknown Here", "alias": "production", "version": "1"}
    assert answer(held, "POST", "registered-models/alias", **body) == REFUSED
    marked = {"name": "Unknown Here", "key": "mlflow.prompt.is_prompt", "value": "true"}
    answer(held, "POST", "registered-models/set-tag", **marked)
    assert answer(held, "POST", "registered-models/alias", **body) == REFUSED


def test_without_its_gate_no_server_starts() -> None:
    code = "from modelwarden.integrations.mlflow_app import create_app; create_app()"
    clean = {"MODELWARDEN_URL": "", "MODELWARDEN_TOKEN": ""}
    with pytest.raises(AssertionError, match="MODELWARDEN_URL and MODELWARDEN_TOKEN"):
        run_python(code, environment=clean)


def test_it_refuses_with_accounts_in_front_and_when_nobody_answers(
    held: Pair, tmp_path: Path
) -> None:
    """With MLflow's own accounts, its administrator too is refused; and so is everybody when we are gone."""
    admin = ("admin", "a-long-password-1")
    environment = held.environment | accounts(tmp_path, admin)
    environment["MODELWARDEN_URL"] = f"http://127.0.0.1:{free_port()}"
    with mlflow_serving(
        tmp_path, free_port(), app="modelwarden-basic-auth", environment=environment
    ) as address:
        made = call(address, "POST", "registered-models/create", name="held")
        assert made.status_code == 401
        made = call(address, "POST", "registered-models/create", name="held", auth=admin)
        assert made.status_code == 200
        source = {"name": "held", "source": "s3://bucket/held"}
        made = call(address, "POST", "model-versions/create", auth=admin, **source)
        assert made.status_code == 200
        for method, path, body in (
            ("POST", "registered-models/alias", {"alias": "production", "version": "1"}),
            ("DELETE", "registered-models/alias", {"alias": "production"}),
            ("DELETE", "registered-models/delete", {}),
            ("DELETE", "model-versions/delete", {"version": "1"}),
        ):
            found = call(address, method, path, auth=admin, name="held", **body)
            assert (found.status_code, found.json()["error_code"]) == REFUSED
            assert "did not answer" in found.json()["message"]
