"""Breakers that only count, since the snapshot says so: they refuse nobody, and tell how they would stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.guard.breaker import BUCKET_S, BUCKETS, Breaker, State, Thresholds
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Default
from modelwarden.guard.told import counted
from tests.guard.hosts import from_file, put
from tests.guard.test_drilled_guard import Hands

if TYPE_CHECKING:
    from pathlib import Path


def broken() -> float:
    raise ConnectionError


def test_a_snapshot_lets_breakers_count_and_the_next_one_lets_them_refuse(tmp_path: Path) -> None:
    hands = Hands()
    with from_file(tmp_path, fallback=[Default(0.1)], clocks=hands.clocks()) as guard:
        predict = guard.protect(broken)
        assert {predict().reasons[0] for _ in range(30)} == {
            "raised:ConnectionError",
            "breaker_open",
        }
        assert counted(guard._parts)["open_breakers"] == 1
        put(guard, tmp_path, generation=1841, switches=[], breakers="metrics_only")
        found = [predict() for _ in range(30)]
        assert {each.reasons[0] for each in found} == {"raised:ConnectionError"}
        assert {each.status for each in found} == {Status.DEFAULT}
        assert counted(guard._parts)["open_breakers"] == 1, "it would be open"
        hands.pass_by(11.0)
        assert counted(guard._parts)["open_breakers"] == 0, "nothing failed of late"
        put(guard, tmp_path, generation=1842, switches=[], breakers="normal")
        assert predict().reasons[0] == "raised:ConnectionError"
        assert {predict().reasons[0] for _ in range(30)} == {
            "raised:ConnectionError",
            "breaker_open",
        }


def test_a_version_that_answers_first_while_they_count_has_a_breaker_that_counts(
    tmp_path: Path,
) -> None:
    with from_file(tmp_path, body={"switches": [], "breakers": "metrics_only"}) as guard:

        @guard.protect(fallback=[Default(0.1)])
        def predict(version: str) -> float:
            return broken() if version else 0.0

        assert all(predict(version="2").reasons[0].startswith("raised") for _ in range(50))


def test_a_breaker_that_somebody_forced_open_stays_so(tmp_path: Path) -> None:
    with from_file(tmp_path, fallback=[Default(0.1)]) as guard:
        predict = guard.protect(lambda: 0.4)
        predict()
        (site,) = guard._parts.sites
        breaker = site.place.breaker(None)
        assert breaker is not None
        breaker.set(State.FORCED_OPEN)
        put(guard, tmp_path, generation=1841, switches=[], breakers="metrics_only")
        assert predict().reasons[0] == "breaker_open"


def test_one_that_was_open_is_amiss_until_it_has_counted_for_a_window() -> None:
    moment = [1_000.0]
    breaker = Breaker(Thresholds(least=2), clock=lambda: moment[0])
    breaker.set(State.METRICS_ONLY)
    assert not breaker.is_amiss
    breaker.set(State.FORCED_OPEN)
    breaker.set(State.METRICS_ONLY)
    moment[0] += BUCKETS * BUCKET_S - 0.1
    assert breaker.is_amiss
    moment[0] += 0.2
    assert not breaker.is_amiss
