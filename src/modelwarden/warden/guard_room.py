"""The embedded SDK's room of guards."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.safeguards import actions
from modelwarden.safeguards.drift.reads import drift_answer
from modelwarden.safeguards.fleet.reads import guard_answer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from modelwarden.values.drift import DriftAnswer
    from modelwarden.values.guards import GuardAnswer
    from modelwarden.warden.bound import Bound


class Guards:
    """Guards in other programs, as the server hears of them."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def list(
        self,
        *,
        model: str | None = None,
        environment: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[GuardAnswer]:
        """Return a page of the guards that were heard of in the last day. Raises NotPermitted."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(actions.guards, page=page, model=model, environment=environment)
        return self._bound.page(action, guard_answer)

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
        action = partial(
            actions.drift,
            model=model,
            version=version,
            environment=environment,
            window=window,
            by=by,
        )
        return self._bound.read(action, drift_answer)
