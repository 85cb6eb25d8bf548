"""A real Kafka broker in KRaft mode, one process on the loopback: it can be killed, stopped and started again.

Its jars come from Maven by their coordinates, once, into a cache of the user's. It needs `mvn` and a Java runtime of
version 17 or newer; `reason_for_none` says what is missing.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException, Producer

if TYPE_CHECKING:
    from collections.abc import Iterator

POM: Final = Path(__file__).parent / "kafka_broker" / "pom.xml"
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "modelwarden-tests"
READY_S: Final = 90
SETTINGS: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.flush.interval.messages=1
auto.create.topics.enable=true
num.partitions=1
"""
"""Every message is flushed before it is acknowledged: a killed broker keeps what it said it had."""


def reason_for_none() -> str | None:
    """Return why no broker can be started here, or None if one can."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    return f"a real broker needs {' and '.join(missing)} on the PATH" if missing else None


class Broker:
    """One broker with its folder. `kill` is SIGKILL; `start` brings it back on the same data and port."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self.port, controller = _free_port(), _free_port()
        self._settings = folder / "server.properties"
        text = SETTINGS.format(port=self.port, controller=controller, folder=folder)
        self._settings.write_text(text, "utf-8")
        self._jars = _jars()
        self._process: subprocess.Popen[bytes] | None = None
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._settings))

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it takes messages."""
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                [*self._command(), "kafka.Kafka", str(self._settings)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            if self._takes_messages():
                return
        raise RuntimeError((self.folder / "broker.log").read_text("utf-8", "replace")[-2_000:])

    def kill(self) -> None:
        """Kill it without warning."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let it shut down."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)

    def _takes_messages(self) -> bool:
        settings = {"bootstrap.servers": self.address, "message.timeout.ms": 2_000, "log_level": 0}
        told: list[object] = []
        with suppress(KafkaException):
            producer = Producer(settings)
            producer.produce("ready", b"?", on_delivery=lambda error, _message: told.append(error))
            producer.flush(3)
        return [error is None for error in told] == [True]

    def _java(self, *arguments: str) -> None:
        subprocess.run(  # noqa: S603  # our own command
            [*self._command(), *arguments], check=True, capture_output=True, timeout=120
        )

    def _command(self) -> list[str]:
        return ["java", "-Xmx512m", "-cp", f"{self._jars}/*"]


@contextmanager
def running(folder: Path) -> Iterator[Broker]:
    """Run a broker in a folder of its own; it is killed at the end."""
    broker = Broker(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


def _jars() -> Path:
    """Return the folder of the broker's jars, fetched once for each version of the pom."""
    place = CACHE / f"kafka-{uuid.uuid5(uuid.NAMESPACE_URL, POM.read_text('utf-8'))}"
    if not place.exists():
        fresh = place.with_name(f"{place.name}.{os.getpid()}")
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
        subprocess.run(  # noqa: S603  # our own command
            [*command, f"-DoutputDirectory={fresh}"], check=True, timeout=600
        )
        with suppress(OSError):  # another process was faster
            fresh.rename(place)
        shutil.rmtree(fresh, ignore_errors=True)
    return place


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
