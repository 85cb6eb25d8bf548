"""What a trigger saw lately, window by window, and how often it acted: read again for who looks at it (SG-47).

The windows are computed as those that were judged, from the counts that are kept. What was forgotten since is unknown.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from modelwarden.errors import NotFound
from modelwarden.safeguards.triggers import queries
from modelwarden.safeguards.triggers.evaluating import EPOCH, GRACE, HOUR, windows_in
from modelwarden.safeguards.triggers.judge import speaks
from modelwarden.safeguards.triggers.reads import may_read
from modelwarden.safeguards.triggers.trigger import TriggerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from modelwarden.safeguards.triggers.signal import Source
    from modelwarden.safeguards.triggers.trigger import Trigger
    from modelwarden.store.change import View


class Seen(NamedTuple):
    """One window: the value that it says, or None where it rests on too little, and on how much it rests."""

    until: datetime
    value: float | None
    n: int


class Watched(NamedTuple):
    """What a version of a trigger saw.

    Attributes:
        trigger: the version that judges; the newest where none does.
        seen: by value of its dimension, empty for all together: its windows, oldest first, one for each period.
        spent: how often it acted by itself in the last hour.
    """

    trigger: Trigger
    seen: Mapping[str, tuple[Seen, ...]]
    spent: int


def watched(view: View, name: str, *, sources: Mapping[str, Source], periods: int) -> Watched:
    """Return what a trigger saw in the last `periods` windows that are over. Raises NotFound."""
    versions = queries.versions_of(view, name)
    if not versions or not may_read(view, versions[0].model, versions[0].environment.value):
        raise NotFound("trigger", name)
    in_force = (each for each in versions if each.state is TriggerState.IN_FORCE)
    (found,) = watched_each(view, [next(in_force, versions[0])], sources=sources, periods=periods)
    return found


def watched_each(
    view: View, triggers: Iterable[Trigger], *, sources: Mapping[str, Source], periods: int
) -> list[Watched]:
    """Return what each of these versions saw, which the caller was given to read."""
    return [_watched(view, each, sources.get(each.signal), periods) for each in triggers]


def _watched(view: View, judging: Trigger, source: Source | None, periods: int) -> Watched:
    length = timedelta(seconds=judging.window_s)
    last = EPOCH + (view.now - GRACE - EPOCH) // length * length
    ends = [last - length * back for back in range(periods - 1, -1, -1)]
    found: dict[str, dict[datetime, Seen]] = {}
    for until in ends:
        for window in windows_in(view, judging, source, until - length, until):
            said = Seen(until, speaks(window, judging.rule), window.n)
            found.setdefault(window.by or "", {})[until] = said
    seen = {
        value: tuple(by_end.get(until, Seen(until, None, 0)) for until in ends)
        for value, by_end in sorted(found.items())
    }
    return Watched(judging, seen, queries.spent(view, judging.name, view.now - HOUR))
