"""The body of a snapshot and its signed head, as guards read them (SG-15, SG-16). Pure.

Equal states of the database and equal settings give equal bytes. No reason and no name of a person stands in one.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import SnapshotTooLarge
from modelwarden.guard.snapshot import SCHEMA, Floor
from modelwarden.guard.wire import HEAD_TYPE, MAX_BODY_BYTES
from modelwarden.ledger.dsse import seal
from modelwarden.values.canonical import encode, encode_any
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.ledger.keys import SigningKey

STATIC: Final = "static"
CLOSED: Final = "closed"
FAILS: Final = frozenset({STATIC, CLOSED})
"""What guards do without news for too long: go on, or block (SG-21)."""


class Topic(NamedTuple):
    """Whose snapshot it is."""

    environment: str
    model: str


class Registered(NamedTuple):
    """A version that has an artifact, by the digest of it, with the contract that was registered with it (SG-34)."""

    label: str
    sha256: str
    contract: Mapping[str, Any] = MappingProxyType({})

    def says(self, member: str) -> list[dict[str, Any]]:
        """Return the limits, or the times that are looked at, each with the version that it holds for."""
        return [{"version": self.label, **each} for each in self.contract.get(member, ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one snapshot says.

    Attributes:
        at: epoch of the ledger, and the number of the entry that last changed what stands here.
        dimensions: those that are configured beside the fixed ones.
        switches: the rules of those that may match, oldest first.
        versions: by label.
        drift: edges of versions; left out where there is no room.
        faults: of the drills that run, oldest first.
        sections: members that other parts of the room fill, instead of what stands there without them.
    """

    topic: Topic
    at: Floor
    model_type: str | None
    fails: str
    dimensions: Sequence[str]
    switches: Sequence[Mapping[str, Any]]
    versions: Sequence[Registered]
    drift: Mapping[str, Any] | None = None
    faults: Sequence[Mapping[str, Any]] = ()
    sections: Mapping[str, object] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the body: RFC 8785 JSON. Raises SnapshotTooLarge beyond what guards accept (SG-17)."""
        body = {
            "schema": SCHEMA,
            "environment": self.topic.environment,
            "model": self.topic.model,
            "model_type": self.model_type,
            "epoch": self.at.epoch,
            "generation": self.at.generation,
            "fail": self.fails,
            "dimensions": sorted(self.dimensions),
            "switches": list(self.switches),
            "faults": list(self.faults),
            "route": None,
            "versions": [
                {
                    "label": each.label,
                    "sha256": each.sha256,
                    "baseline": each.contract.get("baseline", False),
                    "outputs": each.contract.get("outputs"),
                }
                for each in self.versions
            ],
            "limits": [said for each in self.versions for said in each.says("limits")],
            "freshness": [said for each in self.versions for said in each.says("freshness")],
            "drift": self.drift,
            "dropped": [],
        } | dict(self.sections)
        data = encode_any(body)
        if len(data) > MAX_BODY_BYTES and self.drift is not None:
            data = encode_any(body | {"drift": None})  # switches come first
        if len(data) > MAX_BODY_BYTES:
            raise SnapshotTooLarge(self.topic.model, len(data))
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A body with the head over it, ready to be sent as it is to whoever listens.

    Attributes:
        body_sha256: the body's digest, in hex.
        whole, head_only: the JSON of the wire, with the body and without.
    """

    topic: Topic
    at: Floor
    body: bytes
    body_sha256: str
    checked_at: datetime
    keyid: str
    whole: bytes
    head_only: bytes

    @property
    def etag(self) -> str:
        """The snapshot in a word: `<epoch>.<generation>`."""
        return f"{self.at.epoch}.{self.at.generation}"

    @property
    def as_event(self) -> bytes:
        """The server-sent event that brings it."""
        return b"event: snapshot\nid: %b\ndata: %b\n\n" % (self.etag.encode(), self.whole)

    @property
    def as_head_event(self) -> bytes:
        """The server-sent event that confirms it."""
        return b"event: head\ndata: %b\n\n" % self.head_only


def signed(topic: Topic, at: Floor, body: bytes, *, key: SigningKey, now: datetime) -> Snapshot:
    """Sign the head over a body. The moment is when what it says was read to be so."""
    digest = sha256(body).hexdigest()
    head = {
        "schema": SCHEMA,
        "environment": topic.environment,
        "model": topic.model,
        "epoch": at.epoch,
        "generation": at.generation,
        "checked_at": timestamp(now),
        "body_sha256": digest,
    }
    line = seal(HEAD_TYPE, encode(head), key).to_line().removesuffix(b"\n")
    return Snapshot(
        topic=topic,
        at=at,
        body=body,
        body_sha256=digest,
        checked_at=now,
        keyid=key.keyid,
        whole=b'{"head":%b,"body":"%b"}' % (line, base64.b64encode(body)),
        head_only=b'{"head":%b}' % line,
    )
