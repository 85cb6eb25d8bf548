"""Drift by window: for triggers, whatever they ask, and for people, of models that they may read (SG-49, SG-50)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import ValueInvalid
from modelwarden.guard.drift import LEAST_ROWS
from modelwarden.registry.drift.queries import find_reference
from modelwarden.registry.drift.reads import drift_reference
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.drift import queries
from modelwarden.safeguards.drift.counted import minute_of, moment_of, total
from modelwarden.safeguards.drift.judging import STATES, Compared, compared, missing, state_after
from modelwarden.safeguards.triggers.signal import Window
from modelwarden.values.drift import DriftAnswer, FeatureDriftAnswer, GroupDriftAnswer
from modelwarden.values.ids import VersionName
from modelwarden.values.words import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from modelwarden.guard.drift_edges import DriftReference
    from modelwarden.registry.drift.reads import Referenced
    from modelwarden.safeguards.drift.counted import Cells, Slot
    from modelwarden.store.change import View

SIGNAL: Final = "psi"
MISSING: Final = "missing_rate"
HISTORY: Final = 12
"""Windows that are looked at for a state: an alarm that began before has fired in these, too, or is over."""

WINDOW: Final = "10m"
_WINDOW: Final = re.compile(r"([1-9][0-9]{0,3})([mh])")
LONGEST: Final = timedelta(hours=24)


class Group(NamedTuple):
    """A part of the traffic in each window so far, oldest first."""

    value: str | None
    windows: tuple[Compared, ...]

    @property
    def last(self) -> Compared:
        """The window that runs or has just ended."""
        return self.windows[-1]

    @property
    def psi_by_window(self) -> tuple[float | None, ...]:
        """The largest index of each window."""
        return tuple(one.psi for one in self.windows)

    @property
    def state(self) -> str:
        """How it stands."""
        return state_after(self.psi_by_window)


class Drift(NamedTuple):
    """Drift of a version in an environment."""

    of: Referenced
    environment: str
    by: str | None
    window: timedelta
    until: datetime
    groups: tuple[Group, ...]


def windows(
    view: View, *, model: str, environment: str, since: datetime, until: datetime, by: str | None
) -> list[Window]:
    """Return what was counted in a span, as one window for each value of `by`, or one for all traffic.

    Where several versions answered, a window is of the one that lies farthest from its reference. Its evidence has the
    counts and the reference's, so that the index can be computed again. For the program: nobody is authorised here.
    """
    found = []
    for version, reference, value, cells in counted_between(
        view, model, environment, since, until, by
    ):
        one = compared(cells, reference)
        evidence = _evidence(version, reference.sha256, one, reference.baseline)
        found.append(Window(SIGNAL, value, since, until, one.n, one.psi, evidence))
    return worst(found)


def missing_windows(
    view: View, *, model: str, environment: str, since: datetime, until: datetime, by: str | None
) -> list[Window]:
    """Return by how much more of a number is missing than in its reference: of the feature where that is most (SG-51).

    Of a category nothing is known: its missing values are counted with its rare ones.
    """
    found = []
    for version, reference, value, cells in counted_between(
        view, model, environment, since, until, by
    ):
        gaps = missing(cells, reference)
        most = max(gaps, key=lambda gap: (gap.n >= LEAST_ROWS, gap.more), default=None)
        evidence = {"version": version, "reference_sha256": reference.sha256} | {
            "features": {gap.name: [gap.missing, gap.n, *gap.before] for gap in gaps}
        }
        n, more = (0, None) if most is None else (most.n, most.more)
        found.append(Window(MISSING, value, since, until, n, more, evidence))
    return worst(found)


def counted_between(  # what a source is asked
    view: View, model: str, environment: str, since: datetime, until: datetime, by: str | None
) -> Iterator[tuple[str, DriftReference, str | None, Cells]]:
    """Yield what was counted in a span: of each version that has a reference, by value of `by`."""
    slots = queries.slots_between(
        view, model, environment, version=None, since=minute_of(since), until=minute_of(until)
    )
    for version in sorted({slot.version for slot in slots}):
        reference = find_reference(view, VersionName(version))
        if reference is None:
            continue
        mine = {slot: cells for slot, cells in slots.items() if slot.version == version}
        for value, cells in _by_value(mine, by).items():
            yield version, reference, value, cells


def worst(windows: Iterable[Window]) -> list[Window]:
    """Return one window for each value: where several versions answered, that of the worst."""
    found: dict[str | None, Window] = {}
    for window in windows:
        if _is_worse(window, found.get(window.by)):
            found[window.by] = window
    return [found[value] for value in sorted(found, key=lambda value: (value is None, value or ""))]


def drift(  # what a caller may say
    view: View,
    model: str,
    version: str,
    *,
    environment: str = "production",
    window: str = WINDOW,
    by: str | None = None,
) -> Drift:
    """Return how a version's features stand, and how they stood in the windows before.

    Raises:
        ModelNotFound, VersionNotFound, NotFound: or it has no drift reference.
        ValueInvalid: no such environment, no such window.
    """
    place = named(Environment, environment, field="environment").value
    span = _window(window)
    of = drift_reference(view, model, version)
    length = int(span.total_seconds()) // 60
    until = minute_of(view.now) + 1  # the minute that runs is in the last window
    since = until - HISTORY * length
    slots = queries.slots_between(
        view, of.version.model, place, version=of.version.name, since=since, until=until
    )
    each = [
        _by_value(
            {slot: cells for slot, cells in slots.items() if begins <= slot.begins < begins + length}, by
        )
        for begins in range(since, until, length)
    ]  # fmt: skip
    values = {value for one in each for value in one} or ({None} if by is None else set())
    groups = [
        Group(value, tuple(compared(one.get(value, ()), of.reference) for one in each))
        for value in values
    ]
    groups.sort(
        key=lambda group: (STATES.index(group.state), -(group.last.psi or 0), group.value or "")
    )
    return Drift(of, place, by, span, moment_of(until), tuple(groups))


def drift_answer(_view: View, found: Drift) -> DriftAnswer:
    """Return drift as callers see it."""
    return DriftAnswer(
        model=found.of.version.model,
        version=found.of.version.label,
        environment=found.environment,
        by=found.by,
        window_s=int(found.window.total_seconds()),
        since=found.until - found.window,
        until=found.until,
        reference_sha256=found.of.reference.sha256,
        groups=tuple(_group(group) for group in found.groups),
    )


def _group(group: Group) -> GroupDriftAnswer:
    return GroupDriftAnswer(
        value=group.value,
        state=group.state,
        psi=group.last.psi,
        n=group.last.n,
        psi_by_window=group.psi_by_window,
        features=tuple(
            FeatureDriftAnswer(feature=one.name, psi=one.psi, n=one.n, counts=one.counts)
            for one in group.last.features
        ),
    )


def _by_value(slots: Mapping[Slot, Cells], by: str | None) -> dict[str | None, Cells]:
    """Return the counts by value of a dimension; of all traffic, counted once, where none is asked for."""
    parts: dict[str, list[Cells]] = {}
    if by is not None:
        for slot, cells in slots.items():
            if slot.dimension == by:
                parts.setdefault(slot.value, []).append(cells)
        return {value or None: total(several) for value, several in parts.items()}
    for slot, cells in slots.items():
        parts.setdefault(slot.dimension, []).append(cells)
    whole = [total(several) for _, several in sorted(parts.items())]
    return {None: max(whole, key=_rows)} if whole else {}  # each dimension counts the same rows


def _rows(cells: Cells) -> int:
    return max((sum(row) for row in cells), default=0)


def _is_worse(one: Window, other: Window | None) -> bool:
    if other is None or other.value is None:
        return other is None or one.value is not None or one.n > other.n
    return one.value is not None and one.value > other.value


def _evidence(
    version: str, sha256: str, one: Compared, baseline: Mapping[str, Iterable[int]]
) -> dict[str, Any]:
    return {
        "version": version,
        "reference_sha256": sha256,
        "features": {
            feature.name: {
                "psi": feature.psi,
                "counts": list(feature.counts),
                "reference": list(baseline[feature.name]),
            }
            for feature in one.features
        },
    }


def _window(text: str) -> timedelta:
    found = _WINDOW.fullmatch(text)
    if found is not None:
        number = int(found[1])
        span = timedelta(hours=number) if found[2] == "h" else timedelta(minutes=number)
        if span <= LONGEST:
            return span
    raise ValueInvalid("window", "a time such as 10m or 1h, at most 24h")
