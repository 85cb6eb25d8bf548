"""Strategies as steps (RL's section 7). Pure.

All names are known; only `direct` can be carried out in this release, since the others move
traffic step by step through routes that guards hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import StrategyUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping


class Strategy(StrEnum):
    """How traffic moves to a version."""

    DIRECT = "direct"
    SHADOW = "shadow"
    CANARY = "canary"
    BLUE_GREEN = "blue_green"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Step:
    """A share of traffic in percent, and how long it has to hold before the next step."""

    traffic: int
    bake: timedelta = timedelta(0)


STEPS: Final[Mapping[Strategy, tuple[Step, ...]]] = MappingProxyType(
    {Strategy.DIRECT: (Step(100),)}
)
"""The steps of each strategy that this release can carry out."""


def strategy_named(name: str) -> Strategy:
    """Return a strategy that can be carried out. Raises StrategyUnknown."""
    known = ", ".join(STEPS)
    try:
        strategy = Strategy(name)
    except ValueError:
        raise StrategyUnknown(f"no strategy is called {name!r}; use {known}") from None
    if strategy not in STEPS:
        raise StrategyUnknown(f"{name} is not carried out by this release yet; use {known}")
    return strategy
