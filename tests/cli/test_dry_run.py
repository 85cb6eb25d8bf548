"""`policy dry-run` over more releases than a page: it walks them all, and keeps the reasons of the newest."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

from modelwarden.ledger.keys import SigningKey
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.cli.conftest import Desk

if TYPE_CHECKING:
    from pathlib import Path

RELEASES = 230
TRIED = """schema: modelwarden.policy/v1
name: trial
approvals: {humans: 1}
checks: [{id: scan, type: findings, params: {source: security, max: {high: 0}}}]
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    url = tables.fresh(tmp_path)
    (tmp_path / "model.bin").write_bytes(b"model")
    (tmp_path / "trial.yaml").write_text(TRIED)
    with open_warden(url) as warden:
        for name, role in (("root", "admin"), ("alice", "developer"), ("dave", "operator")):
            warden.add_user(name, roles=[role])
        warden.add_user("bob", roles=["approver"])
        root, alice, bob = (warden.acting_as(name) for name in ("root", "alice", "bob"))
        root.policies.assign("builtin/basic")
        alice.models.register(
            "churn", owner="alice", business_purpose="predicts which customers leave next month"
        )
        alice.versions.register("churn", "1.0.0", artifact=tmp_path / "model.bin")
        asked = alice.approvals.request("churn", "1.0.0", justification="better than the old rule")
        key = SigningKey.generate()
        root.keys.confirm(bob.keys.enrol(key).id)
        bob.approvals.approve(asked.id, key=key)
        warden.acting_as("dave").deployments.start("churn", "1.0.0")
    _repeated(url.removeprefix("sqlite:///"))
    return Desk(folder=tmp_path, url=url)


def _repeated(file: str) -> None:
    """Put more releases of the same version beside the one: rows alone, since each would need its own answers."""
    with sqlite3.connect(file) as database:
        names = [row[1] for row in database.execute("pragma table_info(deployments)")]
        (row,) = database.execute(f"select {', '.join(names)} from deployments")  # noqa: S608
        marks = ", ".join("?" * len(names))
        for number in range(1, RELEASES):
            copy = dict(zip(names, row, strict=True))
            copy |= {"id": f"{copy['id'][:-4]}{number:04d}", "state": "superseded"}
            database.execute(f"insert into deployments values ({marks})", list(copy.values()))  # noqa: S608
    database.close()


def test_every_page_is_counted_and_the_reasons_of_the_newest_are_kept(desk: Desk) -> None:
    words = ("policy", "dry-run", str(desk.folder / "trial.yaml"), "--model", "churn")
    found = desk.done("root", *words, "--limit", "7")
    assert found["counts"]["newly_blocked"] == RELEASES
    assert found["next_cursor"] is None
    ids = [each["deployment"] for each in found["releases"]]
    assert (len(ids), ids) == (7, sorted(ids, reverse=True))
    assert {tuple(each["drafted"]) for each in found["releases"]} == {
        ("checks_unknown: trial/scan is unknown",)
    }
    plain = desk.run(*words, "--as", "root")
    assert re.search(rf"newly_blocked\W+{RELEASES}\b", plain.out), plain
    assert desk.refused("alice", *words).error["code"] == "not_permitted"
