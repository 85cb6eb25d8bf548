"""What a guard does when the host's code, or the guard, does not do what it should (SG-25, SG-27, SG-40 to SG-44)."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import PredictionLimited
from modelwarden.guard.breaker import State, Thresholds
from modelwarden.guard.contract import Contract, inputs
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Custom, Default
from modelwarden.guard.freshness import Fresh
from modelwarden.guard.limits import Limits, Rate
from tests.guard.hosts import BLOCK_ALL, FALL_EU, from_file, put, soon
from tests.guard.wire import BLOCK_EU

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "ab" * 32
VERSION = {"label": "1.4.0", "sha256": DIGEST, "baseline": False, "outputs": None}


def score(
    features: dict[str, float], *, customer_id: str = "c-1", region: str | None = "us"
) -> float:
    _ = customer_id, region
    return features["score"]


def test_the_hosts_exception_falls_back_or_goes_on_unchanged(tmp_path: Path) -> None:
    mine = KeyError("score")

    def breaks(features: object) -> float:  # noqa: ARG001
        raise mine

    with from_file(tmp_path) as guard:
        with pytest.raises(KeyError) as raised:
            guard.protect(breaks)({})
        assert raised.value is mine
        assert mine.__context__ is None
        decision = guard.protect(breaks, fallback=[Default(0.5)])({})
        assert (decision.value, decision.reasons) == (0.5, ("raised:KeyError",))


def test_slow_calls_are_noticed_however_short_slow_is(tmp_path: Path) -> None:
    pauses = [0.0, 0.0, 0.0] + [0.02] * 40

    def waits() -> float:
        time.sleep(pauses.pop(0))
        return 0.5

    with from_file(tmp_path) as guard:
        predict = guard.protect(
            waits, breaker=Thresholds(slow_s=0.01, least=20), fallback=[Default(0.1)]
        )
        decisions = [predict() for _ in range(40)]
        assert decisions[-1].reasons == ("breaker_open",)
        assert decisions[18].value == 0.5


def test_where_nobody_asks_no_latency_is_kept(tmp_path: Path) -> None:
    with from_file(tmp_path) as guard:
        predict = guard.protect(score)
        for _ in range(5):
            assert predict({"score": 0.5}).value == 0.5
        value = guard.protect(score, version="1.4.0", returns="value")({"score": 0.25})
        last = guard.last()
        assert last is not None
        assert (value, last.value, last.version, last.generation) == (
            0.25,
            0.25,
            "1.4.0",
            guard.held.generation,
        )
        assert not guard._parts.counts.latencies


def test_a_broken_function_opens_the_breaker(tmp_path: Path) -> None:
    calls = []

    def breaks() -> float:
        calls.append(1)
        raise OSError

    with from_file(tmp_path) as guard:
        predict = guard.protect(breaks, breaker=Thresholds(least=5))
        for _ in range(5):
            with pytest.raises(OSError):  # noqa: PT011 - the host's own
                predict()
        decision = predict()
        assert (decision.status, decision.reasons[0], len(calls)) == (
            Status.BLOCKED,
            "breaker_open",
            5,
        )
        assert decision.retry_after_s > 0


def test_cancellation_passes_through_and_gives_its_place_back(tmp_path: Path) -> None:
    async def main(predict: Any, limits: Limits) -> None:
        for _ in range(2):
            task = asyncio.ensure_future(predict())
            await asyncio.sleep(0)
            assert limits.in_flight == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert limits.in_flight == 0

    async def waits() -> float:
        await asyncio.sleep(3_600)
        return 0.5

    with from_file(tmp_path) as guard:
        limits = Limits(max_in_flight=1)
        asyncio.run(main(guard.protect(waits, limits=limits, fallback=[Default(0.5)]), limits))


def test_async_functions_are_guarded_alike(tmp_path: Path) -> None:
    async def predict(value: float, region: str = "us") -> float:  # noqa: ARG001
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError
        return value

    async def main(guard: Any) -> None:
        guarded = guard.protect(predict, low=0.0, high=1.0, fallback=[Default(0.5)])
        assert (await guarded(0.4)).status is Status.OK
        assert (await guarded(1.4)).value == 1.0
        assert (await guarded(-1)).reasons == ("raised:ValueError",)
        assert (await guarded(0.4, region="eu")).status is Status.BLOCKED
        only = guard.protect(predict, returns="value")
        assert await only(0.4) == 0.4
        assert guard.last().value == 0.4

    with from_file(tmp_path, body={"switches": [BLOCK_EU]}) as guard:
        asyncio.run(main(guard))


def test_over_the_limit_calls_are_limited_or_fall_back(tmp_path: Path) -> None:
    def predict(consumer: str) -> float:  # noqa: ARG001
        return 0.4

    with from_file(tmp_path) as guard:
        rate = Rate("1/h", burst=1, key="consumer")
        limited = guard.protect(predict, limits=Limits([rate]))
        assert limited("shop").status is Status.OK
        refused = limited("shop")
        assert (refused.status, refused.reasons) == (Status.LIMITED, ("1/h",))
        assert refused.retry_after_s > 0
        assert limited("bank").status is Status.OK
        value = guard.protect(predict, limits=Limits([rate]), returns="value")
        assert value("shop") == 0.4
        with pytest.raises(PredictionLimited):
            value("shop")
        falls = guard.protect(
            predict, limits=Limits([rate]), when_limited="fallback", fallback=[Default(0.1)]
        )
        assert [falls("shop").value, falls("shop").value] == [0.4, 0.1]


def test_stale_and_bad_inputs_do_not_reach_the_model(tmp_path: Path) -> None:
    calls = []

    def predict(features: dict[str, object]) -> float:
        calls.append(features)
        return 0.4

    with from_file(tmp_path) as guard:
        fresh = guard.protect(
            predict, fresh=Fresh("as_of", fallback="1h", block="1d"), fallback=[Default(0.1)]
        )
        assert fresh({"as_of": guard._parts.clocks.wall()}).value == 0.4
        assert fresh({"as_of": guard._parts.clocks.wall() - 7_200}).step == "default"
        assert fresh({}).status is Status.BLOCKED
        formed = guard.protect(
            predict, inputs=inputs({"age": Contract(low=0)}), fallback=[Default(0.1)]
        )
        assert formed({"age": 3}).value == 0.4
        assert formed({"age": -3}).reasons[0] == "inputs:below_low:age"
        assert len(calls) == 2


def test_a_switch_that_comes_during_a_long_call_stops_its_answer(tmp_path: Path) -> None:
    entered, released = threading.Event(), threading.Event()
    found: list[Any] = []

    def long(features: dict[str, float]) -> float:
        entered.set()
        assert released.wait(30)
        return features["score"]

    with from_file(tmp_path) as guard:
        predict = guard.protect(long, low=0.0, high=1.0)
        thread = threading.Thread(target=lambda: found.append(predict({"score": 0.4})))
        thread.start()
        assert entered.wait(30)
        put(guard, tmp_path, switches=[BLOCK_ALL], generation=1841)
        released.set()
        thread.join()
        assert (found[0].status, found[0].value, found[0].switches) == (
            Status.BLOCKED,
            None,
            ("swi_all",),
        )
        assert found[0].generation == 1841


def test_a_switch_that_comes_while_a_fallback_answers_stops_that_too(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [FALL_EU]}) as guard:

        def instead(*_: object, **__: object) -> float:
            put(guard, tmp_path, switches=[BLOCK_ALL], generation=1841)
            return 0.2

        predict = guard.protect(score, fallback=[Custom(instead, timeout_s=30.0)])
        assert predict({"score": 0.4}, region="eu").status is Status.BLOCKED


def test_a_fault_in_the_guard_lets_the_function_answer_or_closed_falls_back(tmp_path: Path) -> None:
    class Hostile:
        """A value at which deep copying breaks, and so does remembering it."""

        def __deepcopy__(self, memo: object) -> object:
            raise RuntimeError

    value = Hostile()
    for fail, status in (("static", Status.OK), ("closed", Status.DEFAULT)):
        with from_file(tmp_path, fail=fail, fallback=[Default(0.1)]) as guard:
            decision = guard.protect(lambda customer_id: value, key="customer_id")("c-1")
            assert (decision.status, decision.reasons) == (status, ("guard_fault",))
            assert guard.status()["counts"]["faults"] == 1  # type: ignore[index]


def test_a_switch_that_comes_while_a_coroutine_is_awaited_stops_its_answer(tmp_path: Path) -> None:
    async def main(guard: Any) -> None:
        entered, released = asyncio.Event(), asyncio.Event()

        async def long(score: float) -> float:
            entered.set()
            await released.wait()
            return score

        task = asyncio.ensure_future(guard.protect(long, low=0.0, high=1.0)(0.4))
        await entered.wait()
        put(guard, tmp_path, switches=[BLOCK_ALL], generation=1841)
        released.set()
        decision = await task
        assert (decision.status, decision.generation) == (Status.BLOCKED, 1841)

    with from_file(tmp_path) as guard:
        asyncio.run(main(guard))


@pytest.mark.parametrize("is_async", [False, True])
def test_each_call_is_counted_once_whichever_way_it_takes(tmp_path: Path, is_async: bool) -> None:
    def predict(value: float) -> float:
        return value

    async def predict_async(value: float) -> float:
        return value

    with from_file(tmp_path) as guard:
        function = predict_async if is_async else predict
        guarded = guard.protect(function, low=0.0, high=1.0, breaker=Thresholds(bad=1.0))
        calls = [0.5, 1, float("nan"), 2.0, True, 0.25] * 5
        found = [asyncio.run(guarded(one)) if is_async else guarded(one) for one in calls]
        counts: Any = guard.status()["counts"]
        assert [one.status for one in found[:4]] == [
            Status.OK,
            Status.OK,
            Status.BLOCKED,
            Status.CLIPPED,
        ]
        assert (counts["ok"], counts["clipped"], counts["blocked"]) == (15, 5, 10)
        del guarded, found
        assert guard.status()["counts"]["ok"] == 15  # type: ignore[index]


def test_a_switch_that_comes_while_a_half_open_breaker_probes_counts_and_frees_the_probe(
    tmp_path: Path,
) -> None:
    entered, released = threading.Event(), threading.Event()
    answers: list[str] = ["breaks", "waits", "well"]
    found: list[Any] = []

    def predict() -> float:
        how = answers[0]
        if how == "breaks":
            raise OSError
        if how == "waits":
            entered.set()
            assert released.wait(30)
        return 0.4

    soonest = Thresholds(least=1, open_s=0.01, spread=0.0, probes=1, successes=2, slow_s=60.0)
    with from_file(tmp_path) as guard:
        guarded = guard.protect(predict, breaker=soonest)
        with pytest.raises(OSError):  # noqa: PT011 - the host's own
            guarded()
        (breaker,) = next(iter(guard._parts.sites)).place.breakers().values()
        answers.pop(0)
        soon(lambda: guard._parts.clocks.monotonic() > breaker._open_until)
        thread = threading.Thread(target=lambda: found.append(guarded()))
        thread.start()
        assert entered.wait(30)
        assert breaker.state is State.HALF_OPEN
        assert guarded().reasons[0] == "breaker_open"
        put(guard, tmp_path, switches=[BLOCK_ALL], generation=1841)
        released.set()
        thread.join()
        assert (found[0].status, found[0].reasons) == (Status.BLOCKED, ("switched_off",))
        assert guarded().reasons == ("switched_off",)
        assert breaker.state is State.HALF_OPEN
        answers.pop(0)
        put(guard, tmp_path, switches=[], generation=1842)
        assert guarded().status is Status.OK
        assert breaker.state is State.CLOSED
