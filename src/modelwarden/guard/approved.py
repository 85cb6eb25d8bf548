"""The limits and ages that were approved with a version, held at one place beside what its code asks for (SG-34).

Both sides are asked, and either may refuse, so the stricter wins and the code can only tighten. An approved rate is
that of a whole fleet: each guard holds its part of it (SG-43). What can't be read lets no call through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.freshness import Fresh
from modelwarden.guard.limits import Limits, Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modelwarden.guard.freshness import Freshness
    from modelwarden.guard.limits import Limited
    from modelwarden.guard.snapshot import Snapshot

EXPECTED_WORKERS: Final = 10
"""Guards that share a rate, until they are told how many they are (SG-43)."""
MOST_KEPT: Final = 64
UNREADABLE: Final = "limits_unreadable"
_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


class Asked(NamedTuple):
    """What is asked of each call of a version.

    Attributes:
        limits: meters, the same as long as the rates are.
        keys: dimensions by whose values calls are counted apart.
        fresh: times that are looked at.
        broken: why nothing can be asked, so that nothing is let through.
    """

    limits: Limits | None
    keys: tuple[str, ...]
    fresh: tuple[Fresh, ...]
    broken: str | None = None

    def over(self, context: Mapping[str, str]) -> Limited | None:
        """Charge a call; say why it is one too many."""
        return None if self.limits is None else self.limits.enter(context)

    def stale(self, judge: Callable[[Fresh], Freshness]) -> Freshness | None:
        """Return the worst that the times of a call are; None where none is looked at."""
        found = [judge(fresh) for fresh in self.fresh]
        return max(found, key=lambda one: one.level, default=None)


BROKEN: Final = Asked(None, (), (), UNREADABLE)


class Approved:
    """What snapshots say about calls at one place. Meters outlive a snapshot that leaves their rates as they are."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._meters: dict[tuple[Rate, ...], Limits] = {}

    def of(self, snapshot: Snapshot | None, version: str | None) -> Asked | None:
        """Return what is asked of calls of this version; None: nothing."""
        if snapshot is None or not (snapshot.limits or snapshot.freshness):
            return None
        try:
            rates = tuple(map(_rate, _about(snapshot.limits, version)))
            fresh = tuple(map(_fresh, _about(snapshot.freshness, version)))
        except (ValueInvalid, TypeError, ValueError):
            return BROKEN
        if not (rates or fresh):
            return None
        keys = tuple(dict.fromkeys(rate.key for rate in rates if rate.key is not None))
        return Asked(self._limits(rates), keys, fresh)

    def _limits(self, rates: tuple[Rate, ...]) -> Limits | None:
        if not rates:
            return None
        found = self._meters.get(rates)
        if found is None:
            if len(self._meters) >= MOST_KEPT:
                self._meters = {}
            found = self._meters[rates] = Limits(rates, clock=self._clock)
        return found

    def after_fork(self) -> None:
        """Make the meters usable in a forked child."""
        for limits in self._meters.values():
            limits.after_fork()


def _about(raw: object, version: str | None) -> Iterator[dict[str, Any]]:
    """Yield what a snapshot says of a version, or of any. Raises TypeError for what is no list of objects."""
    if not isinstance(raw, list):
        raise TypeError("a list")
    for one in raw:
        if not isinstance(one, dict):
            raise TypeError("an object")
        if one.get("version") in {None, version}:
            yield one


def _rate(one: dict[str, Any]) -> Rate:
    rate, key = one.get("rate"), one.get("key")
    if not isinstance(rate, str) or not isinstance(key, str | None):
        raise TypeError("a rate, and a dimension")
    return Rate(rate, burst=one.get("burst"), key=key).shared_by(EXPECTED_WORKERS)


def _fresh(one: dict[str, Any]) -> Fresh:
    field = one.get("field")
    if not isinstance(field, str):
        raise TypeError("the name of an input")
    ages = {name: _span(one.get(f"{name}_s")) for name in ("warn", "fallback", "block")}
    return Fresh(field, **ages, skew=_span(one.get("skew_s")) or "30s")


def _span(seconds: object) -> str | None:
    """Return whole seconds in the words that `Fresh` reads. Raises TypeError."""
    if seconds is None:
        return None
    if type(seconds) is not int or seconds < 0:
        raise TypeError("whole seconds")
    unit, letter = next(each for each in _SPANS if seconds % each[0] == 0)
    return f"{seconds // unit}{letter}"
