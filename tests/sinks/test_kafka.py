"""Entries reach a topic in order and at least once; what stands there has to be the ledger's (LG-51)."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from modelwarden.errors import SettingInvalid, SinkDiffers, SinkUnusable, Unreadable
from modelwarden.ledger.entry import parse_line
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.kafka import KafkaSink, open_copy, open_sink
from modelwarden.store import entries
from modelwarden.store.follower import Follower
from modelwarden.warden.warden import open_warden
from tests.sinks.brokers import mock_cluster, produced
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.sinks.kafka_copy import KafkaCopy
    from modelwarden.warden.warden import Warden

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """Give the addresses of a mock cluster; each test has a topic of its own."""
    with mock_cluster() as address:
        yield address


@pytest.fixture
def address(brokers: str) -> str:
    """Return a sink's address with a fresh topic."""
    return f"kafka://{brokers}/ledger.{next(NUMBERS)}"


def _sink(warden: Warden, address: str) -> KafkaSink:
    return open_sink(parse_address(address), warden.store)


def _follow(warden: Warden, address: str, *, name: str = "sink.kafka") -> Follower:
    return Follower(name, warden.store, _sink(warden, address))


def _copy(address: str, origin: str | None = None) -> KafkaCopy:
    return open_copy(parse_address(address), origin=origin)


def _numbers(address: str) -> list[int]:
    return [parse_line(data).stored.seq for data in _copy(address).lines()]


def _topic(address: str) -> str:
    return address.rpartition("/")[2]


def _messages(brokers: str, topic: str) -> list[Any]:
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "t"})
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    consumer.assign([TopicPartition(topic, 0, low)])
    found = [consumer.poll(10) for _ in range(high - low)]
    consumer.close()
    return found


def test_every_entry_reaches_the_topic_in_order(sqlite_warden: Warden, address: str) -> None:
    for n in range(30):
        submitted(sqlite_warden, define(f"role{n}"))
    _follow(sqlite_warden, address).follow_once()
    assert _numbers(address) == list(range(31))


def test_a_message_is_the_line_with_cloudevents_headers(
    sqlite_warden: Warden, brokers: str, address: str
) -> None:
    _follow(sqlite_warden, address).follow_once()
    (message,) = _messages(brokers, _topic(address))
    origin = sqlite_warden.store.around.keyring.origin
    line = json.loads(message.value())
    assert (message.key(), message.partition()) == (origin.encode(), 0)
    assert dict(message.headers()) == {
        "ce_specversion": b"1.0",
        "ce_id": b"0",
        "ce_source": origin.encode(),
        "ce_type": b"ledger.started",
        "ce_time": line["entry"]["at"].encode(),
        "content-type": b"application/json",
    }


def test_what_a_crash_did_not_save_is_not_sent_twice(sqlite_warden: Warden, address: str) -> None:
    _follow(sqlite_warden, address).follow_once()  # saves its position
    submitted(sqlite_warden, define("one"))
    crashed = _sink(sqlite_warden, address)
    Follower("another.name", sqlite_warden.store, crashed).follow_once()  # as if nothing was saved
    submitted(sqlite_warden, define("two"))
    _follow(sqlite_warden, address).follow_once()
    assert _numbers(address) == [0, 1, 2]


def test_another_ledger_s_topic_is_never_written_to(
    sqlite_warden: Warden, tmp_path: Path, address: str
) -> None:
    with open_warden(f"sqlite:///{tmp_path}/other.db") as other:
        _follow(other, address).follow_once()
        submitted(other, define("theirs"))
        _follow(other, address).follow_once()
    for n in range(3):
        submitted(sqlite_warden, define(f"role{n}"))
    with pytest.raises(SinkDiffers):
        _follow(sqlite_warden, address).follow_once()
    assert len(_numbers(address)) == 2


def test_a_topic_that_lost_its_end_stops_the_sink(
    sqlite_warden: Warden, brokers: str, address: str
) -> None:
    sink = _sink(sqlite_warden, address)
    Follower("first", sqlite_warden.store, sink).follow_once()
    for n in range(3):
        submitted(sqlite_warden, define(f"role{n}"))
    elsewhere = f"kafka://{brokers}/full.{_topic(address)}"
    follower = _follow(sqlite_warden, elsewhere)
    follower.follow_once()
    follower._save(force=True)
    with pytest.raises(SinkDiffers, match="lost entries"):
        _follow(sqlite_warden, address).follow_once()


def test_what_is_no_entry_at_the_end_stops_the_sink(
    sqlite_warden: Warden, brokers: str, address: str
) -> None:
    produced(brokers, _topic(address), b"hello")
    with pytest.raises(SinkDiffers, match="no entry of a ledger"):
        _follow(sqlite_warden, address).follow_once()


def test_no_broker_is_an_error_and_nothing_counts_as_done(sqlite_warden: Warden) -> None:
    follower = _follow(sqlite_warden, "kafka://127.0.0.1:1/topic")
    with pytest.raises(SinkUnusable, match="no broker answers"):
        follower.follow_once()
    assert follower.lag() == 1


def test_repeats_are_dropped_and_a_changed_one_is_named(
    sqlite_warden: Warden, brokers: str, address: str
) -> None:
    for n in range(3):
        submitted(sqlite_warden, define(f"role{n}"))
    _follow(sqlite_warden, address).follow_once()
    with sqlite_warden.store.database.reading() as connection:
        second = entries.entry(connection, 1)
    assert second is not None
    lines = [m.value() for m in _messages(brokers, _topic(address))]
    origin = sqlite_warden.store.around.keyring.origin.encode()
    forged = lines[2].replace(parse_line(lines[2]).stored.entry_hash.hex().encode(), b"0" * 64)
    produced(brokers, _topic(address), lines[1], lines[3], forged, key=origin)
    copy = _copy(address)
    assert [parse_line(data).stored.seq for data in copy.lines()] == [0, 1, 2, 3]
    assert [(p.code, p.seq) for p in copy.problems()] == [("sink_differs", 2)]


def test_a_reading_from_the_middle_begins_there(sqlite_warden: Warden, address: str) -> None:
    for n in range(9):
        submitted(sqlite_warden, define(f"role{n}"))
    _follow(sqlite_warden, address).follow_once()
    assert [parse_line(data).stored.seq for data in _copy(address).lines(6)] == [6, 7, 8, 9]


def test_messages_under_another_key_are_left_out_and_counted(
    sqlite_warden: Warden, brokers: str, address: str
) -> None:
    origin = sqlite_warden.store.around.keyring.origin
    _follow(sqlite_warden, address).follow_once()
    produced(brokers, _topic(address), b"{}", key=b"other")
    copy = _copy(address, origin)
    assert len(list(copy.lines())) == 1
    assert list(copy.not_checked()) == ["messages under another key: 1"]


def test_a_topic_that_is_not_to_be_read_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        list(_copy("kafka://127.0.0.1:1/topic").lines())


def test_probe_says_what_is_there(sqlite_warden: Warden, brokers: str, address: str) -> None:
    produced(brokers, _topic(address), b"hello")
    found = _sink(sqlite_warden, address).probe()
    assert found.startswith(f"topic {_topic(address)}, ")


def test_a_topic_that_is_not_there_is_unreadable(address: str) -> None:
    with pytest.raises(Unreadable, match="there is no topic"):
        list(_copy(address).lines())


@pytest.mark.parametrize(
    "text",
    [
        "kafka:///topic",
        "kafka://b:1/t?security=strong",
        "kafka://b:1/t?security=sasl_ssl",
        "kafka://b:1/t?security=sasl_ssl&username=ada&password=secret",
        "kafka://b:1/t?acks=1",
    ],
)
def test_an_address_that_can_t_work_is_refused(sqlite_warden: Warden, text: str) -> None:
    with pytest.raises(SettingInvalid) as found:
        _sink(sqlite_warden, text)
    assert "ada" not in str(found.value)
    assert "secret" not in str(found.value).replace("a secret", "")
