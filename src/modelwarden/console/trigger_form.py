"""The page that writes a trigger, or the next version of one. What is left empty comes from the signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import environment_of
from modelwarden.console.trigger_pages import TRIGGERS
from modelwarden.errors import FormInvalid, ValueInvalid
from modelwarden.guard.scope import known_dimensions
from modelwarden.safeguards import actions
from modelwarden.safeguards.triggers.answers import trigger_answer
from modelwarden.safeguards.triggers.ladder import ORDER
from modelwarden.safeguards.triggers.setting import UNWATCHED
from modelwarden.safeguards.triggers.signal import SIGNALS
from modelwarden.values.triggers import TriggerAnswer

LONGEST: Final = 12
"""Digits of a whole number that a form may carry."""
MINUTE_S: Final = 60
PLACES: Final = 2


def read(view: Any, query: Fields, _frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the form begins with: what was typed, else the newest version of the trigger that is named."""
    name = query.get("name")
    before = None if name is None else trigger_answer(view, actions.trigger(view, name))
    start = dict(query) if before is None else _typed(before)
    dimensions = sorted(known_dimensions(view.settings.switch_dimensions) - UNWATCHED)
    return {
        "name": name,
        "given": dict(kept) if kept.get("do") == "set" else start,
        "signals": [SIGNALS[each] for each in sorted(SIGNALS)],
        "dimensions": dimensions,
        "steps": [each.value for each in ORDER],
    }


def step(do: str, query: Fields, kept: Fields) -> Change:
    """Return the trigger that the form asks for. Raises FormInvalid, ValueInvalid."""
    if do != "set":
        raise FormInvalid("send a form of the page")
    ladder = [
        {"step": each.value, "threshold": fire, "clear": kept.get(f"clear-{each.value}", "")}
        for each in ORDER
        if (fire := kept.get(f"fire-{each.value}", ""))
    ]
    window = _whole(kept, "window")
    new = actions.NewTrigger(
        name=query.get("name") or kept.get("name", ""),
        model=kept.get("model", ""),
        signal=kept.get("signal", ""),
        environment=environment_of(kept),
        by=kept.get("by") or None,
        ladder=ladder or None,
        window_s=None if window is None else window * MINUTE_S,
        n_min=_whole(kept, "n_min"),
        consecutive=_whole(kept, "consecutive"),
        dry_run="dry_run" in kept,
        auto_activate="auto_activate" in kept,
        owner=kept.get("owner") or None,
        account=kept.get("account") or None,
        **_limits(kept),
    )
    return lambda change: trigger_answer(change, actions.set_trigger(change, new))


def _typed(trigger: TriggerAnswer) -> dict[str, str]:
    """Return a version as somebody would have typed it."""
    words = {
        "model": trigger.model,
        "signal": trigger.signal,
        "environment": trigger.environment,
        "by": trigger.by or "",
        "window": f"{trigger.window_s // MINUTE_S}",
        "n_min": f"{trigger.n_min}",
        "consecutive": f"{trigger.consecutive}",
        "max_share": f"{trigger.max_share / 100:g}",
        "budget": f"{trigger.budget}",
        "owner": trigger.owner,
        "account": trigger.account or "",
    }
    words |= {name: "on" for name in ("dry_run", "auto_activate") if getattr(trigger, name)}
    for each in trigger.ladder:
        words |= {f"fire-{each.step}": each.threshold, f"clear-{each.step}": each.clear}
    return words


def _whole(kept: Fields, field: str) -> int | None:
    """Return a whole number, or None where nothing was typed. Raises ValueInvalid."""
    typed = kept.get(field, "")
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) <= LONGEST):
        raise ValueInvalid(field, "a whole number")
    return int(typed)


def _limits(kept: Fields) -> dict[str, Any]:
    """Return share and budget where they were typed; percent with at most two places. Raises ValueInvalid."""
    found: dict[str, Any] = {}
    budget, share = _whole(kept, "budget"), kept.get("max_share", "")
    if budget is not None:
        found["budget"] = budget
    if share:
        whole, _, rest = share.partition(".")
        digits = f"{whole}{rest:0<2}"
        is_short = len(rest) <= PLACES and len(digits) <= LONGEST
        if not (whole and digits.isascii() and digits.isdigit() and is_short):
            raise ValueInvalid("max_share", "a part in percent, such as 25 or 2.5")
        found["max_share"] = int(digits)
    return found


SET: Final = Sheet(
    template="trigger_form.html",
    title="Set a trigger",
    place="/set-trigger",
    read=read,
    names=("name", "model", "signal", "environment"),
    step=step,
    after=TRIGGERS,
)
