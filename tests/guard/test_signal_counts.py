"""What a guard counts for triggers, beside what became of each call."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from modelwarden.guard.breaker import State, Thresholds
from modelwarden.guard.contract import Contract, Kind, inputs
from modelwarden.guard.fallback import Default
from modelwarden.guard.freshness import Fresh
from modelwarden.guard.told import counted
from tests.guard.hosts import QUICK, from_file, guarding, soon
from tests.guard.test_drilled_guard import Hands, body
from tests.house.source import ROOT, SRC
from tests.services.snapshot_server import SnapshotServer, signed

if TYPE_CHECKING:
    from pathlib import Path


def test_answers_that_are_no_finite_number_are_counted_one_by_one_and_in_batches(
    tmp_path: Path,
) -> None:
    with from_file(tmp_path, outputs=Contract(low=0.0, high=3.0)) as guard:
        answers = iter([1.0, math.nan, math.inf, 2.0])

        @guard.protect(outputs=Contract(low=0.0, high=3.0))
        def predict() -> float:
            return next(answers)

        for _ in range(4):
            predict()
        assert counted(guard._parts)["non_finite"] == 2
        guard.batch(np.array([0.1, math.nan, 0.2, math.inf, -math.inf]))
        assert counted(guard._parts)["non_finite"] == 5


def test_breakers_that_refuse_are_counted_as_they_stand(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:

        @guard.protect
        def predict() -> float:
            return 1.0

        predict()
        (site,) = guard._parts.sites
        breaker = site.place.breaker(None)
        assert breaker is not None
        for state, expected in (
            (State.FORCED_OPEN, 1),
            (State.DISABLED, 0),
            (State.METRICS_ONLY, 0),
        ):
            breaker.set(state)
            assert counted(guard._parts)["open_breakers"] == expected


def test_calls_whose_model_raises_are_counted_whether_or_not_something_else_answers(
    tmp_path: Path,
) -> None:
    with from_file(tmp_path, fallback=[Default(0.1)]) as guard:
        answers = iter([1.0, ValueError(), 2.0, KeyError(), KeyError()])

        def predict() -> float:
            found = next(answers)
            if isinstance(found, Exception):
                raise found
            return found

        guarded, bare = guard.protect(predict), guard.protect(predict, fallback=[])
        for _ in range(4):
            guarded()
        with pytest.raises(KeyError):
            bare()
        found = counted(guard._parts)
        assert (found["raised"], found["default"], found["blocked"], found["stopped"]) == (
            3,
            2,
            1,
            0,
        )


def test_what_could_not_be_remembered_is_no_failed_call(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        assert guard.remember(None, 0.4) is False
        assert counted(guard._parts)["failed"] == 0


def test_slow_calls_are_counted_on_both_ways(tmp_path: Path) -> None:
    hands = Hands()
    with from_file(tmp_path, clocks=hands.clocks()) as guard:
        takes = iter([0.1, 2.0, 0.1, 3.0])

        @guard.protect(breaker=Thresholds(slow_s=1.0))
        def predict() -> float:
            hands.monotonic_s += next(takes)
            return 0.4

        for _ in range(4):
            predict()
        assert counted(guard._parts)["slow"] == 2


def test_inputs_are_counted_where_they_are_judged(tmp_path: Path) -> None:
    row = inputs({"age": Contract(kind=Kind.NUMBER, low=0.0, high=120.0)})
    with from_file(tmp_path) as guard:
        predict = guard.protect(lambda row: 0.4 if row else 0.5, inputs=row)
        for given in ({"age": 40.0}, {"age": 400.0}, {}, {"age": "forty"}, {"age": None}):
            predict(given)
        found = counted(guard._parts)
        assert (found["inputs"], found["bad_inputs"]) == (5, 4)


def test_inputs_that_are_too_old_are_counted_whatever_comes_of_them(tmp_path: Path) -> None:
    hands = Hands()
    fresh = Fresh("as_of", warn="1h", fallback="6h", block="24h")
    with from_file(tmp_path, clocks=hands.clocks(), fallback=[Default(0.1)]) as guard:
        predict = guard.protect(lambda row: 0.4 if row else 0.5, fresh=fresh)
        for hours in (0, 2, 7, 30):
            predict({"as_of": hands.wall_s - hours * 3_600})
        assert counted(guard._parts)["stale_inputs"] == 3


def test_a_model_that_is_stuck_shows_on_the_short_way_too(tmp_path: Path) -> None:
    server = SnapshotServer()
    server.wire = signed(server.key, switches=[])
    with server.running(), guarding(server, tmp_path) as guard:
        predict = guard.protect(lambda age: age * 0 + 0.4)
        numbers = iter(range(10**9))
        ends = time.monotonic() + 30.0
        while not counted(guard._parts)["stuck_outputs"] and time.monotonic() < ends:
            for _ in range(200):
                predict(float(next(numbers)))
        assert counted(guard._parts)["stuck_outputs"] == 1
        (site,) = guard._parts.sites
        assert site.place.short > 1_000, "and most calls took the short way all the while"


def test_what_a_drill_strikes_is_in_no_service_level_but_marked(tmp_path: Path) -> None:
    with from_file(tmp_path, body=body("error"), drills=True, fallback=[Default(0.1)]) as guard:
        predict = guard.protect(lambda: 0.4)
        for _ in range(5):
            predict()
        guard.protect(lambda: 0.4, fallback=[])()
        parts = guard._parts
        found = {folded.kind.name: folded.total for folded in parts.measured()}
        assert found == {"DRILLED": 6}
        assert list(parts.counts.latencies) == []


def test_a_guard_that_ends_says_goodbye_once(tmp_path: Path) -> None:
    server = SnapshotServer()
    server.wire = signed(server.key, switches=[])
    with server.running(), guarding(server, tmp_path) as guard:
        soon(lambda: [each for each in server.reports if each.get("state") == "fresh"])
        guard.close()
        guard.close()
        states = [each["state"] for each in server.reports if "state" in each]
        assert states.count("gone") == 1
        assert states[-1] == "gone"
        assert QUICK.report_s < 1


def test_a_clock_that_is_behind_is_told_while_it_is(tmp_path: Path) -> None:
    hands = Hands()
    with from_file(tmp_path, clocks=hands.clocks()) as guard:
        assert counted(guard._parts)["clock_is_behind"] == 0
        hands.wall_s -= 90.0
        guard._parts.holder.judge()
        assert counted(guard._parts)["clock_is_behind"] == 1
        hands.wall_s += 90.0
        guard._parts.holder.judge()
        assert counted(guard._parts)["clock_is_behind"] == 0


@pytest.mark.parametrize("ends", ["plain", "multiprocessing"])
def test_a_process_that_ends_says_goodbye_for_its_guard(tmp_path: Path, ends: str) -> None:
    server = SnapshotServer()
    server.wire = signed(server.key, switches=[])
    program = f"""
import multiprocessing, time
from modelwarden.guard.guard import Guard
from tests.guard.hosts import QUICK, soon

def run():
    guard = Guard({{url!r}}, "churn", init_wait=20.0, state_dir={str(tmp_path)!r}, pace=QUICK)
    soon(lambda: guard._parts.reports.sent)

if {ends == "plain"}:
    run()
else:
    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join()
"""
    with server.running():
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-c", program.format(url=server.url)],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": f"{SRC}:{ROOT}"}, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0
        assert [each["state"] for each in server.reports if "state" in each][-1] == "gone"
