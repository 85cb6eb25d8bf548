"""What an endpoint is told: the news of one entry, of many in one digest, or a test. Pure.

A body is canonical JSON, so that each try of a message has the same bytes. It holds what the entry holds in ids,
numbers and digests; words only where the subscription asks for them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.audit.search import types_of
from modelwarden.facts.catalogue import TYPES
from modelwarden.facts.kinds import Severity
from modelwarden.values.canonical import encode
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.notify.endpoint import Endpoint

RANK: Final = {severity.value: rank for rank, severity in enumerate(Severity)}
OWN_NEWS: Final = frozenset({"delivery.abandoned", "endpoint.down"})
"""What an endpoint is never told of itself (NO-2)."""
MOST_ITEMS: Final = 100
_COMMITMENT: Final = re.compile(r"\bCommitment\b")


class Message(NamedTuple):
    """What is sent: under which id, about which entries, ends included, and the bytes."""

    id: str
    first: int
    last: int
    body: bytes


def wants(endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
    """Tell whether an entry belongs to what an endpoint subscribed to."""
    kind = str(body.get("type"))
    if kind in OWN_NEWS and body.get("fact", {}).get("endpoint") == endpoint.id:
        return False
    if RANK.get(str(body.get("severity")), 0) < RANK[endpoint.severity.value]:
        return False
    if endpoint.types and kind not in meant(endpoint.types):
        return False
    return not endpoint.subjects or bool(_concerned(body) & set(endpoint.subjects))


@lru_cache(maxsize=256)
def meant(words: tuple[str, ...]) -> frozenset[str]:
    """Return the types that a subscription's words mean."""
    return frozenset(name for word in words for name in types_of(word))


def commitments_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Return field → commitment of each text that an entry's fact has."""
    kind = TYPES.get(str(body.get("type")))
    if kind is None:
        return {}
    fact = body.get("fact", {})
    return {
        name: fact[name]
        for name in kind.field_names
        if _COMMITMENT.search(str(kind.fact.__dataclass_fields__[name].type))
        and isinstance(fact.get(name), str)
    }


def news(
    seq: int, body: Mapping[str, Any], *, origin: str, texts: Mapping[str, str] | None = None
) -> Message:
    """Return the message about one entry; `texts` are the words behind its fields."""
    told: dict[str, Any] = {
        "v": 1,
        "ledger": origin,
        "seq": seq,
        "type": body["type"],
        "at": body["at"],
        "severity": body["severity"],
        "outcome": body["outcome"],
        "actor": body["actor"]["id"],
        "about": sorted(_concerned(body)),
        "fact": body["fact"],
    }
    if texts:
        told["texts"] = dict(texts)
    return Message(str(seq), seq, seq, encode(told))


def ping(endpoint: str, *, origin: str, now: datetime) -> Message:
    """Return a message that says nothing but that messages arrive. Its id is no sequence number."""
    told = {"v": 1, "ledger": origin, "type": "ping", "at": timestamp(now), "endpoint": endpoint}
    return Message(f"ping-{endpoint}-{int(now.timestamp() * 1_000)}", 0, 0, encode(told))


@dataclass(slots=True)
class Digest:
    """Many entries on their way into one message: how many of each type, and the grave ones singly."""

    first: int | None = None
    last: int = 0
    types: Counter[str] = field(default_factory=Counter)
    severities: Counter[str] = field(default_factory=Counter)
    items: list[dict[str, Any]] = field(default_factory=list)

    def add(self, seq: int, body: Mapping[str, Any]) -> None:
        """Take one more entry in."""
        self.first = seq if self.first is None else self.first
        self.last = seq
        self.types[body["type"]] += 1
        self.severities[body["severity"]] += 1
        if RANK[body["severity"]] >= RANK[Severity.HIGH.value] and len(self.items) < MOST_ITEMS:
            taken = ("type", "at", "severity", "outcome")
            self.items.append({"seq": seq} | {name: body[name] for name in taken})

    def message(self, *, origin: str) -> Message | None:
        """Return the message, or None where nothing was taken in. Keys of its counts are no names of fields."""
        if self.first is None:
            return None
        told = {
            "v": 1,
            "ledger": origin,
            "type": "digest",
            "first": self.first,
            "last": self.last,
            "count": self.types.total(),
            "types": [{"type": name, "count": n} for name, n in sorted(self.types.items())],
            "severities": {name.lower(): n for name, n in sorted(self.severities.items())},
            "items": self.items,
        }
        return Message(f"{self.first}-{self.last}", self.first, self.last, encode(told))


def _concerned(body: Mapping[str, Any]) -> set[str]:
    moved = {f"{each['kind']}:{each['id']}" for each in body.get("objects", ())}
    return moved | set(body.get("about", ()))
