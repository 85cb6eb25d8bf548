"""What callers get back about endpoints and deliveries: plain values, the same in process and over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # the API reads the annotations at run time


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAnswer:
    """An endpoint. Its address ends at the host, since the rest may hold a secret.

    `secret` is in the answer that makes one, and nowhere else. `waiting` counts entries that were not looked at yet.
    """

    id: str
    name: str
    address: str
    state: str
    cause: str | None
    types: tuple[str, ...]
    severity: str
    subjects: tuple[str, ...]
    include_text: bool
    owner: str
    added_at: datetime
    down_since: datetime | None
    previous_until: datetime | None
    next_seq: int
    waiting: int
    revision: int
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAnswer:
    """One try of a message about the entries from `first` to `last`; `status` is 0 where nothing was answered."""

    id: str
    endpoint: str
    first: int
    last: int
    attempt: int
    outcome: str
    status: int
    problem: str | None
    duration_ms: int
    body_sha256: str
    at: datetime
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointTestAnswer:
    """What became of a test message."""

    endpoint: str
    ok: bool
    status: int
    problem: str | None
    duration_ms: int
