"""What came of a drill: how soon it was seen and answered, what did not fire, whether it passed. Pure (SG-54)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.guard.faults import FaultKind, parse_fault
from modelwarden.values.canonical import encode_any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from modelwarden.safeguards.drills.drill import Drill

FIRED: Final = "trigger.fired"
PROPOSED: Final = "switch.proposed"
ACTIVATED: Final = "switch.activated"
CONFIRMED: Final = "switch.confirmed"
NOTICED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "breaker.fleet_opened": "breaker_fleet",
        "guards.clock_behind": "clock_behind",
        "guards.fell_silent": "silent_guards",
        "snapshots.refused": "bad_snapshots",
    }
)
"""What the program notices by itself, without a trigger: type of the entry to the signal."""
HEARD: Final = (FIRED, PROPOSED, ACTIVATED, CONFIRMED, *NOTICED)
"""Types of the entries that a report is made of."""
SEEING: Final = frozenset({FIRED, PROPOSED, ACTIVATED, *NOTICED})

EXPECTED: Final[Mapping[FaultKind, tuple[str, ...]]] = MappingProxyType(
    {
        FaultKind.LATENCY: ("latency",),
        FaultKind.ERROR: ("error_rate",),
        FaultKind.NAN: ("non_finite",),
        FaultKind.CONSTANT: ("stuck_output",),
        FaultKind.OUT_OF_RANGE: ("clip_rate",),
        FaultKind.STALE_INPUTS: ("stale_inputs",),
        FaultKind.MISSING_FEATURE: ("missing_rate",),
        FaultKind.DRIFT: ("psi",),
        FaultKind.DISAGREE: ("disagreement",),
        FaultKind.CONTROL_PLANE_DOWN: ("silent_guards",),
        FaultKind.CLOCK_SKEW: ("clock_behind",),
        FaultKind.BREAKER_OPEN: ("breaker_open",),
    }
)
"""The signals that ought to see each fault; a trigger on another one that fires counts as detection all the same."""


class Told(NamedTuple):
    """An entry that concerns the drill's model: when, of which type, the trigger's signal and the switch."""

    at: datetime
    type: str
    signal: str | None = None
    switch: str | None = None


class Struck(NamedTuple):
    """How many answers guards say were struck, and what became of them."""

    total: int = 0
    fell: int = 0
    unanswered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a drill.

    Attributes:
        struck, fell, unanswered: answers, as guards counted them.
        fallback_share: of those struck, the part that a fallback answered, as decimal text; None where none was struck.
        detected_by: the type of the first entry that saw it, with the trigger's signal.
        silent: signals that ought to have fired and did not.
        missed: what it failed by: `struck`, `detect`, `activate`, `confirm`.
    """

    struck: int
    fell: int
    unanswered: int
    fallback_share: str | None
    detect_ms: int | None
    detected_by: str | None
    activate_ms: int | None
    confirm_ms: int | None
    silent: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Tell whether nothing was missed."""
        return not self.missed

    def as_text(self) -> str:
        """Return the report as the drill's row keeps it."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return encode_any(
            {n: list(v) if isinstance(v, tuple) else v for n, v in found.items()}
        ).decode()


def report(drill: Drill, told: Sequence[Told], struck: Struck) -> Report:
    """Return what came of a drill that has ended, from entries in their order."""
    since = drill.started_at or drill.requested_at
    detected = _first(told, SEEING)
    activated = _first(told, {ACTIVATED})
    mine = {each.switch for each in told if each.type == ACTIVATED}
    confirmed = _first([each for each in told if each.switch in mine], {CONFIRMED})
    times = [
        None if one is None else _ms(since, one.at) for one in (detected, activated, confirmed)
    ]
    signals = {each.signal for each in told if each.type in {FIRED, *NOTICED}}
    expected = EXPECTED[parse_fault(drill.fault).kind]
    return Report(
        struck=struck.total,
        fell=struck.fell,
        unanswered=struck.unanswered,
        fallback_share=_share(struck),
        detect_ms=times[0],
        detected_by=None if detected is None else _by(detected),
        activate_ms=times[1],
        confirm_ms=times[2],
        silent=tuple(signal for signal in expected if signal not in signals),
        missed=_missed(drill, struck, times),
    )


def struck_between(
    before: Mapping[tuple[str, str], Mapping[str, int]],
    after: Mapping[tuple[str, str], Mapping[str, int]],
) -> Struck:
    """Return what guards counted between two moments, by who reports and instance; one that is new began at 0."""
    totals = [0, 0, 0]
    for key, counts in after.items():
        first = before.get(key, {})
        for place, name in enumerate(("drilled", "drilled_fell", "drilled_unanswered")):
            totals[place] += max(0, counts.get(name, 0) - first.get(name, 0))
    return Struck(*totals)


def _missed(drill: Drill, struck: Struck, times: Sequence[int | None]) -> tuple[str, ...]:
    """Return what a drill failed by: nobody struck, not seen at all, or a target that was not met."""
    missed = [] if struck.total else ["struck"]
    targets = (drill.detect_s, drill.activate_s, drill.confirm_s)
    for name, target, found in zip(("detect", "activate", "confirm"), targets, times, strict=True):
        late = target is not None and (found is None or found > target * 1_000)
        if late or (name == "detect" and found is None):
            missed.append(name)
    return tuple(missed)


def _first(told: Iterable[Told], types: frozenset[str] | set[str]) -> Told | None:
    return next((each for each in told if each.type in types), None)


def _by(told: Told) -> str:
    return told.type if told.signal is None else f"{told.type}:{told.signal}"


def _ms(since: datetime, at: datetime) -> int:
    return max(0, (at - since) // timedelta(milliseconds=1))


def _share(struck: Struck) -> str | None:
    if not struck.total:
        return None
    return format(Decimal(struck.fell) / Decimal(struck.total), ".4f")
