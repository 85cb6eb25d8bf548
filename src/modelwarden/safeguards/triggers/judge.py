"""What windows say of a rung: pass, fail or unknown, with hysteresis, after so many in a row. Pure (SG-47).

Unknown neither passes nor fires: it leaves an alarm as it is. What counts in a row has to lie close together, so that
two bad windows of different weeks are none.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.safeguards.triggers.signal import figure, known
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.safeguards.triggers.signal import Window

APART: Final = 3
"""A row of windows may lie over so many times their own length; a longer one has begun anew."""


class Verdict(StrEnum):
    """What is known of a signal."""

    PASS = "pass"  # noqa: S105  # a word
    FAIL = "fail"
    UNKNOWN = "unknown"


class Rung(NamedTuple):
    """A step of a ladder: it fires above `fire` and clears below `clear`."""

    step: str
    fire: float
    clear: float


class Rule(NamedTuple):
    """How windows are judged: on at least so much, and so many in a row."""

    n_min: int
    consecutive: int


class Alarm(NamedTuple):
    """How one rung stands for one value of the dimension.

    Attributes:
        streak: windows in a row that spoke for the other state.
        since: where that row begins.
        judged_until: the end of the last window that was looked at; none is looked at twice.
        seen: those of the row, as evidence.
        spoke: whether the last window rested on enough to say anything.
    """

    firing: bool = False
    streak: int = 0
    since: datetime | None = None
    judged_until: datetime | None = None
    seen: tuple[dict[str, Any], ...] = ()
    spoke: bool = False


class Judged(NamedTuple):
    """An alarm after one more window, and whether it turned; `evidence` are the windows that made it turn."""

    alarm: Alarm
    turned: bool = False
    evidence: tuple[dict[str, Any], ...] = ()
    since: datetime | None = None


def speaks(window: Window, rule: Rule) -> float | None:
    """Return the value of a window that rests on enough; None is unknown."""
    return known(window.value) if window.n >= rule.n_min else None


def judged(alarm: Alarm, window: Window, rung: Rung, rule: Rule) -> Judged:
    """Return an alarm after one more window."""
    if alarm.judged_until is not None and window.until <= alarm.judged_until:
        return Judged(alarm)
    value = speaks(window, rule)
    looked = alarm._replace(judged_until=window.until, spoke=value is not None)
    if value is None:
        return Judged(looked)
    against = value < rung.clear if alarm.firing else value > rung.fire
    if not against:
        return Judged(looked._replace(streak=0, since=None, seen=()))
    row = _row(looked, window, rule)
    if row.streak < rule.consecutive:
        return Judged(row)
    turned = Alarm(firing=not alarm.firing, judged_until=window.until, spoke=True)
    return Judged(turned, turned=True, evidence=row.seen, since=row.since)


def said(window: Window) -> dict[str, Any]:
    """Return a window as evidence keeps it; figures are decimal text."""
    value = known(window.value)
    return {
        "since": timestamp(window.since),
        "until": timestamp(window.until),
        "n": window.n,
        "value": None if value is None else format(figure(value), "f"),
        "counts": dict(window.evidence),
    }


def _row(alarm: Alarm, window: Window, rule: Rule) -> Alarm:
    """Return the alarm with a window more in its row, or with a row that begins with it."""
    length = window.until - window.since
    began = alarm.since if alarm.streak else None
    if began is None or window.until - began > APART * rule.consecutive * length:
        return alarm._replace(streak=1, since=window.since, seen=(said(window),))
    return alarm._replace(streak=alarm.streak + 1, seen=(*alarm.seen, said(window)))
