"""What the guards of one model say together: breakers, refused snapshots, artifacts. Pure (SG-31, SG-41)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.safeguards.fleet.instance import GONE, LATE, LOST

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from modelwarden.safeguards.counters.queries import Registered
    from modelwarden.safeguards.fleet.instance import Instance

FEWEST_OPEN: Final = 3
OPEN_SHARE: Final = 0.30
CALM_SHARE: Final = 0.15
"""Below this a fleet's alarm is over; between the two it stays as it is."""
MOST_SHARE: Final = 0.80
FEWEST_REFUSING: Final = 2
STALE: Final = "stale"
NONE: Final = "none"
"""States of guards that hear no news."""
BAD_SIGNATURE: Final = "signature_invalid"


class Loaded(NamedTuple):
    """Guards that loaded a version whose artifact, or place, is not the registered one."""

    label: str
    found: str | None
    registered: str | None
    is_registered: bool
    instances: tuple[str, ...]


def live(guards: Iterable[Instance], now: datetime) -> list[Instance]:
    """Return the guards that are heard of now: others say nothing of how things stand."""
    return [each for each in guards if each.state != GONE and now - each.heard_at < LATE]


def cut_off(guards: Iterable[Instance], now: datetime) -> list[Instance]:
    """Return guards that can report, and hear no news: their snapshot is old, or none came in two minutes."""
    return [
        each
        for each in guards
        if each.state == STALE or (each.state == NONE and now - each.first_heard_at >= LOST)
    ]


def behind(guards: Iterable[Instance]) -> list[Instance]:
    """Return the guards whose wall clock is over 30 s behind the server's (SG-21)."""
    return [each for each in guards if each.counts.get("clock_is_behind", 0) > 0]


def with_open_breaker(guards: Sequence[Instance]) -> list[Instance]:
    """Return the guards that have a breaker open."""
    return [each for each in guards if each.counts.get("open_breakers", 0) > 0]


def breaker_alarm(workers: int, opened: int, *, firing: bool) -> bool:
    """Tell whether a fleet's alarm stands: three workers and three in ten raise it, it ends under half of that."""
    if not workers:
        return firing
    share = opened / workers
    return share >= CALM_SHARE if firing else opened >= FEWEST_OPEN and share >= OPEN_SHARE


def is_metrics_only(workers: int, opened: int) -> bool:
    """Tell whether so much is open that breakers should count alone (SG-41)."""
    return opened > MOST_SHARE * workers


def refusing(guards: Sequence[Instance]) -> list[Instance]:
    """Return the guards whose last snapshot had a bad signature."""
    return [each for each in guards if each.rejected == BAD_SIGNATURE]


def mismatched(
    guards: Sequence[Instance],
    known: Mapping[str, Registered],
    environment: str,
    *,
    routed: Collection[str] = (),
) -> tuple[list[Loaded], list[Loaded]]:
    """Return versions that were loaded from another artifact, and those that are neither live there nor `routed`."""
    loaded: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for each in guards:
        for version in each.versions:
            loaded[version.label, version.sha256].append(each.instance)
    wrong, elsewhere = [], []
    for (label, found), instances in sorted(loaded.items(), key=str):
        registered = known.get(label)
        expected = None if registered is None else registered.sha256
        said = Loaded(label, found, expected, registered is not None, tuple(sorted(instances)))
        if expected is not None and found is not None and found != expected:
            wrong.append(said)
        elif registered is None or (environment not in registered.live_in and label not in routed):
            elsewhere.append(said)
    return wrong, elsewhere
