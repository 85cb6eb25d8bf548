"""A witness that is killed at any moment never cosigns two roots of one size, nor a smaller tree after a larger one."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.house.source import ROOT
from tests.sinks.laptop import Log, laptop

if TYPE_CHECKING:
    from pathlib import Path

LOG: Final = Log.of(60)
FORK: Final = LOG.fork(5)

# The clock is asked once the state is kept and before the line is signed: it is where the process dies.
DIES_BEFORE_THE_ANSWER: Final = """
import os, signal, sys
from pathlib import Path
from modelwarden.sinks import witness_state
from modelwarden.sinks.witness_server import WitnessServer
from tests.sinks.laptop import Log

class Clock:
    def now(self):
        os.kill(os.getpid(), signal.SIGKILL)

folder, log = Path(sys.argv[1]), Log.of(60)
signer = witness_state.load(folder / "witness.key")
state = witness_state.WitnessState(folder / "witness.json", signer)
server = WitnessServer(signer, state, [log.key.verifier], clock=Clock(), tell=print)
server.add_checkpoint(log.request(0, 20))
"""

# Two histories are offered in turn, as fast as it goes; each line says what was cosigned.
OFFERS_BOTH: Final = """
import sys
from pathlib import Path
from tests.sinks.laptop import Log, laptop

one = Log.of(60)
with laptop(Path(sys.argv[1]), one.key.verifier) as witness:
    print("ready", flush=True)
    for _ in range(1_000):
        for log in (one, one.fork(5)):
            reply = witness.server.add_checkpoint(log.request(0, 0))
            size = int(reply.text) if reply.status == 409 else 0
            for new in (size, min(size + 1, 60)):
                if witness.server.add_checkpoint(log.request(size, new)).status == 200:
                    print(new, log.checkpoint(new).root.hex(), flush=True)
"""


def child(script: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": f"{ROOT}/src:{ROOT}"},
    )


def test_killed_between_keeping_and_answering_it_stays_with_what_it_kept(tmp_path: Path) -> None:
    with laptop(tmp_path / "laptop", LOG.key.verifier):
        pass
    with child(DIES_BEFORE_THE_ANSWER, tmp_path / "laptop") as process:
        assert process.wait(60) == -signal.SIGKILL
    with laptop(tmp_path / "laptop", LOG.key.verifier) as witness:
        assert witness.server.add_checkpoint(FORK.request(0, 20)).text == "20\n"
        assert witness.server.add_checkpoint(FORK.request(20, 20)).status == 409
        assert witness.server.add_checkpoint(FORK.request(20, 30)).status == 422
        assert witness.server.add_checkpoint(LOG.request(20, 20)).status == 200


@pytest.mark.timeout(300)
def test_killed_at_random_it_never_cosigns_two_histories(tmp_path: Path) -> None:
    cosigned: list[tuple[int, str]] = []
    for _ in range(8):
        with child(OFFERS_BOTH, tmp_path / "laptop") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(random.uniform(0.0, 0.15))  # noqa: S311  # no secret
            process.kill()
            for line in process.stdout.read().splitlines():
                size, _, root = line.partition(" ")
                if len(root) == 64:
                    cosigned.append((int(size), root))
    roots: dict[int, str] = {}
    assert all(roots.setdefault(size, root) == root for size, root in cosigned)
    sizes = [size for size, _ in cosigned]
    assert sizes == sorted(sizes)
    assert sizes
