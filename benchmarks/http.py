"""Registering a version and reading a model over HTTP, beside MLflow's own server, on SQLite files of the same disk.

Ours checks a token, decides, writes a ledger entry and commits durably; MLflow has no sign-in as it comes, and keeps no
ledger. One client sends the same calls to both, in turns, over 16 connections; it shares the cores with the servers.
Processor time is that of all processes of a server.
"""

from __future__ import annotations

import contextlib
import statistics
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from benchmarks import mlflow_peer, our_server, table
from benchmarks.clockwork import seconds
from benchmarks.requests import send_all
from benchmarks.row import RATE, Row, at_most, times_better

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.servers import Server
    from benchmarks.workbench import Workbench

FEW: Final = 10
MANY: Final = 2_000
WORKERS: Final = (1, 4)
"""MLflow's processes: one like ours, and as many as it starts by itself."""

NEW: Final = "create version"
SMALL: Final = "get model, 10 versions"
LARGE: Final = "get model, 2,000 versions"


@dataclass(frozen=True, slots=True)
class Spent:
    """What one kind of call costs: calls a second, and milliseconds of processor time for each."""

    rate: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Rival:
    """A server, and how to call it."""

    server: Server
    calls: Mapping[str, Callable[[], bytes]]
    count: int


def measure(bench: Workbench) -> list[Row]:
    mlflow_peer.prepare()
    many = 200 if bench.quick else MANY
    rounds = 2 if bench.quick else 5
    name = f"MLflow {mlflow_peer.release()}"
    with contextlib.ExitStack() as until_done:
        ours = until_done.enter_context(_ours(bench, many))
        peers = {w: until_done.enter_context(_peer(bench, many, workers=w)) for w in WORKERS}
        found = _spent(
            {"ours": ours} | {f"{name}, {w} worker{'s' * (w > 1)}": p for w, p in peers.items()},
            rounds,
        )
    return list(_rows(found))


def _rows(found: Mapping[str, Mapping[str, Spent]]) -> Iterator[Row]:
    ours = found["ours"]
    peers = {name: spent for name, spent in found.items() if name != "ours"}
    for call in (NEW, SMALL, LARGE):
        fastest = max(peers, key=lambda name: peers[name][call].rate)
        thriftiest = min(peers, key=lambda name: peers[name][call].cpu_ms)
        target = None if call == LARGE else times_better(8)
        yield Row(
            what=call,
            ours=ours[call].rate,
            unit=RATE,
            beside=fastest,
            peer=peers[fastest][call].rate,
            target=target,
        )
        yield Row(
            what=f"{call}, processor time",
            ours=ours[call].cpu_ms,
            unit="ms",
            beside=thriftiest,
            peer=peers[thriftiest][call].cpu_ms,
            target=target,
        )
    yield Row(what=f"{NEW}, processor time", ours=ours[NEW].cpu_ms, unit="ms", target=at_most(0.8))
    yield Row(
        what=f"{LARGE}, processor time",
        ours=ours[LARGE].cpu_ms,
        unit="ms",
        beside="ours with 10 versions: flat within a fifth",
        peer=ours[SMALL].cpu_ms,
        target=times_better(0.83),
    )


def _spent(rivals: Mapping[str, Rival], rounds: int) -> dict[str, dict[str, Spent]]:
    """Return the middle of some rounds of each call; in a round all rivals take their turn."""
    found: dict[str, dict[str, list[Spent]]] = {
        name: {call: [] for call in rival.calls} for name, rival in rivals.items()
    }
    for turn in range(rounds + 1):
        for name, rival in rivals.items():
            for call in (NEW, SMALL, LARGE):
                spent = _one(rival, call)
                if turn:  # the first round warms
                    found[name][call].append(spent)
    return {
        name: {
            call: Spent(
                statistics.median(one.rate for one in several),
                statistics.median(one.cpu_ms for one in several),
            )
            for call, several in calls.items()
        }
        for name, calls in found.items()
    }


def _one(rival: Rival, call: str) -> Spent:
    calls = [rival.calls[call]() for _ in range(rival.count)]
    before = rival.server.cpu_s()
    took = seconds(partial(send_all, rival.server.port, calls))
    return Spent(rival.count / took, (rival.server.cpu_s() - before) / rival.count * 1e3)


@contextlib.contextmanager
def _ours(bench: Workbench, many: int) -> Iterator[Rival]:
    folder = bench.folder_for("http")
    token = our_server.prepared(folder, {"small": FEW, "large": many, "growing": 0})
    with our_server.served(folder) as server:
        numbers = count()
        calls = {
            NEW: lambda: our_server.new_version("growing", next(numbers), token),
            SMALL: lambda: our_server.get_model("small", token),
            LARGE: lambda: our_server.get_model("large", token),
        }
        yield Rival(server, calls, 200 if bench.quick else 2_000)


@contextlib.contextmanager
def _peer(bench: Workbench, many: int, *, workers: int) -> Iterator[Rival]:
    with mlflow_peer.served(bench.folder_for(f"mlflow-{workers}"), workers=workers) as server:
        for name, versions in (("small", FEW), ("large", many), ("growing", 0)):
            mlflow_peer.add_model(server, name, versions=versions)
        numbers = count()
        calls = {
            NEW: lambda: mlflow_peer.new_version("growing", next(numbers)),
            SMALL: lambda: mlflow_peer.get_model("small"),
            LARGE: lambda: mlflow_peer.get_model("large"),
        }
        yield Rival(server, calls, 40 if bench.quick else 200)


CLAIM: Final = table.Claim("http", "HTTP", measure)

if __name__ == "__main__":
    table.run([CLAIM])
