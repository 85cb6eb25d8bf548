"""From one command to "confirmed on 41 of 42 workers", and to the one that is missing (SG-22, SG-23).

Real servers, and 42 real processes with a guard each: 38 of their own, and a gunicorn that imports the service before
it forks three workers. One of them is stopped by SIGSTOP, as a machine that swaps is. `make test` does it with eight.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import modelwarden
from modelwarden.permissions import BuiltInRole
from modelwarden.warden.warden import open_warden
from tests.house.source import ROOT
from tests.safeguards.fleet import guard_token
from tests.services.own_server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelwarden.client.remote import Remote
    from modelwarden.values.guards import GuardAnswer

BELOW_GUNICORN: Final = 3
PATIENCE_S: Final = 120.0
APP: Final = "tests.stories.fleet_app"


@pytest.mark.services
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("database", "servers", "workers"),
    [
        pytest.param("sqlite", 1, 8, id="sqlite-8"),
        pytest.param("sqlite", 1, 42, id="sqlite-42", marks=pytest.mark.whole),
        pytest.param("postgresql", 2, 42, id="postgresql-42", marks=pytest.mark.matrix),
    ],
)
def test_a_stop_is_confirmed_by_all_but_one_and_the_missing_one_is_named(
    database: str, servers: int, workers: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_url")()
    tokens = set_up(url, tmp_path)
    with ExitStack() as stack:
        addresses = [stack.enter_context(serving(url, tmp_path)) for _ in range(servers)]
        dave = stack.enter_context(modelwarden.connect(addresses[0], token=tokens["dave"]))
        stack.enter_context(fleet(addresses, tokens["guards"], tmp_path, workers))
        wait(lambda: len(live(dave)) == workers)
        missing = stopped_worker(dave)
        try:
            switch = kill(addresses[-1], tokens["dave"])
            wait(lambda: told(dave, "switch.unconfirmed"))
            (fact,) = told(dave, "switch.unconfirmed")
            assert (fact["switch"], fact["confirmed"], fact["expected"]) == (
                switch,
                workers - 1,
                workers,
            )
            assert fact["late"] == [missing.instance]
            assert not told(dave, "switch.confirmed")
            found = dave.switches.confirmations(switch)
            assert (found.confirmed, found.expected, found.state) == (
                workers - 1,
                workers,
                "unconfirmed",
            )
            assert (found.guards[0].pid, found.guards[0].standing) == (missing.pid, "late")
            assert dave.switches.show(switch).applied == f"{workers - 1} of {workers}"
        finally:
            os.kill(missing.pid, signal.SIGCONT)
        wait(lambda: told(dave, "switch.confirmed"))
        (fact,) = told(dave, "switch.confirmed")
        assert (fact["confirmed"], fact["expected"], fact["lost"]) == (workers, workers, 0)


def set_up(url: str, folder: Path) -> dict[str, str]:
    """Found a company with one model; return the tokens of dave and of the guards."""
    with open_warden(url, keys_folder=folder / "keys") as warden:
        warden.add_user("carol", roles=[BuiltInRole.ADMIN])
        warden.add_user("dave", roles=[BuiltInRole.OPERATOR])
        warden.add_user("olivia", roles=[BuiltInRole.DEVELOPER])
        warden.acting_as("olivia").models.register(
            "churn", owner="olivia", business_purpose="predicts which customers leave next month"
        )
        mine = warden.acting_as("dave").tokens.create().secret or ""
        return {"dave": mine, "guards": guard_token(warden, owner="carol")}


@contextmanager
def fleet(addresses: list[str], token: str, folder: Path, workers: int) -> Iterator[None]:
    """Run so many workers, in turn at each server."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(workers - BELOW_GUNICORN - 1):
            place = environment(
                addresses[number % len(addresses)], token, folder / f"state{number}"
            )
            processes.append(started([sys.executable, "-m", APP], place))
        gunicorn = [
            sys.executable, "-m", "gunicorn", "--preload", "--workers", str(BELOW_GUNICORN), "--bind",
            f"unix:{folder}/fleet.sock", "--log-level", "warning", f"{APP}:app",
        ]  # fmt: skip
        processes.append(started(gunicorn, environment(addresses[0], token, folder / "shared")))
        yield
    finally:
        for process in processes:
            process.terminate()
            process.send_signal(signal.SIGCONT)
        for process in processes:
            process.communicate(timeout=PATIENCE_S)


def environment(address: str, token: str, state: Path) -> dict[str, str]:
    named = {"FLEET_ADDRESS": address, "FLEET_TOKEN": token, "FLEET_STATE": str(state)}
    return os.environ | named


def started(command: list[str], place: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=ROOT, env=place, stdin=subprocess.PIPE)  # noqa: S603  # our own


def live(dave: Remote) -> list[GuardAnswer]:
    found = dave.guards.list(model="churn", limit=100).items
    return [each for each in found if each.status == "live" and each.state == "fresh"]


def stopped_worker(dave: Remote) -> GuardAnswer:
    """Stop a worker that stands alone: gunicorn replaces one of its own that is silent."""
    for each in live(dave):
        command = Path(f"/proc/{each.pid}/cmdline").read_bytes()
        if b"gunicorn" not in command:
            os.kill(each.pid, signal.SIGSTOP)
            return each
    raise AssertionError


def kill(address: str, token: str) -> str:
    """Stop the model as people do; return the switch."""
    command = [
        sys.executable,
        "-m",
        "modelwarden",
        "--json",
        "kill",
        "activate",
        "--model",
        "churn",
    ]
    place = os.environ | {"MODELWARDEN_URL": address, "MODELWARDEN_TOKEN": token}
    done = subprocess.run(  # noqa: S603  # our own
        [*command, "--reason", "PSI 0.61 in the last hour"],
        env=place, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return str(json.loads(done.stdout)["id"])


def told(dave: Remote, kind: str) -> list[dict[str, Any]]:
    return [dict(each.entry["fact"]) for each in dave.audit.search(type=kind).items]


def wait(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.2)
