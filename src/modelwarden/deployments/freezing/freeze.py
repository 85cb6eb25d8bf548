"""A time in which nothing goes forward: in an environment, or for one model there (RL-36). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modelwarden.errors import IllegalMove, ValueInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import ActorId, Commitment, FreezeId, ModelName

LONGEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """One freeze window. What goes back, or stops, it never holds up.

    Attributes:
        model: None for every model in the environment.
        lifted_at: when a person ended it before its time.
    """

    id: FreezeId
    environment: Environment
    model: ModelName | None
    starts_at: datetime
    ends_at: datetime
    reason: Commitment
    set_by: ActorId
    set_at: datetime
    lifted_by: ActorId | None = None
    lifted_at: datetime | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check the window. Raises ValueInvalid."""
        if not timedelta(0) < self.ends_at - self.starts_at <= LONGEST:
            raise ValueInvalid("ends_at", f"after its beginning, by at most {LONGEST.days} days")

    def lift(self, *, by: ActorId, at: datetime) -> Freeze:
        """Return this freeze, ended. Raises IllegalMove where it is over."""
        if self.lifted_at is not None or at >= self.ends_at:
            raise IllegalMove("freeze", "over", "lifted")
        return replace(self, lifted_by=by, lifted_at=at)
