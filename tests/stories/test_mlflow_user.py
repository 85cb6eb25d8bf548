"""What a user of MLflow logs goes its whole way: no client moves `@production`, a deployment does (RL-55 to RL-58).

MLflow's own server behind our gate, MLflow's own client in processes of its own, our command line for people, our
server beside it with all that it follows by itself.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.api.app import create_app
from modelwarden.warden.warden import open_warden
from tests.api.town import served
from tests.guard.hosts import soon
from tests.mlflow.conftest import PURPOSE, gate_token, people
from tests.services.mlflow_server import TRAIN, call, free_port, mlflow_serving, run_python
from tests.store.deeds import verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

pytestmark = [pytest.mark.services, pytest.mark.timeout(500)]

MAIN: Final = "from modelwarden.cli.main import main; main()"
BY_CLIENT: Final = """
import sys
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
try:
    MlflowClient().set_registered_model_alias("churn", "production", sys.argv[1])
except MlflowException as refused:
    print(refused.error_code, refused.message)
else:
    print("moved")
"""
LOAD: Final = """
import json, sys
import pandas
import modelwarden
try:
    model = modelwarden.load_model(sys.argv[1], **json.loads(sys.argv[2]))
except modelwarden.errors.WardenError as refused:
    print(refused.code)
else:
    print(model.predict(pandas.DataFrame({"tenure": [1.0]})))
"""
MOVE: Final = "UPDATE registered_model_aliases SET version = '1' WHERE name = 'churn' AND alias = 'production'"


class Team:
    """alice builds, bob and carol decide, dave deploys, root administers; `serving` is a program that loads models."""

    def __init__(self, warden: Warden, url: str, mlflow: str, folder: Path) -> None:
        self.warden, self.url, self.mlflow, self.folder = warden, url, mlflow, folder
        self.kept = folder / "kept" / "churn" / "2"
        for name, key in people(warden).items():
            (folder / f"{name}.pem").write_bytes(key.to_pem(None))
        self.tokens = {
            name: warden.acting_as(name).tokens.create().secret or ""
            for name in ("root", "alice", "bob", "carol", "dave")
        }
        self.tokens["serving"] = gate_token(warden)

    def environment(self, who: str) -> dict[str, str]:
        return {
            "MODELWARDEN_URL": self.url,
            "MODELWARDEN_TOKEN": self.tokens[who],
            "MLFLOW_TRACKING_URI": self.mlflow,
        }

    def says(self, who: str, *words: str) -> Any:  # noqa: ANN401  # what the command prints
        printed = run_python(MAIN, *words, "--json", environment=self.environment(who))
        return json.loads(printed)

    def is_refused(self, code: str, who: str, *words: str) -> None:
        with pytest.raises(AssertionError, match=code):
            self.says(who, *words)

    def moved_by_client(self, label: str) -> str:
        return run_python(BY_CLIENT, label, environment=self.environment("alice"))

    def loaded(self, uri: str, **how: str) -> str:
        printed = run_python(LOAD, uri, json.dumps(how), environment=self.environment("serving"))
        return printed.splitlines()[-1]

    def production(self) -> str | None:
        path = "registered-models/alias?name=churn&alias=production"
        version: str | None = (
            call(self.mlflow, "GET", path).json().get("model_version", {}).get("version")
        )
        return version


@contextmanager
def team(folder: Path) -> Iterator[Team]:
    port = free_port()
    mlflow = f"http://127.0.0.1:{port}"
    with (
        open_warden(
            f"sqlite:///{folder}/warden.db", mlflow_url=mlflow, read_rate=0, write_rate=0
        ) as warden,
        served(create_app(warden)) as url,
    ):
        here = Team(warden, url, mlflow, folder)
        environment = here.environment("serving") | {
            "MLFLOW_FLASK_SERVER_SECRET_KEY": os.urandom(16).hex()
        }
        with mlflow_serving(folder, port, app="modelwarden", environment=environment):
            yield here


def test_from_the_first_run_to_a_stranger_s_hand(tmp_path: Path) -> None:
    with team(tmp_path) as here:
        logged_and_brought_over(here)
        decided(here)
        goes_live(here)
        loads_as_signed(here)
        swapped_in_the_store(here)
        moved_in_the_database(here)
        told = {each.entry["type"] for each in here.warden.audit.search(limit=200).items}
        assert {"alias.moved", "bypass.detected", "access.denied"} <= told
        assert verified(here.warden, state=True).problems == ()


def logged_and_brought_over(here: Team) -> None:
    """MLflow's client trains and registers; what it may not do yet is name one of them production."""
    run_python(TRAIN, "churn", "2", environment=here.environment("alice"))
    assert "PERMISSION_DENIED" in here.moved_by_client("2")
    brought = ("mlflow", "import", here.mlflow, "--folder", str(here.folder / "kept"))
    assert here.says("alice", *brought)["items"][0]["added"] == ["1", "2"]
    assert here.says("alice", *brought)["items"][0]["added"] == []
    version = here.says("alice", "versions", "show", "churn@2")
    assert (version["approval_status"], version["metrics"]) == ("draft", {"roc_auc": "0.82"})
    here.is_refused("owner_missing|purpose_missing", "alice", *ASKED)
    here.says("alice", "models", "update", "churn", "--owner", "alice", "--purpose", PURPOSE)


ASKED: Final = ("approvals", "request", "churn@2", "-j", "better on every figure that we measure")


def decided(here: Team) -> None:
    """Two other people sign, and until the second has, neither the gate nor MLflow lets it through."""
    request = here.says("alice", *ASKED)["id"]
    here.is_refused("self_approval|not_permitted", "alice", "approvals", "approve", request)
    for name in ("bob", "carol"):
        here.is_refused("gate_refused", "dave", "deploy", "start", "churn@2")
        assert "moves with a deployment" in here.moved_by_client("2")
        here.says(name, "approvals", "approve", request, "--key", str(here.folder / f"{name}.pem"))


def goes_live(here: Team) -> None:
    """Approved is not live: the alias moves with the deployment, by itself, and then by nothing else."""
    assert "It is approved: modelwarden deploy start churn@2" in here.moved_by_client("2")
    assert here.production() is None
    assert here.loaded("models:/churn/2") == "gate_refused"
    assert here.says("dave", "deploy", "start", "churn@2")["state"] == "live"
    soon(lambda: here.production() == "2")
    assert here.moved_by_client("2") == "moved\n"  # to where it is
    assert "version 2 of churn is live in production" in here.moved_by_client("1")
    assert here.loaded("models:/churn@production") == "[2]"


def loads_as_signed(here: Team) -> None:
    """bob signs the files that were brought over; whoever serves needs no server of ours to check them."""
    signature, trust = here.folder / "churn.sig", here.folder / "keys.json"
    key = str(here.folder / "bob.pem")
    here.says(
        "bob", "artifacts", "sign", str(here.kept), "--key", key, "--signature", str(signature)
    )
    trusted = here.says("root", "keys", "list", "--trust")
    trust.write_text(json.dumps(trusted), encoding="utf-8")
    how = {"require": "signed", "signature": str(signature), "trust": str(trust)}
    assert here.loaded("models:/churn/2", **how) == "[2]"
    assert here.loaded("models:/churn/1", **how) == "artifact_mismatch"


def swapped_in_the_store(here: Team) -> None:
    """Other bytes where MLflow keeps them: nothing of them runs, whatever is asked for."""
    how = {
        "require": "signed",
        "signature": str(here.folder / "churn.sig"),
        "trust": str(here.folder / "keys.json"),
    }
    version = call(here.mlflow, "GET", "model-versions/get?name=churn&version=2").json()
    logged = version["model_version"]["source"].rpartition("/")[2]
    [pickled] = (here.folder / "artifacts").rglob(f"{logged}/artifacts/python_model.pkl")
    kept, ran = pickled.read_bytes(), here.folder / "ran"
    pickled.write_bytes(f"cos\nsystem\n(S'touch {ran}'\ntR.".encode())
    assert here.loaded("models:/churn@production") == "artifact_mismatch"
    assert here.loaded("models:/churn/2", **how) == "artifact_mismatch"
    assert not ran.exists()
    pickled.write_bytes(kept)
    assert here.loaded("models:/churn@production") == "[2]"


def moved_in_the_database(here: Team) -> None:
    """Past every server: a look tells of it once, and what serves gets nothing in the meantime."""
    with sqlite3.connect(here.folder / "mlflow.db") as connection:
        connection.execute(MOVE)
    connection.close()
    assert here.production() == "1"
    assert here.loaded("models:/churn@production") == "gate_refused"
    seen = here.says("alice", "mlflow", "sync")
    assert "churn@production" in seen["strayed"]
    assert seen["unguarded"] == []
    here.says("alice", "mlflow", "sync")
    told = here.warden.audit.search(type="bypass.detected", subject="model:churn", limit=10).items
    facts = [each.entry["fact"] for each in told]
    assert [(each["version"], each["reasons"]) for each in facts] == [("churn@1", ["alias_moved"])]
