"""Is a prediction switched off? A thousand switches over six dimensions, beside what others use to turn things off.

A switch names three of the six; region, model type and the like have few values, consumers many. "First time" contexts
are not remembered, though their values have been seen, those of dimensions with few of them together; "remembered" ones
have been asked before. "Values in order" is how a guard asks. Peers get one flag with at most one rule, which is their
best; the rows with a thousand rules say so. Before anything is timed all have to give the same answers. Switches are
compiled from what JSON gives, which is measured in CPU time, as a thread beside the host's takes it; a slice runs
between two chances for other threads.
"""

from __future__ import annotations

import base64
import random
import threading
import time
import timeit
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from benchmarks import guard_peers, table
from benchmarks.clockwork import bests
from benchmarks.row import Row, at_most, times_better
from modelwarden.guard.compiled import compile_switches, compiling, reading
from modelwarden.guard.snapshot import Floor, PinnedKeys, accept
from modelwarden.guard.wire import HEAD_TYPE
from modelwarden.ledger.dsse import seal
from modelwarden.ledger.keys import SigningKey
from modelwarden.values.canonical import encode_any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from benchmarks.guard_peers import Asked
    from benchmarks.workbench import Workbench
    from modelwarden.guard.match import Matcher

NANO, MILLI = 1e9, 1e3
VALUES: Final = {
    "model_type": 5, "version": 20, "endpoint": 10, "segment": 50, "region": 30, "consumer": 1_000,
}  # fmt: skip
NAMES: Final = tuple(VALUES)
CONTEXTS: Final = 400
NOBODY: Final = dict.fromkeys(NAMES, "none")
TARGETS: Final = {"GrowthBook": 20, "OpenFeature in-memory provider": 50, "UnleashClient": 100}


def measure(bench: Workbench) -> list[Row]:
    switches = made(1_000)
    matcher = compile_switches(switches)
    asked = contexts(matcher, CONTEXTS)
    peers = {
        name: build([one["scope"] for one in switches], bench.folder_for(name.split(" ")[0]))
        for name, build in guard_peers.PEERS.items()
    }
    _agree(matcher, asked, peers)
    rounds = 20 if bench.quick else 200
    ours = _ours(matcher, asked, rounds)
    theirs = _theirs(peers, asked, rounds=10 if bench.quick else 100)
    return [
        *_checks(ours, theirs),
        *_thousand(ours["remembered"], theirs),
        *_compiled(rounds=3 if bench.quick else 40),
        _accepted(rounds=2 if bench.quick else 15),
    ]


def made(number: int) -> list[dict[str, Any]]:
    """Return switches as a snapshot's body has them, none of which matches `NOBODY`."""
    draw = random.Random(7)  # noqa: S311 - the same in every run
    return [
        {
            "id": f"swi_{place:06}",
            "scope": {name: [_value(draw, name)] for name in draw.sample(NAMES, 3)},
            "except": {},
            "action": "block",
            "fallback": None,
            "unknown": "match",
            "held": 10_000,
        }
        for place in range(number)
    ]


def contexts(matcher: Matcher, number: int) -> list[dict[str, str]]:
    """Return full contexts that no switch matches: the check that a healthy service makes again and again."""
    draw = random.Random(11)  # noqa: S311 - the same in every run
    found: list[dict[str, str]] = []
    while len(found) < number:
        context = {name: _value(draw, name) for name in NAMES}
        if not matcher.match(context):
            found.append(context)
    return found


def _value(draw: random.Random, name: str) -> str:
    number = draw.randrange(VALUES[name])
    return "eu" if name == "region" and number == 0 else f"{name}-{number}"


def _agree(
    matcher: Matcher, asked: list[dict[str, str]], peers: dict[str, dict[str, Asked]]
) -> None:
    """Hold all to the same answers, also for contexts that are switched off."""
    draw = random.Random(3)  # noqa: S311 - the same in every run
    several = [*asked[:50], *({n: _value(draw, n) for n in NAMES} for _ in range(100))]
    assert 5 < sum(bool(matcher.match(context)) for context in several) < 100
    for context in several:
        for asking in peers.values():
            assert asking["plain"](context) is False
            assert asking["eu"](context) is (context["region"] == "eu")
            if "all" in asking:
                assert asking["all"](context) is bool(matcher.match(context))


def _ours(matcher: Matcher, asked: list[dict[str, str]], rounds: int) -> dict[str, float]:
    empty, times = compile_switches([]), 2_000
    over = matcher.over(*NAMES)
    values = [tuple(context.values()) for context in asked]
    fresh = iter([matcher.bind() for _ in range(rounds)])
    fresh_over = iter([matcher.over(*NAMES) for _ in range(rounds)])
    unseen = iter(
        [[c | {"consumer": f"new-{n}-{k}"} for k, c in enumerate(asked)] for n in range(rounds)]
    )
    hits = _matching(matcher)
    fresh_hits = iter([matcher.bind() for _ in range(rounds)])
    given = {"matcher": empty, "context": NOBODY}
    calling = timeit.Timer("matcher.match(context)", globals=given).timeit
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "none": (partial(calling, times), times),
        "first": (lambda: _loop(next(fresh).match, asked), len(asked)),
        "first values": (lambda: _loop(next(fresh_over).match_values, values), len(asked)),
        "first hit": (lambda: _loop(next(fresh_hits).match, hits), len(hits)),
        "new consumer": (lambda: _loop(matcher.match, next(unseen)), len(asked)),
        "remembered": (lambda: _loop(matcher.match, asked), len(asked)),
        "remembered values": (lambda: _loop(over.match_values, values), len(asked)),
    }
    found = bests({name: run for name, (run, _) in runs.items()}, rounds=rounds)
    return {name: found[name] / count * NANO for name, (_, count) in runs.items()}


def _matching(matcher: Matcher) -> list[dict[str, str]]:
    draw = random.Random(5)  # noqa: S311 - the same in every run
    drawn = ({name: _value(draw, name) for name in NAMES} for _ in range(4_000))
    return [context for context in drawn if matcher.match(context)][:CONTEXTS]


def _loop(ask: Callable[[Any], object], several: list[Any]) -> None:
    for one in several:
        ask(one)


def _theirs(
    peers: dict[str, dict[str, Asked]], asked: list[dict[str, str]], rounds: int
) -> dict[tuple[str, str], float]:
    runs = {}
    for name, asking in peers.items():
        for flag, ask in asking.items():
            some = asked[:1] if flag == "all" else asked[:10]
            runs[name, flag] = (partial(_loop, ask, some), len(some))
    labels = {f"{name}/{flag}": key for key in runs for name, flag in (key,)}
    found = bests({label: runs[key][0] for label, key in labels.items()}, rounds=rounds)
    return {key: found[label] / runs[key][1] * NANO for label, key in labels.items()}


def _checks(ours: dict[str, float], theirs: dict[tuple[str, str], float]) -> list[Row]:
    line = partial(Row, unit="ns")
    none, thousand = "no switch", "1,000 switches, 6 dimensions"
    return [
        line(what=f"{none}: one call", ours=ours["none"], target=at_most(60)),
        *(
            line(what=none, ours=ours["none"], beside=f"{name}, flag without a rule", peer=theirs[name, "plain"])
            for name in guard_peers.PEERS
        ),
        line(what=f"{thousand}: first time", ours=ours["first"], target=at_most(500)),
        line(what=f"{thousand}: first time, values in order", ours=ours["first values"], target=at_most(500)),
        line(what=f"{thousand}: first time, switched off", ours=ours["first hit"]),
        line(what=f"{thousand}: a consumer never seen", ours=ours["new consumer"]),
        line(what=f"{thousand}: remembered", ours=ours["remembered"], target=at_most(200)),
        line(what=f"{thousand}: remembered, values in order", ours=ours["remembered values"], target=at_most(200)),
        *(
            line(
                what=f"{thousand}: remembered", ours=ours["remembered"],
                beside=f"{name}, one rule on the region", peer=theirs[name, "eu"],
                target=times_better(TARGETS[name]) if name in TARGETS else None,
            )
            for name in guard_peers.PEERS
        ),
    ]  # fmt: skip


def _thousand(ours: float, theirs: dict[tuple[str, str], float]) -> list[Row]:
    return [
        Row(
            what="1,000 switches, 6 dimensions: remembered",
            ours=ours,
            unit="ns",
            beside=f"{name}, the same 1,000 as rules of one flag",
            peer=theirs[name, "all"],
        )
        for name in guard_peers.PEERS
        if (name, "all") in theirs
    ]


def _compiled(rounds: int) -> list[Row]:
    rows = []
    for number, limit in ((1_000, 5), (10_000, 100)):
        switches = made(number)
        spent = _cpu_s(partial(compile_switches, switches), rounds=rounds)
        longest = min(max(_slices(switches)) for _ in range(rounds))
        what = f"compile {number:,} switches, CPU"
        rows += [
            Row(what=what, ours=spent * MILLI, unit="ms", target=at_most(limit)),
            Row(what=f"{what}, longest slice", ours=longest * MILLI, unit="ms", target=at_most(5)),
        ]
    switches = made(10_000)
    stall = min(_stall(switches) for _ in range(rounds))
    what = "longest wait of a reader while 10,000 switches compile"
    rows.append(Row(what=what, ours=stall * MILLI, unit="ms", target=at_most(10)))
    return rows


def _cpu_s(run: Callable[[], object], *, rounds: int) -> float:
    """Return the least CPU time of this thread, in seconds."""
    found = float("inf")
    for _ in range(rounds):
        started = time.thread_time()
        run()
        found = min(found, time.thread_time() - started)
    return found


def _slices(switches: list[dict[str, Any]]) -> Iterator[float]:
    read = yield from _timed(reading(switches))
    yield from _timed(compiling(read))


def _timed(steps: Generator[None, None, Any]) -> Generator[float, None, Any]:
    while True:
        started = time.thread_time()
        try:
            next(steps)
        except StopIteration as stop:
            yield time.thread_time() - started
            return stop.value
        yield time.thread_time() - started


def _stall(switches: list[dict[str, Any]]) -> float:
    """Return the longest time between two answers to a reader, while a thread compiles."""
    matcher, longest = compile_switches(switches[:100]), 0.0

    def compile_beside() -> None:
        for _ in _slices(switches):
            time.sleep(0)

    thread = threading.Thread(target=compile_beside)
    thread.start()
    last = time.perf_counter()
    while thread.is_alive():
        matcher.match(NOBODY)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    thread.join()
    return longest


def _accepted(rounds: int) -> Row:
    body = encode_any(
        {
            "schema": 1, "environment": "production", "model": "churn", "epoch": 1, "generation": 7,
            "switches": made(10_000), "versions": [], "route": None,
        }
    )  # fmt: skip
    head = {
        "schema": 1, "environment": "production", "model": "churn", "epoch": 1, "generation": 7,
        "checked_at": "2026-11-20T11:19:40.000000Z", "body_sha256": sha256(body).hexdigest(),
    }  # fmt: skip
    key = SigningKey.generate()
    envelope = seal(HEAD_TYPE, encode_any(head), key).to_line().strip()
    wire = b'{"body":"%b","head":%b}' % (base64.b64encode(body), envelope)
    taking = partial(
        accept,
        wire,
        verify=PinnedKeys((key.public,)).verify,
        environment="production",
        model="churn",
        floor=Floor(),
    )
    spent = _cpu_s(taking, rounds=rounds)
    size = len(wire) / 2**20
    what = f"accept a snapshot of 10,000 switches ({size:.1f} MiB): signature, digest, JSON, compile; CPU"
    return Row(what=what, ours=spent * MILLI, unit="ms")


CLAIM: Final = table.Claim("guard_check", "Checking a switch", measure)

if __name__ == "__main__":
    table.run([CLAIM])
