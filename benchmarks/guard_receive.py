"""What it costs a guard to receive a snapshot: from the bytes of the stream to the swap, in its own thread.

The real way of a receiver, without sockets: cutting the stream into events, signature, digest, reading, compiling,
swapping. A switch names a region and a model. "One more" is what a stop does: the snapshot held lacks that switch.

CPU time does not depend on what else the machine does, so the longest wait of a reader is in CPU time, too: a thread
asks the guard again and again, and between two of its answers the whole process spent so much at most. Only the thread
that receives and this one run. It is the best of some rounds: collections of garbage fall where they fall.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from benchmarks import table
from benchmarks.row import Row, at_most
from modelwarden.guard.held import Clocks, Holder
from modelwarden.guard.intake import Intake
from modelwarden.guard.pins import Pins
from modelwarden.guard.snapshot import Floor
from modelwarden.guard.sse import EventReader
from modelwarden.ledger.keys import SigningKey
from modelwarden.safeguards.snapshots.body import Contents, Topic, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.workbench import Workbench

MILLI: Final = 1e3
PIECE: Final = 64 * 1024
KEY: Final = SigningKey.generate()
TOPIC: Final = Topic("production", "churn")
TARGETS: Final = {1: None, 100: None, 1_000: 5, 10_000: 100}
ROUNDS: Final = {1: 200, 100: 100, 1_000: 30, 10_000: 8}
STALLS: Final = 5


def measure(bench: Workbench) -> list[Row]:
    rows = []
    for switches, most in TARGETS.items():
        rounds = max(3, ROUNDS[switches] // (10 if bench.quick else 1))
        events = [event(switches + more) for more in range(rounds + 1)]
        first, more = received(events)
        size = f"{switches:,} switch{'es' if switches > 1 else ''}"
        rows += [
            Row(what=f"{size}: the first snapshot, CPU", ours=first * MILLI, unit="ms"),
            Row(
                what=f"{size}, and one more: CPU",
                ours=more * MILLI,
                unit="ms",
                target=None if most is None else at_most(most),
            ),
        ]
    events = [event(10_000 + more) for more in range(4)]
    waits = min(longest_wait(events) for _ in range(2 if bench.quick else STALLS))
    what = "longest wait of a reader while four snapshots of 10,000 switches come, CPU"
    rows.append(Row(what=what, ours=waits * MILLI, unit="ms", target=at_most(10)))
    return rows


def event(switches: int) -> bytes:
    """Return the event that brings so many switches; of two, the larger is the newer."""
    contents = Contents(
        topic=TOPIC,
        at=Floor(1, switches),
        model_type=None,
        fails="static",
        dimensions=(),
        switches=[rule(number) for number in range(switches)],
        versions=(),
    )
    now = datetime.now(UTC)
    return signed(TOPIC, contents.at, contents.encoded(), key=KEY, now=now).as_event


def rule(number: int) -> dict[str, Any]:
    """Return a switch as a snapshot has it."""
    return {
        "id": f"swi_01JD{number:022}", "scope": {"model": ["churn"], "region": [f"region-{number:026}"]}, "except": {},
        "action": "block", "fallback": None, "unknown": "match", "severity": "SEV2",
        "lkg_before": "2026-11-20T11:19:40.000000Z", "held": 10_000, "salt": None,
    }  # fmt: skip


class Receiver:
    """A guard's way from the stream to the swap."""

    def __init__(self) -> None:
        clocks = Clocks()
        self._events = EventReader()
        self._intake = Intake(
            model="churn",
            environment="production",
            holder=Holder(model="churn", clocks=clocks),
            pins=Pins((KEY.public,)),
            folder=None,
            clocks=clocks,
        )

    def receive(self, data: bytes) -> float:
        """Take an event in, and return the CPU time of that, in seconds."""
        started = time.thread_time()
        for at in range(0, len(data), PIECE):
            for found in self._events.feed(data[at : at + PIECE]):
                refused = self._intake.receive(found.data, source="stream")
                if refused is not None:
                    raise RuntimeError(refused)
        return time.thread_time() - started

    def ask(self) -> None:
        """Match a context, if there is a snapshot."""
        held = self._intake.snapshot
        if held is not None:
            held.switches.match({"region": "eu"})


def received(events: Sequence[bytes]) -> tuple[float, float]:
    """Return the CPU seconds of the first snapshot, and of the best that followed it."""
    Receiver().receive(events[0])  # what loads late is loaded
    receiver = Receiver()
    first, *others = [receiver.receive(each) for each in events]
    return first, min(others)


def longest_wait(events: Sequence[bytes]) -> float:
    """Return the most CPU time of the process between two answers to a reader while these come."""
    receiver, longest = Receiver(), 0.0

    def receiving() -> None:
        for each in events:
            receiver.receive(each)

    thread = threading.Thread(target=receiving)
    last = time.process_time()
    thread.start()
    while thread.is_alive():
        receiver.ask()
        now = time.process_time()
        longest, last = max(longest, now - last), now
    thread.join()
    return longest


CLAIM: Final = table.Claim("guard_receive", "Receiving a snapshot", measure)

if __name__ == "__main__":
    table.run([CLAIM])
