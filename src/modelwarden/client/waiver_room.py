"""The remote SDK's room of waivers. They are signed like every request: `approvals.approve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import path
from modelwarden.values.answers import RequestAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.client.calls import Calls


class Waivers:
    """Leave to go live although one check of one version does not pass (EVAL-5)."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

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
        body = {
            "model": model,
            "version": version,
            "check": check,
            "reason": reason,
            "owner": owner,
            "expires_at": expires_at,
            "environment": environment,
        }
        return self._calls.write(RequestAnswer, path("waivers"), body)

    def show(self, waiver: str) -> RequestAnswer:
        """Return a waiver with its seats and who signed. Raises NotFound."""
        return self._calls.read(RequestAnswer, path("waivers", waiver))

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
        filters = {"model": model, "version": version, "state": state}
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(RequestAnswer, path("waivers"), page, filters)

    def end(self, waiver: str) -> RequestAnswer:
        """End a waiver before its time, or take back one's own question. Raises NotPermitted, RequestClosed."""
        return self._calls.write(RequestAnswer, path("waivers", waiver, "end"))
