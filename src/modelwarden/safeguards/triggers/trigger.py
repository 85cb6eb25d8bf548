"""A trigger: which signal of which model it judges, how, and what it may do. Each version is a value of its own. Pure.

A version that acts by itself, or that lets more pass than the one before, waits until a second person agrees (SG-47).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import TriggerNotWaiting, ValueInvalid
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.triggers.judge import Rule, Rung
from modelwarden.safeguards.triggers.ladder import ORDER, WHOLE, Limits, Step
from modelwarden.safeguards.triggers.signal import SIGNALS
from modelwarden.values.ids import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.values.ids import ActorId, ModelName, PersonId, TriggerName

MINUTE_S: Final = 60
LONGEST_WINDOW_S: Final = 86_400
MOST_IN_A_ROW: Final = 10
MOST_BUDGET: Final = 100
MOST_ROWS: Final = 10**9
DEFAULT_SHARE: Final = 2_500
DEFAULT_BUDGET: Final = 3


class TriggerState(StrEnum):
    """Where a version stands; only one version of a name is in force."""

    WAITING = "waiting"
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"
    RETIRED = "retired"


MOVES: Final[Mapping[TriggerState, frozenset[TriggerState]]] = MappingProxyType(
    {
        TriggerState.WAITING: frozenset(
            {TriggerState.IN_FORCE, TriggerState.SUPERSEDED, TriggerState.RETIRED}
        ),
        TriggerState.IN_FORCE: frozenset({TriggerState.SUPERSEDED, TriggerState.RETIRED}),
    }
)
"""Allowed moves; a state that is no key is final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One version of a trigger.

    Attributes:
        id: `name@version`.
        by: the dimension that it tells apart; a switch then names its value.
        ladder: step, fires above, clears below: as decimal text, in the order of the steps.
        max_share: basis points of the model's last hour that it may switch without a person.
        budget: how often in an hour it may act.
        owner: the person who answers for it.
        account: the service account that acts; its owner is the trigger's.
        ends: agreeing to this version retires the trigger.
        set_persons: who may stand behind it, as they were known then.
    """

    id: str
    name: TriggerName
    version: int
    state: TriggerState
    model: ModelName
    environment: Environment = Environment.PRODUCTION
    signal: str
    by: str | None = None
    ladder: tuple[tuple[str, str, str], ...]
    window_s: int
    n_min: int
    consecutive: int
    dry_run: bool = False
    auto_activate: bool = False
    max_share: int = DEFAULT_SHARE
    budget: int = DEFAULT_BUDGET
    owner: ActorId
    account: ActorId | None = None
    ends: bool = False
    set_by: ActorId
    set_persons: tuple[PersonId, ...]
    set_at: datetime
    approved_by: ActorId | None = None
    in_force_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check what belongs together. Raises ValueInvalid."""
        if not NAME.fullmatch(self.name):
            raise ValueInvalid("name", f"text that matches {NAME.pattern}")
        signal = SIGNALS.get(self.signal)
        if signal is None:
            raise ValueInvalid("signal", f"one of {', '.join(sorted(SIGNALS))}")
        if self.by is not None and not signal.can_split:
            raise ValueInvalid("by", f"nothing: {self.signal} is counted for a whole model")
        _check_ladder(self.ladder)
        self._check_numbers()
        if self._acts and self.account is None:
            raise ValueInvalid("account", "a service account: without one it can't act by itself")

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The ladder as numbers."""
        return tuple(Rung(step, float(fire), float(clear)) for step, fire, clear in self.ladder)

    @property
    def rule(self) -> Rule:
        """How its windows are judged."""
        return Rule(self.n_min, self.consecutive)

    @property
    def limits(self) -> Limits:
        """What it may do by itself."""
        return Limits(self.dry_run, self.auto_activate, self.max_share, self.budget)

    def loosens(self, before: Trigger | None) -> bool:
        """Tell whether it lets anything pass at which the version before would have done something.

        Another model, signal or split is another promise, so it counts as looser too.
        """
        if before is None:
            return False
        if self.ends or self.judges() != before.judges():
            return True
        slower = (self.window_s, self.n_min, self.consecutive)
        faster = (before.window_s, before.n_min, before.consecutive)
        later = any(mine > theirs for mine, theirs in zip(slower, faster, strict=True))
        less = (self.dry_run and not before.dry_run) or (
            before.auto_activate and self.acts_less_than(before)
        )
        return later or less or not self._reaches_all_of(before)

    def needs_second(self, before: Trigger | None) -> bool:
        """Tell whether a second person has to agree to it."""
        return self.auto_activate or self.loosens(before)

    def acts_less_than(self, before: Trigger) -> bool:
        """Tell whether it would act by itself less often, or on less, than another version."""
        return (
            not self.auto_activate
            or self.max_share < before.max_share
            or self.budget < before.budget
        )

    def in_force(self, *, by: ActorId | None, at: datetime) -> Trigger:
        """Return this version in force, or retired where that is what it asks for. Raises TriggerNotWaiting."""
        to = TriggerState.RETIRED if self.ends else TriggerState.IN_FORCE
        moved = self.moved(to, at=at)
        return replace(moved, approved_by=by, in_force_at=None if self.ends else at)

    def moved(self, state: TriggerState, *, at: datetime) -> Trigger:
        """Return this version in another state. Raises TriggerNotWaiting."""
        if state not in MOVES.get(self.state, ()):
            raise TriggerNotWaiting(self.name, self.version, self.state)
        ended = None if state is TriggerState.IN_FORCE else at
        return replace(self, state=state, ended_at=ended)

    def judges(self) -> tuple[object, ...]:
        """Return what it looks at."""
        return self.model, self.environment, self.signal, self.by

    def _reaches_all_of(self, before: Trigger) -> bool:
        """Tell whether each step that the other takes is taken here, or a stronger one, no later and for no shorter."""
        return all(
            any(
                ORDER.index(Step(mine.step)) >= ORDER.index(Step(theirs.step))
                and mine.fire <= theirs.fire
                and mine.clear <= theirs.clear
                for mine in self.rungs
            )
            for theirs in before.rungs
        )

    @property
    def _acts(self) -> bool:
        observes = any(step == Step.OBSERVE for step, _, _ in self.ladder)
        return self.auto_activate or (observes and not self.dry_run)

    def _check_numbers(self) -> None:
        checks = (
            ("window", MINUTE_S <= self.window_s <= LONGEST_WINDOW_S and not self.window_s % 60,
             "whole minutes, from 1m to 24h"),
            ("n_min", 1 <= self.n_min <= MOST_ROWS, f"1 to {MOST_ROWS:,}"),
            ("consecutive", 1 <= self.consecutive <= MOST_IN_A_ROW, f"1 to {MOST_IN_A_ROW}"),
            ("max_share", 0 <= self.max_share <= WHOLE, "0 to 100 %"),
            ("budget", 0 <= self.budget <= MOST_BUDGET, f"0 to {MOST_BUDGET} an hour"),
        )  # fmt: skip
        for field, holds, expected in checks:
            if not holds:
                raise ValueInvalid(field, expected)


def _check_ladder(ladder: tuple[tuple[str, str, str], ...]) -> None:
    steps = [step for step, _, _ in ladder]
    known = [step.value for step in ORDER]
    if not steps or len(set(steps)) < len(steps) or not set(steps) <= set(known):
        raise ValueInvalid("ladder", f"each step once, of {', '.join(known)}")
    if [known.index(step) for step in steps] != sorted(known.index(step) for step in steps):
        raise ValueInvalid("ladder", "steps from the least to the strongest")
    last = -1.0
    for step, fire, clear in ladder:
        if not 0 <= float(clear) <= float(fire) < MOST_ROWS:
            raise ValueInvalid("ladder", f"{step}: it clears at or below what it fires above")
        if float(fire) < last:
            raise ValueInvalid("ladder", "a stronger step never fires below a weaker one")
        last = float(fire)
