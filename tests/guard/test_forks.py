"""A forked child has its own thread, socket and name, and sees news as soon as its parent does (SG-22)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.guard.hosts import BLOCK_ALL, soon
from tests.house.source import ROOT, SRC
from tests.services.snapshot_server import SnapshotServer, signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

CHILD: Final = """
import json, os, sys, time
from modelwarden.guard.guard import Guard
from tests.guard.hosts import QUICK
source, folder, stop_file, keys = sys.argv[1:]
guard = Guard(source, "churn", state_dir=folder, init_wait=30.0, stop_file=stop_file, pace=QUICK, keys=keys or None)
predict = guard.protect(lambda: 0.4, key=None)
assert predict().value == 0.4
folder = "/proc/self/fd"
sockets = lambda: {os.path.realpath(f"{folder}/{n}") for n in os.listdir(folder)}
before = {one for one in sockets() if "socket:" in one}
forked = [os.fork() for _ in range(2)] if sys.stdin.readline() else []
child = 0 in forked
shared = sorted(before & sockets()) if child else []
say = lambda **said: os.write(1, (json.dumps({"pid": os.getpid(), "child": child, **said}) + "\\n").encode())
say(what="ready", instance=guard.status()["instance"], shared=shared)
while predict().value == 0.4:
    time.sleep(0.005)
say(what="blocked", switches=predict().switches)
while predict().value is None:
    time.sleep(0.005)
say(what="free")
if not child:
    for pid in forked:
        os.waitpid(pid, 0)
guard.close()
os._exit(0)
"""


class Family:
    """The lines that a parent and its children print."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    def fork(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("now\n")
        self.process.stdin.flush()

    def all_say(self, what: str, *, number: int) -> list[dict[str, Any]]:
        assert self.process.stdout is not None
        while len(found := [one for one in self.said if one["what"] == what]) < number:
            line = self.process.stdout.readline()
            assert line, "the family ended"
            self.said.append(json.loads(line))
        return found


@contextmanager
def family(source: str, folder: Path, *, keys: str = "") -> Iterator[Family]:
    arguments = [source, str(folder / "state"), str(folder / "stop.json"), keys]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CHILD, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{SRC}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    try:
        yield Family(process)
    finally:
        process.kill()
        process.communicate()


def test_children_of_a_fork_see_a_switch_and_its_release_over_sockets_of_their_own(
    tmp_path: Path,
) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        with family(server.url, tmp_path) as found:
            soon(lambda: server.heard_of(1))
            found.fork()  # after two preforked siblings the second child forks once more: four processes
            ready = found.all_say("ready", number=4)
            assert len({one["instance"] for one in ready}) == 4
            assert [one["shared"] for one in ready if one["child"]] == [[]] * 3
            server.serve(switches=[BLOCK_ALL], generation=2)
            assert {*map(str, [one["switches"] for one in found.all_say("blocked", number=4)])} == {
                "['swi_all']"
            }
            soon(lambda: len({one["instance"] for one in server.heard_of(2)}) == 4)
            server.serve(switches=[], generation=3)
            assert len({one["pid"] for one in found.all_say("free", number=4)}) == 4


def test_children_of_a_fork_see_a_file_and_a_stop_file(tmp_path: Path) -> None:
    server = SnapshotServer()
    (tmp_path / "snapshot.json").write_bytes(signed(server.key, switches=[], generation=1))
    with family(str(tmp_path / "snapshot.json"), tmp_path, keys=server.key.public.pem) as found:
        found.fork()
        found.all_say("ready", number=4)
        (tmp_path / "stop.json").touch()
        assert len(found.all_say("blocked", number=4)) == 4
        (tmp_path / "stop.json").unlink()
        assert len(found.all_say("free", number=4)) == 4
