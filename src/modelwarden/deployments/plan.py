"""Which course a deployment takes: the policies', or a more careful one that they leave open (RL-35, RL-36). Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from modelwarden.errors import StrategyUnknown, ValueInvalid
from modelwarden.guard.router import Strategy
from modelwarden.policies.rollout import ALL, DEFAULT_STEPS, Course, Step
from modelwarden.policies.target import joined_targets, target
from modelwarden.values.ids import NAME

AT_ONCE: Final = Course(strategy=Strategy.DIRECT, steps=(Step(ALL),))
"""All traffic in one step."""


def course_for(governing: Course, named: str | None, *, is_first: bool) -> Course:
    """Return the course of a deployment.

    A policy that releases directly leaves the strategy open; any other is kept to, since approvers signed it. With
    nothing live there is nobody to share with, and the one step has all the traffic.

    Raises:
        StrategyUnknown: there is no such strategy, the policy names another, or there is nothing to shadow.
    """
    strategy = governing.strategy if named is None else _named(named)
    if strategy is not governing.strategy:
        if governing.strategy is not Strategy.DIRECT:
            raise StrategyUnknown(f"the policy releases by {governing.strategy}, not by {strategy}")
        governing = replace(governing, strategy=strategy, steps=DEFAULT_STEPS[strategy])
    if not is_first:
        return governing
    if strategy is Strategy.SHADOW:
        raise StrategyUnknown("nothing is live here whose calls could be mirrored")
    return replace(governing, steps=(Step(ALL),))


def with_target(course: Course, endpoint: str | None) -> Course:
    """Return the course with one more target; the shorter wait is kept. Raises ValueInvalid."""
    if endpoint is None:
        return course
    if NAME.fullmatch(endpoint) is None:
        raise ValueInvalid("target", f"the name of a webhook endpoint, of the form {NAME.pattern}")
    return replace(course, targets=joined_targets([*course.targets, target(endpoint)]))


def _named(name: str) -> Strategy:
    try:
        return Strategy(name)
    except ValueError:
        known = ", ".join(Strategy)
        raise StrategyUnknown(f"no strategy is called {name!r}; use {known}") from None
