"""How long people take to decide (RL-19)."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modelwarden.access.allowed import authorize
from modelwarden.approvals.due import queries
from modelwarden.errors import ValueInvalid
from modelwarden.permissions import Permission
from modelwarden.values.approvals import TimesAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelwarden.store.change import View

DAYS: Final = 90
DAYS_MOST: Final = 3_650


def times(view: View, *, days: int = DAYS) -> TimesAnswer:
    """Return how many questions wait, and how long those took that people's answers closed in these days.

    Counted are whole seconds from asking to the closing answer; an expiry or a withdrawal is no answer. Only a global
    right sees it, since it tells of all requests. Raises NotPermitted, ValueInvalid.
    """
    authorize(view, Permission.APPROVAL_READ)
    if not 1 <= days <= DAYS_MOST:
        raise ValueInvalid("days", f"1 to {DAYS_MOST:,}")
    found = queries.decided_since(view, view.now - timedelta(days=days))
    took = sorted(int((one.decided_at - one.opened_at).total_seconds()) for one in found)
    return TimesAnswer(
        days=days,
        open=queries.count_open(view),
        overdue=queries.count_overdue(view),
        decided=len(took),
        median_s=_share(took, 0.5),
        ninth_decile_s=_share(took, 0.9),
        longest_s=took[-1] if took else None,
    )


def _share(took: Sequence[int], share: float) -> int | None:
    """Return the shortest time within which this share was decided (nearest rank); None of nothing."""
    return took[math.ceil(share * len(took)) - 1] if took else None
