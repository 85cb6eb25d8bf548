"""The demo leaves real servers up on what the tour made, and ends them when it is told to."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.tour import demo, folder, story

if TYPE_CHECKING:
    from pathlib import Path

STAY = "from pathlib import Path; from modelwarden.tour.demo import stay; stay(Path({folder!r}), port=0, wait=True,"
STAY += " say=lambda line: print(line, flush=True))"


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder after the tour's first eight steps: something is live in it."""
    place = folder.prepare(tmp_path_factory.mktemp("demo") / "tour", again=False)
    outcome = story.run(place, story.Nobody(), chapters=story.CHAPTERS[:8])
    assert outcome.ok, outcome.steps[-1].evidence
    return place


def test_it_stops_as_soon_as_it_is_up_when_nobody_waits(toured: Path) -> None:
    said: list[str] = []
    demo.stay(toured, port=0, wait=False, say=said.append)
    assert any(line.startswith("Console: http://127.0.0.1:") for line in said)
    assert said[-1] == "Both servers are stopped. The folder stays."


def test_it_serves_until_it_is_interrupted(toured: Path) -> None:
    code = STAY.format(folder=str(toured))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MODELWARDEN_")}
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            said = _until(process, "Console: ")
            found = re.search(r"MODELWARDEN_URL=(\S+) MODELWARDEN_TOKEN=(\S+)", said)
            assert found is not None
            models = _json(f"{found[1]}/api/governance/models", token=found[2])
            assert [model["name"] for model in models["items"]] == ["arrest-release"]
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert rest.endswith("Both servers are stopped. The folder stays.\n")
    assert process.returncode == 0
    assert not list(toured.glob("warden.db-wal"))


def _until(process: subprocess.Popen[str], start: str) -> str:
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if line.startswith(start):
            return "".join(lines)
    raise AssertionError("".join(lines))


def _json(url: str, *, token: str) -> Any:  # noqa: ANN401  # JSON
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310  # loopback
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.load(answer)
