"""What figures say of a condition: it is so, it is not, or nothing is known (RL-36, RL-37). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.policies.rollout import Condition
    from modelwarden.safeguards.by_version.figures import Figures

ERROR_RATE: Final = "error_rate"
LATENCY: Final = "latency"
ROLLBACK: Final = "rollback"
VALUE: Final = "value"
BASELINE: Final = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two versions over the same stretch of time.

    Attributes:
        is_whole: the candidate had traffic all the time.
    """

    condition: Condition
    since: datetime
    until: datetime
    candidate: Figures
    baseline: Figures
    is_whole: bool

    @property
    def value(self) -> float | None:
        """What was measured of the candidate; None where too little was."""
        return self._of(self.candidate)

    @property
    def reference(self) -> float | None:
        """What was measured of the version that was live."""
        return self._of(self.baseline)

    @property
    def bound(self) -> float | None:
        """What the candidate is held against; None where it takes a reference and there is none."""
        condition, reference = self.condition, self.reference
        if condition.against == VALUE:
            return condition.limit
        if reference is None:
            return None
        return (
            reference + condition.limit
            if condition.against == BASELINE
            else reference * condition.limit
        )

    @property
    def exceeds(self) -> bool | None:
        """Tell whether the candidate is above its bound; None is unknown."""
        value, bound = self.value, self.bound
        return None if not self.is_whole or value is None or bound is None else value > bound

    @property
    def takes_back(self) -> bool:
        """Tell whether a rollout ends by this: what is unknown does only where the policy says so."""
        if self.exceeds is None:
            return self.is_whole and self.condition.on_unknown == ROLLBACK
        return self.exceeds

    def _of(self, figures: Figures) -> float | None:
        if figures.calls < self.condition.min_samples:
            return None
        if self.condition.metric == ERROR_RATE:
            return figures.failed / figures.calls
        if self.condition.metric == LATENCY:
            return figures.latency_s
        return figures.differed / figures.calls
