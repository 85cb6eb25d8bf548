"""A delegation: who decides in whose stead, and until when (AC-20, RL-18). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import ActorId, Commitment, DelegationId

DAYS: Final = 7
DAYS_MOST: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """The delegate may answer for seats that are the delegator's, as long as the delegator could."""

    id: DelegationId
    delegator: ActorId
    delegate: ActorId
    reason: Commitment
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None
    revision: int = 0

    def is_current(self, at: datetime) -> bool:
        """Tell whether it holds at that moment; its last one is not."""
        return self.ended_at is None and self.starts_at <= at < self.ends_at

    def ended(self, at: datetime) -> Delegation:
        """Return this delegation, ended before its time."""
        return replace(self, ended_at=at)
