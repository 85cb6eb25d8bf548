"""Setting an alias in MLflow through our plugin, beside the same MLflow without it, on SQLite files of the same disk.

One client, one connection, one call after the other; both servers take their turns in each round. The control plane is
a process of its own, and is asked once for each protected alias.
"""

from __future__ import annotations

import contextlib
import statistics
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks import mlflow_peer, our_server, table
from benchmarks.clockwork import seconds
from benchmarks.requests import send_all
from benchmarks.row import Row, times_the_limit
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.servers import Server
    from benchmarks.workbench import Workbench

MODEL: Final = "churn"
PROTECTED: Final = "production"
FREE: Final = "candidate"


def measure(bench: Workbench) -> list[Row]:
    rounds, count = (2, 20) if bench.quick else (15, 100)
    with _both(bench) as (ours, alone):
        found = {
            alias: _spent(ours, alone, alias, rounds=rounds, count=count)
            for alias in (PROTECTED, FREE)
        }
    return [
        Row(
            what=f"set a {word} alias",
            ours=found[alias][0],
            unit="ms",
            beside="MLflow without the plugin",
            peer=found[alias][1],
            is_limit=True,
            target=target,
        )
        for alias, word, target in (
            (PROTECTED, "protected", times_the_limit(1.5)),
            (FREE, "free", None),
        )
    ]


def _spent(
    ours: Server, alone: Server, alias: str, *, rounds: int, count: int
) -> tuple[float, float]:
    """Return the middle of the rounds' milliseconds for one call; the first round warms."""
    calls = [mlflow_peer.set_alias(MODEL, alias, "1")] * count
    found: tuple[list[float], list[float]] = [], []
    for turn in range(rounds + 1):
        for server, kept in zip((ours, alone), found, strict=True):
            took = seconds(partial(send_all, server.port, calls, connections=1))
            if turn:
                kept.append(took / count * 1e3)
    return statistics.median(found[0]), statistics.median(found[1])


@contextlib.contextmanager
def _both(bench: Workbench) -> Iterator[tuple[Server, Server]]:
    python = mlflow_peer.beside_us()
    folder = bench.folder_for("mlflow-warden")
    token = _with_a_live_version(folder)
    with contextlib.ExitStack() as until_done:
        warden = until_done.enter_context(our_server.served(folder))
        gate = {"MODELWARDEN_URL": f"http://127.0.0.1:{warden.port}", "MODELWARDEN_TOKEN": token}
        servers = []
        for name, app, environment in (
            ("gated", ("--app-name", "modelwarden"), gate),
            ("alone", (), {}),
        ):
            place = bench.folder_for(f"mlflow-{name}")
            server = mlflow_peer.served(
                place, workers=1, python=python, app=app, environment=environment
            )
            servers.append(until_done.enter_context(server))
            mlflow_peer.add_model(servers[-1], MODEL, versions=2)
        yield servers[0], servers[1]


def _with_a_live_version(folder: Path) -> str:
    token = our_server.prepared(folder, {MODEL: 0})
    with open_warden(our_server.url_in(folder)) as warden:
        warden.acting_as("alice").versions.register(MODEL, "1")
        warden.add_user("dave", roles=["operator"])
        warden.acting_as("dave").deployments.record(MODEL, "1")
    return token


CLAIM: Final = table.Claim("mlflow_alias", "MLflow with its gate", measure)

if __name__ == "__main__":
    table.run([CLAIM])
