"""librdkafka's own mock cluster: brokers in this process, in memory, which speak the protocol."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import Producer

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
