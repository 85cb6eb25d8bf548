"""Each minute changes in ServiceNow are opened, read again, and told what went live (RL-53). One process leads.

Nothing is lost or done twice when it is killed: a change is found by the id of its request, a note by its mark.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from modelwarden.approvals.external import Asked
from modelwarden.deployments.servicenow import keeping, queries
from modelwarden.deployments.servicenow.instance import Silent
from modelwarden.deployments.servicenow.source import ACTOR, NAME
from modelwarden.errors import WardenError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.deployments.servicenow.opened import About, OpenedChange
    from modelwarden.deployments.servicenow.queries import Live
    from modelwarden.deployments.servicenow.source import ServiceNow
    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.store.follower import Position

T = TypeVar("T")
EVERY_S: Final = 60.0
SOONEST_S: Final = 5.0
"""Between two looks, however often it is hinted that something moved."""
LOG: Final = logging.getLogger("modelwarden.servicenow")


class KeepChanges:
    """A follower's step: no entry concerns it, only the clock, and what people do in ServiceNow."""

    def __init__(
        self,
        warden: Acts,
        source: ServiceNow,
        *,
        every_s: float = EVERY_S,
        soonest_s: float = SOONEST_S,
    ) -> None:
        self._warden, self._source = warden, source
        self._every_s, self._soonest_s = every_s, soonest_s
        self._looked_at = float("-inf")
        self._silent = False

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # nothing was gathered
        """Look at everything at once: whoever led before may have been killed in between."""
        self._looked_at = float("-inf")

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        """Pass entries by."""

    def idle(self) -> None:
        """Open what is wanted, read what is open, tell what went live; one that fails comes again."""
        now = time.monotonic()
        waited_s = now - self._looked_at
        if waited_s < self._every_s and not (
            waited_s >= self._soonest_s and self._source.take_hint()
        ):
            return
        self._looked_at, self._silent = now, False
        for live in self._warden.view(ACTOR, queries.untold):
            self._tried(self._tell, live)
        after: str | None = ""
        while after is not None:
            wanted, after = self._warden.view(ACTOR, partial(keeping.unopened, after=after))
            for about in wanted:
                self._tried(self._open, about)
        for about, opened in self._warden.view(ACTOR, queries.followed):
            self._tried(self._look, (about, opened))

    def _tried(self, act: Callable[[T], None], what: T) -> None:
        if self._silent:  # each call to an instance that is down costs seconds
            return
        try:
            act(what)
        except WardenError as error:
            self._silent = isinstance(error, Silent)
            LOG.warning("a change in ServiceNow waits: %s", error)

    def _open(self, about: About) -> None:
        sys_id = self._source.open(about)
        self._warden.change(ACTOR, partial(keeping.keep_opened, about=about, sys_id=sys_id))

    def _look(self, found: tuple[About, OpenedChange]) -> None:
        about, opened = found
        seen = self._source.evidence(
            Asked(
                system=NAME,
                environment=about.environment,
                model=about.model,
                version=about.version,
                request=about.request,
            )
        )
        if seen.state != opened.state:
            keep = partial(keeping.keep_state, request=about.request, state=seen.state)
            self._warden.change(ACTOR, keep)

    def _tell(self, live: Live) -> None:
        self._source.tell(live.about, live.opened.change, deployment=live.deployment)
        keep = partial(keeping.keep_told, request=live.about.request, deployment=live.deployment)
        self._warden.change(ACTOR, keep)
