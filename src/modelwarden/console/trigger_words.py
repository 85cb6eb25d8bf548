"""Words of triggers: what a signal is and how large, what a rung does, what came of a firing and why no more. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from modelwarden.console.words import percent, plain
from modelwarden.safeguards.triggers.signal import SIGNALS
from modelwarden.values.triggers import TriggerAnswer

INDICES: Final = MappingProxyType({"psi": "", "slo_burn": " times"})
"""Signals that are no share, and what stands behind their figures."""
DOES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "note": "write it down",
        "incident": "ask for an incident",
        "observe": "count the calls by an observing switch",
        "proposal": "propose a switch",
        "switch": "stop",
    }
)
CAME: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "noted": ("mut", "Written down"),
        "incident": ("warn", "Incident asked for"),
        "observed": ("warn", "Calls are counted"),
        "proposed": ("warn", "Switch proposed"),
        "switched": ("bad", "Stopped"),
    }
)
WHY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "by_people": "this step is left to people",
        "dry_run": "it only tries out",
        "not_automatic": "it may not stop by itself",
        "drill": "a drill took part",
        "share_unknown": "how much traffic it is, is unknown",
        "too_wide": "more traffic than it may stop by itself",
        "over_budget": "its budget for this hour is used up",
    }
)


def figure_words(signal: str, value: float | str) -> str:
    """Return a figure of a signal with its unit: `0.61`, `14.4 times`, `12.5 %`."""
    found = float(value)
    return f"{found:.3g}{INDICES[signal]}" if signal in INDICES else percent(found)


def signal_words(signal: str, by: str | None) -> str:
    """Return what a trigger looks at."""
    known = SIGNALS.get(signal)
    says = plain(signal) if known is None else known.says
    return says if by is None else f"{says}, by {plain(by)}"


def why_words(cause: str | None) -> str:
    """Return why no more was done; empty where nothing held it back."""
    return "" if cause is None else WHY.get(cause, f"its account was refused: {cause}")


def standing_words(trigger: TriggerAnswer) -> tuple[str, str]:
    """Return how a trigger stands, as kind and words."""
    if trigger.state != "in_force":
        words = {"waiting": "Waits for agreement", "superseded": "Replaced", "retired": "Retired"}
        return ("info" if trigger.state == "waiting" else "mut", words[trigger.state])
    if any(alarm.firing for alarm in trigger.alarms):
        return ("bad", "Firing")
    return {"fail": ("warn", "Building up"), "pass": ("ok", "Quiet")}.get(
        trigger.verdict, ("mut", "Unknown")
    )
