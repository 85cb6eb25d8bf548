"""The server: where it listens, its first start, its end, and what its logs leave out."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from modelwarden import server
from modelwarden.config import Settings
from modelwarden.errors import SettingInvalid
from modelwarden.server import Listening, check, create_server_app, redacted
from tests.api.town import served

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERYWHERE = "0.0.0.0"  # noqa: S104  # what the tests see refused
TOKEN = "mwp_" + "a1B2" * 9 + "c3"


@pytest.mark.parametrize(
    ("settings", "listening"),
    [
        ({"host": EVERYWHERE}, {}),
        ({"host": "192.0.2.1"}, {}),
        ({"host": "example.org"}, {}),
        ({"host": "::"}, {}),
        ({}, {"tls_cert": Path("a.pem")}),
        ({}, {"tls_key": Path("a.pem")}),
        ({"behind_proxy": ("everywhere",)}, {}),
        ({}, {"workers": 2}),
        ({}, {"workers": 0}),
    ],
)  # fmt: skip
def test_listening_in_a_way_that_is_unsafe_is_refused(
    settings: dict[str, Any], listening: dict[str, Any]
) -> None:
    with pytest.raises(SettingInvalid):
        check(Settings(**settings), Listening(**listening))


@pytest.mark.parametrize(
    ("settings", "listening"),
    [
        ({}, {}),
        ({"host": "::1"}, {}),
        ({"host": "localhost"}, {}),
        ({"host": EVERYWHERE, "behind_proxy": ("10.0.0.0/8",)}, {}),
        ({"host": EVERYWHERE}, {"tls_cert": Path("a.pem"), "tls_key": Path("a.key")}),
        ({"url": "postgresql://db/warden"}, {"workers": 4}),
    ],
)
def test_listening_safely_is_not(settings: dict[str, Any], listening: dict[str, Any]) -> None:
    check(Settings(**settings), Listening(**listening))


def test_no_token_reaches_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogRecordFactory()
    handler = logging.StreamHandler(sys.stderr)
    log = logging.getLogger("somebody.elses")
    log.addHandler(handler)
    try:
        server.redact_logs()
        server.redact_logs()
        log.error("called with %s", f"Bearer {TOKEN}")
        try:
            int(TOKEN)
        except ValueError:
            log.exception("failed")
    finally:
        log.removeHandler(handler)
        logging.setLogRecordFactory(before)
    printed = capsys.readouterr().err
    assert TOKEN not in printed
    assert printed.count("[redacted]") == 2
    assert "Traceback" in printed
    assert redacted(f"a {TOKEN} b") == "a [redacted] b"


def test_an_app_opens_its_own_warden_and_closes_it(tmp_path: Path) -> None:
    settings = Settings(url=f"sqlite:///{tmp_path}/warden.db")
    with served(create_server_app(settings)) as url:
        assert httpx.get(f"{url}/api/governance/ready").json() == {"status": "ok"}
        assert httpx.get(url).status_code == 200
    assert not list(tmp_path.glob("*-wal"))


@contextmanager
def running(folder: Path, *, first: bool) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Start a server as a process of its own; yield it with its address, and its secret if it is a first start."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    code = (
        "from modelwarden.config import Settings; from modelwarden.server import serve;"
        f"serve(Settings(url='sqlite:///warden.db', port={port}), tell=lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    line = process.stdout.readline() if first else ""
    found = re.search(r"/set-up\?secret=(\S+)", line)
    secret = found[1] if found else ""
    for _ in range(600):
        try:
            httpx.get(f"{address}/api/governance/live")
            break
        except httpx.ConnectError:
            time.sleep(0.05)
    try:
        yield process, address, secret
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)


def test_the_first_start_prints_a_link_that_works_once_and_the_end_loses_nothing(
    tmp_path: Path,
) -> None:
    with running(tmp_path, first=True) as (process, address, secret):
        body = {"secret": secret, "handle": "ada"}
        made = httpx.post(f"{address}/api/governance/auth/set-up", json=body)
        assert made.status_code == 201
        again = httpx.post(f"{address}/api/governance/auth/set-up", json=body)
        assert (again.status_code, again.json()["code"]) == (403, "set_up_refused")
        headers = {"Authorization": f"Bearer {made.json()['secret']}"}
        assert "server" not in made.headers
        added = httpx.post(
            f"{address}/api/governance/users", json={"handle": "bob"}, headers=headers
        )
        assert added.status_code == 201
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
    with running(tmp_path, first=False) as (process, address, _):
        listed = httpx.get(f"{address}/api/governance/users", headers=headers).json()["items"]
        assert [one["handle"] for one in listed] == ["ada", "bob"]
        os.kill(process.pid, signal.SIGTERM)
        assert "set-up" not in process.communicate(timeout=60)[0]
