"""What is approved with a version of its answers: one form, immutable, signed, and in every snapshot (SG-34)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.approvals.statement import release_basis
from modelwarden.errors import ValueInvalid, VersionExists
from modelwarden.guard.approved import Approved
from modelwarden.guard.contract import parse
from modelwarden.guard.snapshot import Snapshot
from modelwarden.registry import queries
from modelwarden.registry.contract import checked_contract
from modelwarden.registry.version import digest
from modelwarden.safeguards.snapshots.body import Topic
from modelwarden.safeguards.snapshots.building import Builder
from modelwarden.values.ids import Label, ModelName, version_name
from modelwarden.values.system import system
from tests.safeguards.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.registry.version import Version
    from modelwarden.store.change import View

GIVEN: dict[str, Any] = {
    "outputs": {"low": 0, "high": 0.5},
    "limits": [{"rate": "500/s", "burst": 100, "key": "consumer"}],
    "freshness": [{"field": "as_of", "warn": "1h", "fallback": "6h", "block": "24h"}],
    "baseline": True,
}
KEPT = {
    "outputs": {"kind": "number", "low": 0, "high": "0.5"},
    "limits": [{"rate": "500/s", "burst": 100, "key": "consumer"}],
    "freshness": [
        {"field": "as_of", "warn_s": 3_600, "fallback_s": 21_600, "block_s": 86_400, "skew_s": 30}
    ],
    "baseline": True,
}


@pytest.fixture
def desk(tmp_path: Path) -> Any:  # noqa: ANN401  # a generator of a desk
    opened = Desk.opened(f"sqlite:///{tmp_path}/warden.db", tmp_path)
    (tmp_path / "model.bin").write_bytes(b"weights")
    yield opened
    opened.warden.close()


def registered(desk: Desk, folder: Path, label: str = "3.0.0", **more: Any) -> Any:  # noqa: ANN401
    given = {"contract": GIVEN} | more
    artifact = str(folder / "model.bin")
    return desk.acting("olivia").versions.register("churn", label, artifact=artifact, **given)


def kept(desk: Desk, label: str) -> Version:
    name = version_name(ModelName("churn"), Label(label))
    found = desk.warden.view(system("test"), lambda view: queries.find_version(view, name))
    assert found is not None
    return found


def body(desk: Desk) -> dict[str, Any]:
    def build(view: View) -> bytes:
        builder, topic = Builder(), Topic("production", "churn")
        builder.changed(view, [topic])
        return builder.build(view, [topic]).bodies[0].body

    found: dict[str, Any] = json.loads(desk.warden.view(system("test"), build))
    return found


def test_it_is_kept_in_one_form_and_never_changes(desk: Desk, tmp_path: Path) -> None:
    made = registered(desk, tmp_path)
    assert made.contract == KEPT
    assert registered(desk, tmp_path).contract == KEPT
    for other in ({"outputs": {"low": 0, "high": 0.6}}, None):
        with pytest.raises(VersionExists):
            registered(desk, tmp_path, contract=other)


def test_it_travels_in_snapshots_as_guards_read_it(desk: Desk, tmp_path: Path) -> None:
    registered(desk, tmp_path)
    registered(desk, tmp_path, "3.1.0", contract=None)
    found = body(desk)
    assert [each["outputs"] for each in found["versions"]] == [KEPT["outputs"], None]
    assert [each["baseline"] for each in found["versions"]] == [True, False]
    assert found["limits"] == [{"version": "3.0.0"} | KEPT["limits"][0]]  # type: ignore[index]
    assert found["freshness"] == [{"version": "3.0.0"} | KEPT["freshness"][0]]  # type: ignore[index]
    assert parse(found["versions"][0]["outputs"]).high == 0.5
    snapshot: Any = Snapshot.__new__(Snapshot)
    for name in ("limits", "freshness"):
        object.__setattr__(snapshot, name, found[name])
    asked = Approved(clock=lambda: 0.0).of(snapshot, "3.0.0")
    assert asked is not None
    assert (asked.broken, asked.keys) == (None, ("consumer",))
    assert (asked.fresh[0].block, asked.fresh[0].skew) == ("1d", "30s")


def test_approvers_sign_it_and_nothing_new_where_there_is_none(desk: Desk, tmp_path: Path) -> None:
    registered(desk, tmp_path)
    registered(desk, tmp_path, "3.1.0", contract=None)
    signed, plain = (
        release_basis(kept(desk, label), policy={}, ledger={})["evaluation"]
        for label in ("3.0.0", "3.1.0")
    )
    assert isinstance(signed, dict)
    assert isinstance(plain, dict)
    assert signed["contract"] == digest(KEPT)
    assert "contract" not in plain


def test_a_version_without_one_keeps_the_digest_that_it_always_had(
    desk: Desk, tmp_path: Path
) -> None:
    first = registered(desk, tmp_path, contract=None)
    assert registered(desk, tmp_path, contract={}).content_digest == first.content_digest
    assert kept(desk, "3.0.0").contract is None


@pytest.mark.parametrize(
    "given",
    [
        {"outcome": {}}, {"outputs": {"low": 2, "high": 1}}, {"outputs": {"low": float("nan")}},
        {"outputs": {"allow": True}}, {"outputs": 7}, {"limits": "500/s"}, {"limits": [{"rate": "fast"}]},
        {"limits": [{"rate": "5/s", "per": "day"}]}, {"limits": [{"rate": "5/s", "burst": 0}]},
        {"limits": [{"rate": "5/s", "key": "Not A Name"}]}, {"limits": [{"rate": "5/s"}] * 17},
        {"freshness": [{"field": "as_of"}]}, {"freshness": [{"field": "a\nb", "block": "1h"}]},
        {"freshness": [{"field": "as_of", "warn": "6h", "block": "1h"}]},
        {"freshness": [{"field": "as_of", "block": 3_600}]}, {"baseline": "yes"}, {"baseline": 1},
    ],
    ids=[
        "unknown", "crossed", "nan", "key", "number", "text", "rate", "per", "burst", "dimension", "many", "ages",
        "control", "order", "seconds", "words", "one",
    ],
)  # fmt: skip
def test_what_no_guard_could_hold_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueInvalid):
        checked_contract(given)
