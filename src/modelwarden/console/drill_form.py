"""The page that starts a drill: which fault, in how much of whose traffic, and what it has to show."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from modelwarden.console.desk import Change, Fields, Sheet
from modelwarden.console.drill_pages import DRILLS, fault_words
from modelwarden.console.frame import Frame
from modelwarden.console.kill_page import environment_of
from modelwarden.console.stop_page import PARTS
from modelwarden.console.words import percent, span
from modelwarden.errors import ValueInvalid
from modelwarden.guard.faults import FaultKind
from modelwarden.registry import actions as registry
from modelwarden.safeguards import actions
from modelwarden.safeguards.drills.answers import drill_answer
from modelwarden.safeguards.drills.drill import LONGEST, MOST_SHARE, WHOLE

SIZES: Final[Mapping[FaultKind, str]] = MappingProxyType(
    {FaultKind.LATENCY: "200ms", FaultKind.DRIFT: "0.4", FaultKind.CLOCK_SKEW: "90s"}
)
"""Faults that have a size, and one that makes a good beginning."""
STAGING: Final = actions.Environment.STAGING


def read(view: Any, query: Fields, _frame: Frame, kept: Fields) -> Mapping[str, Any]:  # noqa: ANN401  # a view
    """Return what the form begins with. Raises ModelNotFound."""
    model, fault = query.get("model", ""), query.get("fault", "")
    if model:
        registry.model(view, model)
    kind, _, size = fault.partition(":")
    start = {"fault": kind, "size": size, "share": "1", "ttl": "10m"}
    start |= {"environment": query.get("environment", STAGING.value)}
    return {
        "model": model,
        "given": dict(kept) if kept.get("do") == "run" else start,
        "faults": [
            (each.value, fault_words(each.value), SIZES.get(each, "")) for each in FaultKind
        ],
        "places": [
            (each.value, percent(MOST_SHARE[each] / WHOLE), span(LONGEST[each].total_seconds()))
            for each in sorted(actions.Environment, key=lambda each: each is not STAGING)
        ],
        "open_in": view.settings.drills_environments,
        "parts": PARTS,
    }


def step(do: str, query: Fields, kept: Fields) -> Change:
    """Return the drill that the form asks for. Raises ValueInvalid."""
    model = query.get("model") or kept.get("model", "")
    if do != "run" or not model or kept.get("typed") != model:
        raise ValueInvalid("typed", f"{model or 'the model'}, typed once more")
    kind, size = kept.get("fault", ""), kept.get("size", "")
    new = actions.NewDrill(
        fault=f"{kind}:{size}" if kind in SIZES else kind,
        scope={"model": model} | {part: kept[part] for part in PARTS if kept.get(part)},
        share=_part(kept.get("share", "")),
        ttl=kept.get("ttl", ""),
        environment=environment_of({"environment": STAGING.value, **kept}),
        detect_within=kept.get("detect_within") or None,
        activate_within=kept.get("activate_within") or None,
        confirm_within=kept.get("confirm_within") or None,
    )
    return lambda change: drill_answer(change, actions.run_drill(change, new))


def _part(typed: str) -> str:
    """Return percent as a part of 1. Raises ValueInvalid."""
    try:
        found = Decimal(typed) / 100
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or len(typed) > 12:  # noqa: PLR2004  # a figure that people type
        raise ValueInvalid("share", "a part in percent, such as 1 or 0.5")
    return format(found, "f")


RUN: Final = Sheet(
    template="drill_form.html",
    title="Run a drill",
    place="/drills/run",
    read=read,
    names=("model", "fault", "environment"),
    step=step,
    after=DRILLS,
)
