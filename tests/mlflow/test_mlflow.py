"""MLflow beside us: import, protected aliases, the deployment that moves them, and loading (RL-55 to RL-58)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modelwarden.client.remote import connect
from modelwarden.errors import OwnerMissing, PurposeMissing
from modelwarden.reactions.mlflow import KeepMlflow
from tests.api.town import town
from tests.mlflow.conftest import PURPOSE
from tests.services.mlflow_server import free_port, run_python

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mlflow.conftest import Pair

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

LOAD = """
import sys
import modelwarden
from modelwarden.errors import WardenError
try:
    model = modelwarden.load_model(sys.argv[1], require=sys.argv[2])
except WardenError as error:
    print(error.code, *getattr(error, "reasons", ()))
else:
    import pandas
    print("answers", model.predict(pandas.DataFrame({"tenure": [1.0]})))
"""


def test_a_registry_comes_over_once_as_drafts(pair: Pair) -> None:
    pair.train("import-me", 2)
    first = json.loads(pair.bring("import-me"))["items"][0]
    assert (first["added"], first["known"]) == (["1", "2"], [])
    assert first["notes"] == [
        "1: 1 metrics are no finite figures of a plain name",
        "2: 1 metrics are no finite figures of a plain name",
    ]
    alice = pair.warden.acting_as("alice")
    version = alice.versions.show("import-me", "2")
    assert (version.approval_status, version.trust) == ("draft", "verified")
    assert (version.metrics, version.parameters) == ({"roc_auc": "0.82"}, {"depth": "2"})
    assert [(each["role"], each["name"].partition("@")[0]) for each in version.datasets] == [
        ("training", "customers")
    ]
    assert version.run is not None
    size = pair.warden.audit.search(limit=1).items[0].seq
    second = json.loads(pair.bring("import-me"))["items"][0]
    assert (second["added"], second["known"]) == ([], ["1", "2"])
    told = {each.entry["type"] for each in pair.warden.audit.search(first=size + 1, limit=50).items}
    assert told <= {"token.issued"}  # the one that the second run came with


def test_an_imported_version_asks_for_owner_and_purpose(pair: Pair) -> None:
    pair.draft("unowned", pair.run())
    pair.bring("unowned")
    alice = pair.warden.acting_as("alice")
    with pytest.raises((OwnerMissing, PurposeMissing)):
        alice.approvals.request("unowned", "1", justification="better than the rule before")
    alice.models.update("unowned", owner="alice", business_purpose=PURPOSE)
    assert alice.approvals.request("unowned", "1", justification="better than the rule before").id


def test_a_deployment_moves_the_alias_and_a_rollback_moves_it_back(pair: Pair) -> None:
    pair.keep("moves", 2)
    for label in ("1", "2"):
        pair.approve("moves", label)
        pair.deploy("moves", label)
        pair.look()
        assert (pair.alias("moves"), pair.alias("moves", "champion")) == (label, label)
    pair.look()
    moved = pair.facts("alias.moved", "moves")
    assert sorted((each["alias"], each["version"]) for each in moved) == [
        (alias, f"moves@{label}") for alias in ("champion", "production") for label in ("1", "2")
    ]
    pair.warden.acting_as("dave").deployments.rollback("moves", reason="worse than before")
    pair.look()
    assert pair.alias("moves") == "1"
    assert pair.facts("bypass.detected", "moves") == []


def test_a_move_past_the_server_is_told_once_and_put_back_if_asked(pair: Pair) -> None:
    pair.keep("strays", 2)
    pair.approve("strays", "1")
    pair.deploy("strays", "1")
    pair.look()
    sql = "UPDATE registered_model_aliases SET version = ? WHERE name = ? AND alias = ?"
    pair.write_into_database(sql, "2", "strays", "production")
    for _ in range(2):
        pair.look()
    found = pair.facts("bypass.detected", "strays")
    assert [(each["version"], each["alias"], each["reasons"]) for each in found] == [
        ("strays@2", "production", ["alias_moved"])
    ]
    assert pair.alias("strays") == "2"
    pair.look(put_back=True)
    assert pair.alias("strays") == "1"
    pair.look()
    assert len(pair.facts("alias.returned", "strays")) == 1
    sql = "DELETE FROM registered_model_aliases WHERE name = ? AND alias = ?"
    pair.write_into_database(sql, "strays", "production")
    pair.look(put_back=True)
    assert pair.alias("strays") == "1"
    assert len(pair.facts("bypass.detected", "strays")) == 2


def test_a_crash_between_mlflow_and_our_commit_leaves_one_move(pair: Pair) -> None:
    """MLflow was told, we did not commit: the next look finds it done, and tells it once."""
    pair.keep("crashed", 2)
    for label in ("1", "2"):
        pair.approve("crashed", label)
    pair.deploy("crashed", "1")
    pair.look()
    pair.deploy("crashed", "2")
    sql = "UPDATE registered_model_aliases SET version = ? WHERE name = ?"
    pair.write_into_database(sql, "2", "crashed")
    pair.look()
    moved = [each["version"] for each in pair.facts("alias.moved", "crashed")]
    assert sorted(moved) == ["crashed@1", "crashed@1", "crashed@2", "crashed@2"]
    assert pair.facts("bypass.detected", "crashed") == []


def test_two_that_look_at_once_tell_it_once(pair: Pair) -> None:
    pair.keep("raced", 2)
    pair.approve("raced", "1")
    pair.deploy("raced", "1")
    with ThreadPoolExecutor(4) as together:
        list(together.map(lambda _: pair.look(), range(4)))
    sql = "UPDATE registered_model_aliases SET version = ? WHERE name = ? AND alias = ?"
    pair.write_into_database(sql, "2", "raced", "production")
    with ThreadPoolExecutor(4) as together:
        list(together.map(lambda _: pair.look(), range(4)))
    assert len(pair.facts("alias.moved", "raced")) == 2
    assert len(pair.facts("bypass.detected", "raced")) == 1


def test_mlflow_being_gone_harms_nothing(pair: Pair) -> None:
    size = pair.warden.audit.search(limit=1).items[0].seq
    settings = replace(pair.warden.settings, mlflow_url=f"http://127.0.0.1:{free_port()}")
    KeepMlflow(pair.warden, settings=settings, every_s=0).idle()
    assert pair.warden.audit.search(limit=1).items[0].seq == size


def test_what_a_server_may_not_read_is_said_and_does_not_pass(pair: Pair, tmp_path: Path) -> None:
    pair.draft("unread", pair.run())
    kept = tmp_path / "kept"
    for roots, trust in (((), "asserted"), ((kept,), "verified")):
        (folder := tmp_path / trust).mkdir()
        with (
            town(folder, artifact_roots=roots) as made,
            connect(made.url, token=made.tokens["alice"]) as alice,
        ):
            there = replace(pair, url=made.url, folder=tmp_path)
            [found] = json.loads(there.bring("unread", token=made.tokens["alice"]))["items"]
            assert alice.versions.show("unread", "1").trust == trust
            assert ("artifacts.roots" in str(found["notes"])) is (trust == "asserted")
            reasons = {each.code for each in alice.deployments.gate("unread", "1").reasons}
            assert ("artifact_unreadable" in reasons) is (trust == "asserted")


def load(pair: Pair, uri: str, require: str = "live") -> str:
    return run_python(LOAD, uri, require, environment=pair.environment).splitlines()[-1]


def test_what_is_live_loads_and_nothing_else_does(pair: Pair) -> None:
    pair.train("loads", 2)
    pair.bring("loads")
    assert load(pair, "models:/loads/1") == "gate_refused not_live"
    assert load(pair, "models:/loads/1", "approved") == "gate_refused not_approved"
    pair.approve("loads", "1")
    assert load(pair, "models:/loads/1", "approved") == "answers [1]"
    assert load(pair, "models:/loads/1") == "gate_refused not_live"
    pair.deploy("loads", "1")
    pair.look()
    assert load(pair, "models:/loads@production") == "answers [1]"
    sql = "UPDATE registered_model_aliases SET version = ? WHERE name = ? AND alias = ?"
    pair.write_into_database(sql, "2", "loads", "production")
    assert load(pair, "models:/loads@production") == "gate_refused not_live"


def test_a_version_recorded_as_deployed_elsewhere_does_not_load(pair: Pair) -> None:
    pair.keep("recorded", 1)
    pair.warden.acting_as("dave").deployments.record("recorded", "1")
    assert load(pair, "models:/recorded/1") == "gate_refused not_live"


def test_a_file_swapped_in_the_store_is_refused_before_it_runs(pair: Pair) -> None:
    pair.train("swapped", 1)
    pair.bring("swapped")
    pair.approve("swapped", "1")
    pair.deploy("swapped", "1")
    assert load(pair, "models:/swapped/1") == "answers [1]"
    found = pair.call("GET", "model-versions/get?name=swapped&version=1").json()["model_version"]
    logged = found["source"].rpartition("/")[2]  # models:/m-…
    [pickled] = (pair.folder / "artifacts").rglob(f"{logged}/artifacts/python_model.pkl")
    ran = pair.folder / "ran"
    pickled.write_bytes(f"cos\nsystem\n(S'touch {ran}'\ntR.".encode())
    assert load(pair, "models:/swapped/1") == "artifact_mismatch"
    assert not ran.exists()
