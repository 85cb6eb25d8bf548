"""The API inside a Flask app: the app's own routes stay, and one database holds all."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from modelwarden.access import actions
from modelwarden.integrations.flask import register_governance_api
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

    from modelwarden.warden.warden import Warden

ROOT = "/api/governance"


@pytest.fixture
def warden(tmp_path: Path) -> Iterator[Warden]:
    with open_warden(f"sqlite:///{tmp_path}/warden.db", embedded=False) as opened:
        opened.add_user("alice", roles=["developer"])
        yield opened


@pytest.fixture
def client(warden: Warden) -> FlaskClient:
    app = Flask("somebody-elses-app")

    @app.get("/own")
    def own() -> str:
        return "mine"

    register_governance_api(app, warden=warden)
    return app.test_client()


@pytest.fixture
def bearer(warden: Warden) -> dict[str, str]:
    issue = partial(actions.create_token, user="alice")
    token = warden.submit(system("test"), issue).result().value.secret
    return {"Authorization": f"Bearer {token}"}


def test_the_apps_own_routes_stay(client: FlaskClient) -> None:
    assert client.get("/own").text == "mine"
    assert client.get("/nowhere").status_code == 404


def test_calls_below_the_root_are_answered_by_the_api(
    client: FlaskClient, bearer: dict[str, str]
) -> None:
    assert client.get(f"{ROOT}/health").get_json()["status"] == "ok"
    assert client.get(f"{ROOT}/me").status_code == 401
    assert client.get(f"{ROOT}/me", headers=bearer).get_json()["handle"] == "alice"
    body = {"model_id": "churn", "version": "1.0.0"}
    made = client.post(f"{ROOT}/models/register", json=body, headers=bearer)
    assert (made.status_code, made.get_json()["model_id"]) == (201, "churn")
    assert made.headers["Governance-Entry"]
    assert made.headers["X-Content-Type-Options"] == "nosniff"
    listed = client.get(f"{ROOT}/models/churn/versions?limit=1", headers=bearer)
    assert [one["version"] for one in listed.get_json()["items"]] == ["1.0.0"]
    wrong = client.post(f"{ROOT}/models", json={"name": 5}, headers=bearer)
    assert wrong.get_json()["errors"][0]["field"] == "body.name"


@pytest.mark.parametrize("name", ["model_registry", "usecase_registry", "access_control"])
def test_separate_registries_are_a_type_error_that_says_why(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}.*one database holds all"):
        register_governance_api(Flask("x"), **{name: object()})  # type: ignore[arg-type]


def test_without_a_warden_the_database_of_the_environment_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELWARDEN_URL", f"sqlite:///{tmp_path}/own.db")
    monkeypatch.chdir(tmp_path)
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr("modelwarden.integrations.flask.atexit.register", at_exit.append)
    app = Flask("x")
    register_governance_api(app)
    assert app.test_client().get(f"{ROOT}/ready").get_json() == {"status": "ok"}
    assert (tmp_path / "own.db").exists()
    (close,) = at_exit
    close()
