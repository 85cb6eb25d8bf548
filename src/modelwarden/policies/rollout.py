"""What a policy says of going live: `rollout` and `rollback_when`, their schema and how several join. Pure (RL-35).

Joined is what is most careful of each: the strategy that moves least at once, every share that any policy stops at and
the longest time there, a person where one policy wants one, all that holds a step up and all that takes it back.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from modelwarden.guard.router import Strategy
from modelwarden.policies.duration import duration
from modelwarden.policies.shape import Length, Shape
from modelwarden.policies.target import MOST_TARGETS, Target, TargetPart, joined_targets
from modelwarden.values.canonical import encode_any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_STEPS: Final = 20
MOST_CONDITIONS: Final = 20
LONGEST_WINDOW: Final = "PT1H"
"""What guards count by version is kept for two hours."""
WINDOW: Final = "PT5M"
SAMPLES: Final = 500
ALL: Final = 100
CAREFUL: Final = (
    Strategy.DIRECT,
    Strategy.BLUE_GREEN,
    Strategy.ROLLING,
    Strategy.CANARY,
    Strategy.SHADOW,
)
"""The more careful strategy stands later."""
NAMED: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "error_rate_spike": {"metric": "error_rate", "above_baseline": 0.01},
        "performance_degradation": {"metric": "latency", "above_baseline_times": 1.5},
    }
)
"""Names of the source documents, and what they stand for here; `performance` is how long a call takes (RL-37)."""


@dataclass(frozen=True, slots=True)
class Step:
    """A share of traffic in percent, and how long it has to hold before the next step."""

    traffic: int
    bake: timedelta = timedelta(0)


def _hours(count: int) -> timedelta:
    return timedelta(hours=count)


DEFAULT_STEPS: Final[Mapping[Strategy, tuple[Step, ...]]] = MappingProxyType(
    {
        Strategy.DIRECT: (Step(ALL),),
        Strategy.SHADOW: (Step(0, _hours(24)),),
        Strategy.CANARY: (Step(5, _hours(24)), Step(25, _hours(1)), Step(ALL)),
        Strategy.BLUE_GREEN: (Step(0), Step(ALL, _hours(1))),
        Strategy.ROLLING: tuple(Step(share, timedelta(minutes=10)) for share in (25, 50, 75, ALL)),
    }
)
"""The steps of each strategy where the policy names none (RL-35)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something about the candidate that holds a step up, or takes it back.

    Attributes:
        metric: `error_rate`, `latency` (seconds, on average) or `disagreement` (of a shadow's answers).
        against: `value` compares with `limit` itself, `baseline` with the version that was live plus it, and
            `baseline_times` with that version times it.
        window_s: over how much time, all of which the candidate had traffic.
        min_samples: calls of each version that is looked at, at least.
        on_unknown: `hold`, or `rollback`.
    """

    metric: str
    against: str
    limit: float
    window_s: int
    min_samples: int
    on_unknown: str = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a version goes live: what a deployment keeps of the policies that governed its start.

    Attributes:
        advance: `automatic`, or `manual`: each step waits for a person.
        hold: all of these have to be known to hold for a step.
        rollback_when: any of these takes the deployment back.
        targets: each of them has to acknowledge each step (RL-40).
    """

    strategy: Strategy
    steps: tuple[Step, ...]
    advance: str = "automatic"
    hold: tuple[Condition, ...] = ()
    rollback_when: tuple[Condition, ...] = ()
    targets: tuple[Target, ...] = ()

    @property
    def text(self) -> str:
        """Return the course as canonical JSON."""
        steps = [[step.traffic, int(step.bake.total_seconds())] for step in self.steps]
        return encode_any(asdict(self) | {"strategy": self.strategy.value, "steps": steps}).decode()

    @classmethod
    def restored(cls, text: str) -> Course:
        """Return a course that was stored as `text`."""
        found: dict[str, Any] = json.loads(text)
        return cls(
            strategy=Strategy(found["strategy"]),
            steps=tuple(Step(share, timedelta(seconds=bake)) for share, bake in found["steps"]),
            advance=found["advance"],
            hold=tuple(Condition(**each) for each in found["hold"]),
            rollback_when=tuple(Condition(**each) for each in found["rollback_when"]),
            targets=tuple(Target(**each) for each in found.get("targets", ())),
        )


def _checked_window(text: str) -> str:
    if not 0 < duration(text).total_seconds() <= duration(LONGEST_WINDOW).total_seconds():
        raise ValueError(f"longer than nothing and at most {LONGEST_WINDOW}")
    return text


Window = Annotated[str, AfterValidator(_checked_window)]
Limit = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Samples = Annotated[int, Field(ge=1, le=1_000_000)]


class Needs(Shape):
    """What has to come before a deployment to production."""

    staging: Length | None = None


class StepPart(Shape):
    """A step: a share of traffic in percent, and how long it holds."""

    traffic: Annotated[int, Field(ge=0, le=ALL)]
    bake: Length | None = None

    @property
    def value(self) -> Step:
        """Return the step that it names."""
        return Step(self.traffic, duration(self.bake) if self.bake else timedelta(0))


class Watched(Shape):
    """What every condition names."""

    metric: Literal["error_rate", "latency", "disagreement"]
    for_: Annotated[Window | None, Field(alias="for")] = None
    min_samples: Samples | None = None

    def condition(self, limits: Mapping[str, float | None], *, on_unknown: str) -> Condition:
        """Return the condition, by its one limit."""
        ((against, limit),) = ((name, one) for name, one in limits.items() if one is not None)
        return Condition(
            metric=self.metric,
            against=against,
            limit=float(limit),
            window_s=int(duration(self.for_ or WINDOW).total_seconds()),
            min_samples=self.min_samples or SAMPLES,
            on_unknown=on_unknown,
        )


class HoldPart(Watched):
    """What has to hold before a step: at most a value, or at most so much more than the version that was live."""

    lte: Limit | None = None
    lte_baseline: Limit | None = None
    lte_baseline_times: Limit | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in self._limits().values()) != 1:
            raise ValueError("name one of lte, lte_baseline, lte_baseline_times")
        return self

    def _limits(self) -> dict[str, float | None]:
        return {
            "value": self.lte,
            "baseline": self.lte_baseline,
            "baseline_times": self.lte_baseline_times,
        }

    @property
    def value(self) -> Condition:
        """Return the condition that it names."""
        return self.condition(self._limits(), on_unknown="hold")


class BackPart(Watched):
    """What takes a rollout back: above a value, or above so much more than the version that was live."""

    above: Limit | None = None
    above_baseline: Limit | None = None
    above_baseline_times: Limit | None = None
    on_unknown: Literal["hold", "rollback"] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in self._limits().values()) != 1:
            raise ValueError("name one of above, above_baseline, above_baseline_times")
        return self

    def _limits(self) -> dict[str, float | None]:
        return {
            "value": self.above,
            "baseline": self.above_baseline,
            "baseline_times": self.above_baseline_times,
        }

    @property
    def value(self) -> Condition:
        """Return the condition that it names."""
        return self.condition(self._limits(), on_unknown=self.on_unknown or "hold")


class Holds(Shape):
    """All of these have to hold."""

    all: Annotated[tuple[HoldPart, ...], Field(min_length=1, max_length=MOST_CONDITIONS)]


class RollbackWhen(Shape):
    """Any of these is enough; a name of the source documents stands for what `NAMED` says."""

    any: Annotated[
        tuple[BackPart | Literal["error_rate_spike", "performance_degradation"], ...],
        Field(min_length=1, max_length=MOST_CONDITIONS),
    ]

    @property
    def value(self) -> tuple[Condition, ...]:
        """Return the conditions that it names."""
        parts = (
            BackPart.model_validate(NAMED[one]) if isinstance(one, str) else one for one in self.any
        )
        return tuple(part.value for part in parts)


class Rollout(Shape):
    """How a version goes live. What is left out is as the strategy has it."""

    strategy: Literal["direct", "shadow", "canary", "blue_green", "rolling"] = "direct"
    needs: Needs = Needs()
    advance: Literal["automatic", "manual"] | None = None
    hold: Holds | None = None
    steps: Annotated[tuple[StepPart, ...], Field(min_length=1, max_length=MOST_STEPS)] | None = None
    targets: (
        Annotated[tuple[TargetPart, ...], Field(min_length=1, max_length=MOST_TARGETS)] | None
    ) = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.steps is not None:
            _check_steps(Strategy(self.strategy), [step.traffic for step in self.steps])
        return self

    def steps_of(self, strategy: Strategy) -> tuple[Step, ...]:
        """Return the steps, if it is this strategy, and the strategy's own if it names none or another."""
        if self.steps is None or self.strategy != strategy:
            return DEFAULT_STEPS[strategy]
        return tuple(step.value for step in self.steps)

    def without_needs(self) -> Rollout:
        """Return the same for an environment before which nothing comes."""
        return self.model_copy(update={"needs": Needs()})


def _check_steps(strategy: Strategy, shares: list[int]) -> None:
    if strategy is Strategy.SHADOW:
        if shares != [0]:
            raise ValueError("a shadow has one step, of no traffic")
        return
    if shares[-1] != ALL:
        raise ValueError("the last step has all the traffic: 100")
    if any(later <= before for before, later in pairwise(shares)):
        raise ValueError("each step has more traffic than the one before")
    flips = strategy in {Strategy.DIRECT, Strategy.BLUE_GREEN}
    if flips and any(share not in {0, ALL} for share in shares):
        raise ValueError(f"{strategy} moves no traffic, or all: 0 or 100")
    if strategy is Strategy.DIRECT and len(shares) > 1:
        raise ValueError("direct has one step")


def join_rollouts(rollouts: Sequence[Rollout], conditions: Sequence[RollbackWhen | None]) -> Course:
    """Return the course that keeps to all of these policies; at least one has to be given."""
    strategy = max((Strategy(one.strategy) for one in rollouts), key=CAREFUL.index)
    same = [one for one in rollouts if one.strategy == strategy]
    holds = [part.value for one in rollouts if one.hold is not None for part in one.hold.all]
    back = [one for found in conditions if found is not None for one in found.value]
    manual = any(one.advance == "manual" for one in rollouts)
    return Course(
        strategy=strategy,
        steps=_joined_steps([one.steps_of(strategy) for one in same]),
        advance="manual" if manual else "automatic",
        hold=tuple(dict.fromkeys(holds)),
        rollback_when=tuple(dict.fromkeys(back)),
        targets=joined_targets(part.value for one in rollouts for part in one.targets or ()),
    )


def _joined_steps(several: Sequence[tuple[Step, ...]]) -> tuple[Step, ...]:
    """Return every share at which one of them stops, each for the longest time that one stays there."""
    longest: dict[int, timedelta] = {}
    for steps in several:
        for step in steps:
            longest[step.traffic] = max(longest.get(step.traffic, timedelta(0)), step.bake)
    return tuple(Step(share, longest[share]) for share in sorted(longest))
