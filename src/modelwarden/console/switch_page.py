"""The pages of one switch with its story, of all that ever were, and of one entry of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from modelwarden.access.actions import handle_of
from modelwarden.audit import actions as audit
from modelwarden.console.desk import Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import CALM_S, QUICK_S, environment_of, step
from modelwarden.console.shown import shown, standing
from modelwarden.errors import NotFound
from modelwarden.safeguards import actions
from modelwarden.safeguards.answers import switch_answer
from modelwarden.safeguards.fleet.reads import confirmations_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.switches import SwitchAnswer

STEPS: Final = 50
ROWS: Final = 50
SAID: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "switch.activated": ("bad", "octagon-x", "stopped it"),
        "switch.confirmed": ("ok", "circle-check", "confirmed"),
        "switch.unconfirmed": ("warn", "triangle-alert", "not confirmed after 30 s"),
        "switch.release_requested": ("me", "rotate-ccw", "asked to release it"),
        "switch.release_refused": ("warn", "undo-2", "kept it stopped"),
        "switch.released": ("ok", "check", "released it"),
        "switch.expired": ("mut", "clock", "ended by itself, as was said when it was activated"),
        "switch.reminded": ("mut", "clock", "reminded people that it still stands"),
        "access.denied": ("warn", "user-x", "was refused"),
    }
)
"""How each type of entry is told: kind, icon, words."""
OTHERWISE: Final = ("mut", "circle-dot", "")


def read_switch(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the page of one switch shows."""
    found = actions.switch(view, query["switch"])
    counts = confirmations_answer(view, actions.confirmations(view, found.id))
    steps = actions.story(view, found.id, Page(limit=STEPS, cursor=query.get("steps")))
    each = shown(view, found)
    counted = standing(counts, each.seconds)
    waits = found.is_live and counted.is_awaited
    return {
        "each": each._replace(standing=counted),
        "steps": [(each, *SAID.get(each.type, OTHERWISE)) for each in steps.items],
        "more_steps": steps.next_cursor,
        "poll_s": QUICK_S if waits else CALM_S,
    }


def read_history(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return a page of all switches, the newest first."""
    page = Page(limit=ROWS, cursor=query.get("cursor"))
    found = actions.switches(view, page, wanted=_wanted(query))
    return {"rows": [shown(view, each) for each in found.items], "more": found.next_cursor}


def history_rows(view: Any, query: Fields, page: Page) -> Listing[SwitchAnswer]:  # noqa: ANN401  # a view
    """Return a part of the history as it leaves the console."""
    found = actions.switches(view, page, wanted=_wanted(query))
    items = tuple(switch_answer(view, each) for each in found.items)
    return Listing(items, found.next_cursor)


def read_entry(view: Any, query: Fields, _frame: Frame, _kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return one entry of the ledger. Raises NotFound."""
    if not (query["seq"].isascii() and query["seq"].isdigit() and len(query["seq"]) < 19):  # noqa: PLR2004
        raise NotFound("entry", query["seq"])
    found = audit.entry(view, int(query["seq"]))
    actor = found.entry.get("actor", {}).get("id")  # nothing is said by an entry that was altered
    return {"found": found, "by": None if actor is None else handle_of(view, actor)}


def _wanted(query: Fields) -> actions.SwitchFilter:
    wanted = actions.SwitchFilter(live=query.get("show") == "live", model=query.get("model"))
    if "environment" not in query:
        return wanted
    return replace(wanted, environment=environment_of(query))


SWITCH: Final = Sheet(
    template="switch.html",
    title="Kill switch",
    place="/kill-switches/{switch}",
    read=read_switch,
    names=("steps",),
    step=step,
)
HISTORY: Final = Sheet(
    template="history.html",
    title="Kill switch history",
    place="/kill-switches/history",
    read=read_history,
    names=("environment", "model", "show", "cursor"),
    rows=history_rows,
)
ENTRY: Final = Sheet(
    template="entry.html", title="Ledger entry", place="/entries/{seq}", read=read_entry
)
