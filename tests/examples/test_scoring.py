"""The scoring examples answer over real sockets, and a switch stops them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.examples.test_examples import EXAMPLES
from tests.guard.hosts import BLOCK_EU, soon
from tests.services.snapshot_server import SnapshotServer, signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def serving(folder: Path, *command: str, port: int) -> Iterator[str]:
    """Run an example beside a signed snapshot; yield its address."""
    key = SnapshotServer().key
    snapshot = folder / "churn.json"
    snapshot.write_bytes(signed(key, switches=[BLOCK_EU]))
    settings = {
        "MODELWARDEN_URL": str(snapshot), "MODELWARDEN_SNAPSHOT_KEYS": key.public.pem,
        "MODELWARDEN_STATE_DIR": str(folder / "state"),
    }  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 - our own examples
        [sys.executable, "-W", "error", *command],
        env=os.environ | settings, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, process.communicate()[1]
        try:
            return httpx.get(f"{address}/score").status_code > 0
        except httpx.TransportError:
            return False

    try:
        soon(answers)
        yield address
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("kind", ["fastapi", "wsgi"])
def test_a_score_goes_out_and_a_blocked_region_does_not(tmp_path: Path, kind: str) -> None:
    port = free_port()
    commands = {
        "fastapi": ("-m", "uvicorn", "--app-dir", str(EXAMPLES), "--port", str(port), "score_with_fastapi:app"),
        "wsgi": (str(EXAMPLES / "score_with_wsgi.py"), str(port)),
    }  # fmt: skip
    path = "/score/c-1?tenure=4" if kind == "fastapi" else "/score?tenure=4"
    with serving(tmp_path, *commands[kind], port=port) as address:
        good = httpx.get(address + path, headers={"X-Region": "us"})
        assert (good.status_code, good.json()) == (200, {"score": 0.2})
        assert good.headers["Modelwarden-Decision"] == "ok;gen=1840"
        blocked = httpx.get(address + path, headers={"X-Region": "eu"})
        assert (blocked.status_code, blocked.json()["code"]) == (503, "prediction_blocked")
        assert httpx.get(address + path).status_code == 503
        if kind == "fastapi":
            assert httpx.get(f"{address}/ready").json() == {"guard": "fresh"}
            assert "modelwarden_guard_decisions_total" in httpx.get(f"{address}/metrics").text
