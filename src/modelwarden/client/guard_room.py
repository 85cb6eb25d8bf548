"""The remote SDK's room of guards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import path
from modelwarden.values.drift import DriftAnswer
from modelwarden.values.guards import GuardAnswer, GuardModeAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from modelwarden.client.calls import Calls


class Guards:
    """Guards in other programs, as the server hears of them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self,
        *,
        model: str | None = None,
        environment: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[GuardAnswer]:
        """Return a page of the guards that were heard of in the last day. Raises NotPermitted."""
        filters = {"model": model, "environment": environment}
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(GuardAnswer, path("guards"), page, filters)

    def drift(
        self,
        model: str,
        version: str,
        *,
        environment: str = "production",
        window: str = "10m",
        by: str | None = None,
    ) -> DriftAnswer:
        """Return how far a version's features lie from its drift reference, worst first.

        `by` tells the values of a dimension apart, such as `region`. Raises NotFound, ValueInvalid.
        """
        query = {
            "model": model,
            "version": version,
            "environment": environment,
            "window": window,
            "by": by,
        }
        return self._calls.read(DriftAnswer, path("drift"), query)

    def mode(self, model: str, *, environment: str = "production") -> GuardModeAnswer:
        """Return how the guards of a model behave there. Raises ModelNotFound, NotPermitted, ValueInvalid."""
        return self._calls.read(
            GuardModeAnswer, path("guards", model, "mode"), {"environment": environment}
        )

    def set_mode(
        self,
        model: str,
        *,
        environment: str = "production",
        fail: str | None = None,
        breakers: str | None = None,
    ) -> GuardModeAnswer:
        """Say how the guards of a model behave: `fail` is static or closed; `breakers` may be let go as normal.

        What is None stays. Raises ModelNotFound, NotPermitted, ValueInvalid.
        """
        body = {"environment": environment, "fail": fail, "breakers": breakers}
        return self._calls.write(GuardModeAnswer, path("guards", model, "mode"), body, method="PUT")
