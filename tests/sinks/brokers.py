"""librdkafka's own mock cluster, in this process and in memory; and what any other program does with a topic."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def mock_cluster(brokers: int = 3) -> Iterator[str]:
    """Run a mock cluster and give the addresses of its brokers; it ends with the client that holds it."""
    holder = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": brokers})
    found = holder.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in found)
    del holder


def produced(address: str, topic: str, *values: bytes, key: bytes = b"someone") -> None:
    """Put messages into partition 0, as any other program could."""
    producer = Producer({"bootstrap.servers": address, "acks": "all"})
    refused: list[object] = []
    for value in values:
        producer.produce(
            topic, value=value, key=key, partition=0, on_delivery=lambda e, _: refused.append(e)
        )
    producer.flush(10)
    assert [error is None for error in refused] == [True] * len(values)


def ended(address: str, topic: str) -> int:
    """Return how many messages partition 0 ever took; 0 before the topic is there."""
    with closing(_reader(address)) as reader:
        try:
            return int(reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1])
        except KafkaException:
            return 0


def consumed(address: str, topic: str) -> list[tuple[int, bytes]]:
    """Read partition 0 as any other program could: `ce_id` and value of each message, in order, repeats among them."""
    found: list[tuple[int, bytes]] = []
    with closing(_reader(address)) as reader:
        first, end = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        reader.assign([TopicPartition(topic, 0, first)])
        while len(found) < end - first:
            for message in reader.consume(1_000, timeout=30):
                assert message.error() is None
                headers = dict(message.headers() or ())
                value = message.value()
                assert isinstance(value, bytes)
                found.append((int(headers["ce_id"]), value))
    return found


def _reader(address: str) -> Consumer:
    settings = {"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False}
    return Consumer(settings | {"auto.offset.reset": "earliest", "log_level": 0})
