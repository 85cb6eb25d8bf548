"""Servers as they are started by hand, on loopback, each in processes of its own that end with the block."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 120.0
MIB: Final = 1024**2


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers, and how long that took."""

    process: subprocess.Popen[bytes]
    port: int
    seconds: float

    def cpu_s(self) -> float:
        """Return the processor time of all its processes so far, in seconds."""
        spent = [process.cpu_times() for process in self.tree()]
        return float(sum(times.user + times.system for times in spent))

    def resident_mib(self) -> float:
        """Return the memory that its processes hold: all of the largest, and what several share counted once."""
        held = [process.memory_full_info() for process in self.tree()]
        return float(max(sum(one.pss for one in held), *(one.rss for one in held))) / MIB

    def tree(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How to start a server. `{port}` in the words becomes a free port.

    Attributes:
        ready: the path that answers 200 once it takes calls.
        environment: added to this process's own.
        folder: where it runs, and where its output goes.
    """

    words: Sequence[str]
    ready: str
    environment: Mapping[str, str]
    folder: Path


@contextlib.contextmanager
def started(command: Command) -> Iterator[Server]:
    """Start a server, wait until it answers, and stop all its processes at the end, each by its own id."""
    port = _free_port()
    words = [word.format(port=port) for word in command.words]
    environment = {name: value.format(port=port) for name, value in command.environment.items()}
    with (command.folder / "output").open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  # our own server, or the peer's
            words,
            cwd=command.folder,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, port, command)
        yield Server(process, port, time.perf_counter() - begun)
    finally:
        _stop(process)


def answers(port: int, path: str) -> bool:
    """Tell whether a GET of this path is answered with 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _wait(process: subprocess.Popen[bytes], port: int, command: Command) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not answers(port, command.ready):
        if process.poll() is not None or time.monotonic() > deadline:
            text = (command.folder / "output").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{command.words[0]} did not come up:\n{text[-2000:]}")
        time.sleep(0.005)


def _stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        family = [root, *root.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.terminate()
        _, alive = psutil.wait_procs(family, timeout=20)
        for member in alive:
            member.kill()
    process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])
