"""A copy verifies by itself, with a key and a checkpoint from elsewhere, and copies are held against each other."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import Unreadable
from modelwarden.sinks.actions import verify_copies
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.kafka import open_sink
from modelwarden.sinks.verifying import Asked, cross_check, verify_copy
from modelwarden.store.follower import Follower
from modelwarden.warden.warden import open_warden
from tests.sinks.brokers import mock_cluster, produced
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """Give the addresses of a mock cluster."""
    with mock_cluster() as address:
        yield address


def _copied(warden: Warden, brokers: str) -> str:
    address = f"kafka://{brokers}/copy.{next(NUMBERS)}"
    sink = open_sink(parse_address(address), warden.store)
    Follower(address, warden.store, sink).follow_once()
    return address


@pytest.fixture
def ledger(sqlite_warden: Warden) -> Warden:
    """Return a warden with some entries."""
    for n in range(9):
        submitted(sqlite_warden, define(f"role{n}"))
    return sqlite_warden


def _asked(warden: Warden, *, first: int = 0, last: int | None = None) -> Asked:
    note = warden.audit.checkpoint().note.encode()
    return Asked(trusted=warden.audit.keys(), remembered=(note,), first=first, last=last)


def test_a_copy_verifies_with_a_key_and_a_checkpoint_alone(ledger: Warden, brokers: str) -> None:
    result = verify_copy(_copied(ledger, brokers), _asked(ledger))
    assert (result.problems, result.size, result.uncovered) == ((), 10, 0)
    assert result.signer == ledger.audit.keys()[0]


def test_without_a_key_the_result_says_so(ledger: Warden, brokers: str) -> None:
    result = verify_copy(_copied(ledger, brokers), Asked())
    assert result.ok
    assert [note.partition(":")[0] for note in result.not_checked] == ["unpinned", "unsigned"]


def test_a_part_of_a_copy_verifies(ledger: Warden, brokers: str) -> None:
    result = verify_copy(_copied(ledger, brokers), _asked(ledger, first=3, last=6))
    assert (result.problems, result.first, result.size) == ((), 3, 7)


def test_a_copy_that_ends_early_is_named(ledger: Warden, brokers: str) -> None:
    address = _copied(ledger, brokers)
    submitted(ledger, define("later"))
    result = verify_copy(address, _asked(ledger))
    assert [(p.code, p.seq) for p in result.problems] == [("entry_missing", 10)]


def test_a_line_that_was_added_is_named(ledger: Warden, brokers: str) -> None:
    address = _copied(ledger, brokers)
    produced(
        brokers, address.rpartition("/")[2], b"{}", key=ledger.store.around.keyring.origin.encode()
    )
    result = verify_copy(address, _asked(ledger))
    assert ("line_invalid", 10) in [(p.code, p.seq) for p in result.problems]


def test_an_empty_place_is_unreadable(brokers: str) -> None:
    with pytest.raises(Unreadable):
        verify_copy(f"kafka://{brokers}/nothing.there", Asked())


def test_two_copies_of_one_ledger_agree(ledger: Warden, brokers: str) -> None:
    first = _copied(ledger, brokers)
    submitted(ledger, define("later"))
    second = _copied(ledger, brokers)
    assert cross_check([first, second]).problems == ()


def test_copies_that_differ_are_named_with_the_first_entry_that_does(
    ledger: Warden, brokers: str
) -> None:
    one, other = _copied(ledger, brokers), f"kafka://{brokers}/other.{next(NUMBERS)}"
    lines = [f'{{"seq":{n}}}'.encode() for n in range(3)]
    produced(brokers, other.rpartition("/")[2], *lines)
    assert [(p.code, p.seq) for p in cross_check([one, other]).problems] == [("sink_differs", 0)]


def test_progress_is_told(ledger: Warden, brokers: str) -> None:
    told: list[int] = []
    for n in range(1_200):
        submitted(ledger, define(f"more{n}"))
    address = f"kafka://{brokers}/copy.{next(NUMBERS)}"
    follower = Follower(address, ledger.store, open_sink(parse_address(address), ledger.store))
    while follower.follow_once():
        pass
    assert verify_copy(address, _asked(ledger), progress=told.append).ok
    assert told == [1_000]


def test_a_report_says_of_each_step_what_a_copy_shows(tmp_path: Path) -> None:
    places = (f"worm://{tmp_path}/worm?immutable=false", f"tiles://{tmp_path}/tiles")
    with open_warden(f"sqlite:///{tmp_path}/warden.db", sinks=places) as warden:
        submitted(warden, define("role"))
        warden.sign()
        for sink in warden.sinks:
            while sink.follower.lag():
                sink.follower.wake()
        asked = _asked(warden)
    worm, tiles = verify_copies(places, asked)
    assert (worm.ok, tiles.ok) == (True, True)
    chain = [(step.number, step.status) for step in (*worm.steps, *tiles.steps) if step.number == 5]
    assert chain == [(5, "proved"), (5, "not_checked")]
    assert [step.status for step in worm.steps if step.number == 10] == ["proved"]
