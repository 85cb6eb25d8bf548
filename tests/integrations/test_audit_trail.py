"""An audit trail: on its way in order, nothing lost unsaid, safe on disk, whole after a crash and a fork."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import RecordInvalid, TrailDown
from modelwarden.integrations.audit_trail import AuditTrail, Limits
from tests.house.source import SRC
from tests.integrations.far_end import FarEnd

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden

SMALL = Limits(size=10, block_s=0.0, age_s=0.01)


def trail_to(far: object, **more: Any) -> AuditTrail:  # noqa: ANN401  # a trail's options
    return AuditTrail(far, component="RiskAgent", **more)


def test_records_reach_a_ledger_as_they_were_said(sqlite_warden: Warden) -> None:
    details = {"symbol": "AAPL", "limits": [1, 2.5]}
    with trail_to(sqlite_warden) as trail:
        ref = trail.record("RISK_DECISION", "BLOCK", details=details, user_id="trader1")
        details["symbol"] = "changed afterwards"
        trail.flush()
        assert trail.counts.sent == 1
    (found,) = sqlite_warden.audit.search(type="external.recorded").items
    assert found.entry["fact"]["ref"] == ref
    words = sqlite_warden.audit.search(text="aapl", include_texts=True).items
    assert [one.seq for one in words] == [found.seq]


def test_many_threads_record_in_batches_and_each_once() -> None:
    far = FarEnd()
    with trail_to(far) as trail:
        threads = [
            threading.Thread(target=lambda: [trail.record("X", "a") for _ in range(500)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        trail.flush()
        assert (len(far.records), trail.counts.sent) == (2_000, 2_000)
        assert far.calls < 100


def test_a_server_that_is_away_gets_everything_later_and_in_order() -> None:
    far = FarEnd(away=True)
    with trail_to(far) as trail:
        for number in range(20):
            trail.record("X", f"a{number}")
        with pytest.raises(TrailDown, match="nobody is there"):
            trail.settle(0.5)
        assert trail.counts.failing == "Unreachable: nobody is there"
        far.come_back()
        trail.flush(20)
        assert trail.counts.failing is None
    assert far.actions() == [f"a{number}" for number in range(20)]


def test_what_is_dropped_is_counted_and_a_record_says_so() -> None:
    far = FarEnd(away=True)
    with trail_to(far, limits=SMALL) as trail:
        for number in range(100):
            trail.record("X", f"a{number}")
        dropped = trail.counts.dropped
        assert dropped >= 100 - 2 * SMALL.size - 1
        far.come_back()
        trail.flush(20)
    told = [one for one in far.records.values() if one["event_type"] == "RECORDS_LOST"]
    assert sum(one["details"]["lost"] for one in told) == dropped
    assert len(far.records) - len(told) == 100 - dropped
    assert told[0]["severity"] == "HIGH"


def test_a_full_queue_waits_for_room_before_it_drops() -> None:
    far = FarEnd(away=True)
    with trail_to(far, limits=Limits(size=5, block_s=30.0, age_s=0.01)) as trail:
        threading.Timer(0.3, far.come_back).start()
        for number in range(50):
            trail.record("X", f"a{number}")
        trail.flush(20)
        assert trail.counts.dropped == 0
    assert len(far.records) == 50


def test_a_record_that_is_never_taken_holds_up_no_other(tmp_path: Path) -> None:
    far = FarEnd(refuses="bad")
    with trail_to(far, spool=tmp_path) as trail:
        refs = [trail.record("X", "bad" if number % 10 == 3 else "good") for number in range(30)]
        trail.flush(20)
        assert trail.counts.refused == 3
    assert far.actions().count("good") == 27
    told = [one["details"] for one in far.records.values() if one["event_type"] == "RECORDS_LOST"]
    assert sorted(ref for each in told for ref in each["refs"]) == sorted(
        refs[n] for n in (3, 13, 23)
    )
    kept = (tmp_path / "refused.txt").read_text().splitlines()
    assert [json.loads(line)["ref"] for line in kept] == [refs[3], refs[13], refs[23]]


def test_what_strict_json_refuses_without_a_number_is_found_by_halving(
    sqlite_warden: Warden,
) -> None:
    with trail_to(sqlite_warden) as trail:
        for number in range(9):
            trail.record("X", "a", details={"n": 2**60 if number == 4 else number})
        trail.flush(20)
        assert trail.counts.refused == 1
    assert len(sqlite_warden.audit.search(component="RiskAgent").items) == 9


@pytest.mark.parametrize(
    "said",
    [
        {"event_type": "model.registered"}, {"action": ""}, {"component": "modelwarden"},
        {"severity": "high"}, {"compliance_tags": ["a b"]}, {"details": {"n": math.nan}},
        {"details": {"x": "\ud800"}}, {"details": {"x": "y" * 20_000}}, {"details": {"x": object()}},
        {"user_id": ""}, {"user_id": "x" * 257},
    ],
)  # fmt: skip
def test_what_no_ledger_takes_is_refused_at_once(said: dict[str, Any]) -> None:
    with trail_to(FarEnd()) as trail:
        given = {"event_type": "X", "action": "a"} | said
        with pytest.raises(RecordInvalid):
            trail.record(given.pop("event_type"), given.pop("action"), **given)
        assert trail.counts.recorded == 0


def test_a_closed_trail_takes_nothing() -> None:
    trail = trail_to(FarEnd())
    trail.record("X", "a")
    trail.close()
    with pytest.raises(TrailDown):
        trail.record("X", "a")


def test_closing_does_not_wait_for_a_server_that_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trail = trail_to(FarEnd(away=True))
    trail.record("X", "a")
    trail.close(0.3)
    assert "1 records of the audit trail were lost" in caplog.text


def test_a_spool_makes_records_safe_while_the_server_is_away(tmp_path: Path) -> None:
    far = FarEnd(away=True)
    trail = trail_to(far, spool=tmp_path)
    for number in range(30):
        trail.record("X", f"a{number}")
    trail.settle(20)
    assert (trail.counts.spooled, trail.counts.sent) == (30, 0)
    trail.close(0.2)
    assert far.records == {}
    far.come_back()
    with trail_to(far, spool=tmp_path) as later:
        later.record("X", "last")
        later.flush(20)
    assert far.actions() == [*(f"a{number}" for number in range(30)), "last"]
    assert list(tmp_path.glob("*.jsonl")) == []


def test_a_full_spool_is_said_and_what_is_in_memory_still_arrives(tmp_path: Path) -> None:
    far = FarEnd(away=True)
    with trail_to(far, spool=tmp_path, limits=Limits(spool_bytes=10)) as trail:
        trail.record("X", "a")
        with pytest.raises(TrailDown):
            trail.settle(0.5)
        far.come_back()
        trail.settle(20)
    assert far.actions() == ["a"]


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from modelwarden.integrations.audit_trail import AuditTrail
class Away:
    def append(self, records):
        raise OSError("away")
trail = AuditTrail(Away(), component="Killed", spool=sys.argv[2])
for number in range(1500):
    trail.record("X", f"a{number}")
trail.settle(60)
print("safe", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_safe_survives_a_killed_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(SRC), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "safe\n"), done.stderr
    (tmp_path / f"{'0' * 16}-0000000000.part").write_text("torn")
    far = FarEnd()
    with trail_to(far, spool=tmp_path) as trail:
        trail.record("X", "next")
        trail.flush(30)
        assert trail.counts.sent == 1
    assert far.actions() == [*(f"a{number}" for number in range(1500)), "next"]


def test_a_living_process_keeps_its_own_files(tmp_path: Path) -> None:
    away, here = FarEnd(away=True), FarEnd()
    first = trail_to(away, spool=tmp_path)
    first.record("X", "mine")
    first.settle(20)
    with trail_to(here, spool=tmp_path) as second:
        second.record("X", "other")
        second.flush(20)
    assert here.actions() == ["other"]
    away.come_back()
    first.close()
    assert away.actions() == ["mine"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_has_a_queue_of_its_own_and_sends_nothing_twice(tmp_path: Path) -> None:
    far = FarEnd()
    place = tmp_path / "child.json"
    with trail_to(far) as trail:
        parents = trail.record("X", "parent")
        trail.flush()

        def child() -> None:
            ref = trail.record("X", "child")
            trail.flush()
            place.write_text(json.dumps([ref, trail.counts.recorded, list(far.records)]))
            os._exit(0)

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(60)
        ref, recorded, seen = json.loads(place.read_text())
        assert (recorded, seen) == (1, [parents, ref])
        assert ref.partition("-")[0] != parents.partition("-")[0]
        assert trail.counts.recorded == 1
