"""A real server behind a network that is bad in each way: what is held stays, and news come again (SG-17, SG-21)."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import modelwarden
from modelwarden.guard.decision import Status
from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from modelwarden.permissions import BuiltInRole
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.guard.hosts import soon
from tests.safeguards.fleet import guard_token
from tests.services.fault_proxy import FaultProxy, Mode
from tests.services.own_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.client.remote import Remote

pytestmark = pytest.mark.services
PURPOSE = "predicts which customers leave next month"
BAD = [mode for mode in Mode if mode is not Mode.PASS]
NOTHING_COMES = [Mode.REFUSE, Mode.SILENT, Mode.CUT, Mode.CORRUPT]
LASTING = Pace(
    silence_s=1.0, long_poll_s=1.0, poll_s=0.05, answer_s=1.0, report_s=0.1, first_back_off_s=0.02,
    most_back_off_s=0.1, lowered_s=0.5,
)  # fmt: skip


@dataclass
class House:
    """A server with one model, and somebody who stops it in one region after the other."""

    address: str
    token: str
    dave: Remote
    regions: count[int]

    def stop(self) -> str:
        """Stop the model in a region of its own, and return it."""
        region = f"r{next(self.regions)}"
        self.dave.switches.activate({"model": "churn", "region": region}, reason="a test")
        return region


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    url = tables.fresh(folder)
    with open_warden(url, keys_folder=folder / "keys") as warden:
        for name, role in (("carol", BuiltInRole.ADMIN), ("dave", BuiltInRole.OPERATOR)):
            warden.add_user(name, roles=[role])
        warden.add_user("olivia", roles=[BuiltInRole.DEVELOPER])
        warden.acting_as("olivia").models.register(
            "churn", owner="olivia", business_purpose=PURPOSE
        )
        token = guard_token(warden, owner="carol")
        mine = warden.acting_as("dave").tokens.create().secret or ""
    with serving(url, folder) as address, modelwarden.connect(address, token=mine) as dave:
        yield House(address, token, dave, count())


@contextmanager
def behind(house: House, folder: Path, **options: Any) -> Iterator[tuple[FaultProxy, Guard]]:  # noqa: ANN401
    """Return a proxy before the server and a guard before the proxy that has heard of it."""
    with FaultProxy(house.address) as proxy, guard_at(proxy, house, folder, **options) as guard:
        soon(lambda: guard.is_ready)
        yield proxy, guard


@contextmanager
def guard_at(proxy: FaultProxy, house: House, folder: Path, **options: Any) -> Iterator[Guard]:  # noqa: ANN401
    settings = {
        "token": house.token,
        "init_wait": 20.0,
        "state_dir": folder / "state",
        "pace": LASTING,
    } | options
    guard = Guard(proxy.url, "churn", **settings)
    try:
        yield guard
    finally:
        guard.close()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def blocked(guard: Guard, region: str) -> bool:
    return guard.protect(lambda region: 0.4)(region=region).status is Status.BLOCKED  # noqa: ARG005


@pytest.mark.parametrize("mode", BAD, ids=lambda mode: mode.value)
def test_what_is_stopped_stays_stopped_and_news_come_again(
    mode: Mode, house: House, tmp_path: Path
) -> None:
    with behind(house, tmp_path) as (proxy, guard):
        first = house.stop()
        soon(lambda: blocked(guard, first))
        proxy.say(mode, cut_after=200)
        second = house.stop()
        connections = proxy.connections
        if mode in NOTHING_COMES:
            soon(lambda: guard.status()["red"] or guard.status()["rejected"])
            assert not blocked(guard, second)
        if mode in {Mode.SILENT, Mode.CUT, Mode.CORRUPT}:
            soon(lambda: proxy.connections > connections + 2)
        assert blocked(guard, first)
        assert not blocked(guard, "elsewhere")
        proxy.say(Mode.PASS)
        soon(lambda: blocked(guard, second))
        soon(lambda: guard.status()["red"] is None)
        assert blocked(guard, first)


def test_slow_news_is_news(house: House, tmp_path: Path) -> None:
    with behind(house, tmp_path, pace=Pace(report_s=0.1)) as (proxy, guard):
        proxy.say(Mode.SLOW)
        region = house.stop()
        soon(lambda: blocked(guard, region))


def test_an_older_snapshot_that_is_sent_again_is_refused(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was recorded goes on to the stop, and a poll brings that too: the refusal is counted, not waited for."""
    with behind(house, tmp_path) as (proxy, guard):
        assert b'"body"' in proxy.recorded
        region = house.stop()
        soon(lambda: blocked(guard, region))
        seen, before = guard.status()["generation"], guard._parts.intake.rejections
        proxy.say(Mode.REPLAY)
        soon(lambda: guard._parts.intake.rejections > before)
        assert (guard.status()["generation"], blocked(guard, region)) == (seen, True)
        with guard_at(proxy, house, tmp_path, init_wait=0) as again:  # nor after a restart
            soon(lambda: again._parts.intake.rejections)
            assert blocked(again, region)
        assert {*re.findall(r"refused a snapshot: (\w+)", caplog.text)} == {"older"}
        proxy.say(Mode.PASS)
        soon(lambda: guard.status()["rejected"] is None)


@pytest.mark.parametrize("mode", NOTHING_COMES, ids=lambda mode: mode.value)
def test_a_start_never_raises_and_serves_what_was_kept(
    mode: Mode, house: House, tmp_path: Path
) -> None:
    with behind(house, tmp_path) as (proxy, guard):
        region = house.stop()
        soon(lambda: blocked(guard, region))
        guard.close()
        proxy.say(mode, cut_after=200)
        for folder, kept in ((tmp_path, True), (tmp_path / "new", False)):
            with guard_at(proxy, house, folder, init_wait=0) as started:
                assert blocked(started, region) is kept
                assert started.state == ("fresh" if kept else "none")


def test_a_start_behind_silence_is_over_before_anything_was_heard(
    house: House, tmp_path: Path
) -> None:
    with FaultProxy(house.address) as proxy:
        proxy.say(Mode.SILENT)
        waiting = Pace(silence_s=60.0, answer_s=60.0)
        with guard_at(proxy, house, tmp_path, init_wait=0.05, pace=waiting) as guard:
            assert not guard._parts.feed.settled.is_set()
            assert guard.protect(lambda: 0.4)().value == 0.4
            proxy.say(Mode.PASS)
            soon(lambda: guard.is_ready)


def test_a_start_behind_a_refusal_does_not_wait(house: House, tmp_path: Path) -> None:
    with FaultProxy(house.address) as proxy:
        proxy.say(Mode.REFUSE)
        with guard_at(proxy, house, tmp_path, init_wait=3_600.0) as guard:
            assert guard.state == "none"
            proxy.say(Mode.PASS)
            soon(lambda: guard.is_ready)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_thousand_reconnects_leave_nothing_behind(house: House, tmp_path: Path) -> None:
    eager = Pace(
        first_back_off_s=0.001, most_back_off_s=0.001, lowered_s=60.0, report_s=5.0, answer_s=5.0, poll_s=0.001
    )  # fmt: skip
    with behind(house, tmp_path, pace=eager) as (proxy, guard):
        region = house.stop()
        soon(lambda: blocked(guard, region))
        threads, files = threading.active_count(), open_files()
        proxy.say(Mode.CUT, cut_after=0)
        ends = proxy.connections + 1_000
        while proxy.connections < ends:
            assert blocked(guard, region)
            soon(lambda: proxy.connections > ends - 1_000)
        proxy.say(Mode.PASS)
        second = house.stop()
        soon(lambda: blocked(guard, second))
        soon(lambda: threading.active_count() <= threads + 4)
        soon(lambda: open_files() <= files + 8)


def test_a_token_that_is_refused_is_red_and_the_snapshot_stays(
    house: House, tmp_path: Path
) -> None:
    with behind(house, tmp_path) as (proxy, guard):
        region = house.stop()
        soon(lambda: blocked(guard, region))
        guard.close()
        nobody = {"token": "mws_of_nobody", "init_wait": 0}
        with guard_at(proxy, house, tmp_path, **nobody) as refused:
            soon(lambda: "401" in str(refused.status()["red"]))
            assert blocked(refused, region)
            assert refused.status()["source"] == "persisted"


def test_all_faults_one_after_the_other_lose_no_stop(house: House, tmp_path: Path) -> None:
    with ExitStack() as stack:
        proxy, guard = stack.enter_context(behind(house, tmp_path))
        regions = []
        for mode in (*BAD, *reversed(BAD)):
            proxy.say(mode, cut_after=300)
            regions.append(house.stop())
        proxy.say(Mode.PASS)
        soon(lambda: all(blocked(guard, region) for region in regions))
