"""Every way that the installed MLflow has of changing its registry is known, and those that move a name are guarded.

A release of MLflow with another route, or another method of its store, fails here before anybody trusts the gate.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.integrations.mlflow_app import GUARDED
from tests.services.mlflow_server import call, free_port, run_python

if TYPE_CHECKING:
    from tests.mlflow.conftest import Pair

pytestmark = [pytest.mark.services, pytest.mark.timeout(500)]

SUPPORTED: Final = ((3, 1), (3, 18))
"""From the first to before the second: the range in which `registry_store` finds what it leans on."""

LIST: Final = """
import inspect, json
from modelwarden.integrations.mlflow_app import create_app, registry_store
app = create_app()
import mlflow.server

def walk(routes):
    for each in routes:
        inner = getattr(each, "original_router", None)
        if inner is None:
            yield getattr(each, "path", ""), sorted(getattr(each, "methods", None) or ())
        else:
            prefix = each.include_context.prefix
            yield from ((prefix + path, methods) for path, methods in walk(inner.routes))

flask = [(rule.rule, sorted(rule.methods)) for rule in mlflow.server.app.url_map.iter_rules()]
store = registry_store()
methods = [name for name, _ in inspect.getmembers(store, callable) if not name.startswith("_")]
own = vars(store)
guarded = [name for name in methods if hasattr(own.get(name), "__wrapped__")]
print(json.dumps({"routes": flask + list(walk(app.routes)), "methods": methods, "guarded": guarded}))
"""

OTHERWISE: Final = """
import os
from mlflow.server import handlers
from modelwarden.errors import SettingInvalid
from modelwarden.integrations.mlflow_app import create_app

def refused():
    try:
        create_app()
    except SettingInvalid as error:
        print(error)

for change in (None, lambda: object(), object):
    handlers._get_model_registry_store = change
    refused()
os.environ["MLFLOW_ENABLE_WORKSPACES"] = "true"
refused()
"""

HARMLESS: Final = {
    # reads
    "get_latest_versions", "get_model_version", "get_model_version_by_alias", "get_model_version_download_uri",
    "get_registered_model", "search_model_versions", "search_registered_models", "get_prompt", "get_prompt_version",
    "get_prompt_version_by_alias", "search_prompts", "search_prompt_versions", "get_webhook", "list_webhooks",
    "list_webhooks_by_event", "test_webhook", "supports_workspaces",
    "ManagedSessionMaker",  # a session of the database: no route hands it out
    # new names and words, none of which stands for what is live
    "create_registered_model", "create_model_version", "copy_model_version", "update_registered_model",
    "update_model_version", "set_registered_model_tag", "delete_registered_model_tag", "set_model_version_tag",
    "delete_model_version_tag", "create_webhook", "update_webhook", "delete_webhook",
    # prompts: those that move or delete go through the guarded methods of the same store
    "create_prompt", "create_prompt_version", "delete_prompt", "delete_prompt_version", "set_prompt_alias",
    "delete_prompt_alias", "set_prompt_tag", "delete_prompt_tag", "set_prompt_version_tag",
    "delete_prompt_version_tag", "link_prompts_to_trace", "link_prompt_version_to_model", "link_prompt_version_to_run",
}  # fmt: skip
"""Methods of the store that move no name."""

ROOMS: Final = {
    "artifacts", "assistant", "datasets", "demo", "experiments", "gateway", "gateway-proxy", "genai", "issues", "jobs",
    "label-schemas", "logged-models", "mcp-servers", "mlflow-artifacts", "prompt-optimization", "review-queues",
    "runs", "scorer", "scorers", "traces", "ui-telemetry", "upload-artifact", "v1", "workspaces",
}  # fmt: skip
"""First words of routes that write elsewhere; `v1` takes traces. No server with workspaces starts."""

WRITES: Final = {
    "model-versions/create", "model-versions/delete", "model-versions/delete-tag", "model-versions/set-tag",
    "model-versions/transition-stage", "model-versions/update", "registered-models/alias", "registered-models/create",
    "registered-models/delete", "registered-models/delete-tag", "registered-models/get-latest-versions",
    "registered-models/rename", "registered-models/set-tag", "registered-models/update", "webhooks",
    "webhooks/<webhook_id>", "webhooks/<webhook_id>/test", "graphql",
}  # fmt: skip
"""Routes that take more than a GET and reach the registry. GraphQL has its own test, over its schema."""

REFUSED: Final = (
    ("POST", "registered-models/alias", {"alias": "production", "version": "2"}),
    ("POST", "registered-models/alias", {"alias": "STAGING", "version": "1"}),
    ("DELETE", "registered-models/alias", {"alias": "Champion"}),
    ("DELETE", "registered-models/delete", {}),
    ("POST", "registered-models/rename", {"new_name": "elsewhere"}),
    ("DELETE", "model-versions/delete", {"version": "1"}),
    ("POST", "model-versions/transition-stage", {"version": "2", "stage": "Production"}),
    ("POST", "model-versions/transition-stage", {"version": "1", "stage": "Archived"}),
)


@pytest.fixture(scope="module")
def ways(pair: Pair) -> dict[str, Any]:
    environment = pair.environment | {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{pair.folder}/mlflow.db",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of a server that never listens",
    }
    found: dict[str, Any] = json.loads(run_python(LIST, environment=environment).splitlines()[-1])
    return found


def test_the_installed_release_is_one_of_those_that_are_known() -> None:
    release = tuple(int(part) for part in version("mlflow").split(".")[:2])
    assert SUPPORTED[0] <= release < SUPPORTED[1]


def test_every_method_of_the_store_is_guarded_or_moves_no_name(ways: dict[str, Any]) -> None:
    assert set(ways["guarded"]) - {"ManagedSessionMaker"} == set(GUARDED)
    assert set(ways["methods"]) - HARMLESS == set(GUARDED)


def test_every_route_that_writes_is_known(ways: dict[str, Any]) -> None:
    writing = {
        path for path, methods in ways["routes"] if set(methods) - {"GET", "HEAD", "OPTIONS"}
    }
    assert len(writing) > 100
    unknown = {word for path in writing if not is_elsewhere(word := tail(path))} - WRITES
    assert unknown == set()


def tail(path: str) -> str:
    """Return a route behind its prefix: `/api/2.0/mlflow/runs/create` is `runs/create`."""
    for prefix in ("/ajax-api/", "/api/"):
        if path.startswith(prefix):
            path = path.removeprefix(prefix)[len("2.0") :]
    return path.lstrip("/").removeprefix("mlflow/")


def is_elsewhere(word: str) -> bool:
    return word.partition("/")[0] in ROOMS


@pytest.mark.parametrize("root", ["/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"])
def test_each_route_that_moves_a_name_refuses(pair: Pair, root: str) -> None:
    name = "every-" + root.strip("/").partition("/")[0]
    pair.keep(name, 2)
    pair.take_live(name, "1")
    for method, path, told in REFUSED:
        body = {"name": name} | told
        if path.endswith("transition-stage"):
            body |= {"archive_existing_versions": True}
        found = call(pair.address, method, path, root=root, **body)
        assert found.json().get("error_code") == "PERMISSION_DENIED", (path, found.text)
    assert (pair.alias(name), pair.alias(name, "champion")) == ("1", "1")


def test_a_release_that_keeps_its_store_otherwise_does_not_start() -> None:
    given = {"MODELWARDEN_URL": f"http://127.0.0.1:{free_port()}", "MODELWARDEN_TOKEN": "mws_x"}
    *otherwise, with_workspaces = run_python(OTHERWISE, environment=given).splitlines()
    assert len(otherwise) == 3
    assert all("in another way than Modelwarden's gate knows" in each for each in otherwise)
    assert "workspaces" in with_workspaces
