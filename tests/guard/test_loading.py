"""A child that is forked while a guard loads what it needs hears of switches all the same (SG-22)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.guard.loading import Loading
from tests.guard.hosts import BLOCK_ALL
from tests.house.source import ROOT
from tests.services.snapshot_server import SnapshotServer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
CHILDREN: Final = 12

PARENT: Final = """
import os, sys, time
from modelwarden.guard.guard import Guard
guard = Guard(sys.argv[1], "churn", state_dir=sys.argv[2], init_wait=0)
forked = []
for _ in range(int(sys.argv[3])):
    time.sleep(0.02)  # each in another moment of what the threads do
    pid = os.fork()
    if not pid:
        while not guard.check().diverts:
            time.sleep(0.01)
        os._exit(0)
    forked.append(pid)
print(*(os.waitpid(pid, 0)[1] for pid in forked))
os._exit(0)
"""


def test_children_that_are_forked_while_modules_are_loaded_hear_of_switches(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[BLOCK_ALL], generation=1)
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own code
            [
                sys.executable, "-W", "ignore::DeprecationWarning", "-c", PARENT, server.url,
                str(tmp_path), str(CHILDREN),
            ],
            capture_output=True, text=True, cwd=ROOT, check=True, timeout=90,
        )  # fmt: skip
    assert done.stdout.split() == ["0"] * CHILDREN


def test_a_fork_waits_until_a_load_has_ended() -> None:
    loading, order = Loading(), []
    begun, goes_on = threading.Event(), threading.Event()

    def load() -> None:
        begun.set()
        goes_on.wait()
        order.append("loaded")

    def fork() -> None:
        loading.before_fork()
        order.append("forked")
        loading.after_in_parent()

    loader = threading.Thread(target=loading.once, args=("module", load))
    loader.start()
    begun.wait()
    forker = threading.Thread(target=fork)
    forker.start()
    goes_on.set()
    for thread in (loader, forker):
        thread.join()
    assert order == ["loaded", "forked"]


def test_what_was_loaded_is_not_loaded_again_and_what_failed_is() -> None:
    loading, tries = Loading(), []

    def fail() -> None:
        tries.append("fail")
        raise ImportError

    for _ in range(2):
        with pytest.raises(ImportError):
            loading.once("it", fail)
    for _ in range(2):
        loading.once("it", lambda: tries.append("done"))
    assert tries == ["fail", "fail", "done"]
    with pytest.raises(ImportError):
        loading.load("modelwarden.no_such_module")


def test_a_child_loads_although_its_parent_was_loading() -> None:
    loading = Loading()
    begun, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        goes_on.wait()

    parent = threading.Thread(target=loading.once, args=("a", hang))
    parent.start()
    begun.wait()
    loading.after_in_child()
    found: list[str] = []
    loading.once("b", lambda: found.append("b"))
    goes_on.set()
    parent.join()
    assert found == ["b"]
