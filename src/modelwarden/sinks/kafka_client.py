"""How we speak to Kafka: settings of the client, the end of a topic, and a reader that leaves no trace."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import LineInvalid, SettingInvalid, SinkDiffers, SinkUnusable
from modelwarden.ledger.entry import parse_line
from modelwarden.sinks.secret import read_secret

try:
    from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
except ModuleNotFoundError as error:
    raise SettingInvalid("Kafka needs the extra: pip install 'modelwarden[kafka]'") from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

    from modelwarden.sinks.address import SinkAddress

__all__ = [
    "PARTITION",
    "KafkaException",
    "Producer",
    "Reading",
    "client_settings",
    "end_of",
    "entries_since",
    "partitions",
    "reader",
    "topic_of",
    "watermarks",
]

TOPIC: Final = "modelwarden.ledger"
PARTITION: Final = 0
LOOK_S: Final = 10.0
OPTIONS: Final = frozenset(
    {"security", "ca", "certificate", "key", "mechanism", "username", "password"}
)
SECURITY: Final = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
BACK: Final = 100
"""Offsets before the end that are looked at for the last message: markers of transactions take offsets too."""
MOST_AT_ONCE: Final = 1_000
MOST_LOOKED_FOR: Final = 20_000
LOG: Final = logging.getLogger("modelwarden.sinks.kafka")


def topic_of(address: SinkAddress) -> str:
    """Return the topic that an address names."""
    return address.path.strip("/") or TOPIC


def client_settings(address: SinkAddress) -> dict[str, Any]:
    """Return librdkafka's settings for an address; secrets are read here. Raises SettingInvalid."""
    options = address.known(OPTIONS)
    security = options.get("security", "plaintext")
    if security not in SECURITY:
        raise SettingInvalid(f"sink {address.name}: security is one of {', '.join(SECURITY)}")
    if not address.place:
        raise SettingInvalid(f"sink {address.name}: name a broker, as kafka://broker:9092/{TOPIC}")
    found: dict[str, Any] = {
        "bootstrap.servers": address.place,
        "client.id": "modelwarden",
        "security.protocol": security,
        "socket.timeout.ms": 20_000,
        "log_level": 3,
        "logger": LOG,
    }
    places = {
        "ca": "ssl.ca.location",
        "certificate": "ssl.certificate.location",
        "key": "ssl.key.location",
    }
    found |= {name: options[option] for option, name in places.items() if option in options}
    unused = {"username", "password", "mechanism"} if not security.startswith("sasl") else set()
    unused |= {"ca", "certificate", "key"} if "ssl" not in security else set()
    if unused & set(options):
        raise SettingInvalid(
            f"sink {address.name}: {', '.join(sorted(unused & set(options)))} would not be used with"
            f" security={security}; say security=ssl or sasl_ssl"
        )
    if security.startswith("sasl"):
        if not {"username", "password"} <= set(options):
            raise SettingInvalid(
                f"sink {address.name}: {security} needs username= and password=, as references"
            )
        found["sasl.mechanism"] = options.get("mechanism", "SCRAM-SHA-512")
        found["sasl.username"] = read_secret(options["username"])
        found["sasl.password"] = read_secret(options["password"])
    return found


class End(NamedTuple):
    """Where our partition ends: the offset behind its last message, and what that message was, unless it is gone."""

    offset: int
    entry: tuple[int, bytes] | None


def end_of(settings: dict[str, Any], topic: str) -> End:
    """Return where the topic ends; at offset 0 if it is not there yet. Raises SinkUnusable, SinkDiffers."""
    last: Message | None = None
    with reader(settings) as consumer:
        if not partitions(consumer, topic):
            return End(0, None)
        low, high = watermarks(consumer, topic)
        for message in Reading(consumer, topic, max(low, high - BACK), high):
            last = message
    if last is None:
        return End(high, None)
    try:
        stored = parse_line(last.value() or b"").stored
    except LineInvalid as error:
        raise SinkDiffers(
            f"the last message of the topic {topic} is no entry of a ledger"
        ) from error
    return End(high, (stored.seq, stored.entry_hash))


def entries_since(settings: dict[str, Any], topic: str, end: int, count: int) -> dict[int, bytes]:
    """Return the hashes of the last `count` entries before an offset, by number; of repeats the last one counts.

    Of more than some thousands not all are looked for: whoever asks sends again what is not found.
    """
    found: dict[int, bytes] = {}
    with reader(settings) as consumer:
        low, high = watermarks(consumer, topic)
        begin = max(low, end - BACK - min(count, MOST_LOOKED_FOR))
        for message in Reading(consumer, topic, begin, min(end, high)):
            with contextlib.suppress(LineInvalid):
                stored = parse_line(message.value() or b"").stored
                found[stored.seq] = stored.entry_hash
    return found


@contextlib.contextmanager
def reader(settings: dict[str, Any]) -> Iterator[Consumer]:
    """Open a consumer that belongs to no group: it commits nothing and needs no right but to read."""
    consumer = Consumer(
        {
            **settings,
            "group.id": "modelwarden-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


class Reading:
    """The messages of our partition from one offset up to another, which is not among them. Raises SinkUnusable."""

    def __init__(self, consumer: Consumer, topic: str, low: int, high: int) -> None:
        self._consumer, self._topic, self._low, self._high = consumer, topic, low, high

    def __iter__(self) -> Iterator[Message]:
        if self._low >= self._high:
            return
        self._consumer.assign([TopicPartition(self._topic, PARTITION, self._low)])
        offset = self._low - 1
        while offset < self._high - 1:
            # It waits for as many as are asked for: no more than can still come.
            found = self._consumer.consume(min(MOST_AT_ONCE, self._high - 1 - offset), LOOK_S)
            if not found:
                raise SinkUnusable(f"the topic {self._topic} can't be read on: no answer")
            for message in found:
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # so it is documented
                        return  # markers of transactions may take the last offsets
                    raise SinkUnusable(f"the topic {self._topic} can't be read: {error.str()}")
                offset = message.offset() or 0
                if offset < self._high:
                    yield message


def partitions(client: Consumer | Producer, topic: str) -> list[int]:
    """Return the topic's partitions, none where it is not there. Raises SinkUnusable when no broker answers."""
    try:
        found = client.list_topics(topic, timeout=LOOK_S).topics[topic]
    except KafkaException as error:
        raise SinkUnusable(f"no broker answers: {error.args[0].str()}") from error
    if found.error is None:
        return sorted(found.partitions)
    if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return []
    raise SinkUnusable(f"the topic {topic} can't be used: {found.error.str()}")


def watermarks(consumer: Consumer, topic: str) -> tuple[int, int]:
    """Return the first offset of our partition, and that behind the last. Raises SinkUnusable."""
    try:
        found = consumer.get_watermark_offsets(TopicPartition(topic, PARTITION), timeout=LOOK_S)
    except KafkaException as error:
        raise SinkUnusable(f"the topic {topic} can't be read: {error.args[0].str()}") from error
    if found is None:
        raise SinkUnusable(f"the topic {topic} can't be read: no answer")
    low, high = found
    return int(low), int(high)
