"""What a guard blocks by itself: a stop file's scopes, and switches that a later epoch forgot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.decision import Status
from modelwarden.guard.held import Holder
from modelwarden.guard.stops import Stops, forgotten, readable, rule_digest
from modelwarden.safeguards.local_stops import stop as server
from modelwarden.values.canonical import encode_any
from tests.guard.hosts import BLOCK_ALL, FALL_EU, from_file, guarding, put, soon
from tests.guard.wire import BLOCK_EU
from tests.services.snapshot_server import SnapshotServer

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.guard.guard import Guard

OBSERVE = BLOCK_EU | {"id": "swi_seen", "action": "observe"}


def predict(features: float, region: str | None = None) -> float:  # noqa: ARG001
    return features


def status(guard: Guard, region: str) -> Status:
    found: Any = guard.protect(predict)(0.4, region=region)
    answered: Status = found.status
    return answered


def stops() -> Stops:
    return Stops(model="churn", holder=Holder(model="churn"), wall=lambda: 1_795_000_000.0)


def test_a_switch_that_a_later_epoch_does_not_know_is_carried_on(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "generation": 9}) as guard:
        put(guard, tmp_path, switches=[], epoch=2, generation=3)
        assert status(guard, "eu") is Status.BLOCKED
        assert status(guard, "us") is Status.OK
        (said,) = guard._parts.stops.told()
        assert (said["carried"], said["scope"]) == (True, BLOCK_EU["scope"])
        put(guard, tmp_path, switches=[], epoch=2, generation=4)
        assert status(guard, "eu") is Status.BLOCKED


def test_a_release_in_the_same_epoch_is_a_release(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "generation": 9}) as guard:
        put(guard, tmp_path, switches=[], generation=10)
        assert status(guard, "eu") is Status.OK


def test_only_a_signed_snapshot_ends_what_is_carried_and_only_that(tmp_path: Path) -> None:
    other = BLOCK_EU | {"id": "swi_br", "scope": {"model": ["churn"], "region": ["br"]}}
    live = BLOCK_EU | {"id": "swi_us", "scope": {"model": ["churn"], "region": ["us"]}}
    with from_file(tmp_path, body={"switches": [BLOCK_EU, other], "generation": 9}) as guard:
        put(guard, tmp_path, switches=[live], epoch=2, generation=3)
        dropped = [rule_digest(BLOCK_EU), rule_digest(live), "no digest", 7]
        put(guard, tmp_path, switches=[live], epoch=2, generation=4, dropped=dropped)
        assert [status(guard, region) for region in ("eu", "br", "us")] == [
            Status.OK,
            Status.BLOCKED,
            Status.BLOCKED,
        ]


def test_another_rule_under_the_same_id_drops_nothing(tmp_path: Path) -> None:
    narrow = BLOCK_EU | {"scope": {"model": ["churn"], "region": ["zz"]}}
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "generation": 9}) as guard:
        put(guard, tmp_path, switches=[], epoch=2, generation=3, dropped=[rule_digest(narrow)])
        assert status(guard, "eu") is Status.BLOCKED


def test_a_restart_does_not_forget_it(tmp_path: Path) -> None:
    with SnapshotServer().running() as far:
        far.serve(switches=[BLOCK_EU], generation=9)
        with guarding(far, tmp_path) as guard:
            soon(lambda: guard.status()["generation"] == 9)
            far.serve(switches=[], epoch=2, generation=1)
            soon(lambda: guard.status()["generation"] == 1)
            soon(lambda: list((tmp_path / "state").glob("*.carried.json")))
        with guarding(far, tmp_path) as guard:
            assert status(guard, "eu") is Status.BLOCKED
            soon(lambda: any(each.get("local_stops") for each in far.reports[-3:]))
            far.serve(switches=[], epoch=2, generation=2, dropped=[rule_digest(BLOCK_EU)])
            soon(lambda: status(guard, "eu") is Status.OK)
            (kept,) = (tmp_path / "state").glob("*.carried.json")
            soon(lambda: json.loads(kept.read_bytes())["rules"] == [])
        with guarding(far, tmp_path) as guard:
            soon(lambda: guard.status()["generation"] == 2)
            assert status(guard, "eu") is Status.OK


def test_a_guard_that_was_off_during_the_restore_carries_what_it_kept(tmp_path: Path) -> None:
    with SnapshotServer().running() as far:
        far.serve(switches=[BLOCK_EU], generation=9)
        with guarding(far, tmp_path) as guard:
            soon(lambda: guard.status()["generation"] == 9)
        far.serve(switches=[], epoch=2, generation=1)
        with guarding(far, tmp_path) as guard:
            soon(lambda: guard.status()["generation"] == 1)
            assert status(guard, "eu") is Status.BLOCKED


def test_one_that_is_in_force_again_is_carried_no_more(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "generation": 9}) as guard:
        put(guard, tmp_path, switches=[], epoch=2, generation=3)
        put(guard, tmp_path, switches=[BLOCK_EU], epoch=3, generation=1)
        assert guard._parts.stops.told() == []
        put(guard, tmp_path, switches=[], epoch=3, generation=2)
        assert status(guard, "eu") is Status.OK


def test_a_carried_diversion_is_one_and_a_count_is_forgotten(tmp_path: Path) -> None:
    ramped = FALL_EU | {"held": 1_000, "salt": "00" * 16}
    with from_file(tmp_path, body={"switches": [ramped, OBSERVE], "generation": 9}) as guard:
        put(guard, tmp_path, switches=[], epoch=2, generation=3)
        (said,) = guard._parts.stops.told()
        assert said["rule"] == {n: v for n, v in FALL_EU.items() if n != "held"}
        assert status(guard, "eu") is Status.BLOCKED  # no step of a fallback answers here


def test_what_is_kept_on_disk_and_is_no_switch_is_left_out(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "generation": 9}) as guard:
        put(guard, tmp_path, switches=[], epoch=2, generation=3)
        soon(lambda: list(state.glob("*.carried.json")))
    (kept,) = state.glob("*.carried.json")
    kept.write_text(json.dumps({"rules": [BLOCK_EU, 7, {"id": "x"}], "dimensions": ["Bad Name"]}))
    with from_file(tmp_path, body={"switches": [], "epoch": 2, "generation": 5}) as guard:
        assert (status(guard, "eu"), status(guard, "us")) == (Status.BLOCKED, Status.OK)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"rules": 7, "dimensions": []}', b"\xff" * 9])
def test_a_damaged_file_of_carried_switches_keeps_no_guard_from_starting(
    data: bytes, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "generation": 9}) as guard:
        put(guard, tmp_path, switches=[], epoch=2, generation=3)
        soon(lambda: list(state.glob("*.carried.json")))
    (kept,) = state.glob("*.carried.json")
    kept.write_bytes(data)
    with from_file(tmp_path, body={"switches": [BLOCK_EU], "epoch": 2, "generation": 5}) as guard:
        assert status(guard, "eu") is Status.BLOCKED
        put(guard, tmp_path, switches=[], epoch=3, generation=1)
        soon(lambda: BLOCK_EU["id"] in kept.read_text(errors="replace"))


def test_both_ends_name_a_rule_by_the_same_digest() -> None:
    ramped = BLOCK_EU | {"held": 500, "salt": "ab" * 16}
    assert rule_digest(ramped) == rule_digest(BLOCK_EU) == server.rule_digest(BLOCK_EU)


def test_a_stop_file_is_told_as_it_counts_and_for_how_long() -> None:
    mine = stops()
    mine.by_file([{"region": "EU", "action": "allow"}, {"segment": 1.5}, "what", {}])
    first = mine.told()
    assert [each["scope"] for each in first] == [{"region": ["eu"]}, {}, {}, {}]
    mine.by_file([{"region": "EU"}])
    assert mine.told()[0]["since"] == first[0]["since"]
    mine.by_file([])
    assert (mine.told(), mine.is_active) == ([], False)


@pytest.mark.parametrize("carried", [0, 5, 50])
@pytest.mark.parametrize("files", [0, 5, 50])
def test_a_report_has_at_most_twenty_and_some_of_both(files: int, carried: int) -> None:
    mine = stops()
    mine.by_file([{"segment": f"s{number}"} for number in range(files)])
    mine.carry([BLOCK_EU | {"id": f"swi_{number}"} for number in range(carried)], dimensions=())
    told = mine.told()
    kinds = [each.get("carried", False) for each in told]
    assert len(told) <= 20
    assert sum(kinds) >= min(carried, 10)
    assert len(kinds) - sum(kinds) >= min(files, 10)


def test_a_report_is_never_too_large_for_the_server() -> None:
    mine = stops()
    large = [f"segment-{number:0150}" for number in range(1_000)]
    mine.by_file([{"segment": large}, {"region": "eu"}])
    mine.carry(
        [BLOCK_EU | {"id": f"swi_{number}", "scope": {"segment": large}} for number in range(20)],
        dimensions=(),
    )
    assert len(encode_any(mine.told())) < 700_000
    assert mine.is_active


def test_what_is_no_rule_is_not_carried() -> None:
    rules = [
        BLOCK_ALL,
        OBSERVE,
        7,
        {"id": 3},
        BLOCK_EU | {"held": 0},
        BLOCK_EU | {"lkg_before": 2**70},
    ]
    assert readable(rules, ()) == [BLOCK_ALL]
    assert forgotten([BLOCK_ALL, BLOCK_EU], [BLOCK_ALL]) == [BLOCK_EU]
