"""Two API processes on one PostgreSQL whose clocks are minutes apart: each step is taken once, by one of them.

The server decides when a switch ends (SG-6), and of two servers whichever leads. A clock that is wrong moves that
moment; it never ends a switch twice, leaves two guards with different switches, or spoils the ledger.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from modelwarden.guard.guard import Guard
from modelwarden.reactions.safeguards import KeepTime
from modelwarden.reactions.triggers import SOURCES, JudgeTriggers
from modelwarden.values.clock import moment, timestamp
from modelwarden.warden.warden import open_warden
from tests import postgres
from tests.access.company import HeldClock
from tests.guard.hosts import soon
from tests.safeguards.desk import WHY, Desk
from tests.safeguards.fleet import ROOT, bearer, guard_token
from tests.safeguards.judges import Judge
from tests.store.deeds import bodies, verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import NewDatabase

AHEAD_S: Final = 600.0
PATIENCE_S: Final = 60.0
PURPOSE: Final = "predicts which customers leave next month"


@contextlib.contextmanager
def serving(url: str, keys: Path, *, ahead_s: float) -> Iterator[str]:
    """Start a server whose clock is so far ahead, and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = [
        sys.executable,
        "-m",
        "tests.faults.clock_child",
        url,
        str(keys),
        f"{port}",
        f"{ahead_s}",
    ]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(words) as process:  # noqa: S603  # our own program
        try:
            soon(lambda: is_live(address))
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE_S)


def is_live(address: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{address}{ROOT}/live").status_code == httpx.codes.OK
    return False


def stop(address: str, token: str, region: str, *, ends: datetime) -> httpx.Response:
    body = {
        "scope": {"model": "churn", "region": region}, "reason": "PSI 0.61", "expires_at": timestamp(ends),
        "on_expiry": "release",
    }  # fmt: skip
    return httpx.post(f"{address}{ROOT}/kill-switches", json=body, headers=bearer(token))


def told(url: str, keys: Path, kind: str) -> list[dict[str, Any]]:
    with open_warden(url, keys_folder=keys) as warden:
        return [entry for entry in bodies(warden) if entry["type"] == kind]


@pytest.mark.services
@pytest.mark.soak
def test_switches_end_once_and_guards_of_both_servers_agree(
    postgres_url: NewDatabase, tmp_path: Path
) -> None:
    url, keys = postgres_url(), tmp_path / "keys"
    with open_warden(url, keys_folder=keys) as warden:
        for name, role in (("carol", "admin"), ("dave", "operator"), ("olivia", "developer")):
            warden.add_user(name, roles=[role])
        warden.acting_as("olivia").models.register(
            "churn", owner="olivia", business_purpose=PURPOSE
        )
        token = guard_token(warden, owner="carol")
        operator = warden.acting_as("dave").tokens.create().secret or ""
    regions = [f"r{number}" for number in range(6)]
    with contextlib.ExitStack() as stack:
        right = stack.enter_context(serving(url, keys, ahead_s=0))
        ahead = stack.enter_context(serving(url, keys, ahead_s=AHEAD_S))
        guards = []
        for place, address in enumerate((right, ahead)):
            guard = Guard(
                address, "churn", token=token, state_dir=tmp_path / f"{place}", init_wait=30.0
            )
            guards.append(stack.enter_context(contextlib.closing(guard)))
        # To the server ahead an end that the other is asked for may be past: it refuses what is over for it.
        near = datetime.now(UTC) + timedelta(seconds=AHEAD_S / 2)
        assert (
            stop(ahead, operator, "past", ends=near).status_code == httpx.codes.UNPROCESSABLE_ENTITY
        )
        ends = datetime.now(UTC) + timedelta(seconds=AHEAD_S + 15)
        for number, region in enumerate(regions):
            answer = stop((right, ahead)[number % 2], operator, region, ends=ends)
            assert answer.status_code == httpx.codes.CREATED
        for guard in guards:
            for region in regions:
                soon(lambda g=guard, r=region: g.check(region=r).diverts)  # type: ignore[misc]
        # One server leads; end it where that is the one whose clock is right, so that the other has to.
        early = datetime.now(UTC) + timedelta(seconds=8)
        assert stop(right, operator, "early", ends=early).status_code == httpx.codes.CREATED
        soon(lambda: told(url, keys, "switch.expired"))
        soon(lambda: all(not guard.check(region="early").diverts for guard in guards))
        assert len({json.dumps(guard.status()["generation"]) for guard in guards}) == 1
    # Whoever led, the other goes on alone: with the clock ahead, what ends within its ten minutes is over.
    with (
        serving(url, keys, ahead_s=AHEAD_S) as ahead,
        contextlib.closing(
            Guard(ahead, "churn", token=token, state_dir=tmp_path / "2", init_wait=30.0)
        ) as guard,
    ):
        soon(lambda: len(told(url, keys, "switch.expired")) == len(regions) + 1)
        soon(lambda: not any(guard.check(region=region).diverts for region in regions))
    expired = told(url, keys, "switch.expired")
    assert len({entry["fact"]["switch"] for entry in expired}) == len(expired) == len(regions) + 1
    for entry in expired:
        assert moment(entry["at"]) >= moment(
            entry["fact"]["expires_at"]
        )  # by the clock that decided
    with open_warden(url, keys_folder=keys) as warden:
        assert verified(warden, state=True).problems == ()
    postgres.drop(url)


def test_a_trigger_fires_and_a_switch_ends_once_for_servers_whose_clocks_are_apart(
    store_url: str, tmp_path: Path
) -> None:
    """Both judge after each window, the one behind minutes later by its own clock, and later still the same again."""
    judge = Judge(Desk.opened(store_url, tmp_path))
    behind = HeldClock()
    with (
        judge.desk.warden,
        open_warden(store_url, keys_folder=tmp_path / "keys", clock=behind) as other,
    ):
        late = JudgeTriggers(other, sources={**SOURCES, "psi": judge.given}, every_s=0.0)
        judge.automatic()
        for _ in range(4):
            judge.window(ok=800, failed=200)
            for minutes in (12, 7, 3, 0):
                behind.time = judge.desk.clock.time - timedelta(minutes=minutes)
                late.idle()
                judge.judging.idle()
        assert [act for act, _ in judge.acts()] == ["switched"]
        now = judge.desk.clock.time
        made = judge.desk.switches("dave").activate(
            {"model": "churn", "region": "eu"}, reason=WHY, on_expiry="release", expires_at=now + timedelta(minutes=10)
        )  # fmt: skip
        behind.time = now + timedelta(minutes=4)
        KeepTime(other).idle()
        assert judge.desk.switches("dave").show(made.id).state == "active"
        judge.desk.clock.advance(minutes=11)
        KeepTime(judge.desk.warden).idle()
        KeepTime(other).idle()  # for which the end is still to come
        behind.time = now + timedelta(minutes=12)
        KeepTime(other).idle()
        assert [fact["switch"] for fact in judge.desk.facts("switch.expired")] == [made.id]
        assert verified(judge.desk.warden, state=True).problems == ()
