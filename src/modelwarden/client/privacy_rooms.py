"""The remote SDK's rooms of personal data: legal holds, and how long things are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import path
from modelwarden.values.pages import Listing, Page
from modelwarden.values.privacy import HoldAnswer, RetentionAnswer

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.client.calls import Calls


class Holds:
    """Legal holds: what falls under one survives erasure and retention."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

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
        body = {
            "reason": reason,
            "user": user,
            "model": model,
            "incident": incident,
            "since": since,
            "until": until,
        }
        return self._calls.write(HoldAnswer, path("holds"), body)

    def show(self, hold: str) -> HoldAnswer:
        """Return a hold. Raises NotFound."""
        return self._calls.read(HoldAnswer, path("holds", hold))

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[HoldAnswer]:
        """Return a page of holds, newest first, released ones too."""
        return self._calls.page(HoldAnswer, path("holds"), Page(limit=limit, cursor=cursor))

    def release(self, hold: str) -> HoldAnswer:
        """Release a hold that two people agreed to release. Raises PermitNeeded, IllegalMove."""
        return self._calls.write(HoldAnswer, path("holds", hold, "release"))


class Retention:
    """For how many days each kind of data is kept."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def show(self) -> RetentionAnswer:
        """Return the days of each kind."""
        return self._calls.read(RetentionAnswer, path("retention"))

    def set(
        self,
        *,
        texts: int | None = None,
        leavers: int | None = None,
        sessions: int | None = None,
        deliveries: int | None = None,
    ) -> RetentionAnswer:
        """Change the days of some kinds. Raises PermitNeeded, PayloadChanged, ValueInvalid."""
        body = {
            "texts": texts,
            "leavers": leavers,
            "sessions": sessions,
            "deliveries": deliveries,
        }
        return self._calls.write(RetentionAnswer, path("retention"), body, method="PUT")
