"""Whatever state a guard is in, the server can read what it says of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modelwarden.api.snapshots import Applied
from tests.guard.hosts import from_file, guarding, put, soon
from tests.guard.wire import BLOCK_EU
from tests.services.snapshot_server import SnapshotServer

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.guard.guard import Guard
    from modelwarden.safeguards.actions import Report


def read(guard: Guard) -> Report:
    """Return what the server makes of a guard's report: it reads strictly."""
    return Applied.model_validate_json(json.dumps(guard._parts.reports.report())).value()


def predict(features: float) -> float:
    return features


def test_a_guard_without_any_snapshot_is_heard(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.behaviour.status = 503
        with guarding(server, tmp_path, init_wait=0) as guard:
            said = read(guard)
    assert (said.source, said.state, said.applied_ms, said.age_s) == ("none", "none", 0, None)


def test_versions_with_and_without_an_artifact_are_heard(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        (tmp_path / "model.bin").write_bytes(b"weights")
        guard.version("1.4.0", predict, artifact=tmp_path / "model.bin")
        guard.version("1.5.0", predict)
        found = {each.label: each.sha256 for each in read(guard).versions}
    assert found["1.5.0"] is None
    assert len(found["1.4.0"] or "") == 64


def test_a_hostile_stop_file_does_not_silence_a_guard(tmp_path: Path) -> None:
    path = tmp_path / "STOP"
    scopes: list[Any] = [
        {"region": "\ud800"}, {"segment": 1e300}, {f"d{n}": "x" for n in range(99)}, {"region": ["eu"] * 9_999},
        {"segment": ["x" * 5_000]}, [[[]]], None, {"region": {"not_in": ["eu"]}}, {"segment": 2**80},
    ]  # fmt: skip
    path.write_text(json.dumps(scopes))
    with from_file(tmp_path, stop_file=path) as guard:
        said = read(guard)
        assert 0 < len(said.local_stops) <= 20
        assert all(each.rule is None for each in said.local_stops)
        path.write_bytes(b"\xff\xfe not json")
        soon(lambda: [each.scope for each in read(guard).local_stops] == [{}])


def test_what_is_carried_is_heard_with_its_whole_rule(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "generation": 9}) as guard:
        put(guard, tmp_path, switches=[], epoch=2, generation=3)
        (stop,) = read(guard).local_stops
    assert stop.rule is not None
    assert stop.rule["id"] == BLOCK_EU["id"]


def test_decisions_are_heard_by_what_is_known(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        guarded = guard.protect(predict, endpoint="/score")
        for _ in range(7):
            guarded(0.4)
        traffic = read(guard).traffic
    assert traffic is not None
    found = {tuple(each.context.items()): each.n for each in traffic.cells}
    assert sum(found.values()) == 7
    assert found.pop((("endpoint", "/score"),)) > 0
    assert set(found) <= {
        ()
    }  # a call that met a new head took the long way, where nothing is known of it
