"""One control plane and one MLflow for all tests of this folder: each knows the other's address."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from modelwarden.access import actions
from modelwarden.api.app import create_app
from modelwarden.ledger.keys import SigningKey
from modelwarden.reactions import mlflow as following
from modelwarden.values.system import system
from modelwarden.warden.mlflow_sync import IMPORT
from modelwarden.warden.warden import open_warden
from tests.api.town import served
from tests.house.source import ROOT
from tests.services.mlflow_server import (
    HOOKS,
    TRAIN,
    accounts,
    call,
    free_port,
    mlflow_serving,
    run_python,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.store.change import Change
    from modelwarden.values.mlflow import MlflowSyncAnswer
    from modelwarden.warden.warden import Warden

PURPOSE = "predicts which customers leave next month"
READS = ("deployment.read", "model.read")
IMPORTS = ("model.read", "model.register")
SHARED = "by-which-mlflow-signs"
ADMIN = ("mlflow-admin", "a pass:word/that=nobody+guesses")
BEARER = "bearer-that-nobody-guesses"
PATH = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A control plane (`url`) and an MLflow (`address`) that obeys it."""

    warden: Warden
    url: str
    token: str
    address: str
    folder: Path
    keys: dict[str, SigningKey] = field(default_factory=dict)
    account: tuple[str, str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MODELWARDEN_URL": self.url,
            "MODELWARDEN_TOKEN": self.token,
            "MLFLOW_TRACKING_URI": self.address,
        } | credentials(self.account)

    def call(self, method: str, path: str, **body: Any) -> httpx.Response:  # noqa: ANN401
        return call(self.address, method, path, auth=self.account, **body)

    def train(self, name: str, versions: int) -> None:
        run_python(TRAIN, name, str(versions), environment=self.environment)

    def bring(self, *models: str, token: str | None = None) -> str:
        """Import by the command line, as alice unless a token says otherwise."""
        token = token or self.warden.acting_as("alice").tokens.create().secret or ""
        code = "from modelwarden.cli.main import main; main()"
        words = ["--json", "mlflow", "import", self.address, "--folder", str(self.folder / "kept")]
        words += [word for name in models for word in ("--model", name)]
        return run_python(code, *words, environment=self.environment | {"MODELWARDEN_TOKEN": token})

    def approve(self, model: str, label: str) -> None:
        alice = self.warden.acting_as("alice")
        alice.models.update(model, owner="alice", business_purpose=PURPOSE)
        asked = alice.approvals.request(model, label, justification="better than the rule before")
        for name in ("bob", "carol"):
            self.warden.acting_as(name).approvals.approve(asked.id, key=self.keys[name])

    def deploy(self, model: str, label: str) -> str:
        return self.warden.acting_as("dave").deployments.start(model, label, strategy="direct").id

    def run(self, *, user: str = "someone", status: str = "FINISHED") -> str:
        body = {"experiment_id": "0", "tags": [{"key": "mlflow.user", "value": user}]}
        made: str = self.call("POST", "runs/create", **body).json()["run"]["info"]["run_id"]
        self.call("POST", "runs/update", run_id=made, status=status)
        return made

    def draft(self, name: str, *runs: str) -> None:
        """Put a version of each run into MLflow by its REST API, with one small file and no client."""
        self.call("POST", "registered-models/create", name=name)
        for run in runs:
            place = f"0/{run}/artifacts/model"
            where = f"{self.address}/api/2.0/mlflow-artifacts/artifacts/{place}/model.txt"
            file = f"{name} {run}".encode()
            httpx.put(where, content=file, auth=self.account, timeout=60).raise_for_status()
            told = {"name": name, "source": f"mlflow-artifacts:/{place}", "run_id": run}
            made = self.call("POST", "model-versions/create", **told)
            assert made.status_code == 200, made.text

    def keep(self, name: str, versions: int) -> None:
        """Put versions into MLflow, and register the same files here, as alice."""
        runs = [self.run() for _ in range(versions)]
        self.draft(name, *runs)
        alice = self.warden.acting_as("alice")
        alice.models.register(name)
        for number, run in enumerate(runs, start=1):
            files = self.folder / "artifacts" / "0" / run / "artifacts" / "model"
            alice.versions.register(name, str(number), artifact=files, run=run)

    def take_live(self, model: str, label: str) -> None:
        self.approve(model, label)
        self.deploy(model, label)
        self.look()

    def tags(self, model: str, version: str) -> dict[str, str]:
        found = self.call("GET", f"model-versions/get?name={model}&version={version}").json()
        given = found["model_version"].get("tags", ())
        ours = {each["key"]: each["value"] for each in given}
        return {key: text for key, text in ours.items() if key.startswith("modelwarden.")}

    def look(self, *, put_back: bool = False) -> MlflowSyncAnswer:
        """Let the reconciler look once."""
        settings = replace(self.warden.settings, mlflow_put_back=put_back)
        return following.KeepMlflow(self.warden, settings=settings).look()

    def alias(self, model: str, alias: str = "production") -> str | None:
        found = self.call("GET", f"registered-models/alias?name={model}&alias={alias}").json()
        version = found.get("model_version", {}).get("version")
        return None if version is None else str(version)

    def write_into_database(self, sql: str, *values: str) -> None:
        """Do what nobody's server sees."""
        with sqlite3.connect(self.folder / "mlflow.db") as connection:
            connection.execute(sql, values)
        connection.close()

    def facts(self, kind: str, model: str) -> list[dict[str, Any]]:
        found = self.warden.audit.search(type=kind, subject=f"model:{model}", limit=50)
        return [dict(each.entry["fact"]) for each in found.items]


def credentials(account: tuple[str, str] | None) -> dict[str, str]:
    """Return what MLflow's client, and ours, read of the environment."""
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    return {} if account is None else dict(zip(names, account, strict=True))


@contextmanager
def control_plane(folder: Path, address: str, **settings: Any) -> Iterator[tuple[Warden, str]]:  # noqa: ANN401
    """Open one that keeps the MLflow at an address, and serve it. Nobody looks there but when a test says so."""
    with open_warden(
        f"sqlite:///{folder}/warden.db",
        mlflow_url=address,
        mlflow_import_as="mlflow-import",
        mlflow_folder=folder / "kept",
        read_rate=0,
        write_rate=0,
        **settings,
    ) as warden:
        for follower in warden.followers:
            if follower.name in {following.NAME, IMPORT}:
                follower.close()
        with served(create_app(warden)) as url:
            yield warden, url


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    (folder / "secret").write_text(f"{SHARED}\n", encoding="utf-8")
    allowed = {
        "mlflow_webhook_secret_file": folder / "secret",
        "endpoint_allow": ("127.0.0.0/8",),
    }
    with control_plane(folder, address, **allowed) as (warden, url):
        keys = people(warden)
        token = gate_token(warden)
        environment = {
            "MODELWARDEN_URL": url,
            "MODELWARDEN_TOKEN": token,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": os.urandom(16).hex(),
            **HOOKS,
        }
        with mlflow_serving(folder, port, app="modelwarden", environment=environment):
            yield Pair(
                warden=warden, url=url, token=token, address=address, folder=folder, keys=keys
            )


@pytest.fixture(scope="session")
def second_door(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a plain MLflow with accounts, that somebody started on the same database and files."""
    folder = tmp_path_factory.mktemp("second")
    environment = accounts(folder, ADMIN, function="tests.services.mlflow_tokens:authenticate")
    environment |= {"MLFLOW_TEST_TOKEN": BEARER, "MLFLOW_TEST_ADMIN": ADMIN[0], "PYTHONPATH": PATH}
    with mlflow_serving(
        folder, free_port(), app="basic-auth", environment=environment, beside=pair.folder
    ) as address:
        yield address


@pytest.fixture(scope="session")
def _apart(
    pair: Pair, second_door: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    with control_plane(tmp_path_factory.mktemp("apart"), second_door) as (warden, url):
        keys = people(warden)
        yield Pair(
            warden=warden,
            url=url,
            token=gate_token(warden),
            address=second_door,
            folder=pair.folder,
            keys=keys,
            account=ADMIN,
        )


@pytest.fixture
def apart(_apart: Pair, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Give a control plane that keeps the second, plain MLflow, by the account of its administrator."""
    for name, value in credentials(_apart.account).items():
        monkeypatch.setenv(name, value)
    return _apart


def gate_token(warden: Warden) -> str:
    """Return what MLflow's server asks with: a service account that reads, and no more."""

    def issue(change: Change) -> str:
        actions.define_role(change, "mlflow-import", permissions=IMPORTS)
        actions.add_service_account(change, "mlflow-import", owner="dave")
        actions.grant(change, "mlflow-import", "mlflow-import")
        actions.define_role(change, "mlflow-gate", permissions=READS)
        actions.add_service_account(change, "mlflow", owner="dave")
        actions.grant(change, "mlflow", "mlflow-gate")
        return actions.create_token(change, user="mlflow", days=30).secret

    return warden.change(system("test"), issue)


def people(warden: Warden) -> dict[str, SigningKey]:
    roles = {"root": "admin", "alice": "developer", "dave": "operator"}
    for name in ("root", "alice", "dave", "bob", "carol"):
        warden.add_user(name, roles=[roles.get(name, "approver")])
    keys = {name: SigningKey.generate() for name in ("bob", "carol")}
    for name, key in keys.items():
        enrolled = warden.acting_as(name).keys.enrol(key)
        warden.acting_as("root").keys.confirm(enrolled.id)
    return keys
