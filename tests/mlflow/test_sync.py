"""MLflow's registry in step with ours: what is new comes over, our word goes back, and webhooks hint (RL-56, RL-57)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from modelwarden.deployments.mlflow.webhook import Hints
from modelwarden.errors import MlflowFailed, Refusal
from modelwarden.reactions.mlflow import KeepMlflow
from modelwarden.warden.mlflow_sync import Bring
from tests.mlflow.conftest import SHARED
from tests.notify.receiver import receiving
from tests.services.mlflow_server import free_port

if TYPE_CHECKING:
    from tests.mlflow.conftest import Pair

pytestmark = [pytest.mark.services, pytest.mark.timeout(500)]

PATIENCE_S: Final = 60
WEBHOOK: Final = "/api/governance/integrations/mlflow/webhook"
MOVE: Final = "UPDATE registered_model_aliases SET version = ? WHERE name = ? AND alias = ?"


@pytest.mark.filterwarnings("ignore")  # MLflow's client, as it is imported
def test_what_is_new_comes_over_once_its_run_has_ended(pair: Pair) -> None:
    """By the service account; and whoever MLflow says trained it may not approve it."""
    run = pair.run(user="carol", status="RUNNING")
    pair.draft("arrives", run)
    bring = Bring(pair.warden, hints=Hints(None))
    found = {each.name: each for each in bring.new()}["arrives"]
    assert (found.added, found.notes) == ((), (f"1: run {run} still goes on",))
    pair.call("POST", "runs/log-metric", run_id=run, key="roc_auc", value=0.5, timestamp=1)
    pair.call("POST", "runs/update", run_id=run, status="FINISHED")
    assert bring.new() == ()  # it is tried again a minute later
    found = {each.name: each for each in Bring(pair.warden, hints=Hints(None)).new()}["arrives"]
    assert found.notes == ()
    assert found.added == ("1",)
    alice = pair.warden.acting_as("alice")
    assert alice.models.show("arrives").owner == "dave"  # who owns the account
    version = alice.versions.show("arrives", "1")
    assert (version.registered_by, version.trust) == ("mlflow-import", "verified")
    assert (version.metrics, version.approval_status) == ({"roc_auc": "0.5"}, "draft")
    with pytest.raises(Refusal, match="trainer"):
        pair.approve("arrives", "1")


def test_a_webhook_of_the_real_server_is_a_hint(pair: Pair) -> None:
    hints = pair.warden.mlflow.hints
    events = [
        {"entity": "MODEL_VERSION", "action": "CREATED"},
        {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"},
    ]
    for secret, is_taken in ((SHARED, True), ("another", False)):
        made = pair.call(
            "POST",
            "webhooks",
            name=f"modelwarden-{is_taken}",
            url=f"{pair.url}{WEBHOOK}",
            events=events,
            secret=secret,
        )
        assert made.status_code == 200, made.text
        hook = made.json()["webhook"]["webhook_id"]
        told = pair.call("POST", f"webhooks/{hook}/test").json()["result"]
        assert (told["success"], told["response_status"]) == (
            is_taken, 204 if is_taken else 401
        )  # fmt: skip
        if not is_taken:
            pair.call("DELETE", f"webhooks/{hook}")
    before = hints.count
    pair.draft("hinted", pair.run())
    body = {"name": "hinted", "alias": "candidate", "version": "1"}
    assert pair.call("POST", "registered-models/alias", **body).status_code == 200
    ends = time.monotonic() + PATIENCE_S
    while hints.count < before + 2 and time.monotonic() < ends:
        time.sleep(0.1)
    assert hints.count >= before + 2


def test_our_word_goes_back_as_tags(pair: Pair) -> None:
    pair.keep("tagged", 2)
    pair.look()
    alice = pair.warden.acting_as("alice")
    fingerprint = alice.versions.show("tagged", "1").fingerprints[0]
    drafted = {"modelwarden.status": "registered", "modelwarden.fingerprint": fingerprint}
    assert pair.tags("tagged", "1") == drafted
    pair.approve("tagged", "1")
    [request] = [each for each in alice.approvals.list().items if each.model == "tagged"]
    vouched = {"modelwarden.evidence": request.id}
    pair.look()
    assert pair.tags("tagged", "1") == drafted | vouched | {"modelwarden.status": "approved"}
    pair.deploy("tagged", "1")
    pair.look()
    live = drafted | vouched | {"modelwarden.status": "deployed_production"}
    assert pair.tags("tagged", "1") == live
    forged = {"name": "tagged", "version": "2", "key": "modelwarden.status", "value": "approved"}
    pair.call("POST", "model-versions/set-tag", **forged)
    forged |= {"key": "modelwarden.evidence", "value": request.id}
    pair.call("POST", "model-versions/set-tag", **forged)
    assert "tagged@2" in pair.look().tagged
    assert pair.tags("tagged", "2").keys() == drafted.keys()
    assert pair.tags("tagged", "2")["modelwarden.status"] == "registered"
    assert pair.look().tagged == ()


def test_mlflow_being_down_delays_our_word(pair: Pair) -> None:
    pair.keep("delayed", 1)
    settings = replace(pair.warden.settings, mlflow_url=f"http://127.0.0.1:{free_port()}")
    gone = KeepMlflow(pair.warden, settings=settings, every_s=0)
    gone.idle()
    with pytest.raises(MlflowFailed):
        gone.look()
    assert pair.tags("delayed", "1") == {}
    pair.look()
    assert pair.tags("delayed", "1")["modelwarden.status"] == "registered"


def test_a_version_of_another_run_keeps_its_tags(pair: Pair) -> None:
    """The same name and number by chance: what is said of our bytes is not said of those."""
    pair.draft("chance", pair.run())
    alice = pair.warden.acting_as("alice")
    alice.models.register("chance")
    alice.versions.register("chance", "1")
    pair.look()
    assert pair.tags("chance", "1") == {}


def test_a_stage_set_past_the_gate_is_told_once_and_put_back_if_asked(pair: Pair) -> None:
    pair.keep("staged", 2)
    pair.take_live("staged", "1")
    sql = "UPDATE model_versions SET current_stage = ? WHERE name = ? AND version = ?"
    pair.write_into_database(sql, "Production", "staged", "2")
    for _ in range(2):
        assert "staged@stage/production" in pair.look().strayed
    [told] = pair.facts("bypass.detected", "staged")
    assert (told["version"], told["alias"], told["reasons"]) == (
        "staged@2", "stage/production", ["stage_moved"]
    )  # fmt: skip
    assert "staged@stage/production" in pair.look(put_back=True).moved
    found = pair.call("GET", "model-versions/get?name=staged&version=2").json()["model_version"]
    assert found["current_stage"] == "None"
    assert "staged@stage/production" not in pair.look().strayed
    assert len(pair.facts("alias.returned", "staged")) == 1


def test_a_live_version_or_model_that_is_gone_is_told_and_alerted(pair: Pair) -> None:
    pair.keep("gone", 1)
    pair.take_live("gone", "1")
    rename = [
        f"UPDATE {table} SET name = ? WHERE name = ?"  # noqa: S608  # two names of tables
        for table in ("registered_models", "model_versions", "registered_model_aliases")
    ]
    with receiving() as receiver:
        root = pair.warden.acting_as("root")
        root.notify.add("pager", receiver.url, types=["bypass.detected"], severity="CRITICAL")
        for sql in rename:
            pair.write_into_database(sql, "gone-2", "gone")
        for put_back in (False, True):
            assert "gone@production" in pair.look(put_back=put_back).strayed
        assert receiver.wait(lambda: len(receiver.news) >= 2)
    told = pair.facts("bypass.detected", "gone")
    assert {(each["alias"], *each["reasons"]) for each in told} == {
        ("production", "model_gone"), ("champion", "model_gone")
    }  # fmt: skip
    assert len(told) == 2
    for sql in rename:
        pair.write_into_database(sql, "gone", "gone-2")
    assert "gone@production" not in pair.look().strayed
    assert len(pair.facts("alias.returned", "gone")) == 2
    for table in ("registered_model_aliases", "model_version_tags", "model_versions"):
        pair.write_into_database(f"DELETE FROM {table} WHERE name = ?", "gone")  # noqa: S608
    pair.look()
    newest = pair.facts("bypass.detected", "gone")[0]
    assert newest["reasons"] == ["version_gone"]


@pytest.mark.filterwarnings("ignore")  # MLflow's client, as it is imported
def test_a_look_on_demand_sees_what_was_moved_in_the_database(pair: Pair) -> None:
    pair.keep("beside", 2)
    pair.take_live("beside", "1")
    pair.write_into_database(MOVE, "2", "beside", "production")
    answer = httpx.post(
        f"{pair.url}/api/governance/integrations/mlflow/sync",
        json={},
        headers={"authorization": f"Bearer {token_of(pair, 'alice')}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert "beside@production" in answer.json()["strayed"]
    assert "beside@production" in pair.look(put_back=True).moved
    assert pair.alias("beside") == "1"


def token_of(pair: Pair, name: str) -> str:
    return pair.warden.acting_as(name).tokens.create().secret or ""
