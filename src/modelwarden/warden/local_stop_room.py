"""The embedded SDK's room of local stops."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.safeguards import actions
from modelwarden.safeguards.actions import SwitchSeverity
from modelwarden.safeguards.local_stops.reads import adopted_answer, local_stop_answer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named

if TYPE_CHECKING:
    from modelwarden.values.local_stops import LocalStopAnswer
    from modelwarden.warden.bound import Bound


class LocalStops:
    """What guards block by themselves: by a stop file, or because a restore forgot a switch (SG-13, SG-17)."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def list(
        self, *, standing: bool = False, limit: int = 50, cursor: str | None = None
    ) -> Listing[LocalStopAnswer]:
        """Return a page of local stops, newest first; `standing`: those alone that wait for a person."""
        page = Page(limit=limit, cursor=cursor)
        action = partial(actions.local_stops, page=page, standing=standing)
        return self._bound.page(action, local_stop_answer)

    def show(self, stop: str) -> LocalStopAnswer:
        """Return a local stop. Raises NotFound."""
        return self._bound.read(partial(actions.local_stop, stop_id=stop), local_stop_answer)

    def adopt(
        self, stop: str, *, reason: str, severity: str | None = None, everything: bool = False
    ) -> LocalStopAnswer:
        """Make a switch of what a guard blocks by itself, so that every guard does.

        What was carried keeps its severity, or gets a graver one; `everything` confirms that a whole environment stops.

        Raises NotFound, SwitchNotActive (somebody decided already), and whatever activating a switch raises.
        """
        action = partial(
            actions.adopt_local_stop,
            stop_id=stop,
            reason=reason,
            severity=maybe_named(SwitchSeverity, severity, field="severity"),
            everything=everything,
        )
        return self._bound.write(action, adopted_answer)

    def drop(self, stop: str, *, notes: str) -> LocalStopAnswer:
        """Say that a local stop need not be kept up; guards end what they carry, a stop file stays where it is.

        Raises NotFound, NotPermitted, ReasonRequired, SwitchNotActive, OwnerRelease.
        """
        action = partial(actions.drop_local_stop, stop_id=stop, notes=notes)
        return self._bound.write(action, local_stop_answer)
