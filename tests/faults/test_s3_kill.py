"""kill -9 of a process that writes segments, at each step between range and read-back: nothing is lost or doubled."""

from __future__ import annotations

import random
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from modelwarden.warden.warden import open_warden
from tests.faults.processes import started
from tests.services.lying_s3 import lying
from tests.sinks import archive

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.services.lying_s3 import Forward, Liar, Reply, Request
    from tests.services.s3 import S3

pytestmark = pytest.mark.services

STEPS = (
    ("put segment", "before"),
    ("put segment", "after"),
    ("list", "after"),
    ("head segment", "after"),
    ("put checkpoint", "before"),
    ("put checkpoint", "after"),
    ("head checkpoint", "after"),
)
"""A request, and whether the process dies before or after the store has it."""


class Killer:
    """A rule that kills a process at the n-th request of a kind."""

    def __init__(self, kind: str, when: str, count: int) -> None:
        self.kind, self.when, self.left = kind, when, count
        self.child: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __call__(self, request: Request, forward: Forward) -> Reply | None:
        if request.kind != self.kind or not self._is_due():
            return forward(request)
        assert self.child is not None
        if self.when == "after":
            forward(request)
        self.child.kill()
        return None

    def _is_due(self) -> bool:
        with self._lock:
            self.left -= 1
            return self.left == 0


def _killed(url: str, keys: Path, name: str, liar: Liar, killer: Killer) -> None:
    """Let a process write until it dies at that step."""
    liar.rule = killer
    child = killer.child = started(url, keys, name, count=100_000, threads=2)
    assert child.stdout is not None
    with child:
        for _ in child.stdout:
            pass
    assert child.returncode == -signal.SIGKILL


def _survives(s3: S3, folder: Path, killers: list[Killer], patch: pytest.MonkeyPatch) -> None:
    url, keys, bucket = f"sqlite:///{folder}/w.db", folder / "keys", s3.bucket()
    options = {"segment_entries": 250, "segment_s": 1}
    with lying(s3.port) as liar:
        patch.setenv("MODELWARDEN_SINKS", s3.address(bucket, endpoint=liar.endpoint, **options))
        for n, killer in enumerate(killers):
            _killed(url, keys, f"run{n}", liar, killer)
    patch.delenv("MODELWARDEN_SINKS")
    with open_warden(url, keys_folder=keys) as warden:
        address = s3.address(bucket, **options)
        archive.follow(warden, address)
        assert archive.numbers(address) == list(range(warden.audit.checkpoint().size))
        assert archive.verified(warden, address).problems == ()
    assert len(set(s3.keys(bucket, ""))) == len(s3.keys(bucket, ""))


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_process_killed_at_any_step_loses_and_doubles_nothing(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killers = [Killer(kind, when, 2) for kind, when in STEPS]
    _survives(s3, tmp_path, killers, monkeypatch)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_fifty_kills_at_random_steps(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)  # noqa: S311  # a seed, so that a failure comes again
    steps = [(*chance.choice(STEPS), chance.randint(1, 6)) for _ in range(50)]
    _survives(s3, tmp_path, [Killer(*step) for step in steps], monkeypatch)
