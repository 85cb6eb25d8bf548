"""How often one actor may call: a token bucket for each class of calls (AC-70). Per process, never shared."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Final

from starlette.requests import Request

from modelwarden.config import Settings
from modelwarden.errors import RateLimited

BURST_S: Final = 2
MINUTE_S: Final = 60
EXPENSIVE: Final = 2
SIGN_IN: Final = 10
TELEMETRY: Final = 100
SNAPSHOT: Final = 5
INSTANCE: Final = "modelwarden-instance"
"""The header in which a guard names its instance."""
LONGEST: Final = 64
MOST_KEPT: Final = 20_000


class Rate(StrEnum):
    """Classes of calls."""

    READ = "read"
    WRITE = "write"
    RESERVE = "reserve"
    """Going back to what worked: other writes can't use it up."""
    EXPENSIVE = "expensive"
    SIGN_IN = "sign_in"
    TELEMETRY = "telemetry"
    SNAPSHOT = "snapshot"
    """These two by actor and instance: a fleet of guards may share a token (SG-23)."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many calls in so many seconds; 0 calls set the limit aside."""

    calls: int
    window_s: int


@dataclass(slots=True)
class Bucket:
    """What is left for one actor, and when that was counted."""

    left: float
    at: float


class Limits:
    """The buckets of one process. Used on the event loop alone."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = monotonic) -> None:
        scarce = 1 if settings.read_rate else 0
        self._allowances = {
            Rate.READ: Allowance(settings.read_rate, 1),
            Rate.WRITE: Allowance(settings.write_rate, 1),
            Rate.RESERVE: Allowance(settings.write_rate, 1),
            Rate.EXPENSIVE: Allowance(EXPENSIVE * scarce, MINUTE_S),
            Rate.SIGN_IN: Allowance(SIGN_IN * scarce, MINUTE_S),
            Rate.TELEMETRY: Allowance(TELEMETRY * scarce, 1),
            Rate.SNAPSHOT: Allowance(SNAPSHOT * scarce, 1),
        }
        self._buckets: OrderedDict[tuple[Rate, str], Bucket] = OrderedDict()
        self._clock = clock

    def take(self, rate: Rate, who: str, *, share: float = 1.0) -> None:
        """Take one call out of a bucket; `share` is the part of the allowance that this kind of actor has.

        Raises RateLimited, which says when to come again.
        """
        allowed = self._allowances[rate]
        if not allowed.calls:
            return
        pace = allowed.calls * share / allowed.window_s
        most = max(1.0, pace * BURST_S, allowed.calls * share if allowed.window_s > 1 else 0.0)
        now = self._clock()
        bucket = self._buckets.get((rate, who))
        if bucket is None:
            bucket = self._buckets[rate, who] = Bucket(most, now)
            if len(self._buckets) > MOST_KEPT:
                self._buckets.popitem(last=False)
        bucket.left = min(most, bucket.left + (now - bucket.at) * pace)
        bucket.at = now
        if bucket.left < 1:
            wait_s = max(1, math.ceil((1 - bucket.left) / pace))
            limit = max(1, int(allowed.calls * share))
            raise RateLimited(rate, limit=limit, window_s=allowed.window_s, wait_s=wait_s)
        bucket.left -= 1


def bucket_of(request: Request, rate: Rate, actor: str) -> str:
    """Return whose bucket a call is taken from: an actor's, or that of one instance behind it (AC-70)."""
    if rate not in {Rate.TELEMETRY, Rate.SNAPSHOT}:
        return actor
    return f"{actor} {request.headers.get(INSTANCE, '')[:LONGEST]}"
