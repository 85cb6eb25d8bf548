"""The remote SDK's room of freezes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import path
from modelwarden.values.pages import Listing, Page
from modelwarden.values.rollouts import FreezeAnswer

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.client.calls import Calls


class Freezes:
    """Times in which nothing goes forward (RL-36)."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(
        self,
        *,
        ends_at: datetime,
        reason: str,
        starts_at: datetime | None = None,
        environment: str = "production",
        model: str | None = None,
    ) -> FreezeAnswer:
        """Let nothing go forward for a while: in an environment, or for one model there; from now on unless said.

        Raises NotPermitted, ModelNotFound, ValueInvalid.
        """
        body = {
            "ends_at": ends_at,
            "starts_at": starts_at,
            "environment": environment,
            "model": model,
            "reason": reason,
        }
        return self._calls.write(FreezeAnswer, path("freezes"), body)

    def lift(self, freeze: str) -> FreezeAnswer:
        """End a freeze before its time. Raises NotFound, NotPermitted, IllegalMove."""
        return self._calls.write(FreezeAnswer, path("freezes", freeze, "lift"), {})

    def show(self, freeze: str) -> FreezeAnswer:
        """Return a freeze. Raises NotFound."""
        return self._calls.read(FreezeAnswer, path("freezes", freeze))

    def list(
        self, *, environment: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[FreezeAnswer]:
        """Return a page of freezes, newest first."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(FreezeAnswer, path("freezes"), page, {"environment": environment})
