"""Each 10 s all triggers are judged, and what turns is told and acted on (SG-47, SG-48). One process leads.

Nothing is lost when it is killed: windows that were not judged are found again, and an alarm that turned was kept with
what came of it. Where signals come from is said here: rooms beside each other know nothing of one another.
"""

from __future__ import annotations

import time
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import WardenError
from modelwarden.policies.severity import severities
from modelwarden.safeguards.counters import keeping, observed, watching
from modelwarden.safeguards.counters.heartbeats import SOURCES as HEARTBEATS
from modelwarden.safeguards.drift import reads as drift
from modelwarden.safeguards.triggers import evaluating, firing
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modelwarden.ledger.entry import Stored
    from modelwarden.reactions.acts import Acts
    from modelwarden.safeguards.counters.watching import Seen
    from modelwarden.safeguards.triggers.evaluating import Looked, Turn
    from modelwarden.safeguards.triggers.signal import Source
    from modelwarden.store.change import View
    from modelwarden.store.follower import Position

NAME: Final = "triggers"
EVERY_S: Final = 10.0
FORGET_EACH_S: Final = 3_600.0
SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {
        **HEARTBEATS,
        drift.SIGNAL: drift.windows,
        drift.MISSING: drift.missing_windows,
        observed.SIGNAL: observed.windows,
    }
)
"""Signal → where its windows come from."""
_ACTOR: Final = system("triggers")


class JudgeTriggers:
    """A follower's step: no entry concerns it, only the clock."""

    def __init__(
        self, warden: Acts, *, sources: Mapping[str, Source] = SOURCES, every_s: float = EVERY_S
    ) -> None:
        self._warden = warden
        self._sources = sources
        self._every_s = every_s
        self._looked_at = self._forgot_at = -FORGET_EACH_S
        self._since: datetime | None = None

    def begin(self, at: Position, /) -> None:
        """Go on from a position: nothing was gathered."""

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        """Pass entries by."""

    def idle(self) -> None:
        """Judge what is due, look at fleets, and let proposals lapse."""
        now = time.monotonic()
        if now - self._looked_at < self._every_s:
            return
        self._looked_at = now
        for looked in self._warden.view(_ACTOR, partial(evaluating.due, sources=self._sources)):
            self._keep(looked)
        for seen in self._warden.view(_ACTOR, self._fleets):
            if not seen.is_told:
                self._warden.telemetry(_ACTOR, partial(watching.keep, found=seen))
            else:
                self._warden.change(_ACTOR, partial(watching.tell, found=seen))
        for proposal in self._warden.view(_ACTOR, firing.lapsing):
            self._warden.change(_ACTOR, partial(firing.lapse, proposal_id=proposal))
        if now - self._forgot_at > FORGET_EACH_S:
            self._forgot_at = now
            self._warden.telemetry(_ACTOR, keeping.forget)

    def _fleets(self, view: View) -> list[Seen]:
        """Look at fleets; who is silent is known once this process has listened for long enough."""
        self._since = self._since or view.now
        return watching.seen(view, severities=severities, since=self._since)

    def _keep(self, looked: Looked) -> None:
        """Tell what turned in a period; then keep that it was looked at."""
        for turn in looked.turns:
            self._tell(turn)
        keep = partial(firing.keep, trigger=looked.trigger.name, alarms=looked.alarms)
        self._warden.telemetry(_ACTOR, keep)

    def _tell(self, turn: Turn) -> None:
        """Act as the trigger's account; where that is refused, ask people instead."""
        cause: str | None = None
        try:
            account = self._warden.view(
                _ACTOR, partial(firing.acting_for, turn=turn, severities=severities)
            )
            if account is not None:
                self._warden.change(account, partial(firing.tell, turn=turn, severities=severities))
                return
        except WardenError as error:
            cause = (getattr(error, "reasons", ()) or (error.code,))[0]
        self._warden.change(
            _ACTOR, partial(firing.tell, turn=turn, severities=severities, cause=cause)
        )
