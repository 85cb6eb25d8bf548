"""What a rung that fires may do: note → incident → observe switch → proposal → switch. Pure (SG-48)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Step(StrEnum):
    """What a rung asks for, least first."""

    NOTE = "note"
    INCIDENT = "incident"
    OBSERVE = "observe"
    PROPOSAL = "proposal"
    SWITCH = "switch"


class Act(StrEnum):
    """What came of it."""

    NOTED = "noted"
    INCIDENT = "incident"
    OBSERVED = "observed"
    PROPOSED = "proposed"
    SWITCHED = "switched"


ORDER: Final = tuple(Step)
WHOLE: Final = 10_000
ACTING: Final = frozenset({Act.OBSERVED, Act.SWITCHED})
"""What is done without a person."""


class Limits(NamedTuple):
    """What a trigger may do by itself: `max_share` is in basis points of traffic, `budget` is a count an hour."""

    dry_run: bool
    auto_activate: bool
    max_share: int
    budget: int


class Moment(NamedTuple):
    """What is known when a rung fires. A `share` of None is unknown, and taken as everything."""

    share: int | None
    spent: int
    is_drill: bool


class Choice(NamedTuple):
    """What is to be done, and why no more."""

    act: Act
    cause: str | None = None


def choose(step: Step, limits: Limits, moment: Moment) -> Choice:
    """Return what a rung does."""
    if limits.dry_run:
        return Choice(Act.NOTED, "dry_run")
    match step:
        case Step.NOTE:
            return Choice(Act.NOTED)
        case Step.INCIDENT:
            return Choice(Act.INCIDENT)
        case Step.OBSERVE:
            return _observed(limits, moment)
        case Step.PROPOSAL:
            return Choice(Act.PROPOSED, "by_people")
        case Step.SWITCH:
            held = _held_back(limits, moment)
            return Choice(Act.SWITCHED) if held is None else Choice(Act.PROPOSED, held)


def refused(choice: Choice, code: str) -> Choice:
    """Return what is done instead, where the account of a trigger may not act."""
    if choice.act not in ACTING:
        return choice
    return Choice(Act.PROPOSED if choice.act is Act.SWITCHED else Act.NOTED, code)


def _observed(limits: Limits, moment: Moment) -> Choice:
    """Return whether to observe: nobody's answer changes by it, so it takes no leave, but drills and floods do not."""
    if moment.is_drill:
        return Choice(Act.NOTED, "drill")
    if moment.spent >= limits.budget:
        return Choice(Act.NOTED, "over_budget")
    return Choice(Act.OBSERVED)


def _held_back(limits: Limits, moment: Moment) -> str | None:
    if not limits.auto_activate:
        return "not_automatic"
    if moment.is_drill:
        return "drill"
    if moment.share is None:
        return "share_unknown"
    if moment.share > limits.max_share:
        return "too_wide"
    return "over_budget" if moment.spent >= limits.budget else None
