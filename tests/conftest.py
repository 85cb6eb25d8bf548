"""What tests of several rooms share: databases of both kinds, and a warden on them."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from modelwarden.warden.warden import Warden, open_warden
from tests import postgres, shortcuts, tables
from tests.services import s3 as s3_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import NewDatabase
    from tests.services.s3 import S3

settings.register_profile("quick", deadline=None, max_examples=25)  # no test asserts a time
settings.register_profile("many", deadline=None, max_examples=100)
settings.load_profile("quick")  # `.ci/run` says --hypothesis-profile=many

gc.disable()  # until all is collected: what is loaded stays

shortcuts.take()

MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, which systems with Linux have
ROOM = 4 << 30

if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
    # A disk makes most of a test's time a wait for fsync, and keeps nothing that memory loses while the machine runs.
    # Whoever wants the disk says so: TMPDIR=/tmp make test
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None

# Where the environment forbids it, each of the many processes that tests start would compile every module anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

APART = ("tests/docs/", "tests/faults/test_kill.py")
TOGETHER = ("tests/mlflow/",)
FIRST = (
    "tests/tour/test_tour.py",  # it waits for minutes to end
    "tests/stories/",
    "tests/mlflow/",
    "tests/api/test_hostile.py",
    "tests/console/",
    "tests/docs/",
    "tests/faults/",
    "tests/tour/",
    "tests/api/",
    "tests/guard/test_hosts.py",
    "tests/attack/",
    "tests/examples/",
    "tests/cli/",
)
"""What takes long, longest first: a long file that begins last leaves the other workers without work."""
LONG = ("soak", "whole")


ROOMS = tuple(
    f"tests/{room}/"
    for room in (
        "access", "approvals", "audit", "deployments", "notify", "policies", "privacy", "registry", "safeguards",
    )
)  # fmt: skip
"""Rooms whose rules are the same on any database: `make test` runs them on SQLite, `.ci/run` on PostgreSQL too."""

RULES = tuple(
    f"tests/{file}.py"
    for file in (
        "attack/test_actors", "attack/test_duties", "attack/test_emergencies", "attack/test_endpoints",
        "attack/test_erasure", "attack/test_grants", "attack/test_made_elsewhere", "attack/test_positions",
        "attack/test_rollouts", "attack/test_slots", "attack/test_switches", "attack/test_tokens",
        "faults/test_clocks_apart", "faults/test_endpoint_kill", "faults/test_github_kill",
        "faults/test_servicenow_kill", "faults/test_target_kill",
        "sinks/test_pressure", "sinks/test_tiles", "sinks/test_witnessing", "sla/test_ingest", "sla/test_keeping",
        "stories/test_drill", "stories/test_ensemble", "stories/test_fleet", "stories/test_kill", "stories/test_people",
        "sla/test_use_cases", "stories/test_use_cases",
    )
)  # fmt: skip
"""Files that try those rules, and not the database; others show races, sealing and whole stories on both."""

OF_THE_DATABASE = ("race", "at_once", "in_no_file", "put_back_by_hand")
"""Words in the names of tests in those files that do try it: two who write at the same time, and what it leaves."""


def _only_repeats(item: pytest.Item) -> bool:
    name, _, given = item.name.partition("[")
    is_of_it = item.nodeid.startswith(RULES) and any(word in name for word in OF_THE_DATABASE)
    return "postgresql" in given and item.nodeid.startswith(ROOMS + RULES) and not is_of_it


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to `.ci/run` what only repeats on PostgreSQL; begin with the slow ones, so that no worker ends late."""
    for item in items:
        if _only_repeats(item):
            item.add_marker(pytest.mark.matrix)
    turns: dict[Path, int] = {}
    for item in items:
        turns[item.path] = min(_turn(item), turns.get(item.path, len(FIRST)))
    items.sort(
        key=lambda item: turns[item.path]
    )  # a file stays together: its tests may share a company


def _turn(item: pytest.Item) -> int:
    if any(item.get_closest_marker(name) for name in LONG):
        return 1  # behind the tour
    return next((n for n, begin in enumerate(FIRST) if item.nodeid.startswith(begin)), len(FIRST))


def pytest_collection_finish() -> None:
    """Keep what was collected out of the search for garbage, which else took a tenth of all tests' time."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Start more workers than there are cores: tests wait for threads, processes and servers."""
    return len(os.sched_getaffinity(0)) + 2


class Scheduling(LoadFileScheduling):
    """Tests of one file run on one worker and may share a company; guides take long and share nothing.

    Tests of one folder share a server that takes long to start.
    """

    def _split_scope(self, nodeid: str) -> str:
        folder = next((folder for folder in TOGETHER if nodeid.startswith(folder)), None)
        if folder is not None:
            return folder
        return nodeid if nodeid.startswith(APART) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:  # noqa: ANN401  # of xdist's own
    """Give the scheduler above."""
    return Scheduling(config, log)


DATABASES = (
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.services),
)


@pytest.fixture(scope="session", autouse=True)
def _own_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what clients remember of servers in a folder of this session: ports are used again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELWARDEN_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[NewDatabase]:
    """Give a function that makes an empty PostgreSQL database and returns its URL; one server a session."""
    with postgres.running() as new_database:
        yield new_database


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database without rows: each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield tables.fresh(tmp_path)
        return
    new_database: NewDatabase = request.getfixturevalue("postgres_url")
    yield (url := new_database())
    postgres.drop(url)


@pytest.fixture(params=DATABASES)
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/warden.db"
        return
    new_database: NewDatabase = request.getfixturevalue("postgres_url")
    yield (url := new_database(bare=True))
    postgres.drop(url)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """Run an S3 server; each test makes buckets of its own."""
    with s3_server.running() as server:
        yield server


@pytest.fixture
def warden(store_url: str, tmp_path: Path) -> Iterator[Warden]:
    """Open a warden on an empty database of each kind."""
    with open_warden(store_url, keys_folder=tmp_path / "keys") as opened:
        yield opened


@pytest.fixture
def sqlite_warden(tmp_path: Path) -> Iterator[Warden]:
    """Open a warden on an empty SQLite file, for tests that look into the file."""
    with open_warden(tables.fresh(tmp_path)) as opened:
        yield opened
