"""The embedded SDK's room of freezes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.deployments import actions, answers
from modelwarden.deployments.actions import Environment
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named, named

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.rollouts import FreezeAnswer
    from modelwarden.warden.bound import Bound


class Freezes:
    """Times in which nothing goes forward (RL-36)."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

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
        wanted = actions.NewFreeze(
            ends_at=ends_at,
            starts_at=starts_at,
            environment=named(Environment, environment, field="environment"),
            model=model,
        )
        action = partial(actions.add_freeze, wanted=wanted, reason=reason)
        return self._bound.write(action, answers.freeze_answer)

    def lift(self, freeze: str) -> FreezeAnswer:
        """End a freeze before its time. Raises NotFound, NotPermitted, IllegalMove."""
        action = partial(actions.lift_freeze, freeze_id=freeze)
        return self._bound.write(action, answers.freeze_answer)

    def show(self, freeze: str) -> FreezeAnswer:
        """Return a freeze. Raises NotFound."""
        action = partial(actions.freeze, freeze_id=freeze)
        return self._bound.read(action, answers.freeze_answer)

    def list(
        self, *, environment: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[FreezeAnswer]:
        """Return a page of freezes, newest first."""
        action = partial(
            actions.freezes,
            page=Page(limit=limit, cursor=cursor),
            environment=maybe_named(Environment, environment, field="environment"),
        )
        return self._bound.page(action, answers.freeze_answer)
