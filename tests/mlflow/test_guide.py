"""The guide to MLflow runs as it stands, and the alias follows by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modelwarden.reactions import mlflow as following
from modelwarden.store.follower import Follower
from tests.docs.pages import run_page
from tests.house.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mlflow.conftest import Pair

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

PATIENCE_S = 60


def test_the_guide_runs_as_it_stands(pair: Pair, tmp_path: Path) -> None:
    pair.train("guide", 2)
    people = ("alice", "bob", "carol", "dave")
    tokens = {
        name.upper(): pair.warden.acting_as(name).tokens.create().secret or "" for name in people
    }
    for name, key in pair.keys.items():
        (tmp_path / f"{name}.pem").write_bytes(key.to_pem(None))
    environment = pair.environment | tokens | {"PYTHONWARNINGS": "ignore"}
    step = following.KeepMlflow(pair.warden, settings=pair.warden.settings)
    follower = Follower(following.NAME, pair.warden.store, step)
    pair.warden.store.after_commit(follower.wake)
    follower.start()
    try:
        run_page(ROOT / "docs" / "how-to" / "mlflow.md", tmp_path, environment=environment)
        ends = time.monotonic() + PATIENCE_S
        while pair.alias("guide") != "1" and time.monotonic() < ends:
            time.sleep(0.2)
    finally:
        follower.close()
    assert pair.alias("guide") == "1"
