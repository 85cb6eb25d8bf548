"""How long a program waits for its guard to start when the server refuses, or takes the connection and says nothing.

Each runs in a fresh interpreter, with its own settings but for the address; what is imported before is left out. Who
waits longer than `PATIENCE_S` is ended, and its figure is that time: it would have waited on.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks import table
from benchmarks.row import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.workbench import Workbench

PATIENCE_S: Final = 40.0
OURS: Final = """
import tempfile, time
from modelwarden.guard.guard import Guard
from modelwarden.guard import setting_up
folder = tempfile.mkdtemp()
began = time.perf_counter()
guard = Guard(URL, "churn", token="none", state_dir=folder)
guard.check(region="eu")
print(time.perf_counter() - began)
"""
PEERS: Final = {
    "UnleashClient": """
import logging, tempfile, time
from UnleashClient import UnleashClient
client = UnleashClient(URL + "/api", "bench", cache_directory=tempfile.mkdtemp(), verbose_log_level=50)
began = time.perf_counter()
client.initialize_client()
client.is_enabled("churn")
print(time.perf_counter() - began, flush=True)
import os; os._exit(0)
""",
    "GrowthBook": """
import logging, time
from growthbook import GrowthBook
logging.disable()
book = GrowthBook(api_host=URL, client_key="sdk-bench")
began = time.perf_counter()
book.load_features()
book.is_on("churn")
print(time.perf_counter() - began, flush=True)
import os; os._exit(0)
""",
    "Flagsmith": """
import logging, time
from flagsmith import Flagsmith
logging.disable()
began = time.perf_counter()
try:
    Flagsmith(environment_key="ser.bench", api_url=URL + "/api/v1/", enable_local_evaluation=True)
except Exception:
    pass
print(time.perf_counter() - began, flush=True)
import os; os._exit(0)
""",
    "LaunchDarkly": """
import logging, time
import ldclient
from ldclient.config import Config
logging.disable()
began = time.perf_counter()
config = Config("sdk-bench", base_uri=URL, stream_uri=URL, events_uri=URL, send_events=False)
client = ldclient.LDClient(config)
client.variation("churn", ldclient.Context.create("c-1"), False)
print(time.perf_counter() - began, flush=True)
import os; os._exit(0)
""",
}


def measure(bench: Workbench) -> list[Row]:
    rounds = 2 if bench.quick else 5
    rows = []
    with refusing() as refused, silent() as quiet:
        for how, port, most in (("refuses", refused, 0.1), ("is silent", quiet, 1.1)):
            ours = min(started(OURS, port) for _ in range(rounds))
            line = partial(Row, what=f"start, the server {how}", ours=ours, unit="s")
            rows.append(line(target=at_most(most)))
            for name, code in PEERS.items():
                theirs = started(code, port)
                beside = name if theirs < PATIENCE_S else f"{name}, ended after {PATIENCE_S:g} s"
                rows.append(line(beside=beside, peer=theirs))
    return rows


def started(code: str, port: int) -> float:
    """Return the seconds until a program has its client."""
    words = [sys.executable, "-c", f"URL = 'http://127.0.0.1:{port}'\n{code}"]
    try:
        done = subprocess.run(  # noqa: S603 - the programs above
            words,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
            env=os.environ,
        )
    except subprocess.TimeoutExpired:
        return PATIENCE_S
    return float(done.stdout.split()[-1])


@contextmanager
def refusing() -> Iterator[int]:
    """Return a port that is ours, so that nobody else listens there, and at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def silent() -> Iterator[int]:
    """Return a port at which connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        time.sleep(0)
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for each in taken:
        each.close()


CLAIM: Final = table.Claim("guard_start", "Starting without a server", measure)

if __name__ == "__main__":
    table.run([CLAIM])
