"""The remote SDK's room of local stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import path
from modelwarden.values.local_stops import LocalStopAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from modelwarden.client.calls import Calls


class LocalStops:
    """What guards block by themselves: by a stop file, or because a restore forgot a switch (SG-13, SG-17)."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self, *, standing: bool = False, limit: int = 50, cursor: str | None = None
    ) -> Listing[LocalStopAnswer]:
        """Return a page of local stops, newest first; `standing`: those alone that wait for a person."""
        page = Page(limit=limit, cursor=cursor)
        filters = {"standing": standing or None}
        return self._calls.page(LocalStopAnswer, path("local-stops"), page, filters)

    def show(self, stop: str) -> LocalStopAnswer:
        """Return a local stop. Raises NotFound."""
        return self._calls.read(LocalStopAnswer, path("local-stops", stop))

    def adopt(
        self, stop: str, *, reason: str, severity: str | None = None, everything: bool = False
    ) -> LocalStopAnswer:
        """Make a switch of what a guard blocks by itself, so that every guard does.

        What was carried keeps its severity, or gets a graver one; `everything` confirms that a whole environment stops.

        Raises NotFound, SwitchNotActive (somebody decided already), and whatever activating a switch raises.
        """
        body = {"reason": reason, "severity": severity, "everything": everything}
        return self._calls.write(LocalStopAnswer, path("local-stops", stop, "adopt"), body)

    def drop(self, stop: str, *, notes: str) -> LocalStopAnswer:
        """Say that a local stop need not be kept up; guards end what they carry, a stop file stays where it is.

        Raises NotFound, NotPermitted, ReasonRequired, SwitchNotActive, OwnerRelease.
        """
        where = path("local-stops", stop, "drop")
        return self._calls.write(LocalStopAnswer, where, {"notes": notes})
