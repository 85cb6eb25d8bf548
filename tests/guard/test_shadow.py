"""A shadow runs on the same calls, answers nobody, and feeds counts alone (SG-30)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.by_version import MOST_VERSIONS, ByVersion
from modelwarden.guard.shadow import MOST_THREADS, MOST_WAITING, Shadow, differ
from tests.guard.hosts import from_file, soon

if TYPE_CHECKING:
    from pathlib import Path

ROUTE = {
    "deployment": "dep_1",
    "strategy": "shadow",
    "salt": "ab" * 16,
    "by": "key",
    "stable": "1.3.0",
    "shares": {"1.4.0": 0},
    "shadow": "1.4.0",
}
VERSIONS = [
    {"label": label, "sha256": "ab" * 32, "baseline": False, "outputs": None}
    for label in ("1.3.0", "1.4.0")
]


def body(**route: object) -> dict[str, Any]:
    return {"switches": [], "route": {**ROUTE, **route}, "versions": VERSIONS}


def told(guard: Any) -> dict[str, dict[str, int]]:
    return {each["label"]: each for each in guard._parts.counts.by_version.told()}


def test_a_shadow_answers_nobody_and_is_compared(tmp_path: Path) -> None:
    seen: list[str] = []
    with from_file(tmp_path, body=body()) as guard:
        guard.version("1.3.0", lambda customer: 0.4)
        guard.version("1.4.0", lambda customer: seen.append(customer) or 0.9)
        predict = guard.protect(lambda customer: 0.1, key="customer")
        answers = [predict(customer=f"c{n}") for n in range(20)]
        soon(lambda: told(guard).get("1.4.0", {}).get("calls") == 20)
        assert {(each.value, each.version) for each in answers} == {(0.4, "1.3.0")}
        assert sorted(seen) == sorted(f"c{n}" for n in range(20))
        assert told(guard)["1.4.0"]["differed"] == 20
        assert told(guard)["1.3.0"]["calls"] == 20


def test_a_shadow_that_raises_harms_nobody_and_is_counted(tmp_path: Path) -> None:
    def broken(customer: str) -> float:
        raise RuntimeError(customer)

    async def broken_later(customer: str) -> float:
        raise RuntimeError(customer)

    for function in (broken, broken_later):
        with from_file(tmp_path, body=body()) as guard:
            guard.version("1.3.0", lambda customer: 0.4)
            guard.version("1.4.0", function)
            predict = guard.protect(lambda customer: 0.1, key="customer")
            assert predict(customer="c").value == 0.4
            soon(lambda: told(guard).get("1.4.0", {}).get("failed") == 1)


def test_a_shadow_that_is_switched_off_does_not_run(tmp_path: Path) -> None:
    killed = {
        "id": "swi_1", "scope": {"version": ["1.4.0"]}, "except": {}, "action": "block", "fallback": None,
        "unknown": "match", "lkg_before": "2026-11-20T12:00:00.000000Z",
    }  # fmt: skip
    with from_file(tmp_path, body=body() | {"switches": [killed]}) as guard:
        guard.version("1.3.0", lambda customer: 0.4)
        guard.version("1.4.0", lambda customer: 0.9)
        predict = guard.protect(lambda customer: 0.1, key="customer")
        assert [predict(customer="c").value for _ in range(5)] == [0.4] * 5
        assert guard._parts.shadow._waiting.empty()
        assert "1.4.0" not in told(guard)
        assert guard._parts.counts.faults == 0


def test_a_shadow_that_hangs_is_dropped_and_holds_two_threads_alone() -> None:
    counts, held = ByVersion(), threading.Event()
    shadow = Shadow(counts, clock=lambda: 0.0)
    before = threading.active_count()
    for _ in range(MOST_WAITING + MOST_THREADS + 40):
        shadow.give("1.4.0", held.wait, ((), {}), 1.0)
        soon(lambda: shadow._waiting.qsize() <= MOST_WAITING)
    assert threading.active_count() - before <= MOST_THREADS
    assert shadow.dropped >= 38
    held.set()
    soon(
        lambda: (
            counts.told()
            and counts.told()[0]["calls"] == MOST_WAITING + MOST_THREADS + 40 - shadow.dropped
        )
    )


def test_what_waited_too_long_is_dropped() -> None:
    times = iter([0.0, 6.0])
    shadow = Shadow(ByVersion(), clock=lambda: next(times))
    shadow.give("1.4.0", lambda: 1.0, ((), {}), 1.0)
    soon(lambda: shadow.dropped == 1)


def test_calls_are_counted_by_the_version_that_the_route_gave_them_to(tmp_path: Path) -> None:
    def broken(customer: str) -> float:
        raise RuntimeError(customer)

    route = {"strategy": "canary", "shares": {"1.4.0": 5_000}, "shadow": None}
    with from_file(tmp_path, body=body(**route)) as guard:
        guard.version("1.3.0", lambda customer: 0.4)
        guard.version("1.4.0", broken)
        predict = guard.protect(lambda customer: 0.1, key="customer")
        failed = 0
        for n in range(400):
            try:
                failed += predict(customer=f"c{n}").version == "1.4.0"
            except RuntimeError:
                failed += 1
        found = told(guard)
        assert found["1.4.0"]["calls"] == found["1.4.0"]["failed"] == failed
        assert (found["1.3.0"]["calls"], found["1.3.0"]["failed"]) == (400 - failed, 0)


def test_of_more_versions_than_fit_nothing_is_counted() -> None:
    counts = ByVersion()
    for n in range(MOST_VERSIONS + 5):
        counts.add(f"{n}", seconds=0.1, failed=False)
    assert len(counts.told()) == MOST_VERSIONS


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(1.0, 1.005, False), (1.0, 1.5, True), ("a", "a", False), (None, 1.0, True), (float("nan"), 1.0, True)],
)  # fmt: skip
def test_numbers_may_lie_close_together(one: object, other: object, *, expected: bool) -> None:
    assert differ(one, other) is expected
