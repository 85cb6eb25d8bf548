"""Our own server as a process of its own, for tests of whoever talks to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx

from tests.safeguards.fleet import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S: Final = 60


@contextmanager
def serving(url: str, folder: Path, *, address: str | None = None) -> Iterator[str]:
    """Start a server as a process of its own, and yield its address: another one, or that of one that was stopped."""
    with running(url, folder, address=address) as (where, _):
        yield where


@contextmanager
def running(
    url: str, folder: Path, *, address: str | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Do the same, and yield the process too, for whoever kills it."""
    before = 0 if address is None else int(address.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", before)) as probe:
        port = probe.getsockname()[1]
    settings = {
        "MODELWARDEN_URL": url,
        "MODELWARDEN_KEYS_FOLDER": str(folder / "keys"),
        "MODELWARDEN_READ_RATE": "0",
        "MODELWARDEN_WRITE_RATE": "0",
    }
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", "modelwarden", "serve", "--port", str(port)],
        cwd=folder,
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    ends = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < ends:
            try:
                httpx.get(f"{address}{ROOT}/live")
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        yield address, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE_S)
