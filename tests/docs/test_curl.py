"""Every call of the guide to curl runs against a real server, in the order of the page."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from tests.docs.pages import blocks, clean_environment, run_group
from tests.house.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUIDE: Final = ROOT / "docs" / "how-to" / "curl.md"
WRITTEN: Final = "http://127.0.0.1:8321"
PATIENCE_S: Final = 60


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run `modelwarden serve` in a folder on a free port, and yield the address. Ends it as an operator would."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "modelwarden", "serve", "--port", str(port)],
        cwd=folder,
        env=clean_environment() | {"MODELWARDEN_URL": "sqlite:///warden.db"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/governance/ready", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, printed


def wait_for(address: str, process: subprocess.Popen[str]) -> None:
    for _ in range(PATIENCE_S * 10):
        assert process.poll() is None, process.communicate()[0]
        try:
            if httpx.get(address).status_code == httpx.codes.OK:
                return
        except httpx.ConnectError:
            pass
        time.sleep(0.1)
    pytest.fail(f"nobody answers at {address}")


@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_every_call_of_the_guide_runs_as_it_stands(tmp_path: Path) -> None:
    every = blocks(GUIDE.read_text(encoding="utf-8"))
    run_group("python", [block for block in every if block.kind == "python"], tmp_path, {})
    (tmp_path / ".curlrc").write_text('write-out = "\\n"\n', encoding="utf-8")
    with serving(tmp_path) as address:
        for block in every:
            if block.kind == "console":
                here = replace(block, code=block.code.replace(WRITTEN, address))
                run_group("console", [here], tmp_path, {"CURL_HOME": str(tmp_path)})


def test_the_guide_calls_nothing_but_the_server() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    calls = [block.code for block in blocks(text) if block.kind == "console"]
    assert sum(code.count("curl ") for code in calls) >= 20
    assert text.count("\ncurl ") == sum(code.count("curl -s") for code in calls)
    assert text.count("http://") == text.count(WRITTEN)
