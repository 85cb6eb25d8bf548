"""How many calls a guard lets through: GCRA by key, and how many at once (SG-42). Pure but for its clock.

    limits = Limits([Rate("500/s", burst=100, key="consumer")], max_in_flight=64)
    refused = limits.enter({"consumer": "shop"})     # None: go on, and say leave() afterwards

GCRA keeps one number a key: the moment at which the calls so far are paid for. All rates have to pass, and a call that
one refuses is charged to none. Each row of a batch is one.

Keys are kept in two generations: when one has 50,000 keys it becomes the older one, and that one is forgotten. So a
key is forgotten only after 50,000 others came since its last call; it then begins anew, as a new key does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.value import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_KEYS: Final = 100_000
IN_FLIGHT: Final = "max_in_flight"
RETRY_IN_FLIGHT_S: Final = 1.0
"""When a place will be free is not known; HTTP's Retry-After counts whole seconds."""
_FORM: Final = re.compile(r"([1-9][0-9]{0,8})/(s|m|h|d)")
_SECONDS: Final[Mapping[str, int]] = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Rate(Value):
    """So many calls in a second, minute, hour or day: "500/s". Raises ValueInvalid.

    Attributes:
        burst: calls that may come at once; the rate's own number for a second, if not given.
        key: the dimension by whose values calls are counted apart; those without one are counted together.
        part: of the rate and the burst, where several guards share them (SG-43).
    """

    limit: str
    burst: int | None
    key: str | None
    part: float

    def __init__(
        self, limit: str, *, burst: int | None = None, key: str | None = None, part: float = 1.0
    ) -> None:
        if not _FORM.fullmatch(str(limit)):
            raise ValueInvalid("limit", 'calls in a time, such as "500/s" (s, m, h or d)')
        if burst is not None and (type(burst) is not int or burst < 1):
            raise ValueInvalid("burst", "a whole number above 0")
        if not 0 < part <= 1:
            raise ValueInvalid("part", "above 0 and at most 1")
        self._set(limit=limit, burst=burst, key=key, part=part)

    def shared_by(self, guards: int) -> Rate:
        """Return what one of so many guards may let through, so that all together keep to it (SG-43)."""
        if guards < 1:
            raise ValueInvalid("expected_workers", "a whole number above 0")
        return self.with_(part=self.part / guards)

    @property
    def each_s(self) -> float:
        """Return the seconds that one call costs."""
        number, unit = self.limit.split("/")
        return _SECONDS[unit] / (int(number) * self.part)

    @property
    def ahead_s(self) -> float:
        """Return by how many seconds calls may be ahead of what they cost; a first call always passes."""
        number, unit = self.limit.split("/")
        burst = self.burst or int(number) / _SECONDS[unit]
        return self.each_s * max(1.0, burst * self.part)


class Limited(NamedTuple):
    """Why a call is refused: the limit's text or `max_in_flight`, and when to come again, in seconds."""

    reason: str
    retry_after_s: float


class _Meter:
    """One rate, and until when the calls of each key are paid for."""

    def __init__(self, rate: Rate, most: int) -> None:
        self.limit = rate.limit
        self.key = rate.key
        self.each_s = rate.each_s
        self.ahead_s = rate.ahead_s + min(
            1e-6, rate.each_s / 100
        )  # by rounding alone no call is refused
        self.most = most
        self.young: dict[str | None, float] = {}
        self.old: dict[str | None, float] = {}

    def paid_until(self, key: str | None, now: float) -> float:
        """Return the moment until which the key would be paid for after one more call."""
        until = self.young.get(key)
        if until is None:
            until = self.old.get(key, now)
        return max(now, until) + self.each_s

    def charge(self, key: str | None, until: float) -> None:
        """Charge one call."""
        self.young[key] = until
        if len(self.young) >= self.most:
            self.old, self.young = self.young, {}


Enter = Callable[[Mapping[str, str]], "Limited | None"]


def _single(meter: _Meter, lock: Lock, clock: Callable[[], float]) -> Enter:
    """Return what `Limits._enter` does where one rate is all there is, in a closure: names cost a third there."""
    name, each_s, ahead_s, most, limit = (
        meter.key, meter.each_s, meter.ahead_s, meter.most, meter.limit
    )  # fmt: skip
    take, give_back = lock.acquire, lock.release  # a `with` costs as much again as the rest

    def enter(context: Mapping[str, str]) -> Limited | None:
        key = None if name is None else context.get(name)
        take()
        try:
            now = clock()
            young = meter.young
            until = young.get(key)
            if until is None:
                until = meter.old.get(key, now)
            until = (until if until > now else now) + each_s  # noqa: FURB136 - max() costs a third of it all
            if until > now + ahead_s:
                return Limited(limit, until - now - ahead_s)
            young[key] = until
            if len(young) >= most:
                meter.old, meter.young = young, {}
        finally:
            give_back()
        return None

    return enter


class Limits:
    """The limits of one guard. May be used from any thread; nothing is called under its lock but the clock.

    Attributes:
        enter: takes the context of a call; answers None for one that may go on, which `leave` has to follow, else why
            it may not.
    """

    def __init__(
        self,
        rates: Sequence[Rate] = (),
        *,
        max_in_flight: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_in_flight is not None and max_in_flight < 1:
            raise ValueInvalid(IN_FLIGHT, "a whole number above 0")
        most = MOST_KEYS // 2 // max(1, len(rates))
        self._meters = tuple(_Meter(rate, most) for rate in rates)
        self._most = max_in_flight
        self._in_flight = 0
        self._clock = clock
        self.enter: Enter
        self.after_fork()

    def _enter(self, context: Mapping[str, str]) -> Limited | None:
        with self._lock:
            if self._most is not None and self._in_flight >= self._most:
                return Limited(IN_FLIGHT, RETRY_IN_FLIGHT_S)
            refused = self._several(context)
            if refused is None and self._most is not None:
                self._in_flight += 1
        return refused

    def _several(self, context: Mapping[str, str]) -> Limited | None:
        """Look at all before any is charged; the longest wait is told."""
        if not self._meters:
            return None
        now = self._clock()
        asked = []
        refused: Limited | None = None
        for meter in self._meters:
            key = None if meter.key is None else context.get(meter.key)
            until = meter.paid_until(key, now)
            wait = until - now - meter.ahead_s
            if wait > 0 and (refused is None or wait > refused.retry_after_s):
                refused = Limited(meter.limit, wait)
            asked.append((meter, key, until))
        if refused is None:
            for meter, key, until in asked:
                meter.charge(key, until)
        return refused

    def leave(self) -> None:
        """Say that a call that entered is over, however it ended."""
        if self._most is None:
            return
        with self._lock:
            self._in_flight -= self._in_flight > 0  # a call that was forked within leaves twice

    @property
    def in_flight(self) -> int:
        """Return how many calls entered and have not left; they are counted where `max_in_flight` is set."""
        return self._in_flight

    @property
    def keys(self) -> int:
        """Return how many keys are remembered, over all rates."""
        return sum(len(meter.young) + len(meter.old) for meter in self._meters)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Return the dimensions by whose values calls are counted apart."""
        return tuple(meter.key for meter in self._meters if meter.key is not None)

    def after_fork(self) -> None:
        """Make the limits usable in a forked child, in which no call of its parent is in flight."""
        self._lock = Lock()
        self._in_flight = 0
        alone = len(self._meters) == 1 and self._most is None
        self.enter = _single(self._meters[0], self._lock, self._clock) if alone else self._enter
