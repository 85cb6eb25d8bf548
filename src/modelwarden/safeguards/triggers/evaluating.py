"""Looks at the windows of all triggers that are in force, and says which alarms turn. Reads only (SG-47).

What is looked at is kept with each alarm, so that a window is judged once: by a process that is started again, by two
at once, and while the server's clock jumps. After a jump into the future it begins anew from the time that is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.guard.drift_flush import MAX_BY
from modelwarden.safeguards.triggers import queries
from modelwarden.safeguards.triggers.judge import Alarm, Judged, Rung, judged
from modelwarden.safeguards.triggers.ladder import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modelwarden.safeguards.triggers.signal import Source, Window
    from modelwarden.safeguards.triggers.trigger import Trigger
    from modelwarden.store.change import View

GRACE: Final = timedelta(seconds=20)
"""How long after its end a window is judged: what guards counted in it is on its way."""
MARK: Final = ("", "")
"""Where the end of the last period is kept, whether or not there was a window in it."""
MOST_PERIODS: Final = 20
HOUR: Final = timedelta(hours=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Turn(NamedTuple):
    """Rungs that fire or clear for one value of a trigger's dimension; the strongest that fires acts.

    Attributes:
        value: of the dimension; empty for all together.
        before, after: how each rung stood, and stands now.
    """

    trigger: Trigger
    value: str
    window: Window
    before: Mapping[str, Alarm]
    after: Mapping[str, Alarm]
    fired: Rung | None
    cleared: Rung | None
    evidence: tuple[dict[str, Any], ...]
    since: datetime
    share: int | None


class Looked(NamedTuple):
    """What one period of a trigger says: turns are told, the other alarms are kept."""

    trigger: Trigger
    turns: tuple[Turn, ...]
    alarms: Mapping[tuple[str, str], Alarm]


def due(view: View, *, sources: Mapping[str, Source]) -> list[Looked]:
    """Return what the periods that ended since the last look say, trigger by trigger, oldest first."""
    return [
        looked
        for trigger in queries.in_force(view)
        if not view.is_frozen("trigger", trigger.id)  # a restore left it behind the ledger (LG-46)
        for looked in _looked(view, trigger, sources.get(trigger.signal))
    ]


def periods(
    now: datetime, window_s: int, done: datetime | None, begun: datetime
) -> list[tuple[datetime, datetime]]:
    """Return the periods that ended since `done`, the newest ones alone; none that began before the trigger did.

    A `done` in the future means that the clock was ahead: what lies between is not waited for.
    """
    length = timedelta(seconds=window_s)
    last = EPOCH + (now - GRACE - EPOCH) // length * length
    if done is None or done > last + length:
        done = max(last - length, EPOCH + (begun - EPOCH) // length * length)
    count = min(max(0, (last - done) // length), MOST_PERIODS)
    return [(last - length * n, last - length * (n - 1)) for n in range(count, 0, -1)]


def _looked(view: View, trigger: Trigger, source: Source | None) -> Iterator[Looked]:
    alarms = queries.alarms_of(view, trigger.name)
    done = alarms.get(MARK, Alarm()).judged_until
    found = periods(view.now, trigger.window_s, done, trigger.in_force_at or trigger.set_at)
    for since, until in found:
        if done is not None and done > until:
            alarms = _back(alarms, since)
        windows = windows_in(view, trigger, source, since, until)
        turns, kept = [], {MARK: Alarm(judged_until=until)}
        for window in windows:
            value = window.by or ""
            results = _judge(trigger, window, alarms)
            alarms |= {(step, value): each.alarm for step, each in results.items()}
            turn = _turn(view, trigger, source, window, results)
            if turn is None:
                kept |= {(step, value): each.alarm for step, each in results.items()}
            else:
                turns.append(turn)
        yield Looked(trigger, tuple(turns), kept)


def windows_in(
    view: View, trigger: Trigger, source: Source | None, since: datetime, until: datetime
) -> Sequence[Window]:
    """Return the windows of a period, at most so many; a trigger that splits judges no window of all together."""
    if source is None:
        return ()
    found = source(
        view,
        model=trigger.model,
        environment=trigger.environment.value,
        since=since,
        until=until,
        by=trigger.by,
    )
    return [each for each in found if (each.by is None) == (trigger.by is None)][:MAX_BY]


def _back(alarms: Mapping[tuple[str, str], Alarm], since: datetime) -> dict[tuple[str, str], Alarm]:
    """Return alarms of which some were judged by a clock that was ahead: their rows begin anew, what fires goes on."""
    return {
        key: Alarm(alarm.firing, judged_until=since)
        if alarm.judged_until is not None and alarm.judged_until > since
        else alarm
        for key, alarm in alarms.items()
    }


class _Result(NamedTuple):
    rung: Rung
    before: Alarm
    judged: Judged

    @property
    def alarm(self) -> Alarm:
        return self.judged.alarm


def _judge(
    trigger: Trigger, window: Window, alarms: Mapping[tuple[str, str], Alarm]
) -> dict[str, _Result]:
    found = {}
    for rung in trigger.rungs:
        before = alarms.get((rung.step, window.by or ""), Alarm())
        found[rung.step] = _Result(rung, before, judged(before, window, rung, trigger.rule))
    return found


def _turn(
    view: View,
    trigger: Trigger,
    source: Source | None,
    window: Window,
    results: Mapping[str, _Result],
) -> Turn | None:
    turned = [each for each in results.values() if each.judged.turned]
    if not turned:
        return None
    fired = [each for each in turned if each.alarm.firing]
    cleared = [each for each in turned if not each.alarm.firing]
    strongest = (fired or cleared)[-1]
    return Turn(
        trigger=trigger,
        value=window.by or "",
        window=window,
        before={step: each.before for step, each in results.items()},
        after={step: each.alarm for step, each in results.items()},
        fired=fired[-1].rung if fired else None,
        cleared=cleared[-1].rung if cleared else None,
        evidence=strongest.judged.evidence,
        since=strongest.judged.since or window.since,
        share=_share(view, trigger, source, window) if fired else None,
    )


def _share(view: View, trigger: Trigger, source: Source | None, window: Window) -> int | None:
    """Return what part of the model's last hour this value is, in basis points; a trigger without `by` is all of it."""
    if trigger.by is None:
        return WHOLE
    found = windows_in(view, trigger, source, window.until - HOUR, window.until)
    total = sum(each.n for each in found)
    mine = sum(each.n for each in found if each.by == window.by)
    return -(-mine * WHOLE // total) if total and mine else None
