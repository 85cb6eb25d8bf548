"""The embedded SDK's room of waivers. They are signed like every request: `approvals.approve`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.approvals import actions, answers
from modelwarden.policies.actions import Environment
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named, named

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.answers import RequestAnswer
    from modelwarden.warden.bound import Bound


class Waivers:
    """Leave to go live although one check of one version does not pass (EVAL-5)."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def request(  # noqa: PLR0913  # the fields of a question
        self,
        model: str,
        version: str,
        *,
        check: str,
        reason: str,
        owner: str | None = None,
        expires_at: datetime | None = None,
        environment: str = "production",
    ) -> RequestAnswer:
        """Ask the policy's people for leave from one check, until then at most; the owner sees to it meanwhile.

        Raises NotPermitted, NotWaivable, WaiverTooLong, RequestExists, ActorNotFound, ValueInvalid.
        """
        action = partial(
            actions.request_waiver,
            model=model,
            version=version,
            check=check,
            reason=reason,
            owner=owner,
            expires_at=expires_at,
            environment=named(Environment, environment, field="environment"),
        )
        return self._bound.write(action, answers.request_answer)

    def show(self, waiver: str) -> RequestAnswer:
        """Return a waiver with its seats and who signed. Raises NotFound."""
        action = partial(actions.waiver, request_id=waiver)
        return self._bound.read(action, answers.dossier_answer)

    def list(
        self,
        model: str | None = None,
        version: str | None = None,
        *,
        state: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[RequestAnswer]:
        """Return a page of waivers, newest first; of one version where both are named. Raises VersionNotFound."""
        action = partial(
            actions.waivers,
            page=Page(limit=limit, cursor=cursor),
            model=model,
            version=version,
            state=maybe_named(actions.RequestState, state, field="state"),
        )
        return self._bound.page(action, answers.request_answer)

    def end(self, waiver: str) -> RequestAnswer:
        """End a waiver before its time, or take back one's own question. Raises NotPermitted, RequestClosed."""
        action = partial(actions.end_waiver, request_id=waiver)
        return self._bound.write(action, answers.request_answer)
