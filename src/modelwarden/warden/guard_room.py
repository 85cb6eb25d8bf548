"""The embedded SDK's room of guards."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import actions
from modelwarden.safeguards.drift.reads import drift_answer
from modelwarden.safeguards.fleet.reads import guard_answer
from modelwarden.safeguards.modes.setting import guard_mode_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named, named

if TYPE_CHECKING:
    from modelwarden.values.drift import DriftAnswer
    from modelwarden.values.guards import GuardAnswer, GuardModeAnswer
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

    def mode(self, model: str, *, environment: str = "production") -> GuardModeAnswer:
        """Return how the guards of a model behave there. Raises ModelNotFound, NotPermitted, ValueInvalid."""
        place = named(Environment, environment, field="environment")
        return self._bound.read(
            partial(actions.guard_mode, model=model, environment=place), guard_mode_answer
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
        action = partial(
            actions.set_guard_mode,
            model=model,
            environment=named(Environment, environment, field="environment"),
            fail=maybe_named(actions.FailMode, fail, field="fail"),
            breakers=maybe_named(actions.BreakerMode, breakers, field="breakers"),
        )
        return self._bound.write(action, guard_mode_answer)
