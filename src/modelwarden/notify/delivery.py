"""When a message is tried again, when it is given up, and when its endpoint is (NO-2). Pure.

try 1, then after about 10 s, 30 s, 2 min, 10 min, 30 min, 2 h, 8 h, 24 h: then abandoned, and the endpoint is down
a down endpoint is asked each 30 min, for 7 days: then it is disabled
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

DELAYS: Final = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
    timedelta(hours=24),
)
MOST_TRIES: Final = len(DELAYS) + 1
REJECTED_TRIES: Final = 3
"""Tries of what the receiver itself turns down: nothing but a person changes that."""
RETRY_AFTER_MOST: Final = timedelta(hours=1)
PROBE_EVERY: Final = timedelta(minutes=30)
DOWN_MOST: Final = timedelta(days=7)
DIGEST_AGE: Final = timedelta(hours=24)
JITTER: Final = 0.2

FIRST_OK, FIRST_MOVED, FIRST_WRONG, FIRST_BROKEN = 200, 300, 400, 500
GONE: Final = 410
LATER: Final = frozenset({408, 425, 429})
"""What a receiver says that wants it again (RFC 9110 §15.5.9, RFC 8470, RFC 6585)."""


class Outcome(StrEnum):
    """How one try ended."""

    DELIVERED = "delivered"
    FAILED = "failed"
    ABANDONED = "abandoned"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came back: a status, or 0 and the problem. Never anything of a body."""

    status: int = 0
    problem: str | None = None
    retry_after: timedelta | None = None
    duration_ms: int = 0

    @property
    def is_ok(self) -> bool:
        """Tell whether the receiver took it."""
        return FIRST_OK <= self.status < FIRST_MOVED


def outcome(result: Result, attempt: int) -> Outcome:
    """Return what a try means, `attempt` being its number from 1."""
    if result.is_ok:
        return Outcome.DELIVERED
    if result.status == GONE:
        return Outcome.GONE
    most = REJECTED_TRIES if is_rejected(result.status) else MOST_TRIES
    return Outcome.ABANDONED if attempt >= most else Outcome.FAILED


def is_rejected(status: int) -> bool:
    """Tell whether the receiver says that it will not take this: redirects, which are not followed, are of these."""
    return FIRST_MOVED <= status < FIRST_BROKEN and status not in LATER


def next_try(now: datetime, result: Result, attempt: int, *, key: str) -> datetime:
    """Return when a failed message is tried again: later if the receiver asks for it, within an hour."""
    pause = DELAYS[min(attempt, len(DELAYS)) - 1] * _jitter(f"{key}.{attempt}")
    asked = min(result.retry_after or timedelta(0), RETRY_AFTER_MOST)
    return now + max(pause, asked)


def is_due(now: datetime, last: datetime | None, due: datetime | None) -> bool:
    """Tell whether a message may be tried. A clock that went back behind the last try makes it due."""
    return due is None or now >= due or (last is not None and now < last)


def is_probe_due(now: datetime, last: datetime | None) -> bool:
    """Tell whether a down endpoint is asked again."""
    return last is None or not timedelta(0) <= now - last < PROBE_EVERY


def is_given_up(now: datetime, down_since: datetime) -> bool:
    """Tell whether an endpoint was down for too long."""
    return now - down_since >= DOWN_MOST


def _jitter(key: str) -> float:
    """Return a factor around 1 that differs between endpoints and tries, and is the same when asked again."""
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) / 2**32
    return 1 - JITTER + 2 * JITTER * share
