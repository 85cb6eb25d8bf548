"""The embedded SDK's rooms of personal data: legal holds, and how long things are kept."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.privacy import actions, answers
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.privacy import HoldAnswer, RetentionAnswer
    from modelwarden.warden.bound import Bound


class Holds:
    """Legal holds: what falls under one survives erasure and retention."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def add(  # what a hold may name
        self,
        *,
        reason: str,
        user: str | None = None,
        model: str | None = None,
        incident: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> HoldAnswer:
        """Place a hold on what falls under all that is named. Raises NotPermitted, ValueInvalid."""
        action = partial(
            actions.add_hold,
            reason=reason,
            user=user,
            model=model,
            incident=incident,
            since=since,
            until=until,
        )
        return self._bound.write(action, answers.hold_answer)

    def show(self, hold: str) -> HoldAnswer:
        """Return a hold. Raises NotFound."""
        return self._bound.read(partial(actions.hold, hold_id=hold), answers.hold_answer)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[HoldAnswer]:
        """Return a page of holds, newest first, released ones too."""
        action = partial(actions.holds, page=Page(limit=limit, cursor=cursor))
        return self._bound.page(action, answers.hold_answer)

    def release(self, hold: str) -> HoldAnswer:
        """Release a hold that two people agreed to release. Raises PermitNeeded, IllegalMove."""
        action = partial(actions.release_hold, hold_id=hold)
        return self._bound.write(action, answers.hold_answer)


class Retention:
    """For how many days each kind of data is kept."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def show(self) -> RetentionAnswer:
        """Return the days of each kind."""
        return self._bound.read(actions.retention, answers.retention_answer)

    def set(
        self,
        *,
        texts: int | None = None,
        leavers: int | None = None,
        sessions: int | None = None,
        deliveries: int | None = None,
    ) -> RetentionAnswer:
        """Change the days of some kinds. Raises PermitNeeded, PayloadChanged, ValueInvalid."""
        days = {
            "texts": texts,
            "leavers": leavers,
            "sessions": sessions,
            "deliveries": deliveries,
        }
        given = {kind: each for kind, each in days.items() if each is not None}
        action = partial(actions.set_retention, days=given)
        return self._bound.write(action, answers.retention_answer)
