"""The control plane that pytest gives to tests of other programs: real guards take it for a server (SG-54)."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import NotFound, UnknownDimension, ValueInvalid
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Default
from modelwarden.guard.guard import Guard
from modelwarden.integrations.control_plane import ControlPlane
from tests.guard.hosts import QUICK, soon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as opened:
        yield opened


@contextmanager
def guarded(plane: ControlPlane, folder: Path, **options: Any) -> Iterator[Guard]:  # noqa: ANN401
    settings = {"state_dir": folder, "init_wait": 20.0, "pace": QUICK, "keys": plane.keys} | options
    guard = Guard(plane.url, "churn", **settings)
    try:
        yield guard
    finally:
        guard.close()


def status(guard: Guard, region: str = "eu") -> Status:
    found: Status = guard.protect(lambda region: 0.4)(region=region).status  # noqa: ARG005
    return found


def test_a_stop_and_a_release_reach_a_guard(plane: ControlPlane, tmp_path: Path) -> None:
    with guarded(plane, tmp_path, keys=None) as guard:  # the key is fetched
        switch = plane.activate({"region": "EU"}, except_={"segment": "vip"})
        plane.wait()
        assert (status(guard), status(guard, "us")) == (Status.BLOCKED, Status.OK)
        assert guard.check(region="eu").switches == (switch,)
        plane.activate()
        plane.wait()
        assert status(guard, "us") is Status.BLOCKED
        plane.release()
        plane.wait()
        assert status(guard) is Status.OK


def test_a_fallback_and_a_drill_reach_a_guard(plane: ControlPlane, tmp_path: Path) -> None:
    with guarded(plane, tmp_path, fallback=[Default(0.1)], environment="staging") as guard:
        switch = plane.activate({"model": "churn"}, fallback="chain")
        plane.wait()
        assert status(guard) is Status.DEFAULT
        plane.release(switch)
        drill = plane.drill("error", {"model": "churn"})
        plane.wait()
        assert drill
        assert guard.protect(lambda: 0.4)().drill
        plane.end_drills()
        plane.wait()
        assert status(guard) is Status.OK


def test_what_is_no_scope_switch_or_fault_is_refused(plane: ControlPlane) -> None:
    with pytest.raises(UnknownDimension):
        plane.activate({"planet": "mars"})
    with pytest.raises(NotFound):
        plane.release("swi_0")
    for fault, share in (("melt", 1.0), ("nan", 0.0), ("nan", float("nan"))):
        with pytest.raises(ValueInvalid):
            plane.drill(fault, {"model": "churn"}, share=share)
    with pytest.raises(TimeoutError):
        plane.wait(0.01)


@pytest.mark.parametrize("how", ["down", "silent", "corrupt"])
def test_what_is_held_stays_while_nothing_good_comes(
    how: str, plane: ControlPlane, tmp_path: Path
) -> None:
    with guarded(plane, tmp_path) as guard:
        plane.activate({"region": "eu"})
        plane.wait()
        getattr(plane, how)()
        plane.release()
        soon(lambda: guard.status()["red"] or guard.status()["rejected"])
        assert status(guard) is Status.BLOCKED
        plane.heal()
        soon(lambda: status(guard) is Status.OK)


def test_slow_news_come(plane: ControlPlane, tmp_path: Path) -> None:
    with guarded(plane, tmp_path) as guard:
        plane.slow()
        plane.activate({"region": "eu"})
        soon(lambda: status(guard) is Status.BLOCKED)


def test_an_older_snapshot_is_refused(plane: ControlPlane, tmp_path: Path) -> None:
    with guarded(plane, tmp_path) as guard:
        plane.activate({"region": "eu"})
        plane.wait()
        plane.rewind()
        soon(lambda: guard.status()["rejected"] == "older")
        assert status(guard) is Status.BLOCKED
        plane.heal()
        soon(lambda: guard.status()["rejected"] is None)


SERVICE = """
import pytest
from modelwarden.guard.guard import Guard

@pytest.fixture
def guard(control_plane, tmp_path):
    guard = Guard(control_plane.url, "churn", keys=control_plane.keys, state_dir=tmp_path)
    yield guard
    guard.close()

def test_it_stops(control_plane, guard):
    control_plane.activate({"region": "eu"})
    control_plane.wait()
    control_plane.down()
    assert guard.check(region="eu").diverts

def test_each_test_has_its_own(control_plane, guard):
    assert not guard.check(region="eu").diverts
"""


def test_pytest_gives_it_to_the_tests_of_another_program(tmp_path: Path) -> None:
    (tmp_path / "test_service.py").write_text(SERVICE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "modelwarden.integrations.pytest_plugin"]
    done = subprocess.run(  # noqa: S603  # our own interpreter, our own code
        [*command, "test_service.py"],
        cwd=tmp_path, env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_plug_in_loads_nothing_before_a_test_asks() -> None:
    code = (
        "import sys, modelwarden.integrations.pytest_plugin\n"
        "print([name for name in sys.modules if name.startswith('modelwarden.guard')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
