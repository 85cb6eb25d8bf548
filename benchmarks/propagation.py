"""How long until every guard has a stop: from the answer of the call that made it, and from the call itself.

A real server process on a SQLite file; each subscriber is a stream over a socket of its own, all read by one more
process, which shares the machine with the server. A round stops one region; its time is that of the last subscriber.
The call is sent by the process that reads, and a time "from the call" counts from the moment before it is sent:
authorising, writing, syncing and committing are in it.

A subscriber "has it" when the event that brings the stop is there whole. A guard "has swapped" when its own `Intake`
has verified, compiled and taken it, so that its next call is stopped. Those guards have everything of a guard's but
threads and a disk: one thread serves all of them in turn, so that the last of a thousand waits for the work of all
others, which a fleet does on as many hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import uuid4

from benchmarks import our_server, table
from benchmarks.requests import get, post
from benchmarks.row import Row, at_most
from modelwarden.access import actions
from modelwarden.guard.held import Clocks, Holder
from modelwarden.guard.intake import Intake
from modelwarden.guard.pins import Pins
from modelwarden.guard.sse import EventReader
from modelwarden.values.system import system
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.servers import Server
    from benchmarks.workbench import Workbench
    from modelwarden.store.change import Change

HOST: Final = "127.0.0.1"
KILL: Final = "/api/governance/kill-switches"
STREAM: Final = "/api/governance/snapshot/stream?model=churn"
KEYS: Final = "/api/governance/snapshot/keys"
TARGETS: Final = {1: None, 100: 100.0, 1_000: 500.0}
LIMIT: Final = 2**24
AT_ONCE: Final = 50
MILLI: Final = 1e3


class Times:
    """Milliseconds of each round: from sending the call, and from its answer, to the last subscriber."""

    def __init__(self) -> None:
        self.from_call: list[float] = []
        self.from_answer: list[float] = []


def measure(bench: Workbench) -> list[Row]:
    rows = []
    for subscribers, most in TARGETS.items():
        folder = bench.folder_for(f"propagation-{subscribers}")
        operator, guard = _prepared(folder)
        with our_server.served(folder) as server, _readable(subscribers):
            rounds = 10 if bench.quick else 100
            spent = asyncio.run(_measured(server, operator, guard, subscribers, rounds, _arrived))
            swapped = asyncio.run(_measured(server, operator, guard, subscribers, rounds, _swapped))
        what = f"{subscribers:,} subscriber{'s' if subscribers > 1 else ''}"
        guards = f"{subscribers:,} guard{'s' if subscribers > 1 else ''} on one thread"
        target = None if most is None else at_most(most)
        rows += [
            Row(
                what=f"{what}: call sent → all have it, p99",
                ours=percentile(spent.from_call, 0.99),
                unit="ms",
                target=target,
            ),
            Row(
                what=f"{what}: the same, median",
                ours=percentile(spent.from_call, 0.5),
                unit="ms",
            ),
            Row(
                what=f"{what}: call answered → all have it, p99",
                ours=percentile(spent.from_answer, 0.99),
                unit="ms",
            ),
            Row(
                what=f"{guards}: call sent → all have swapped, p99",
                ours=percentile(swapped.from_call, 0.99),
                unit="ms",
                target=target,
            ),
            Row(
                what=f"{guards}: the same, median",
                ours=percentile(swapped.from_call, 0.5),
                unit="ms",
            ),
        ]
    return rows


def percentile(times: Sequence[float], share: float) -> float:
    """Return the time that this share of rounds did not exceed (nearest rank)."""
    ordered = sorted(times)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def _measured(
    server: Server,
    operator: str,
    guard: str,
    subscribers: int,
    rounds: int,
    heard: Callable[[Stream], Awaitable[float]],
) -> Times:
    streams = await _opened(server.port, guard, subscribers)
    found = Times()
    try:
        await asyncio.gather(*(heard(each) for each in streams))
        for turn in range(rounds + 2):
            call, answered, last = await _round(server.port, operator, streams, heard)
            if turn > 1:  # the first ones warm
                found.from_call.append((last - call) * MILLI)
                found.from_answer.append(max(0.0, last - answered) * MILLI)
    finally:
        for stream in streams:
            stream.writer.close()
    return found


class Stream(NamedTuple):
    """A subscriber: its socket, and what a guard makes of what comes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    events: EventReader
    intake: Intake


async def _opened(port: int, token: str, subscribers: int) -> list[Stream]:
    streams: list[Stream] = []
    keys = await _keys(port, token)
    while len(streams) < subscribers:
        part = min(AT_ONCE, subscribers - len(streams))
        streams += await asyncio.gather(*(_open(port, token, keys) for _ in range(part)))
    return streams


async def _open(port: int, token: str, keys: bytes) -> Stream:
    reader, writer = await asyncio.open_connection(HOST, port, limit=LIMIT)
    lines = (
        f"GET {STREAM} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
        f"Modelwarden-Instance: {uuid4()}\r\n\r\n"
    )
    writer.write(lines.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode(errors="replace"))
    clocks = Clocks()
    intake = Intake(
        model="churn",
        environment="production",
        holder=Holder(model="churn", clocks=clocks),
        pins=Pins(()),
        folder=None,
        clocks=clocks,
    )
    intake.heard_keys(keys)
    return Stream(reader, writer, EventReader(), intake)


async def _keys(port: int, token: str) -> bytes:
    """Return the keys that the server names, as a guard asks for them the first time."""
    reader, writer = await asyncio.open_connection(HOST, port)
    with contextlib.closing(writer):
        writer.write(get(KEYS, token=token))
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        return await reader.readexactly(int(size.split(b":")[1]))


async def _round(
    port: int,
    token: str,
    streams: Sequence[Stream],
    heard: Callable[[Stream], Awaitable[float]],
) -> tuple[float, float, float]:
    waiting = [asyncio.ensure_future(heard(each)) for each in streams]
    await asyncio.sleep(0)
    call = time.perf_counter()
    answered = await _stop(port, token)
    last = max(await asyncio.gather(*waiting))
    return call, answered, last


async def _stop(port: int, token: str) -> float:
    """Stop one region more, and return when that was answered."""
    scope = {"model": "churn", "region": uuid4().hex}
    reader, writer = await asyncio.open_connection(HOST, port)
    with contextlib.closing(writer):
        writer.write(post(KILL, {"scope": scope, "reason": "PSI 0.61"}, token=token))
        head = await reader.readuntil(b"\r\n\r\n")
    if b" 201 " not in head.split(b"\r\n", 1)[0]:
        raise RuntimeError(head.decode(errors="replace"))
    return time.perf_counter()


async def _arrived(stream: Stream) -> float:
    """Wait for the next snapshot, whole, and return when it was there."""
    await _event(stream)
    return time.perf_counter()


async def _swapped(stream: Stream) -> float:
    """Wait for the next snapshot, and return when a guard had taken it."""
    (event,) = stream.events.feed(await _event(stream))
    refused = stream.intake.receive(event.data, source="stream")
    if refused is not None:
        raise RuntimeError(refused)
    return time.perf_counter()


async def _event(stream: Stream) -> bytes:
    while True:
        size = int((await stream.reader.readuntil(b"\r\n")).strip(), 16)
        part = await stream.reader.readexactly(size + 2)
        if part.startswith(b"event: snapshot"):
            return part[:size]


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
