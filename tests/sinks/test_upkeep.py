"""The ledger says how far its copies are, which is behind, and which differs (LG-9, LG-50, LG-51)."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.sinks.upkeep import Upkeep
from modelwarden.values.clock import SystemClock
from modelwarden.warden.warden import open_warden
from tests.sinks.brokers import mock_cluster, produced
from tests.store.deeds import bodies, define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

NUMBERS = itertools.count()


class Later:
    """A steady clock that can be set forward."""

    def __init__(self) -> None:
        self.by = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.by


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """Give the addresses of a mock cluster."""
    with mock_cluster() as address:
        yield address


@pytest.fixture
def topic() -> str:
    """Return the name of a fresh topic."""
    return f"upkeep.{next(NUMBERS)}"


@pytest.fixture
def copied(tmp_path: Path, brokers: str, topic: str) -> Iterator[Warden]:
    """Open a warden with a sink that holds everything so far."""
    url = f"sqlite:///{tmp_path}/warden.db"
    with open_warden(url, sinks=(f"kafka://{brokers}/{topic}",)) as warden:
        for n in range(5):
            submitted(warden, define(f"role{n}"))
        _caught_up(warden)
        yield warden


def _caught_up(warden: Warden) -> None:
    for _ in range(300):
        if warden.sinks[0].follower.lag() == 0:
            warden.sinks[0].follower._save(force=True)
            return
        threading.Event().wait(0.1)
    raise AssertionError(warden.sinks[0].follower.failing)


def _upkeep(warden: Warden, clock: Later | None = None) -> Upkeep:
    return Upkeep(
        warden,
        warden.store,
        warden.sinks,
        warden.followers,
        SystemClock(),
        clock or Later(),
        far_ends=warden.far_ends,
    )


def _told(warden: Warden, kind: str) -> list[dict[str, Any]]:
    return [body["fact"] for body in bodies(warden) if body["type"] == kind]


def test_how_far_a_sink_is_is_recorded_once_it_moved(copied: Warden) -> None:
    upkeep = _upkeep(copied)
    upkeep.seal()
    upkeep.seal()
    (told,) = _told(copied, "sink.sealed")
    assert (told["sink"], told["next_seq"]) == ("kafka", 6)
    _caught_up(copied)
    upkeep.seal()  # only the seal itself was added
    assert len(_told(copied, "sink.sealed")) == 1


def test_a_copy_that_is_read_back_whole_tells_nothing(copied: Warden) -> None:
    _upkeep(copied).read_back()
    assert _told(copied, "sink.differs") == []


def test_a_copy_that_was_written_to_by_others_is_told_once(
    copied: Warden, brokers: str, topic: str
) -> None:
    copied.sinks[0].follower.close()
    origin = copied.store.around.keyring.origin.encode()
    produced(brokers, topic, b"no line", key=origin)
    submitted(copied, define("next"))
    upkeep = _upkeep(copied)
    with copied.store.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE follower_positions SET next_seq = 7 WHERE name LIKE 'sink%'"
        )
    upkeep.read_back()
    upkeep.read_back()
    assert [(each["sink"], each["seq"]) for each in _told(copied, "sink.differs")] == [("kafka", 6)]


def test_a_sink_that_is_behind_for_a_quarter_of_an_hour_is_told_and_so_is_its_recovery(
    copied: Warden,
) -> None:
    copied.sinks[0].follower.close()
    submitted(copied, define("unsent"))
    clock = Later()
    upkeep = _upkeep(copied, clock)
    upkeep.look()
    assert _told(copied, "sink.behind") == []
    clock.by = 16 * 60
    upkeep.look()
    upkeep.look()
    (told,) = _told(copied, "sink.behind")
    assert (told["sink"], told["entries"]) == ("kafka", 1)
    with copied.store.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE follower_positions SET next_seq = 8, entry_hash ="
            " (SELECT entry_hash FROM ledger_entries WHERE seq = 7) WHERE name LIKE 'sink%'"
        )
    upkeep.look()
    assert [each["sink"] for each in _told(copied, "sink.recovered")] == ["kafka"]


def test_a_follower_that_stopped_for_good_is_told_once(copied: Warden) -> None:
    follower = copied.sinks[0].follower
    follower.close()
    follower.stopped = ValueError("another past")
    upkeep = _upkeep(copied)
    upkeep.look()
    upkeep.look()
    assert [each["follower"] for each in _told(copied, "follower.stopped")] == ["sink.kafka"]
