"""Under the servers that people run, each worker sees a switch and its release, as an instance of its own (SG-22)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from tests.guard.hosts import BLOCK_ALL, soon
from tests.house.source import ROOT, SRC
from tests.services.snapshot_server import SnapshotServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
]

APART: Final = """
import multiprocessing, os, sys, time

def look(ready, seen):
    from tests.guard.web_host import guard
    ready.put((os.getpid(), guard.status()["instance"]))
    while guard.check().action < 3:
        time.sleep(0.005)
    seen.put(os.getpid())
    time.sleep(3_600)  # it reports, and ends with the test

if __name__ == "__main__":
    way = multiprocessing.get_context(sys.argv[1])
    if sys.argv[1] == "fork":
        from tests.guard.web_host import guard
        assert guard.is_ready
    ready, seen = way.Queue(), way.Queue()
    children = [way.Process(target=look, args=(ready, seen), daemon=True) for _ in range(2)]
    for child in children:
        child.start()
    print(*(instance for _, instance in (ready.get(), ready.get())), flush=True)
    seen.get(), seen.get()
    print("seen", flush=True)
    for child in children:
        child.join()
"""
GREEN: Final = """
from gevent import monkey
monkey.patch_all()
import gevent
from tests.guard.web_host import guard, predict
from modelwarden.errors import PredictionBlocked
spun = [0]

def spin():
    while True:
        spun[0] += 1
        gevent.sleep(0)

def look():
    while True:
        try:
            predict()
        except PredictionBlocked:
            return
        gevent.sleep(0.001)

spinning = gevent.spawn(spin)
while spun[0] <= 100:  # the guard listens meanwhile; the stop comes after that, however quickly
    gevent.sleep(0)
print("ready", flush=True)
gevent.joinall([gevent.spawn(look) for _ in range(20)])
print("seen", guard.status()["generation"], flush=True)
"""
HUBS: Final = """
import os, sys
import gevent
from modelwarden.guard import loading
assert gevent.config.settings["loop"].value is None  # gevent has not chosen yet
child = os.fork()
if child == 0:
    os._exit(0 if all(gevent.config.settings[name].value for name in ("loop", "resolver", "threadpool")) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@contextmanager
def running(server: SnapshotServer, folder: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program under the interpreter of the tests, guarded by a server of snapshots."""
    settings = {
        "GUARD_SOURCE": server.url, "GUARD_STATE": str(folder / "state"),
        "PYTHONPATH": f"{SRC}{os.pathsep}{ROOT}", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-W", "ignore::DeprecationWarning", *command],
        env=os.environ | settings, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the workers with it
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class Service:
    """What is asked of a running program."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.workers: dict[int, dict[str, Any]] = {}

    def status(self) -> int:
        """Ask once, over a connection of its own."""
        try:
            answer = httpx.get(self.address, timeout=30.0)
        except httpx.TransportError:
            return 0
        if answer.status_code == 200:
            self.workers[answer.json()["pid"]] = answer.json()
        return answer.status_code

    def has_seen(self, number: int) -> bool:
        """Ask, and say whether so many workers have answered."""
        return self.status() == 200 and len(self.workers) >= number

    def all_say(self, status: int) -> bool:
        """Say whether twenty calls in a row, over whatever workers, get this status."""
        return all(self.status() == status for _ in range(20))


def flipped(server: SnapshotServer, service: Service, *, instances: int) -> None:
    """Stop the model and release it again; every worker says so, and reports by a name of its own."""
    server.serve(switches=[BLOCK_ALL], generation=2)
    soon(lambda: len({one["instance"] for one in server.heard_of(2)}) >= instances)
    soon(lambda: service.all_say(503))
    server.serve(switches=[], generation=3)
    soon(lambda: service.all_say(200))


@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent"])
def test_workers_of_gunicorn_that_are_forked_from_a_loaded_program(
    tmp_path: Path, kind: str
) -> None:
    port = free_port()
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        command = [
            "-m", "gunicorn", "--preload", "--workers", "2", "--worker-class", kind, "--no-control-socket",
            "--bind", f"127.0.0.1:{port}", "tests.guard.web_host:wsgi",
        ]  # fmt: skip
        with running(server, tmp_path, *command):
            service = Service(port)
            soon(lambda: service.has_seen(2))
            instances = {one["instance"] for one in service.workers.values()}
            assert len(instances) == 2
            parent = {one["parent"] for one in service.workers.values()}
            assert len(parent) == 1
            flipped(server, service, instances=3)  # the parent has a guard, too
            assert instances <= {one["instance"] for one in server.heard_of(2)}


def test_a_child_of_uvicorn_that_reloads(tmp_path: Path) -> None:
    port = free_port()
    watched = tmp_path / "watched"
    watched.mkdir()
    (watched / "mine.py").write_text("", encoding="utf-8")
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        command = [
            "-m", "uvicorn", "--reload", "--reload-dir", str(watched), "--port", str(port), "tests.guard.web_host:asgi",
        ]  # fmt: skip
        with running(server, tmp_path, *command):
            service = Service(port)
            soon(lambda: service.has_seen(1))
            (before,) = service.workers

            def reloaded() -> bool:
                (watched / "mine.py").write_text("changed = 1\n", encoding="utf-8")
                return service.has_seen(2)

            soon(reloaded)
            assert len({one["instance"] for one in service.workers.values()}) == len(
                service.workers
            )
            assert before in service.workers
            flipped(server, service, instances=1)


@pytest.mark.parametrize("way", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing(tmp_path: Path, way: str) -> None:
    (tmp_path / "apart.py").write_text(APART, encoding="utf-8")
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        with running(server, tmp_path, "apart.py", way) as process:
            assert process.stdout is not None
            instances = set(process.stdout.readline().split())
            assert len(instances) == 2
            server.serve(switches=[BLOCK_ALL], generation=2)
            assert process.stdout.readline() == "seen\n"
            soon(lambda: instances <= {one["instance"] for one in server.heard_of(2)})


def test_a_program_that_gevent_has_patched_goes_on_while_the_guard_listens(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        with running(server, tmp_path, "-c", GREEN) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            server.serve(switches=[BLOCK_ALL], generation=2)
            assert process.stdout.readline() == "seen 2\n"


def test_a_forked_child_has_what_hubs_load_before_its_threads_could_wait_for_one_another() -> None:
    way = os.environ | {"PYTHONPATH": str(SRC)}
    subprocess.run([sys.executable, "-c", HUBS], env=way, timeout=30, check=True)  # noqa: S603 - our own interpreter
