"""The pages of drills: what runs and waits, what is overdue, what comes by itself, what came of them; and one drill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import CALM_S
from modelwarden.console.words import conditions_words, percent, plain
from modelwarden.errors import FormInvalid, ModelNotFound
from modelwarden.registry import actions as registry
from modelwarden.safeguards import actions
from modelwarden.safeguards.drills.answers import drill_answer, overdue_answer
from modelwarden.safeguards.drills.schedule import read_plans
from modelwarden.values.drills import DrillAnswer
from modelwarden.values.pages import Listing, Page

ROWS: Final = 25
OVERDUE: Final = 10
NEWEST: Final = Page(limit=50)
"""Among so many of the newest drills are those that run or wait: an hour is the longest that one waits."""
GOES_ON: Final = frozenset({"requested", "running"})
ENDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ttl": "its time was over",
        "stopped": "somebody stopped it",
        "switch": "a switch of SEV1 or SEV2 came",
        "burn": "the error budget burnt fast",
        "lapsed": "nobody confirmed it within an hour",
    }
)
MISSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "struck": "no answer was struck",
        "detect": "not detected in time",
        "activate": "not activated in time",
        "confirm": "not confirmed in time",
    }
)


NAMED: Final[Mapping[str, str]] = MappingProxyType({"nan": "NaN"})
SAW: Final[Mapping[str, str]] = MappingProxyType(
    {
        "switch.activated": "somebody's switch",
        "switch.proposed": "a proposed switch",
        "trigger.fired": "a trigger",
    }
)


class Drilled(NamedTuple):
    """A drill with its words; `standing` is kind and words, `left_s` what it may still run."""

    drill: DrillAnswer
    scope: str
    fault: str
    share: str
    standing: tuple[str, str]
    ended: str
    missed: tuple[str, ...]
    seen_by: str
    left_s: int


class Planned(NamedTuple):
    """A drill that comes by itself."""

    model: str
    fault: str
    share: str
    ttl: str
    days: int
    due: datetime


def read_drills(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page of all drills shows."""
    newest = drilled(view, actions.drills(view, NEWEST).items)
    page = Page(limit=ROWS, cursor=query.get("cursor"))
    found = actions.drills(view, page, model=query.get("model"))
    overdue = actions.overdue(view, Page(limit=OVERDUE, cursor=query.get("overdue")))
    return {
        "live": [each for each in newest if each.drill.state in GOES_ON],
        "rows": [e for e in drilled(view, found.items) if e.drill.state not in GOES_ON],
        "more": found.next_cursor,
        "overdue": [overdue_answer(view, each) for each in overdue.items],
        "more_overdue": overdue.next_cursor,
        "overdue_days": view.settings.drills_overdue_days,
        "plans": _plans(view),
        "poll_s": CALM_S,
    }


def drill_rows(view: Any, query: Fields, page: Page) -> Listing[DrillAnswer]:  # noqa: ANN401  # a view
    """Return a part of the list of drills."""
    found = actions.drills(view, page, model=query.get("model"))
    return Listing(tuple(drill_answer(view, each) for each in found.items), found.next_cursor)


def read_drill(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page of one drill shows. Raises NotFound."""
    (each,) = drilled(view, [actions.drill(view, query["drill"])])
    return {"each": each, "poll_s": CALM_S}


def step(do: str, query: Fields, kept: Fields) -> Change:
    """Return the move that a form asks for. Raises FormInvalid."""
    move = MOVES.get(do)
    if move is None:
        raise FormInvalid("send a form of the page")
    act = partial(move, drill_id=query.get("drill") or kept.get("drill", ""))
    return lambda change: drill_answer(change, act(change))


MOVES: Final[Mapping[str, Any]] = MappingProxyType(
    {"confirm": actions.confirm_drill, "stop": actions.stop_drill}
)


def drilled(view: Any, drills: Iterable[Any]) -> list[Drilled]:  # noqa: ANN401  # a view
    """Return drills with their words."""
    return [_drilled(drill_answer(view, each), view.now) for each in drills]


def fault_words(fault: str) -> str:
    """Return a fault as people read it: `latency of 200ms`, `stale inputs`."""
    word, _, size = fault.partition(":")
    called = NAMED.get(word, plain(word))
    return f"{called} of {size}" if size else called


def _drilled(drill: DrillAnswer, now: datetime) -> Drilled:
    report = drill.report
    return Drilled(
        drill=drill,
        scope=conditions_words(drill.scope, drill.exception),
        fault=fault_words(drill.fault),
        share=percent(float(drill.share)),
        standing=_standing(drill),
        ended=ENDED.get(drill.cause or "", ""),
        missed=() if report is None else tuple(MISSED.get(each, each) for each in report.missed),
        seen_by="" if report is None else _seen_by(report.detected_by or ""),
        left_s=0 if drill.ends_at is None else max(0, int((drill.ends_at - now).total_seconds())),
    )


def _seen_by(detected_by: str) -> str:
    """Return what saw a drill first: `the trigger on error rate`."""
    kind, _, signal = detected_by.partition(":")
    return f"the trigger on {plain(signal)}" if signal else SAW.get(kind, kind)


def _standing(drill: DrillAnswer) -> tuple[str, str]:
    if drill.report is not None:
        return ("ok", "Passed") if drill.report.passed else ("bad", "Failed")
    return {
        "requested": ("info", "Waits for a second person"),
        "running": ("warn", "Running"),
        "lapsed": ("mut", "Never ran"),
    }.get(drill.state, ("mut", "Ended, report follows"))


def _plans(view: Any) -> list[Planned]:  # noqa: ANN401  # a view
    """Return what comes by itself on models that the caller may read, the next one first."""
    found = []
    for plan in read_plans(view.settings.drills_schedule):
        try:
            registry.model(view, plan.model)
        except ModelNotFound:
            continue
        found.append(
            Planned(
                model=plan.model,
                fault=fault_words(plan.fault),
                share=percent(float(plan.share)),
                ttl=plan.ttl,
                days=plan.every.days,
                due=plan.last_due(view.now) + plan.every,
            )
        )
    return sorted(found, key=lambda plan: (plan.due, plan.model))


DRILLS: Final = Sheet(
    template="drills.html",
    title="Drills",
    place="/drills",
    read=read_drills,
    names=("model", "overdue", "cursor"),
    rows=drill_rows,
    step=step,
)
DRILL: Final = Sheet(
    template="drill.html", title="Drill", place="/drills/{drill}", read=read_drill, step=step
)
