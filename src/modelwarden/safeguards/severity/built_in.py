"""The rules that come with the program, read from its package once. They are approved with the release (SG-51)."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from modelwarden.safeguards.severity.classify import Rule, Rules
from modelwarden.safeguards.switch import SwitchSeverity

if TYPE_CHECKING:
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.store.change import View


def programs_own(_view: View, _model: str, _environment: Environment) -> Rules:
    """Return the program's own rules, whatever it is about."""
    return severity_rules()


@cache
def signals_classified() -> frozenset[str]:
    """Return the signals that the program's own rules name."""
    return frozenset(rule.signal for rule in severity_rules().rules)


@cache
def severity_rules() -> Rules:
    """Return the rules of severity.toml."""
    folder = files("modelwarden.safeguards.severity")
    found = tomllib.loads((folder / "severity.toml").read_text(encoding="utf-8"))
    rules = tuple(
        Rule(
            signal,
            SwitchSeverity(each["severity"]),
            float(each["above"]) if "above" in each else None,
        )
        for each in found["rule"]
        for signal in each["signals"]
    )
    return Rules(
        version=found["rules"],
        unknown=SwitchSeverity(found["unknown"]),
        rules=rules,
        wide_share=found["wide_share"],
        small_share=found["small_share"],
        highest_tiers=frozenset(found["highest_tiers"]),
        guarded_tiers=frozenset(found["guarded_tiers"]),
    )
