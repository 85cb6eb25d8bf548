"""The pages that try a policy on past releases, and that translate a file into one. Both only read.

What is typed is a document, so it comes with the form, in no address; a form holds 32 KiB.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from modelwarden.console.charts import HALF, Chart, Limit, Point, pictures
from modelwarden.console.desk import Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import environment_of
from modelwarden.deployments import actions as releases
from modelwarden.deployments.answers import dry_run_answer
from modelwarden.errors import ValueInvalid, WardenError
from modelwarden.policies import actions
from modelwarden.policies.answers import import_answer
from modelwarden.values.checks import DryRunAnswer, ReplayAnswer
from modelwarden.values.pages import Page

ROWS: Final = 100
DAYS: Final = "90"
WEEK: Final = timedelta(days=7)
LONGEST_DAYS: Final = 3
TURNS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "newly_blocked": ("bad", "Would have been stopped"),
        "newly_clear": ("ok", "Would not be stopped any more"),
        "still_blocked": ("warn", "Stopped either way"),
        "still_clear": ("mut", "Unchanged"),
    }
)


class Tried(NamedTuple):
    """A dry run with its picture; `weeks` are the first day of each, its newly blocked and all its releases."""

    answer: DryRunAnswer
    chart: tuple[Chart, Chart]
    weeks: tuple[tuple[str, int, int], ...]
    changed: tuple[ReplayAnswer, ...]


def read_dry_run(view: Any, _query: Fields, _frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows: the form, and what came of it where one was sent."""
    shown: dict[str, Any] = {"given": {"days": DAYS, **kept}, "turns": TURNS}
    if not kept.get("document"):
        return shown | {"tried": None, "wrong": None}
    try:
        return shown | {"tried": _tried(view, kept), "wrong": None}
    except WardenError as error:
        return shown | {"tried": None, "wrong": error}


def read_import(view: Any, _query: Fields, _frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page shows: the form, and the policy that the file means where one was sent."""
    shown: dict[str, Any] = {"given": dict(kept), "found": None, "wrong": None}
    if not kept.get("document"):
        return shown
    try:
        found = actions.import_policy(
            view,
            kept["document"],
            name=kept.get("name") or None,
            leave_out=tuple(kept.get("leave_out", "").split()),
        )
    except WardenError as error:
        return shown | {"wrong": error}
    return shown | {"found": import_answer(view, found)}


def _tried(view: Any, kept: Fields) -> Tried:  # noqa: ANN401  # a view
    days = kept.get("days") or DAYS
    if not (days.isascii() and days.isdigit() and len(days) <= LONGEST_DAYS):
        raise ValueInvalid("days", "a whole number of days")
    chosen = releases.Selection(
        days=int(days), model=kept.get("model") or None, environment=environment_of(kept)
    )
    page = Page(limit=ROWS, cursor=kept.get("cursor") or None)
    found = releases.dry_run(view, kept["document"], selection=chosen, page=page)
    answer = dry_run_answer(view, found)
    weeks = _weeks(answer.releases, answer.since, view.now)
    points = [Point(float(bad), f"{day}: {bad} of {all_} stopped") for day, bad, all_ in weeks]
    return Tried(
        answer=answer,
        chart=pictures(points, [Limit(0, "", "bad")], wide=HALF, right=8),
        weeks=weeks,
        changed=tuple(each for each in answer.releases if each.turn.startswith("newly")),
    )


def _weeks(
    found: Sequence[ReplayAnswer], since: datetime, until: datetime
) -> tuple[tuple[str, int, int], ...]:
    every, bad = Counter[int](), Counter[int]()
    for each in found:
        week = (each.started_at - since) // WEEK
        every[week] += 1
        bad[week] += each.turn == "newly_blocked"
    return tuple(
        ((since + number * WEEK).strftime("%Y-%m-%d"), bad[number], every[number])
        for number in range((until - since) // WEEK + 1)
    )


DRY_RUN: Final = Sheet(
    template="dry_run.html",
    title="Try a policy on the past",
    place="/policies/dry-run",
    read=read_dry_run,
)
IMPORT: Final = Sheet(
    template="import.html",
    title="Import a policy",
    place="/policies/import",
    read=read_import,
)
