"""How long until every guard has a stop: from the answer of the call that made it, and from the call itself.

A real server process on a SQLite file. A round stops one region more of the model. The call is sent by this process,
and a time "from the call" counts from the moment before it is sent: authorising, writing, syncing and committing are in
it, so it is no less than the time from the commit.

*Subscribers* are streams over sockets of their own, all read by this process; one "has it" when the event that brings
the stop is there whole, and a round's time is that of the last one.

*Guards* are real ones, each a process of its own (`propagation_guards`), with all their threads, reports and files: one
"has swapped" when its next call is stopped. All of them, the server and this process share the machine, which a fleet
does not. So what the guards' work alone would take, spread evenly over the cores, stands beside it; and what it costs.

*Subscribers, some of them guards*: the server serves them all, as it would a fleet; a tenth are real guards, and the
others, whose machines would do their own work, only read. That is what a fleet's guards see.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import math
import os
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

from benchmarks import our_server, table
from benchmarks.propagation_fleet import Fleet, Stopped
from benchmarks.requests import post
from benchmarks.row import Row, at_most
from modelwarden.access import actions
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.propagation_fleet import FleetTimes
    from benchmarks.row import Target
    from benchmarks.servers import Server
    from benchmarks.workbench import Workbench
    from modelwarden.store.change import Change

HOST: Final = "127.0.0.1"
KILL: Final = "/api/governance/kill-switches"
STREAM: Final = "/api/governance/snapshot/stream?model=churn"
TARGETS: Final = {1: None, 100: 100.0, 1_000: 500.0}
GUARDS: Final = {1: (1,), 100: (100,), 1_000: (100, 1_000)}
"""How many of the subscribers are real guards; a target is for the first."""
PARENTS: Final = {1: 1, 100: 4, 1_000: 8}
"""Processes that fork the guards."""
ROUNDS: Final = {1: 40, 100: 40, 1_000: 12}
LIMIT: Final = 2**24
AT_ONCE: Final = 50
MILLI: Final = 1e3
_FIELDS: Final = 64
"""Of an event, where its kind stands."""


class Times:
    """Milliseconds of each round: from sending the call, and from its answer, to the last subscriber."""

    def __init__(self) -> None:
        self.from_call: list[float] = []
        self.from_answer: list[float] = []


def measure(bench: Workbench) -> list[Row]:
    rows = []
    for number, most in TARGETS.items():
        folder = bench.folder_for(f"propagation-{number}")
        operator, guard = _prepared(folder)
        target = None if most is None else at_most(most)
        with our_server.served(folder) as server, _readable(number):
            rounds = 10 if bench.quick else 100
            spent = asyncio.run(_measured(server, operator, guard, number, rounds))
        rows += _subscribers(number, spent, target)
        for guards in GUARDS[number]:
            folder = bench.folder_for(f"propagation-guards-{number}-{guards}")
            times = _measured_guards(folder, number, guards, quick=bench.quick)
            rows += _guards(number, guards, times, target if guards == GUARDS[number][0] else None)
    return rows


def _measured_guards(folder: Path, number: int, guards: int, *, quick: bool) -> FleetTimes:
    operator, guard = _prepared(folder)
    rounds = 5 if quick else ROUNDS[guards]
    with (
        our_server.served(folder) as server,
        _readable(number),
        Fleet(server, guard, guards=guards, parents=PARENTS[guards], folder=folder) as fleet,
        _listening(server.port, guard, number - guards),
    ):
        return fleet.measured(partial(_stopped, server.port, operator), rounds=rounds)


def _subscribers(number: int, spent: Times, target: Target | None) -> list[Row]:
    what = f"{number:,} subscriber{'s' if number > 1 else ''}"
    line = partial(Row, unit="ms")
    return [
        line(
            what=f"{what}: call sent → all have it, p99",
            ours=percentile(spent.from_call, 0.99),
            target=target,
        ),
        line(what=f"{what}: the same, median", ours=percentile(spent.from_call, 0.5)),
        line(
            what=f"{what}: call answered → all have it, p99",
            ours=percentile(spent.from_answer, 0.99),
        ),
    ]


def _guards(number: int, guards: int, times: FleetTimes, target: Target | None) -> list[Row]:
    several = "1 guard" if guards == 1 else f"{guards:,} guards, each a process"
    if guards < number:
        several = f"{number:,} subscribers, {guards:,} of them guards"
    cores = len(os.sched_getaffinity(0))
    line = partial(Row, unit="ms")
    return [
        line(
            what=f"{several}: call sent → swapped, p99 of all guards and rounds",
            ours=percentile(times.from_call, 0.99),
            target=target,
            beside=f"CPU of all receiving, over {cores} cores",
            peer=times.receive_ms * guards / cores,
            is_limit=True,
        ),
        line(what=f"{several}: the same, median", ours=percentile(times.from_call, 0.5)),
        line(what=f"{several}: the same, worst", ours=max(times.from_call)),
        line(
            what=f"{several}: call answered → swapped, p99",
            ours=percentile(times.from_answer, 0.99),
        ),
        line(what=f"{several}: CPU of a guard to receive a stop", ours=times.receive_ms),
        line(what=f"{several}: the same, with its report and file", ours=times.round_ms),
        line(what=f"{several}: CPU of the server for a stop", ours=times.server_ms),
        Row(what=f"{several}: memory of one guard", ours=times.each_mib, unit="MiB"),
    ]


def percentile(times: Sequence[float], share: float) -> float:
    """Return the time that this share of them did not exceed (nearest rank)."""
    ordered = sorted(times)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def _measured(
    server: Server, operator: str, guard: str, subscribers: int, rounds: int
) -> Times:
    streams = await _opened(server.port, guard, subscribers)
    found = Times()
    try:
        await asyncio.gather(*(_arrived(each) for each in streams))
        for turn in range(rounds + 2):
            call, answered, last = await _round(server.port, operator, streams)
            if turn > 1:  # the first ones warm
                found.from_call.append((last - call) * MILLI)
                found.from_answer.append(max(0.0, last - answered) * MILLI)
    finally:
        for stream in streams:
            stream.writer.close()
    return found


class Stream(NamedTuple):
    """A subscriber: its socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def _opened(port: int, token: str, subscribers: int) -> list[Stream]:
    streams: list[Stream] = []
    while len(streams) < subscribers:
        part = min(AT_ONCE, subscribers - len(streams))
        streams += await asyncio.gather(*(_open(port, token) for _ in range(part)))
    return streams


async def _open(port: int, token: str) -> Stream:
    reader, writer = await asyncio.open_connection(HOST, port, limit=LIMIT)
    lines = (
        f"GET {STREAM} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
        f"Modelwarden-Instance: {uuid4()}\r\n\r\n"
    )
    writer.write(lines.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode(errors="replace"))
    return Stream(reader, writer)


@contextlib.contextmanager
def _listening(port: int, token: str, number: int) -> Iterator[None]:
    """Let so many subscribers read and do nothing else, on a thread of their own."""
    with asyncio.Runner() as runner:
        loop, ended = runner.get_loop(), asyncio.Event()
        streams = runner.run(_opened(port, token, number))

        async def listen() -> None:
            reading = [asyncio.create_task(_read(each)) for each in streams]
            await ended.wait()
            for task in reading:
                task.cancel()

        thread = threading.Thread(target=runner.run, args=(listen(),))
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join()


async def _read(stream: Stream) -> None:
    while await stream.reader.read(2**16):
        pass
    raise RuntimeError("a subscriber was cut off")


async def _round(port: int, token: str, streams: Sequence[Stream]) -> tuple[float, float, float]:
    waiting = [asyncio.ensure_future(_arrived(each)) for each in streams]
    await asyncio.sleep(0)
    stopped = await asyncio.to_thread(_stopped, port, token)
    last = max(await asyncio.gather(*waiting))
    return stopped.called, stopped.answered, last


def _stopped(port: int, token: str) -> Stopped:
    """Stop one region more."""
    scope = {"model": "churn", "region": uuid4().hex}
    called = time.monotonic()
    with socket.create_connection((HOST, port)) as line, line.makefile("rb") as answer:
        line.sendall(post(KILL, {"scope": scope, "reason": "PSI 0.61"}, token=token))
        status = answer.readline()
        head = http.client.parse_headers(answer)
    answered = time.monotonic()
    if b" 201 " not in status:
        raise RuntimeError(status.decode(errors="replace"))
    return Stopped(int(head["Governance-Entry"]), called, answered)


async def _arrived(stream: Stream) -> float:
    """Wait for the next snapshot, whole, and return when it was there."""
    while True:
        size = int((await stream.reader.readuntil(b"\r\n")).strip(), 16)
        part = await stream.reader.readexactly(size + 2)
        if b"event: snapshot" in part[:_FIELDS]:
            return time.monotonic()


def _prepared(folder: Path) -> tuple[str, str]:
    """Return an operator's token, and one for guards of the model."""
    with open_warden(our_server.url_in(folder)) as warden:
        warden.add_user("dave", roles=["operator"])
        warden.add_user("olivia", roles=["developer"])
        purpose = "predicts which customers leave next month"
        olivia = warden.acting_as("olivia")
        olivia.models.register("churn", owner="olivia", business_purpose=purpose)
        guard: str = warden.change(system("benchmark"), _guards_token)
        operator = warden.acting_as("dave").tokens.create().secret
    if operator is None:
        raise RuntimeError("a new token has a secret")
    return operator, guard


def _guards_token(change: Change) -> str:
    actions.define_role(change, "guards", permissions=["guard.read", "guard.report"])
    actions.add_service_account(change, "churn-guards", owner="dave")
    actions.grant(change, "churn-guards", "guards", scope={"model": "churn"})
    issue = partial(actions.create_token, user="churn-guards", days=30)
    return issue(change).secret


@contextlib.contextmanager
def _readable(subscribers: int) -> Iterator[None]:
    """Let this process have so many sockets; the server inherited its own limit before."""
    import resource  # noqa: PLC0415 - not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, subscribers + 256)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


CLAIM: Final = table.Claim("propagation", "From a stop to every guard", measure)

if __name__ == "__main__":
    table.run([CLAIM])
