"""What a guard in front of an ASGI program costs a request, and what eight threads at once get through a guard.

The program answers in two messages and does nothing else; calls are driven to their end without an event loop, which
would cost more than what is measured. "One switch" blocks another region than the request's, which is read off its
scope. Threads call a function that lets the others run meanwhile, as a model does: unguarded, guarded, and behind the
breakers of pybreaker and purgatory, which hold a lock, or an event loop's tick, around each call.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import pybreaker
from purgatory import SyncCircuitBreakerFactory

from benchmarks import table
from benchmarks.clockwork import bests
from benchmarks.guard import BLOCK_EU, _guard
from benchmarks.row import Row, at_most, times_the_limit
from modelwarden.integrations.guard_asgi import GuardASGI

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.workbench import Workbench
    from modelwarden.guard.guard import Guard
    from modelwarden.integrations.guard_asgi import App, Message, Scope, Send

MICRO: Final = 1e6
CALLS: Final = 200
THREADS: Final = 8
SLEEP_S: Final = 0.001
"""How long the threads' function waits; what it stands for runs without the interpreter's lock."""

START: Final = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain")],
}
BODY: Final = {"type": "http.response.body", "body": b"0.4"}
SCOPE: Final = {"type": "http", "method": "GET", "path": "/score", "headers": [], "region": "us"}


def measure(bench: Workbench) -> list[Row]:
    free = _guard(bench.folder_for("asgi-free"), [])
    switched = _guard(bench.folder_for("asgi-switched"), [BLOCK_EU])
    try:
        return [*_requests(free, switched, 60 if bench.quick else 400), *_threads(free, bench)]
    finally:
        free.close()
        switched.close()


async def answer(_scope: object, _receive: object, send: Send) -> None:
    await send(START)
    await send(BODY)


async def receive() -> Message:
    return {"type": "http.request"}


async def send(_message: Message) -> None:
    return


def region(scope: Scope) -> object:
    return scope["region"]


def _requests(free: Guard, switched: Guard, rounds: int) -> list[Row]:
    extract = {"region": region}
    apps = {
        "bare": answer,
        "no switch": GuardASGI(answer, guard=free, extract=extract),
        "one switch, by region": GuardASGI(answer, guard=switched, extract=extract),
    }
    best = bests({name: partial(_drive, app) for name, app in apps.items()}, rounds=rounds)
    return [
        Row(
            what=f"ASGI middleware over the bare program: {name}",
            ours=(best[name] - best["bare"]) / CALLS * MICRO,
            unit="µs",
            target=at_most(1) if name == "no switch" else None,
        )
        for name in apps
        if name != "bare"
    ]


def _drive(app: App) -> None:
    for _ in range(CALLS):
        try:
            app(SCOPE, receive, send).send(None)  # type: ignore[attr-defined] - a coroutine
        except StopIteration:
            continue
        raise RuntimeError("it waits for something")


def predict() -> float:
    time.sleep(SLEEP_S)
    return 0.4


def _threads(guard: Guard, bench: Workbench) -> list[Row]:
    breaker = pybreaker.CircuitBreaker()
    purgatory = SyncCircuitBreakerFactory()

    @purgatory("model")
    def in_purgatory() -> float:
        return predict()

    functions: dict[str, Callable[[], object]] = {
        "unguarded": predict,
        "guarded": guard.protect(predict, low=0.0, high=1.0),
        "pybreaker": breaker(predict),
        "purgatory": in_purgatory,
    }
    calls = 50 if bench.quick else 200
    runs = {name: partial(_at_once, function, calls) for name, function in functions.items()}
    best = bests(runs, rounds=3 if bench.quick else 8)
    each = {name: one / calls * MICRO for name, one in best.items()}
    what = f"{THREADS} threads at once, a call of {SLEEP_S * 1_000:g} ms"
    return [
        Row(
            what=f"{what}: guarded", ours=each["guarded"], unit="µs", beside="unguarded",
            peer=each["unguarded"], is_limit=True, target=times_the_limit(1.2),
        ),
        *(
            Row(what=f"{what}: guarded", ours=each["guarded"], unit="µs", beside=name, peer=each[name])
            for name in ("pybreaker", "purgatory")
        ),
    ]  # fmt: skip


def _at_once(function: Callable[[], object], calls: int) -> None:
    """Let each thread make so many calls."""
    barrier = threading.Barrier(THREADS + 1)

    def work() -> None:
        barrier.wait()
        for _ in range(calls):
            function()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    barrier.wait()
    for thread in threads:
        thread.join()


CLAIM: Final = table.Claim("guard_asgi", "A guard in front of a web program", measure)

if __name__ == "__main__":
    table.run([CLAIM])
