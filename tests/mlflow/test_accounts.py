"""MLflow behind accounts and tokens: import, sync and loading go by the environment's, and nothing repeats them."""

from __future__ import annotations

import base64
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from modelwarden.deployments.mlflow.registry import MlflowRegistry
from modelwarden.errors import MlflowAccountRefused
from tests.mlflow.conftest import ADMIN, BEARER, credentials
from tests.mlflow.test_mlflow import LOAD
from tests.services.mlflow_server import call, run_python

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mlflow.conftest import Pair

pytestmark = [pytest.mark.services, pytest.mark.timeout(500)]

SYNC: Final = "/api/governance/integrations/mlflow/sync"
NAMED: Final = "MLFLOW_TRACKING_PASSWORD"
WRONG: Final = (ADMIN[0], "another pass:word+of/theirs")
READER: Final = ("mlflow-reader", "who may read, and no more")
SECRETS: Final = (
    *(password for _, password in (ADMIN, WRONG, READER)),
    *(base64.b64encode(":".join(each).encode()).decode() for each in (ADMIN, WRONG, READER)),
    BEARER,
    "not-that-bearer",
)
BY_TOKEN: Final = {"MLFLOW_TRACKING_TOKEN": BEARER}


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def without_account(pair: Pair) -> Pair:
    return replace(pair, account=None)


def synced(pair: Pair, name: str = "alice") -> httpx.Response:
    token = pair.warden.acting_as(name).tokens.create().secret
    return httpx.post(
        f"{pair.url}{SYNC}", json={}, headers={"authorization": f"Bearer {token}"}, timeout=60
    )


def refused(pair: Pair) -> str:
    """Import by the command line, which has to fail; return what it said."""
    with pytest.raises(AssertionError) as failed:
        pair.bring("locked")
    return str(failed.value)


def hidden(*texts: str) -> None:
    for text in texts:
        assert not [each for each in SECRETS if each in text]


@pytest.mark.filterwarnings("ignore")  # MLflow's client, as it is imported
def test_an_account_brings_over_keeps_in_step_and_loads(
    apart: Pair, told: pytest.LogCaptureFixture
) -> None:
    apart.train("behind", 1)
    [found] = json.loads(printed := apart.bring("behind"))["items"]
    assert found["added"] == ["1"]
    apart.approve("behind", "1")
    apart.deploy("behind", "1")
    answer = synced(apart)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["moved"]) == {"behind@champion", "behind@production"}
    assert apart.tags("behind", "1")["modelwarden.status"] == "deployed_production"
    loaded = run_python(LOAD, "models:/behind@production", "live", environment=apart.environment)
    assert loaded.splitlines()[-1] == "answers [1]"
    hidden(printed, answer.text, told.text, loaded, repr(apart.warden.settings))


@pytest.mark.filterwarnings("ignore")
def test_a_token_does_the_same(apart: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in credentials(ADMIN):
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", BEARER)
    apart.draft("carried", apart.run())
    [found] = json.loads(printed := without_account(apart).bring("carried"))["items"]
    assert found["added"] == ["1"]
    answer = synced(apart)
    assert answer.status_code == 200, answer.text
    assert apart.tags("carried", "1")["modelwarden.status"] == "registered"
    hidden(printed, answer.text)


def test_a_password_counts_before_a_token_as_with_mlflow_s_own_client(apart: Pair) -> None:
    for given, is_taken in (
        (credentials(ADMIN) | {"MLFLOW_TRACKING_TOKEN": "not-that-bearer"}, True),
        (credentials(WRONG) | BY_TOKEN, False),
        (credentials((ADMIN[0], "")) | BY_TOKEN, True),
    ):
        with MlflowRegistry(apart.address, environment=given) as registry:
            if is_taken:
                list(registry.models())
            else:
                with pytest.raises(MlflowAccountRefused):
                    list(registry.models())


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "anybody without an account"),
        (credentials(WRONG), "the account of MLFLOW_TRACKING_USERNAME"),
        ({"MLFLOW_TRACKING_TOKEN": "not-that-bearer"}, "what MLFLOW_TRACKING_TOKEN says"),
        ({"MLFLOW_TRACKING_TOKEN": f"{BEARER}\n"}, "a line's end"),
        ({"MLFLOW_TRACKING_TOKEN": f"{BEARER}é"}, "plain ASCII"),
    ],
)
def test_a_wrong_secret_says_what_to_do_at_every_door_and_is_not_repeated(
    apart: Pair,
    given: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    told: pytest.LogCaptureFixture,
) -> None:
    apart.draft("locked", apart.run())
    for name in credentials(ADMIN):
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    answer = synced(apart)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (502, "mlflow_account_refused")
    assert named in problem["detail"]
    for step in apart.warden.mlflow.steps().values():
        step.begin(None)  # type: ignore[arg-type]  # it reads no position
        step.idle()
    said = refused(without_account(apart))
    assert "mlflow_account_refused" in said
    loaded = run_python(LOAD, "models:/locked@production", "live", environment=without(apart))
    assert loaded == "mlflow_account_refused\n"
    hidden(answer.text, said, told.text, *(record.getMessage() for record in told.records))


def without(pair: Pair) -> dict[str, str]:
    return without_account(pair).environment


def test_an_account_that_may_only_read_is_told_what_it_lacks(
    apart: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = apart.call("POST", "users/create", username=READER[0], password=READER[1])
    assert made.status_code == 200, made.text
    apart.keep("veiled", 1)
    apart.take_live("veiled", "1")
    apart.keep("looked-at", 1)
    veil = {"resource_type": "registered_model", "resource_id": "veiled", "permission": "DENY"}
    where = {"root": "/api/3.0/mlflow/", "auth": ADMIN}
    made = call(
        apart.address, "POST", "users/permissions/grant", username=READER[0], **where, **veil
    )
    assert made.status_code == 200, made.text
    apart.draft("open-to-all", apart.run())
    brought = replace(apart, account=READER).bring("open-to-all")
    assert json.loads(brought)["items"][0]["added"] == ["1"]  # to read is enough to import
    for name, value in credentials(READER).items():
        monkeypatch.setenv(name, value)
    found = apart.look()
    failures = found.failures
    assert "EDIT on models to set tags" in str(failures)
    assert "veiled@production" in found.strayed  # it can't be told from one that is gone
    assert apart.tags("looked-at", "1") == {}
    hidden(str(failures))


def test_nothing_kept_holds_what_mlflow_was_asked_with(
    apart: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No entry, no row and no file of ours."""
    apart.draft("noted", apart.run())
    apart.bring("noted")
    apart.look()
    monkeypatch.setenv(NAMED, WRONG[1])
    with pytest.raises(MlflowAccountRefused):
        apart.look()
    apart.warden.acting_as("root").audit.export(tmp_path / "export")
    database = apart.warden.settings.sqlite_path
    assert database is not None
    places = (tmp_path, database.parent, apart.folder / "kept")
    files = [each for place in places for each in place.rglob("*") if each.is_file()]
    assert database in files
    for file in files:
        content = file.read_bytes()
        assert not [each for each in SECRETS if each.encode() in content], file
