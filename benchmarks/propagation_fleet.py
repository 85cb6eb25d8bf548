"""A fleet of real guards, each in a process of its own: stops go out, and each guard says when it had one.

What a round costs is the CPU time of the processes less what they spend idle, on heartbeats, in the same time.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from benchmarks.servers import Server

IDLE_S: Final = 10.0
PAUSE_S: Final = 1.0
EACH_S: Final = 0.006
"""After a stop, and more for each guard, before anybody is asked: so that reports and files of it are done, too."""
WARMING: Final = 2
MILLI: Final = 1e3


class Stopped(NamedTuple):
    """A stop: its generation, and when its call was sent and answered, in seconds of the monotonic clock."""

    generation: int
    called: float
    answered: float


@dataclass
class FleetTimes:
    """Milliseconds. Of each guard and round, from the call and from its answer; per guard and round, CPU times.

    Attributes:
        receive_ms: of the thread that receives, from the socket to the swap.
        round_ms: of the whole process: also telling the server, and the file.
        server_ms: of the server, for one stop of all guards.
        each_mib: what one guard holds in memory.
    """

    from_call: list[float] = field(default_factory=list)
    from_answer: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    receive_ms: float = 0.0
    round_ms: float = 0.0
    server_ms: float = 0.0
    each_mib: float = 0.0


class Spent(NamedTuple):
    """CPU seconds so far, and when that was: of the guards' processes, their receiving threads, the server."""

    moment: float
    all_s: float
    receiving_s: float
    server_s: float

    def since(self, before: Spent) -> Spent:
        return Spent(*(now - then for now, then in zip(self, before, strict=True)))


class Fleet:
    """So many guards, forked by so many parents; started when entered, and ended when left."""

    def __init__(
        self, server: Server, token: str, *, guards: int, parents: int, folder: Path
    ) -> None:
        self._server, self._token = server, token
        self._guards, self._parents, self._folder = guards, parents, folder
        self._members: list[subprocess.Popen[str]] = []
        self._each_mib = 0.0

    def __enter__(self) -> Self:
        url = f"http://127.0.0.1:{self._server.port}"
        share = self._guards // self._parents
        for place in range(self._parents):
            words = [sys.executable, "-m", "benchmarks.propagation_guards", url, self._token]
            self._members.append(
                subprocess.Popen(  # noqa: S603  # our own program
                    [*words, f"{share}", f"{self._folder / f'guards-{place}'}"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
        begun = [_said(member) for member in self._members]
        self._each_mib = sum(each["each_mib"] for each in begun) / len(begun)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for member in self._members:
            member.kill()  # those that it forked end with their pipe
            member.wait()
            for pipe in (member.stdin, member.stdout):
                with contextlib.suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()

    def measured(self, stop: Callable[[], Stopped], *, rounds: int) -> FleetTimes:
        """Stop so often, and return how long each guard took each time."""
        times = FleetTimes(each_mib=self._each_mib)
        for _ in range(WARMING):
            self._round(stop, FleetTimes())
        idle_before = self._spent()
        time.sleep(IDLE_S)
        before = self._spent()
        idle = before.since(idle_before)
        time.sleep(PAUSE_S)
        for _ in range(rounds):
            self._round(stop, times)
        busy = self._spent().since(before)
        length = busy.moment / idle.moment
        each = MILLI / (rounds * self._guards)
        times.receive_ms = (busy.receiving_s - idle.receiving_s * length) * each
        times.round_ms = (busy.all_s - idle.all_s * length) * each
        times.server_ms = (busy.server_s - idle.server_s * length) * MILLI / rounds
        return times

    def _round(self, stop: Callable[[], Stopped], times: FleetTimes) -> None:
        stopped = stop()
        time.sleep(PAUSE_S + EACH_S * self._guards)
        for member in self._members:
            _tell(member, stopped.generation)
        for member in self._members:
            said = _said(member)
            for moment in said["swapped_at"]:
                times.from_call.append((moment - stopped.called) * MILLI)
                times.from_answer.append(max(0.0, moment - stopped.answered) * MILLI)
            times.took += said["took_ms"]

    def _spent(self) -> Spent:
        for member in self._members:
            _tell(member, 0)
        said = [_said(member) for member in self._members]
        return Spent(
            time.monotonic(),
            sum(sum(each["cpu_s"]) for each in said),
            sum(sum(each["receiving_s"]) for each in said),
            self._server.cpu_s(),
        )


def _tell(member: subprocess.Popen[str], generation: int) -> None:
    assert member.stdin is not None
    member.stdin.write(f"{generation}\n")
    member.stdin.flush()


def _said(member: subprocess.Popen[str]) -> dict[str, Any]:
    assert member.stdout is not None
    line = member.stdout.readline()
    if not line:
        raise RuntimeError(f"a process of guards ended: {member.wait()}")
    found: dict[str, Any] = json.loads(line)
    return found
