"""Entries to a Kafka topic: one ordered partition, every message acknowledged by all replicas in sync (LG-51).

`kafka://broker:9092,other:9092/topic`: the same lines as every copy (LG-43, without their LF), keyed by the ledger's
name, with CloudEvents headers (binary mode; `ce_id` is the sequence number). Delivered at least once: after a crash
some come again, and consumers drop them by their number. No call needs administrator's rights: the topic exists, or the
broker makes it. Retention is the topic's own: a topic alone is no archive.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from modelwarden.errors import SinkDiffers, SinkUnusable
from modelwarden.ledger.entry import line
from modelwarden.sinks.kafka_client import (
    PARTITION,
    KafkaException,
    Producer,
    client_settings,
    end_of,
    entries_since,
    partitions,
    topic_of,
)
from modelwarden.sinks.kafka_copy import KafkaCopy
from modelwarden.store import entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import KafkaError, Message

    from modelwarden.ledger.entry import Stored
    from modelwarden.sinks.address import SinkAddress
    from modelwarden.store.follower import Position
    from modelwarden.store.opening import Store

TIMEOUT_S: Final = 30.0
MOST_SEQ: Final = 2**63 - 1
"""A database counts no further; a line in a topic may."""


def open_sink(address: SinkAddress, store: Store) -> KafkaSink:
    """Return the sink; no broker is asked yet. Raises SettingInvalid."""
    return KafkaSink(client_settings(address), topic_of(address), store)


def open_copy(address: SinkAddress, *, origin: str | None) -> KafkaCopy:
    """Return what the topic holds. Raises Unreadable, SettingInvalid."""
    return KafkaCopy(client_settings(address), topic_of(address), origin)


class KafkaSink:
    """A follower's step that produces entries, and counts a batch only once every message was acknowledged."""

    def __init__(self, settings: dict[str, Any], topic: str, store: Store) -> None:
        self._settings, self._topic, self._store = settings, topic, store
        self._origin = store.around.keyring.origin
        self._producer: Producer | None = None
        self._held: dict[int, bytes] = {}  # what the topic holds already beyond the position
        self._acknowledged = 0
        self._refused: list[KafkaError] = []

    def begin(self, at: Position, /) -> None:
        """Compare the topic's last message with the position. Raises SinkDiffers, SinkUnusable."""
        self._forget_producer()
        self._held = {}
        end = end_of(self._settings, self._topic)
        if end.entry is None and (end.offset or not at.next_seq):
            return  # nothing was sent yet, or retention removed all of it
        seq, entry_hash = end.entry or (-1, b"")
        if seq >= at.next_seq:
            self._check_ahead(seq, entry_hash)
            self._held = self._unbroken(at.next_seq, seq, end.offset)
        elif seq < at.next_seq - 1:
            raise SinkDiffers(
                f"the topic {self._topic} ends with entry {seq}, but held {at.next_seq - 1} before: it lost entries."
                " Send all again under another name= of the sink; consumers drop repeats by their number"
            )
        elif entry_hash != at.entry_hash:
            raise SinkDiffers(
                f"the topic's entry {seq} is not the ledger's: another ledger wrote there"
            )

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> Position | None:
        """Produce a batch and wait until all of it is acknowledged. Raises SinkUnusable, SinkDiffers."""
        producer = self._producer or self._new_producer()
        self._acknowledged, self._refused, sent = 0, [], 0
        for stored in batch:
            if self._is_new(stored):
                self._produce(producer, stored, before)
                sent += 1
            before = stored.entry_hash
        left = producer.flush(TIMEOUT_S)
        if left or self._refused or self._acknowledged != sent:
            reason = self._refused[0].str() if self._refused else "no answer"
            self._forget_producer()
            raise SinkUnusable(
                f"{sent - self._acknowledged} of {sent} messages were not taken: {reason}"
            )
        return None

    def idle(self) -> Position | None:
        """Let the client do what is due."""
        if self._producer is not None:
            self._producer.poll(0)
        return None

    def probe(self) -> str:
        """Ask a broker for the topic. Raises SinkUnusable when none answers."""
        producer = self._producer or self._new_producer()
        count = len(partitions(producer, self._topic))
        if not count:
            return f"the topic {self._topic} is not there yet; the broker may make it"
        return f"topic {self._topic}, {count} partitions, of which we use number {PARTITION}"

    def close(self) -> None:
        """Drop what was not acknowledged."""
        self._forget_producer()

    def _check_ahead(self, seq: int, entry_hash: bytes) -> None:
        """Compare the topic's last entry, which lies beyond the position, with the ledger's. Raises SinkDiffers."""
        with self._store.database.reading() as connection:
            ours = entries.entry(connection, seq) if seq <= MOST_SEQ else None
        if ours is None:
            raise SinkDiffers(
                f"the topic {self._topic} ends with entry {seq}, which the ledger does not have: the database was put"
                " back to an older state, or somebody else wrote there"
            )
        if ours.entry_hash != entry_hash:
            raise SinkDiffers(
                f"the topic's entry {seq} is not the ledger's: another ledger wrote there"
            )

    def _unbroken(self, first: int, last: int, end: int) -> dict[int, bytes]:
        """Return what the topic holds of a range if that is all of it; otherwise nothing: then all is sent again."""
        count = last + 1 - first
        found = entries_since(self._settings, self._topic, end, count)
        held = {seq: entry_hash for seq, entry_hash in found.items() if first <= seq <= last}
        return held if len(held) == count else {}

    def _is_new(self, stored: Stored) -> bool:
        """Tell whether the topic lacks an entry; what it holds already has to be the same."""
        held = self._held.pop(stored.seq, None)
        if held is not None and held != stored.entry_hash:
            raise SinkDiffers(f"the topic's entry {stored.seq} is not the ledger's")
        return held is None

    def _produce(self, producer: Producer, stored: Stored, before: bytes) -> None:
        body = orjson.loads(stored.body)
        headers: list[tuple[str, str | bytes | None]] = [
            ("ce_specversion", "1.0"),
            ("ce_id", str(stored.seq)),
            ("ce_source", self._origin),
            ("ce_type", body["type"]),
            ("ce_time", body["at"]),
            ("content-type", "application/json"),
        ]
        while True:
            try:
                producer.produce(
                    self._topic,
                    value=line(stored, before).removesuffix(b"\n"),
                    key=self._origin,
                    partition=PARTITION,
                    headers=headers,
                    on_delivery=self._delivered,
                )
            except BufferError:  # the queue is full: let some go out
                producer.poll(0.1)
            except KafkaException as error:
                self._forget_producer()
                raise SinkUnusable(f"the client took no message: {error.args[0].str()}") from error
            else:
                return

    def _delivered(self, refused: KafkaError | None, _message: Message) -> None:
        if refused is None:
            self._acknowledged += 1
        else:
            self._refused.append(refused)

    def _new_producer(self) -> Producer:
        self._producer = Producer(
            {
                **self._settings,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.timeout.ms": int(TIMEOUT_S * 1_000),
            }
        )
        return self._producer

    def _forget_producer(self) -> None:
        """Drop the producer and what it still holds: the follower begins again behind what was acknowledged."""
        if self._producer is not None:
            with contextlib.suppress(KafkaException):
                self._producer.purge()
            self._producer = None
