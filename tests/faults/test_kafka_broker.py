"""A real broker, killed in the middle of batches, stopped for a while, and asked again: nothing is lost (LG-51)."""

from __future__ import annotations

import os
import random
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from modelwarden.sinks.address import parse_address
from modelwarden.sinks.kafka import open_copy
from modelwarden.sinks.verifying import Asked, verify_copy
from modelwarden.warden.warden import open_warden
from tests.faults.processes import started
from tests.services import kafka
from tests.store.deeds import ME, define

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

REASON = kafka.reason_for_none()

pytestmark = [
    pytest.mark.services,
    pytest.mark.matrix,
    pytest.mark.timeout(900),
    pytest.mark.skipif(REASON is not None and "CI" not in os.environ, reason=str(REASON)),
]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Broker]:
    """Run one broker for this file."""
    with kafka.running(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def _caught_up(warden: Warden) -> bool:
    (sink,) = warden.sinks
    for _ in range(1_200):
        if sink.follower.lag() == 0:
            return True
        threading.Event().wait(0.1)
    return False


def _write(warden: Warden, name: str, count: int) -> None:
    futures = [warden.submit(ME, define(f"{name}.{n}")) for n in range(count)]
    futures[-1].result(60)


def _whole(warden: Warden, address: str) -> int:
    """Verify the topic by itself against a signed checkpoint; return how many entries it holds, repeats left out."""
    size = warden.audit.checkpoint()
    key = warden.store.around.keyring.log_key.vkey
    found = verify_copy(address, Asked(trusted=(key,), remembered=(size.note.encode(),)))
    assert found.problems == ()
    return found.size


def test_a_broker_killed_in_mid_batch_loses_and_doubles_nothing(
    broker: kafka.Broker, tmp_path: Path
) -> None:
    chance = random.Random(7)  # noqa: S311  # a seed, so that a failure comes again
    address = f"kafka://{broker.address}/killed"
    with open_warden(f"sqlite:///{tmp_path}/w.db", sinks=(address,)) as warden:
        for n in range(5):
            timer = threading.Timer(chance.random() * 0.5, broker.kill)
            timer.start()
            _write(warden, f"run{n}", 5_000)
            timer.join()
            broker.start()
        assert _caught_up(warden)
        assert _whole(warden, address) == warden.audit.checkpoint().size


def test_an_outage_is_caught_up_with(broker: kafka.Broker, tmp_path: Path) -> None:
    address = f"kafka://{broker.address}/outage"
    with open_warden(f"sqlite:///{tmp_path}/w.db", sinks=(address,)) as warden:
        _write(warden, "before", 100)
        broker.stop()
        _write(warden, "during", 2_000)
        (sink,) = warden.sinks
        assert sink.follower.lag() >= 2_000
        broker.start()
        assert _caught_up(warden)
        assert _whole(warden, address) == warden.audit.checkpoint().size


def test_killed_followers_lose_nothing_and_repeats_are_the_same(
    broker: kafka.Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"kafka://{broker.address}/killed.followers"
    url, keys = f"sqlite:///{tmp_path}/w.db", tmp_path / "keys"
    monkeypatch.setenv("MODELWARDEN_SINKS", address)
    chance = random.Random(11)  # noqa: S311
    for n in range(10):
        child = started(url, keys, f"run{n}", count=400)
        assert child.stdout is not None
        with child:
            for number, _ in enumerate(child.stdout):
                if number > chance.randint(50, 800):
                    child.kill()
                    break
    with open_warden(url, keys_folder=keys) as warden:
        assert _caught_up(warden)
        assert _whole(warden, address) == warden.audit.checkpoint().size
    with closing(open_copy(parse_address(address), origin=None)) as copy:
        for _ in copy.lines():
            pass
        assert tuple(copy.problems()) == ()
