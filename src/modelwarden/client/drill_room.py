"""The remote SDK's room of drills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelwarden.client.transport import path
from modelwarden.values.drills import DrillAnswer, OverdueAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.client.calls import Calls


class Drills:
    """Drills: faults put into predictions on purpose, and what came of them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def run(  # noqa: PLR0913  # the fields of a drill
        self,
        fault: str,
        scope: Mapping[str, Any],
        *,
        except_: Mapping[str, Any] | None = None,
        share: float | str = "0.01",
        ttl: str = "10m",
        environment: str = "staging",
        detect_within: str | None = None,
        activate_within: str | None = None,
        confirm_within: str | None = None,
    ) -> DrillAnswer:
        """Put a fault into a part of a model's traffic: at once, or in production once another person confirms.

        `fault` is a word such as `nan`, `error`, `latency:200ms` or `drift:0.4`; `scope` names one model, and perhaps
        other dimensions as a switch does; `share` is the part of it that is struck. The targets are times from the
        start, such as `5m`: one that is missed fails the drill, and so does one that nothing sees.

        Raises NotPermitted, DrillRefused, ScopeEmpty, UnknownDimension, UnknownTarget, ValueInvalid.
        """
        body = {
            "fault": fault,
            "scope": scope,
            "except": except_,
            "share": share,
            "ttl": ttl,
            "environment": environment,
            "detect_within": detect_within,
            "activate_within": activate_within,
            "confirm_within": confirm_within,
        }
        return self._calls.write(DrillAnswer, path("drills"), body)

    def confirm(self, drill: str) -> DrillAnswer:
        """Let a drill begin that another person asked for.

        Raises NotFound, NotPermitted, SamePerson, DrillRefused.
        """
        return self._calls.write(DrillAnswer, path("drills", drill, "confirm"))

    def stop(self, drill: str) -> DrillAnswer:
        """End a drill at once, or take it back before it began. Raises NotFound, NotPermitted, DrillRefused."""
        return self._calls.write(DrillAnswer, path("drills", drill, "stop"))

    def show(self, drill: str) -> DrillAnswer:
        """Return a drill, and once it is reported what came of it. Raises NotFound."""
        return self._calls.read(DrillAnswer, path("drills", drill))

    def list(
        self, *, model: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[DrillAnswer]:
        """Return a page of drills, newest first."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(DrillAnswer, path("drills"), page, {"model": model})

    def overdue(self, *, limit: int = 50, cursor: str | None = None) -> Listing[OverdueAnswer]:
        """Return a page of the ways to fail that no drill made happen for too long, by model and name."""
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(OverdueAnswer, path("drills", "overdue"), page)
