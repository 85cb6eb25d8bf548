"""A real broker, killed in the middle of batches, stopped for a while, and asked again: nothing is lost (LG-51)."""

from __future__ import annotations

import os
import random
import signal
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from modelwarden.ledger.entry import parse_line
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.kafka import open_copy
from modelwarden.sinks.verifying import Asked, verify_copy
from modelwarden.warden.warden import open_warden
from tests.faults.processes import receipts, started
from tests.services import kafka
from tests.sinks import brokers
from tests.store.deeds import ME, define

if TYPE_CHECKING:
    import subprocess
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


@pytest.mark.soak
def test_fifty_followers_killed_at_random_moments_lose_and_double_nothing(
    broker: kafka.Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = "killed.followers"
    address = f"kafka://{broker.address}/{topic}"
    url, keys = f"sqlite:///{tmp_path}/w.db", tmp_path / "keys"
    monkeypatch.setenv("MODELWARDEN_SINKS", address)
    chance = random.Random(11)  # noqa: S311  # a seed: the choices come again, if not the moments
    answered: dict[int, tuple[str, str]] = {}
    for n in range(50):
        more = chance.choice((0, 1, 50, 300))
        child = started(url, keys, f"run{n}", count=100_000)
        answered |= _killed(child, broker, topic, more=more, pause_s=chance.random() * 0.05)
    with open_warden(url, keys_folder=keys) as warden:
        assert _caught_up(warden)
        size = warden.audit.checkpoint().size
        assert _whole(warden, address) == size
    with closing(open_copy(parse_address(address), origin=None)) as copy:
        for _ in copy.lines():
            pass
        assert tuple(copy.problems()) == ()
    _once(brokers.consumed(broker.address, topic), size, answered)


def _killed(
    child: subprocess.Popen[str], broker: kafka.Broker, topic: str, *, more: int, pause_s: float
) -> dict[int, tuple[str, str]]:
    """Kill a child a moment after it sent so many messages; return what it was answered before."""
    lines: list[str] = []
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        draining = threading.Thread(target=lines.extend, args=(child.stdout,))
        draining.start()
        start = brokers.ended(broker.address, topic)
        while brokers.ended(broker.address, topic) < start + more:
            assert child.poll() is None
        threading.Event().wait(pause_s)
        child.kill()
        draining.join()
    assert child.returncode == -signal.SIGKILL
    return receipts(lines)


def _once(
    messages: list[tuple[int, bytes]], size: int, answered: dict[int, tuple[str, str]]
) -> None:
    """Check what a reader sees that drops repeats by their number: each entry once, in order, and each answer kept."""
    seen: dict[int, bytes] = {}
    for seq, value in messages:
        assert seen.setdefault(seq, value) == value  # what comes again is the same
    assert list(seen) == list(range(size))
    for seq, (entry_hash, role) in answered.items():
        line = parse_line(seen[seq])
        assert line.stored.entry_hash.hex() == entry_hash, role
