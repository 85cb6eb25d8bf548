"""Chains: order, time-outs, checks, and what a switch or missing inputs leave out."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import ValueInvalid
from modelwarden.guard.checks import checker
from modelwarden.guard.contract import OnViolation, probability
from modelwarden.guard.fallback import (
    Answer,
    Asked,
    Baseline,
    Chain,
    Custom,
    Default,
    LastKnownGood,
)
from modelwarden.guard.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TENANT: contextvars.ContextVar[str] = contextvars.ContextVar("TENANT", default="nobody")
INPUTS = ((1,), {"region": "eu"})


def echo(number: int, *, region: str) -> str:
    return f"{number} {region}"


def broken(*_: object, **__: object) -> float:
    raise ZeroDivisionError


async def echo_async(number: int, *, region: str) -> str:
    await asyncio.sleep(0)
    return f"{number} {region}"


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Set at the end, so that no hanging thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Callable[[Chain, Asked], Answer]:
    if request.param == "sync":
        return Chain.answer
    return lambda chain, asked: asyncio.run(chain.answer_async(asked))


Ask = "Callable[[Chain, Asked], Answer]"


def test_the_first_step_that_answers_speaks_and_the_others_say_why(ask: Any) -> None:
    chain = Chain([LastKnownGood(), Baseline("1.3.0"), Custom(broken), Default(0.5)], model="churn")
    answer = ask(chain, Asked(key="C1", arguments=INPUTS))
    assert answer == Answer(
        "default",
        0.5,
        tried=(
            ("last_known_good", "nothing_remembered"),
            ("baseline", "baseline_not_approved"),
            ("custom", "raised:ZeroDivisionError"),
        ),
    )


@pytest.mark.parametrize("function", [echo, echo_async])
def test_host_code_gets_the_inputs_sync_or_async(ask: Any, function: Any) -> None:
    custom = ask(Chain([Custom(function)], model="churn"), Asked(arguments=INPUTS))
    assert (custom.step, custom.value) == ("custom", "1 eu")
    asked = Asked(arguments=INPUTS, baselines={"1.3.0": function})
    baseline = ask(Chain([Baseline("1.3.0")], model="churn"), asked)
    assert (baseline.step, baseline.value, baseline.version) == ("baseline", "1 eu", "1.3.0")


def test_an_exhausted_chain_answers_nothing(ask: Any) -> None:
    assert ask(Chain([], model="churn"), Asked()) == Answer(None)
    found = ask(Chain(model="churn"), Asked())
    assert (found.step, found.tried) == (None, (("last_known_good", "no_key"),))


def test_last_known_good_is_served_with_its_age_and_version(ask: Any) -> None:
    now = [1_000.0]
    chain = Chain(model="churn", now=lambda: now[0])
    assert chain.remember("C1", 0.25, version="1.4.0")
    now[0] += 3_600
    answer = ask(chain, Asked(key="C1"))
    assert answer == Answer("last_known_good", 0.25, "1.4.0", 3_600.0)
    now[0] += 23 * 3_600 + 1
    assert ask(chain, Asked(key="C1")).tried == (("last_known_good", "too_old"),)


def test_a_killed_version_answers_neither_from_memory_nor_as_baseline(ask: Any) -> None:
    chain = Chain([LastKnownGood(), Baseline("1.4.0")], model="churn")
    chain.remember("C1", 0.25, version="1.4.0")
    asked = Asked(
        key="C1", arguments=INPUTS, is_killed=lambda v: v == "1.4.0", baselines={"1.4.0": echo}
    )
    assert ask(chain, asked).tried == (
        ("last_known_good", "version_switched_off"),
        ("baseline", "version_switched_off"),
    )


def test_what_was_made_since_a_switch_s_moment_is_not_served(ask: Any) -> None:
    chain = Chain(model="churn", now=lambda: 1_000.0)
    chain.remember("C1", 0.25, version="1.4.0")
    assert ask(chain, Asked(key="C1", before=1_000.0)).step is None
    assert ask(chain, Asked(key="C1", before=1_000.1)).step == "last_known_good"


def test_forgotten_answers_are_not_served(ask: Any) -> None:
    chain = Chain(model="churn")
    chain.remember("C1", 0.25, version=None)
    assert chain.forget("C1")
    assert ask(chain, Asked(key="C1")).step is None


def test_output_checks_hold_for_every_step(ask: Any) -> None:
    chain = Chain(
        [LastKnownGood(), Custom(lambda *_, **__: float("nan")), Default(7.0)], model="churn"
    )
    chain.remember("C1", "high", version=None)
    answer = ask(chain, Asked(key="C1", arguments=INPUTS, check=checker(probability())))
    assert answer == Answer(
        "default",
        1.0,
        clipped_from=7.0,
        tried=(("last_known_good", "wrong_type"), ("custom", "not_finite")),
    )
    strict = checker(probability(on_violation=OnViolation.FALLBACK))
    assert ask(chain, Asked(check=strict)).tried[-1] == ("default", "above_high")


def test_without_inputs_steps_that_need_them_are_left_out(ask: Any) -> None:
    chain = Chain([Custom(echo), Baseline("1.3.0"), Default(0.5)], model="churn")
    answer = ask(chain, Asked(baselines={"1.3.0": echo}))
    assert answer.tried == (("custom", "needs_inputs"), ("baseline", "needs_inputs"))


def test_a_switch_allows_some_steps_in_the_chain_s_own_order(ask: Any) -> None:
    chain = Chain([Custom(echo, name="rules"), Default(0.5)], model="churn")
    only = ask(chain, Asked(arguments=INPUTS, names=frozenset({"default", "unknown"})))
    assert (only.step, only.tried) == ("default", ())
    both = ask(chain, Asked(arguments=INPUTS, names=frozenset({"default", "rules"})))
    assert both.step == "rules"


def test_a_step_that_hangs_is_left_behind(ask: Any, release: threading.Event) -> None:
    def hang(*_: object, **__: object) -> None:
        release.wait(60)

    chain = Chain([Custom(hang), Default(0.5)], model="churn")
    answer = ask(chain, Asked(arguments=INPUTS))
    assert (answer.step, answer.tried) == ("default", (("custom", "timed_out"),))


def test_an_async_step_that_hangs_is_cancelled() -> None:
    seen = []

    async def hang(*_: object, **__: object) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    chain = Chain([Custom(hang), Default(0.5)], model="churn")
    answer = asyncio.run(chain.answer_async(Asked(arguments=INPUTS)))
    assert (answer.step, answer.tried, seen) == (
        "default",
        (("custom", "timed_out"),),
        ["cancelled"],
    )


def test_threads_that_hang_do_not_pile_up(release: threading.Event) -> None:
    def hang(*_: object, **__: object) -> None:
        release.wait(60)

    chain = Chain([Custom(hang, timeout_s=0.001), Default(0.5)], model="churn")
    before = threading.active_count()
    answers = [chain.answer(Asked(arguments=INPUTS)) for _ in range(40)]
    assert threading.active_count() - before <= 32
    assert [a.tried[0][1] for a in answers] == ["timed_out"] * 32 + ["too_many_hanging"] * 8


def test_the_event_loop_goes_on_while_a_step_blocks(release: threading.Event) -> None:
    def wait_for_the_loop(*_: object, **__: object) -> str:
        return "ran" if release.wait(30) else "stuck"

    async def story() -> Answer:
        asyncio.get_running_loop().call_later(0.01, release.set)
        chain = Chain([Custom(wait_for_the_loop, timeout_s=40)], model="churn")
        return await chain.answer_async(Asked(arguments=INPUTS))

    assert asyncio.run(story()).value == "ran"


def test_cancellation_passes_through_a_chain() -> None:
    async def story() -> bool:
        started = asyncio.Event()

        async def hang(*_: object, **__: object) -> None:
            started.set()
            await asyncio.sleep(60)

        chain = Chain([Custom(hang, timeout_s=50), Default(0.5)], model="churn")
        task = asyncio.create_task(chain.answer_async(Asked(arguments=INPUTS)))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return True

    assert asyncio.run(story())


def test_what_is_no_exception_passes_through() -> None:
    def leave(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Chain([Custom(leave), Default(1)], model="churn").answer(Asked(arguments=INPUTS))


def test_the_host_s_context_reaches_its_code(ask: Any) -> None:
    TENANT.set("shop")
    chain = Chain([Custom(lambda *_, **__: TENANT.get())], model="churn")
    assert ask(chain, Asked(arguments=INPUTS)).value == "shop"


def test_a_default_can_not_be_changed_by_whoever_gets_it(ask: Any) -> None:
    chain = Chain([Default({"score": 0.5})], model="churn")
    ask(chain, Asked()).value["score"] = 9
    assert ask(chain, Asked()).value == {"score": 0.5}


def test_a_store_on_disk_answers_after_a_restart(ask: Any, tmp_path: Path) -> None:
    first = Chain(model="churn", store=SqliteStore(tmp_path / "good.db"))
    first.remember("C1", 0.25, version="1.4.0")
    first.close()
    again = Chain(
        [LastKnownGood(timeout_s=30)], model="churn", store=SqliteStore(tmp_path / "good.db")
    )
    answer = ask(again, Asked(key="C1"))
    again.close()
    assert (answer.step, answer.value, answer.version) == ("last_known_good", 0.25, "1.4.0")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LastKnownGood("soon"),
        lambda: LastKnownGood("24h", timeout_s=0),
        lambda: Baseline("1", timeout_s=float("nan")),
        lambda: Custom(echo, timeout_s=61),
        lambda: Chain([Default(1), Default(2)], model="churn"),
    ],
    ids=range(5),
)
def test_a_chain_that_can_not_work_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueInvalid):
        wrong()
