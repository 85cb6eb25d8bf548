"""An MLflow without our plugin: nothing holds a protected alias there, and it is said, told and seen (RL-57)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.reactions.mlflow import KeepMlflow
from tests.mlflow.conftest import ADMIN
from tests.services.mlflow_server import call, run_python

if TYPE_CHECKING:
    from tests.mlflow.conftest import Pair

pytestmark = [pytest.mark.services, pytest.mark.timeout(500)]

ALIASES: Final = {"production", "champion", "staging"}
DOCTOR: Final = """
from modelwarden.cli.main import main
try:
    main()
except SystemExit as ended:
    print(ended.code)
"""


def move(address: str, model: str, version: str) -> int:
    """Do what the gate would refuse, where there is none."""
    body = {"name": model, "alias": "production", "version": version}
    return call(address, "POST", "registered-models/alias", auth=ADMIN, **body).status_code


def test_a_second_server_on_the_same_database_moves_it_and_is_told(
    pair: Pair, second_door: str
) -> None:
    pair.keep("two-doors", 2)
    pair.take_live("two-doors", "1")
    body = {"name": "two-doors", "alias": "production", "version": "2"}
    assert pair.call("POST", "registered-models/alias", **body).status_code == 403
    assert move(second_door, "two-doors", "2") == 200
    assert pair.alias("two-doors") == "2"
    seen = pair.look()
    assert "two-doors@production" in seen.strayed
    assert seen.unguarded == ()  # the one that we know of has its gate
    pair.look()
    [told] = pair.facts("bypass.detected", "two-doors")
    assert (told["version"], told["reasons"]) == ("two-doors@2", ["alias_moved"])
    assert "two-doors@production" in pair.look(put_back=True).moved
    assert pair.alias("two-doors") == "1"
    assert len(pair.facts("alias.returned", "two-doors")) == 1


def test_what_can_t_be_held_is_named_by_each_look_and_its_move_is_told(apart: Pair) -> None:
    apart.keep("unheld", 2)
    apart.take_live("unheld", "1")
    assert apart.alias("unheld") == "1"  # a deployment moves it there as well
    assert set(apart.look().unguarded) == ALIASES
    assert move(apart.address, "unheld", "2") == 200
    assert "unheld@production" in apart.look().strayed
    assert "unheld@production" in apart.look().strayed
    [told] = apart.facts("bypass.detected", "unheld")
    assert (told["version"], told["reasons"]) == ("unheld@2", ["alias_moved"])
    assert "unheld@production" in apart.look(put_back=True).moved
    assert apart.alias("unheld") == "1"


def test_the_log_says_once_that_nothing_is_held(
    apart: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    keeping = KeepMlflow(apart.warden, settings=apart.warden.settings)
    for _ in range(2):
        keeping.look()
    said = [each.getMessage() for each in caplog.records if "lets anybody move" in each.msg]
    assert len(said) == 1
    assert all(alias in said[0] for alias in ALIASES)


def test_a_version_swapped_through_it_does_not_load(apart: Pair) -> None:
    """What serves asks by name; whoever loads through us gets what is live, or nothing."""
    apart.keep("named", 2)
    apart.take_live("named", "1")
    move(apart.address, "named", "2")
    code = (
        "import modelwarden\n"
        "try:\n    modelwarden.load_model('models:/named@production')\n"
        "except modelwarden.errors.GateRefused as error:\n    print(*error.reasons)\n"
    )
    assert run_python(code, environment=apart.environment) == "not_live\n"


def test_the_doctor_finds_it(pair: Pair, apart: Pair) -> None:
    for where, status, word in ((pair, "ok", "deployments alone"), (apart, "wrong", "champion")):
        settings = {
            "MODELWARDEN_URL": where.warden.settings.url,
            "MODELWARDEN_MLFLOW_URL": where.address,
        }
        said = run_python(DOCTOR, "--json", "doctor", environment=where.environment | settings)
        found = json.loads(said[: said.rindex("}") + 1])["findings"]
        [mlflow] = [each for each in found if each["part"].startswith("mlflow ")]
        assert mlflow["status"] == status
        assert word in mlflow["detail"]


def test_other_aliases_protected_there_than_here_are_named(pair: Pair) -> None:
    """The setting has to be the same on both sides; where it is not, somebody's alias is held by nobody."""
    settings = pair.warden.settings
    for aliases, unheld in (
        ((*settings.mlflow_aliases, "blue=production"), ("blue",)),
        (("production=staging", "champion=production"), ("production",)),
        (("champion=production",), ()),
    ):
        differing = replace(settings, mlflow_aliases=aliases)
        assert KeepMlflow(pair.warden, settings=differing).unguarded() == unheld
