"""Each 10 s emergency changes are looked at: what people approved stays, what nobody did in its time goes back (RL-44).

One process leads. Nothing is lost when it is killed: when the time of each is over is in the database. The version to
go back to is hashed here, with no transaction open; one whose bytes are others is passed by for the one before it.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.deployments import actions
from modelwarden.errors import (
    ArtifactMismatch,
    ArtifactUnreadable,
    NothingToRollBackTo,
    WardenError,
)
from modelwarden.reactions.clocked import Clocked
from modelwarden.values.system import system

if TYPE_CHECKING:
    from modelwarden.config import Settings
    from modelwarden.deployments.actions import Deployment
    from modelwarden.reactions.acts import Acts

NAME: Final = "emergencies"
EVERY_S: Final = 10.0
AGAIN_S: Final = 300.0
"""How long what could not go back is left before its bytes are read again: they may be large."""
LOG: Final = logging.getLogger("modelwarden.emergencies")
_ACTOR: Final = system("emergency")


class KeepEmergencies(Clocked):
    """Goes by the clock, and what people have agreed to."""

    def __init__(self, warden: Acts, *, settings: Settings, every_s: float = EVERY_S) -> None:
        super().__init__(every_s)
        self._warden, self._settings = warden, settings
        self._held_at: dict[str, float] = {}

    def look(self) -> None:
        """Look at each emergency that stands, one a change; one that can't be settled harms no other."""
        for deployment in self._warden.view(_ACTOR, actions.unapproved):
            try:
                self._look(deployment)
            except WardenError as error:
                LOG.warning("%s stays as it is: %s", deployment.id, error)

    def _look(self, deployment: Deployment) -> None:
        look = partial(actions.settlement, deployment=deployment)
        found = self._warden.view(_ACTOR, look)
        if found is actions.Settlement.APPROVED or (
            found is actions.Settlement.OVER and deployment.is_under_way
        ):
            self._settle(deployment, None)
        elif found is actions.Settlement.OVER:
            self._take_back(deployment)

    def _take_back(self, deployment: Deployment) -> None:
        """Go back to the newest version whose bytes are what they were; tell where there is none."""
        if time.monotonic() - self._held_at.get(deployment.id, -AGAIN_S) < AGAIN_S:
            return
        why: list[str] = []
        earlier = partial(
            actions.candidates_before, model=deployment.model, environment=deployment.environment
        )
        for chosen in self._warden.view(_ACTOR, earlier):
            prepared = actions.hashed(chosen, self._settings, self._warden.sources)
            try:
                self._settle(deployment, prepared)
            except (ArtifactMismatch, ArtifactUnreadable) as error:
                why.append(error.code)
            else:
                self._held_at.pop(deployment.id, None)
                return
        self._held_at[deployment.id] = time.monotonic()
        reasons = tuple(dict.fromkeys(why)) or (NothingToRollBackTo.code,)
        hold = partial(actions.hold_emergency, deployment_id=deployment.id, reasons=reasons)
        self._warden.change(_ACTOR, hold)

    def _settle(self, deployment: Deployment, prepared: actions.Prepared | None) -> None:
        settle = partial(actions.settle_emergency, deployment_id=deployment.id, prepared=prepared)
        self._warden.change(_ACTOR, settle)
