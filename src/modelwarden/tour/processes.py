"""The processes of the tour: the warden's own server, the scoring server, and commands that run to their end."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import TourFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

START_S: Final = 60
"""How long a process may take to answer, on a machine that is busy."""
STOP_S: Final = 20
PAUSE_S: Final = 0.05
READY: Final = "/api/governance/ready"


class Done(NamedTuple):
    """A command that ended: its exit code, and what it printed."""

    code: int
    output: str

    def answer(self) -> dict[str, Any]:
        """Return the JSON that it printed. Raises TourFailed."""
        try:
            found: dict[str, Any] = json.loads(self.output)
        except ValueError as error:
            raise TourFailed(f"a command answered without JSON: {self.output[:200]}") from error
        return found


def modelwarden(arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> Done:
    """Run the command line as a person would, in a folder."""
    return python(["-m", "modelwarden", *arguments], folder=folder, environment=environment)


def python(
    arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> Done:
    """Run this interpreter in a folder, with none of the settings of this process."""
    done = subprocess.run(  # noqa: S603  # this interpreter, our own files
        [sys.executable, *arguments],
        cwd=folder,
        env=_without_settings() | dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_S,
    )
    return Done(done.returncode, done.stdout or done.stderr)


class Child:
    """A process of this tour, its output in a file."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # this interpreter, our own module
                [sys.executable, "-m", *arguments],
                cwd=log.parent,  # where no modelwarden.yaml of this machine lies
                env=_without_settings() | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def require_alive(self) -> None:
        """Raise TourFailed if the process ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise TourFailed(f"a process ended with code {code}; its output is in {self._log.name}")

    def wait(self) -> int:
        """Wait until the process ends by itself, and return its exit code."""
        return self._process.wait()

    def stop(self) -> int:
        """End the process: politely, then not. Return its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()


class Server(Child):
    """`modelwarden serve` on a folder's database; it may read artifacts below that folder."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        port = free_port() if port is None else port
        self.url: Final = f"http://127.0.0.1:{port}"
        environment = {
            "MODELWARDEN_URL": f"sqlite:///{folder / 'warden.db'}",
            "MODELWARDEN_ARTIFACT_ROOTS": str(folder / "models"),
        }
        arguments = ["modelwarden", "serve", "--host", "127.0.0.1", "--port", str(port)]
        super().__init__(arguments, environment, folder / "server.log")
        self.await_ready()

    def await_ready(self) -> None:
        """Wait until the server takes writes. Raises TourFailed."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            self.require_alive()
            if self._is_ready():
                return
            time.sleep(PAUSE_S)
        self.stop()
        raise TourFailed(f"the server did not become ready within {START_S} seconds")

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.url}{READY}", timeout=5).close()  # noqa: S310  # our own address
            return True
        return False


class Scoring(Child):
    """The scoring server, speaking to the warden's server with a token of its own."""

    def __init__(self, folder: Path, warden: str, *, model: str, token: str) -> None:
        log = folder / "scoring.log"
        seen = log.stat().st_size if log.exists() else 0
        state = str(folder / "guard")
        arguments = ["modelwarden.tour.scoring", warden, model, "--state-dir", state]
        super().__init__(arguments, {"MODELWARDEN_TOKEN": token}, log)
        self.url: Final = self._address(log, seen)

    def score(self, case: Mapping[str, object]) -> dict[str, Any]:
        """Ask about one case. An answer that is an error comes back as it is."""
        return self._post("/score", case)

    def score_batch(self, rows: Sequence[Mapping[str, object]]) -> dict[str, Any]:
        """Ask about many cases at once."""
        return self._post("/score/batch", {"rows": rows})

    def await_version(self, version: str, case: Mapping[str, object]) -> dict[str, Any]:
        """Return the first answer that this version gives. Raises TourFailed."""
        return self._await("version", version, case)

    def await_status(self, status: str, case: Mapping[str, object]) -> dict[str, Any]:
        """Return the first answer that the guard calls so. Raises TourFailed."""
        return self._await("status", status, case)

    def _await(self, name: str, wanted: str, case: Mapping[str, object]) -> dict[str, Any]:
        until = time.monotonic() + START_S
        answer: dict[str, Any] = {}
        while time.monotonic() < until:
            self.require_alive()
            answer = self.score(case)
            if answer.get(name) == wanted:
                return answer
            time.sleep(PAUSE_S)
        raise TourFailed(
            f"the scoring server gives no answer with {name} {wanted}; it says {answer}"
        )

    def _post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  # our own address
            f"{self.url}{path}", data=json.dumps(dict(body)).encode(), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            found = json.load(error)
        return found

    def _address(self, log: Path, seen: int) -> str:
        """Return the address that the process printed first."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            line, end, _ = log.read_bytes()[seen:].partition(b"\n")
            if end:
                return line.decode()
            self.require_alive()
            time.sleep(PAUSE_S)
        self.stop()
        raise TourFailed(f"the scoring server did not start within {START_S} seconds")


def _without_settings() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("MODELWARDEN_")}


def free_port(wanted: int = 0) -> int:
    """Return the wanted port of loopback if it is free, else another one."""
    with contextlib.suppress(OSError), socket.socket() as tried:
        tried.bind(("127.0.0.1", wanted))
        return int(tried.getsockname()[1])
    return free_port()
