"""Permits: what an approved sensitive request leaves. One payload, one use, one day (AC-41). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from modelwarden.errors import PermitExpired, PermitSpent

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import ActorId, Digest, PermitId, RequestId

LIFE_HOURS: Final = 24
BOOTSTRAP_DAYS: Final = 7
APPROVERS_NEEDED: Final = 2
"""Bootstrap ends once so many active people may approve, or after BOOTSTRAP_DAYS (AC-41)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Leave to do one exact thing once, for whoever asked."""

    id: PermitId
    action: str
    payload: Digest
    requester: ActorId
    request: RequestId
    expires_at: datetime
    spent_at: datetime | None = None
    revision: int = 0

    def spend(self, now: datetime) -> Permit:
        """Return the permit, spent. Raises PermitSpent, PermitExpired."""
        about = (("permit", self.id), ("approval", self.request))
        if self.spent_at is not None:
            raise PermitSpent("the approved request was used already; ask again", about=about)
        if now >= self.expires_at:
            raise PermitExpired(
                f"the approval is over its {LIFE_HOURS} hours; ask again", about=about
            )
        return replace(self, spent_at=now)
