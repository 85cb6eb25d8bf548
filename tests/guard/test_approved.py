"""Limits and ages that were approved with a version: they hold beside what the code asks for, and the stricter wins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.approved import EXPECTED_WORKERS, UNREADABLE, Approved
from modelwarden.guard.decision import Status
from modelwarden.guard.freshness import Fresh
from modelwarden.guard.limits import Limits, Rate
from tests.guard.hosts import from_file, put

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.guard.guard import Guard

HOUR = 3_600


def limit(rate: str = "20/h", **more: object) -> dict[str, Any]:
    return {"version": "1.4.0", "rate": rate, "burst": 20, "key": None} | more


def fresh(**more: object) -> dict[str, Any]:
    found = {"version": "1.4.0", "field": "as_of", "warn_s": None, "fallback_s": None}
    return found | {"block_s": HOUR, "skew_s": 30} | more


def predict(features: float, as_of: float | None = None, consumer: str | None = None) -> float:  # noqa: ARG001
    return features


def ok(guard: Guard, times: int, **context: Any) -> int:
    """Return how many of so many calls of version 1.4.0 were let through."""
    guarded: Any = guard.protect(predict, version="1.4.0")
    return sum(guarded(0.4, **context).status is Status.OK for _ in range(times))


def test_each_guard_holds_its_part_of_an_approved_rate(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "limits": [limit()]}) as guard:
        guarded: Any = guard.protect(predict, version="1.4.0")
        found = [guarded(0.4).status for _ in range(5)]
        part = 20 // EXPECTED_WORKERS
        assert found == [Status.OK] * part + [Status.LIMITED] * (5 - part)
        assert ok(guard, 5) == part  # another place has meters of its own


def test_another_version_is_not_held_to_it_and_one_for_all_is(tmp_path: Path) -> None:
    body = {"switches": [], "limits": [limit()]}
    with from_file(tmp_path, body=body) as guard:
        free: Any = guard.protect(predict, version="2.0.0")
        assert {free(0.4).status for _ in range(9)} == {Status.OK}
        put(guard, tmp_path, switches=[], limits=[limit(version=None)], generation=1_841)
        assert [free(0.4).status for _ in range(3)][-1] is Status.LIMITED


def test_a_new_snapshot_with_the_same_rates_begins_no_new_count(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "limits": [limit()]}) as guard:
        guarded: Any = guard.protect(predict, version="1.4.0")
        assert [guarded(0.4).status for _ in range(2)] == [Status.OK] * 2
        put(guard, tmp_path, switches=[], limits=[limit()], generation=1_841)
        assert guarded(0.4).status is Status.LIMITED


def test_callers_are_counted_apart(tmp_path: Path) -> None:
    body = {"switches": [], "limits": [limit(key="consumer")]}
    with from_file(tmp_path, body=body) as guard:
        guarded: Any = guard.protect(predict, version="1.4.0")
        for name in ("shop", "app"):
            found = [guarded(0.4, consumer=name).status for _ in range(3)]
            assert found == [Status.OK, Status.OK, Status.LIMITED]


def test_the_code_may_only_tighten_a_rate(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "limits": [limit()]}) as guard:
        wide: Any = guard.protect(predict, version="1.4.0", limits=Limits([Rate("900/s")]))
        assert [wide(0.4).status for _ in range(3)][-1] is Status.LIMITED
        narrow = Limits([Rate("1/h", burst=1)])
        tight: Any = guard.protect(predict, version="1.4.0", limits=narrow)
        assert [tight(0.4).status for _ in range(2)] == [Status.OK, Status.LIMITED]


@pytest.mark.parametrize(
    ("approved", "code", "age", "status"),
    [
        ({}, None, 60, Status.OK),
        ({}, None, 2 * HOUR, Status.BLOCKED),
        ({}, Fresh("as_of", block="10m"), 1_200, Status.BLOCKED),
        ({}, Fresh("as_of", block="2d"), 2 * HOUR, Status.BLOCKED),
        ({"block_s": 90 * 86_400}, None, 80 * 86_400, Status.OK),
        ({"block_s": 90 * 86_400}, None, 91 * 86_400, Status.BLOCKED),
        ({}, None, -120, Status.BLOCKED),
    ],
    ids=["fresh", "old", "code-stricter", "code-laxer", "months", "too-old", "future"],
)
def test_an_age_is_judged_by_both_and_the_stricter_wins(
    approved: dict[str, Any], code: Fresh | None, age: int, status: Status, tmp_path: Path
) -> None:
    body = {"switches": [], "freshness": [fresh(**approved)]}
    with from_file(tmp_path, body=body) as guard:
        guarded: Any = guard.protect(predict, version="1.4.0", fresh=code)
        assert guarded(0.4, as_of=time.time() - age).status is status


@pytest.mark.parametrize(
    "moment",
    [None, "soon", float("nan"), float("inf"), object()],
    ids=["none", "a word", "nan", "inf", "an object"],
)
def test_a_time_that_says_nothing_is_stale(moment: object, tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [], "freshness": [fresh()]}) as guard:
        guarded: Any = guard.protect(predict, version="1.4.0")
        assert guarded(0.4, as_of=moment).status is Status.BLOCKED


@pytest.mark.parametrize(
    "fields",
    [
        {"limits": {"rate": "5/s"}},
        {"limits": ["5/s"]},
        {"limits": [limit("fast")]},
        {"limits": [limit(burst="many")]},
        {"limits": [limit(key=7)]},
        {"freshness": [fresh(block_s=None)]},
        {"freshness": [fresh(block_s=1.5)]},
        {"freshness": [fresh(block_s=-1)]},
        {"freshness": [fresh(warn_s=2 * HOUR)]},
        {"freshness": [fresh(field=None)]},
        {"freshness": [fresh(block_s=10**12)]},
    ],
    ids=[
        "map",
        "words",
        "rate",
        "burst",
        "key",
        "none",
        "part",
        "negative",
        "order",
        "field",
        "huge",
    ],
)
def test_what_can_not_be_read_lets_no_call_through(fields: dict[str, Any], tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": []} | fields) as guard:
        guarded: Any = guard.protect(predict, version="1.4.0")
        found = guarded(0.4, as_of=time.time())
        assert (found.status, found.reasons[0]) == (Status.BLOCKED, UNREADABLE)


def test_a_snapshot_that_asks_nothing_leaves_the_short_way_open(tmp_path: Path) -> None:
    approved = Approved(clock=time.monotonic)
    assert approved.of(None, "1.4.0") is None
    with from_file(tmp_path, wire=None) as guard:
        assert approved.of(guard._parts.holder.held.snapshot, "1.4.0") is None
