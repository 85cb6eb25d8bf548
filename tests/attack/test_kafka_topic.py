"""Somebody else writes to the topic, or the database was put back: the sink passes over no entry because of it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SinkDiffers
from modelwarden.ledger.entry import Stored, line, parse_line
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.kafka import open_copy, open_sink
from modelwarden.store import entries
from modelwarden.store.follower import Follower
from tests.sinks.brokers import mock_cluster, produced
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.warden.warden import Warden

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    with mock_cluster() as address:
        yield address


@pytest.fixture
def address(brokers: str) -> str:
    return f"kafka://{brokers}/attacked.{next(NUMBERS)}"


def _follower(warden: Warden, address: str) -> Follower:
    return Follower("sink.kafka", warden.store, open_sink(parse_address(address), warden.store))


def _numbers(address: str) -> list[int]:
    return [
        parse_line(data).stored.seq
        for data in open_copy(parse_address(address), origin=None).lines()
    ]


def _put(address: str, *values: bytes) -> None:
    parsed = parse_address(address)
    produced(parsed.place, parsed.path.strip("/"), *values)


@pytest.mark.parametrize("seq", [3, 1_000, 2**63, 10**19 - 1])
def test_a_line_with_a_number_from_the_future_stops_the_sink_before_it_skips_anything(
    sqlite_warden: Warden, address: str, seq: int
) -> None:
    _follower(sqlite_warden, address).follow_once()
    _put(address, line(Stored(seq, b"{}", b"\0" * 32, b"\0" * 32), b"\0" * 32))
    submitted(sqlite_warden, define("one"))
    follower = _follower(sqlite_warden, address)
    with pytest.raises(SinkDiffers, match="does not have"):
        follower.follow_once()
    assert follower.lag() == 1


def test_a_line_of_ours_put_there_early_hides_none_of_those_before(
    sqlite_warden: Warden, address: str
) -> None:
    _follower(sqlite_warden, address).follow_once()
    for n in range(5):
        submitted(sqlite_warden, define(f"role{n}"))
    with sqlite_warden.store.database.reading() as connection:
        (last,) = entries.lines(connection, sqlite_warden.store.around.keyring.origin, 5, 5)
    _put(address, last)
    _follower(sqlite_warden, address).follow_once()
    submitted(sqlite_warden, define("after"))
    _follower(sqlite_warden, address).follow_once()
    parsed = parse_address(address)
    seen = _values(parsed.place, parsed.path.strip("/"))
    assert {parse_line(value).stored.seq for value in seen} == set(range(7))


def _values(brokers: str, topic: str) -> list[bytes]:
    from modelwarden.sinks.kafka_client import Reading, reader, watermarks  # noqa: PLC0415

    with reader({"bootstrap.servers": brokers}) as consumer:
        low, high = watermarks(consumer, topic)
        return [message.value() or b"" for message in Reading(consumer, topic, low, high)]


@pytest.mark.parametrize("value", [b"", b"\xff" * 900_000, b"{" * 900_000, b"[" * 900_000])
def test_what_is_no_line_at_the_end_stops_the_sink(
    sqlite_warden: Warden, address: str, value: bytes
) -> None:
    _follower(sqlite_warden, address).follow_once()
    _put(address, value)
    submitted(sqlite_warden, define("one"))
    with pytest.raises(SinkDiffers):
        _follower(sqlite_warden, address).follow_once()


def test_a_forged_position_is_noticed_by_the_topic(sqlite_warden: Warden, address: str) -> None:
    _follower(sqlite_warden, address).follow_once()
    for n in range(3):
        submitted(sqlite_warden, define(f"role{n}"))
    with sqlite_warden.store.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE follower_positions SET next_seq = 3, entry_hash ="
            " (SELECT entry_hash FROM ledger_entries WHERE seq = 2) WHERE name = 'sink.kafka'"
        )
    with pytest.raises(SinkDiffers, match="lost entries"):
        _follower(sqlite_warden, address).follow_once()
