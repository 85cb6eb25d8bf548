"""The pages of triggers: all that judge, with their last windows, and one with what it saw, fired and waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

from modelwarden.console import charts
from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.trigger_words import (
    CAME,
    DOES,
    figure_words,
    signal_words,
    standing_words,
    why_words,
)
from modelwarden.console.words import number, percent, plain
from modelwarden.errors import FormInvalid, ValueInvalid
from modelwarden.reactions.triggers import SOURCES
from modelwarden.safeguards import actions
from modelwarden.safeguards.triggers.answers import firing_answer, trigger_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.triggers import FiringAnswer, TriggerAnswer
from modelwarden.values.words import named

ROWS: Final = 20
PERIODS, MORE_PERIODS = 12, 24
"""Windows in a list's small picture, and on the page of one trigger."""
PICTURES: Final = 3
"""Values of a dimension that get a picture of their own: those that stand worst."""
VERSIONS: Final = 20


class Row(NamedTuple):
    """A trigger in a list: its words, the worst value of each window, and how often it may still act this hour."""

    trigger: TriggerAnswer
    signal: str
    rungs: tuple[tuple[str, str], ...]
    standing: tuple[str, str]
    chart: charts.Chart
    last: str
    left: int


class Picture(NamedTuple):
    """What one value of a trigger's dimension was: two pictures, and the table under them."""

    value: str
    wide: charts.Chart
    narrow: charts.Chart
    rows: tuple[tuple[Any, str, str], ...]


class Fired(NamedTuple):
    """One firing with its words."""

    firing: FiringAnswer
    value: str
    threshold: str
    came: tuple[str, str]
    why: str


def read_triggers(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return a page of triggers; a version that waits stands with the one that judges."""
    page = Page(limit=ROWS, cursor=query.get("cursor"))
    found = actions.triggers(view, page, model=query.get("model"))
    known: dict[str, Any] = {}
    for each in found.items:
        known.setdefault(each.name, each)
    seen = actions.watched_each(view, known.values(), sources=SOURCES, periods=PERIODS)
    return {"rows": [_row(view, each) for each in seen], "more": found.next_cursor}


def trigger_rows(view: Any, query: Fields, page: Page) -> Listing[TriggerAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of triggers."""
    found = actions.triggers(view, page, model=query.get("model"))
    return Listing(tuple(trigger_answer(view, each) for each in found.items), found.next_cursor)


def read_trigger(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page of one trigger shows. Raises NotFound."""
    name = query["trigger"]
    seen = actions.watched(view, name, sources=SOURCES, periods=MORE_PERIODS)
    judging, newest = trigger_answer(view, seen.trigger), actions.trigger(view, name)
    fired = actions.firings(view, name, Page(limit=ROWS, cursor=query.get("cursor")))
    versions = actions.trigger_versions(view, name, Page(limit=VERSIONS)).items
    waits = newest.id != judging.id or judging.state == "waiting"
    return {
        "t": judging,
        "signal": signal_words(judging.signal, judging.by),
        "standing": standing_words(judging),
        "rungs": [_rung(judging, each) for each in judging.ladder],
        "pictures": _pictures(judging, seen.seen),
        "more_values": max(0, len(seen.seen) - PICTURES),
        "left": max(0, judging.budget - seen.spent),
        "waiting": trigger_answer(view, newest) if waits else None,
        "changes": _changes(judging, trigger_answer(view, newest)) if waits else (),
        "fired": [_fired(firing_answer(view, each)) for each in fired.items],
        "more": fired.next_cursor,
        "versions": [trigger_answer(view, each) for each in versions],
    }


def step(do: str, query: Fields, kept: Fields) -> Change:
    """Return the change that a form asks for. Raises FormInvalid, ValueInvalid."""
    name = query["trigger"]
    if do == "retire" and kept.get("typed") != name:
        raise ValueInvalid("typed", f"{name}, typed once more")
    if do == "override":
        override = partial(
            actions.override_severity,
            firing_id=kept.get("firing", ""),
            severity=named(actions.SwitchSeverity, kept.get("severity", ""), field="severity"),
            reason=kept.get("reason", ""),
        )
        return lambda change: firing_answer(change, override(change))
    move = MOVES.get(do)
    if move is None:
        raise FormInvalid("send a form of the page")
    return lambda change: trigger_answer(change, move(change, name))


def _try_out(change: Any, name: str, *, only: bool) -> Any:  # noqa: ANN401  # a change, and a trigger
    """Write the newest version again, to try out only, or to act again."""
    newest = trigger_answer(change, actions.trigger(change, name))
    return actions.set_trigger(change, replace(_as_new(newest), dry_run=only))


def _as_new(trigger: TriggerAnswer) -> actions.NewTrigger:
    """Return what writes a version again as it is."""
    return actions.NewTrigger(
        name=trigger.name,
        model=trigger.model,
        signal=trigger.signal,
        environment=actions.Environment(trigger.environment),
        by=trigger.by,
        ladder=[
            {"step": each.step, "threshold": each.threshold, "clear": each.clear}
            for each in trigger.ladder
        ],
        window_s=trigger.window_s,
        n_min=trigger.n_min,
        consecutive=trigger.consecutive,
        dry_run=trigger.dry_run,
        auto_activate=trigger.auto_activate,
        max_share=trigger.max_share,
        budget=trigger.budget,
        owner=trigger.owner,
        account=trigger.account,
    )


MOVES: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "approve": actions.approve_trigger,
    "retire": actions.retire_trigger,
    "pause": partial(_try_out, only=True),
    "resume": partial(_try_out, only=False),
}


def _row(view: Any, seen: Any) -> Row:  # noqa: ANN401  # a view, and what a trigger saw
    trigger = trigger_answer(view, seen.trigger)
    worst = [_worst(windows) for windows in zip(*seen.seen.values(), strict=True)]
    points = [charts.Point(value, "") for value in worst]
    last = worst[-1] if worst else None
    return Row(
        trigger=trigger,
        signal=signal_words(trigger.signal, trigger.by),
        rungs=tuple(
            (plain(each.step), figure_words(trigger.signal, each.threshold))
            for each in trigger.ladder
        ),
        standing=standing_words(trigger),
        chart=charts.spark(points or [charts.Point(None, "")] * PERIODS, _limits(trigger)),
        last="unknown" if last is None else figure_words(trigger.signal, last),
        left=max(0, trigger.budget - seen.spent),
    )


def _worst(windows: tuple[Any, ...]) -> float | None:
    return max((each.value for each in windows if each.value is not None), default=None)


def _limits(trigger: TriggerAnswer) -> list[charts.Limit]:
    """Return the lines of the ladder, each named; where two rungs share one it is named once."""
    found: dict[tuple[str, bool], charts.Limit] = {}
    for each in trigger.ladder:
        fires: charts.Kind = "bad" if each is trigger.ladder[-1] else "warn"
        above, below = (figure_words(trigger.signal, one) for one in (each.threshold, each.clear))
        name = plain(each.step)
        found[each.threshold, True] = charts.Limit(
            float(each.threshold), f"{name} above {above}", fires
        )
        clear = charts.Limit(float(each.clear), f"clears below {below}", "clear")
        found.setdefault((each.clear, False), clear)
    return list(found.values())


def _pictures(trigger: TriggerAnswer, seen: Mapping[str, tuple[Any, ...]]) -> list[Picture]:
    """Return a picture of each value that stands worst by its last window that says something."""

    def latest(value: str) -> float:
        return next((one.value for one in reversed(seen[value]) if one.value is not None), -1.0)

    found, limits = [], _limits(trigger)
    for value in sorted(seen, key=lambda value: (-latest(value), value))[:PICTURES]:
        rows = tuple((one.until, _figure(trigger, one.value), number(one.n)) for one in seen[value])
        points = [
            charts.Point(one.value, f"{until:%H:%M} UTC: {words} of {n}")
            for one, (until, words, n) in zip(seen[value], rows, strict=True)
        ]
        found.append(
            Picture(
                value, *charts.pictures(points, limits, wide=charts.WIDE, right=122), rows[::-1]
            )
        )
    return found


def _figure(trigger: TriggerAnswer, value: float | None) -> str:
    return "unknown" if value is None else figure_words(trigger.signal, value)


def _rung(trigger: TriggerAnswer, rung: Any) -> tuple[str, str, str, str, list[str]]:  # noqa: ANN401  # a rung
    fires = [a.value or "all calls" for a in trigger.alarms if a.step == rung.step and a.firing]
    above, below = (figure_words(trigger.signal, value) for value in (rung.threshold, rung.clear))
    return plain(rung.step), above, below, DOES[rung.step], fires


def _fired(firing: FiringAnswer) -> Fired:
    return Fired(
        firing=firing,
        value=figure_words(firing.signal, firing.value),
        threshold=figure_words(firing.signal, firing.threshold),
        came=CAME[firing.act],
        why=why_words(firing.cause),
    )


def _changes(judging: TriggerAnswer, newest: TriggerAnswer) -> list[tuple[str, str, str]]:
    """Return what a version that waits would change: its name, how it is, and how it would be."""
    if judging.id == newest.id:
        return []
    return [
        (words, show(judging), show(newest))
        for words, show in SHOWN
        if show(judging) != show(newest)
    ]


def _ladder(trigger: TriggerAnswer) -> str:
    rungs = [
        f"{plain(each.step)} above {figure_words(trigger.signal, each.threshold)},"
        f" clears at {figure_words(trigger.signal, each.clear)}"
        for each in trigger.ladder
    ]
    return "; ".join(rungs)


SHOWN: Final[tuple[tuple[str, Callable[[TriggerAnswer], str]], ...]] = (
    ("Model", lambda t: f"{t.model} in {t.environment}"),
    ("Signal", lambda t: signal_words(t.signal, t.by)),
    ("Steps", _ladder),
    ("Window", lambda t: f"{t.window_s // 60} min, {t.consecutive} in a row"),
    ("Rests on at least", lambda t: number(t.n_min)),
    ("Tries out only", lambda t: "yes" if t.dry_run else "no"),
    ("Stops by itself", lambda t: "yes" if t.auto_activate else "no"),
    ("At most of the traffic", lambda t: percent(t.max_share / 10_000)),
    ("Budget", lambda t: f"{t.budget} an hour"),
    ("Answers for it", lambda t: t.owner),
    ("Acts through", lambda t: t.account or "nobody"),
)


TRIGGERS: Final = Sheet(
    template="triggers.html",
    title="Triggers",
    place="/triggers",
    read=read_triggers,
    names=("model", "cursor"),
    rows=trigger_rows,
)
TRIGGER: Final = Sheet(
    template="trigger.html",
    title="Trigger",
    place="/triggers/{trigger}",
    read=read_trigger,
    names=("cursor",),
    step=step,
)
