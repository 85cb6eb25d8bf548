"""Entries to a Kafka topic: our step, every message acknowledged, beside the bare client with the same bytes.

The broker is a real one on this machine, with every message flushed to the disk before it is acknowledged, where `mvn`
and `java` are at hand; else librdkafka's mock cluster, which keeps messages in memory.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Final

from confluent_kafka import Producer

from benchmarks import table
from benchmarks.clockwork import Work, rates
from benchmarks.row import Row, at_least
from modelwarden.ledger.entry import Stored, chain_start, line
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.kafka import KafkaSink, client_settings, topic_of
from modelwarden.store import entries
from modelwarden.store.database import Database
from modelwarden.store.follower import Position
from tests.services import kafka
from tests.sinks.brokers import mock_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.workbench import Workbench

COUNT: Final = 50_000
BATCH: Final = 1_000


def measure(bench: Workbench) -> list[Row]:
    ledger = bench.ledger(10_000 if bench.quick else COUNT)
    rows = _rows(ledger.settings.url)
    start = chain_start(ledger.origin)
    with _broker(bench.folder_for("kafka")) as (address, what):
        numbers = itertools.count()
        works = {
            "ours": Work(len(rows), lambda: _follow(address, next(numbers), ledger.origin, rows)),
            "bare": Work(len(rows), lambda: _produce(address, next(numbers), rows, start)),
        }
        rates(works, rounds=1)  # the broker warms up
        found = rates(works, rounds=3)
    return [
        Row(
            what=f"{len(rows):,} entries in batches of {BATCH:,}, {what}",
            ours=found["ours"],
            unit="/s",
            beside="the bare client, the same bytes",
            peer=found["bare"],
            is_limit=True,
            target=at_least(20_000),
        )
    ]


def _rows(url: str) -> list[Stored]:
    database = Database(url)
    with database.reading() as connection:
        found = [Stored(*row) for part in entries.between(connection, 0, 2**62) for row in part]
    database.close()
    return found


def _follow(address: str, number: int, origin: str, rows: Sequence[Stored]) -> None:
    parsed, before = parse_address(f"kafka://{address}/ours.{number}"), chain_start(origin)
    sink = KafkaSink(client_settings(parsed), topic_of(parsed), origin)
    sink.begin(Position(0, before))
    for first in range(0, len(rows), BATCH):
        batch = rows[first : first + BATCH]
        sink(batch, before)
        before = batch[-1].entry_hash
    sink.close()


def _produce(address: str, number: int, rows: Sequence[Stored], before: bytes) -> None:
    producer = Producer(
        {"bootstrap.servers": address, "acks": "all", "enable.idempotence": True, "linger.ms": 5}
    )
    for first in range(0, len(rows), BATCH):
        for stored in rows[first : first + BATCH]:
            producer.produce(f"bare.{number}", value=line(stored, before), key=b"k", partition=0)
            before = stored.entry_hash
        assert producer.flush(60) == 0


@contextlib.contextmanager
def _broker(folder: Path) -> Iterator[tuple[str, str]]:
    if kafka.reason_for_none() is None:
        with kafka.running(folder) as broker:
            yield broker.address, "a real broker, flushed"
    else:
        with mock_cluster() as address:
            yield address, "librdkafka's mock cluster"


CLAIM: Final = table.Claim("sink_kafka", "Entries to Kafka", measure)

if __name__ == "__main__":
    table.run([CLAIM])
