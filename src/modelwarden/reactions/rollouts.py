"""Each 10 s deployments that go in steps are looked at: taken back, taken on, or told why they stand (RL-36, RL-37).

One process leads. Nothing is lost when it is killed: how long a step has stood is in the database, and what is due is
found again. The artifact is hashed here, between two looks, with no transaction open (RL-34).
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.deployments import actions
from modelwarden.errors import WardenError
from modelwarden.reactions.clocked import Clocked
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelwarden.config import Settings
    from modelwarden.deployments.actions import Deployment
    from modelwarden.reactions.acts import Acts

NAME: Final = "rollouts"
EVERY_S: Final = 10.0
AGAIN_S: Final = 300.0
"""How long bytes that the gate refused are not read again: they may be large."""
LOG: Final = logging.getLogger("modelwarden.rollouts")
_ACTOR: Final = system("rollout")
_BACK: Final = system("rollback")


class KeepRollouts(Clocked):
    """Goes by the clock, and what guards count."""

    def __init__(self, warden: Acts, *, settings: Settings, every_s: float = EVERY_S) -> None:
        super().__init__(every_s)
        self._warden, self._settings = warden, settings
        self._refused_at: dict[str, float] = {}

    def look(self) -> None:
        """Look at each deployment under way, one a change; one that can't be kept harms no other."""
        going = self._warden.view(_ACTOR, actions.under_way)
        self._refused_at = {
            one.id: at for one in going if (at := self._refused_at.get(one.id)) is not None
        }
        staying = [one for one in going if not self._tried(self._take_back, one)]
        for deployment in staying:  # hashing takes long: what harms is taken back first
            self._tried(self._take_on, deployment)

    def _tried(self, act: Callable[[Deployment], bool], deployment: Deployment) -> bool:
        try:
            return act(deployment)
        except WardenError as error:
            LOG.warning("%s stays as it is: %s", deployment.id, error)
            return False

    def _take_back(self, deployment: Deployment) -> bool:
        found = self._warden.view(_ACTOR, partial(actions.standing, deployment=deployment))
        if found.ends_by is None:
            return False
        self._warden.change(_BACK, partial(actions.take_back, deployment_id=deployment.id))
        return True

    def _take_on(self, deployment: Deployment) -> bool:
        waits, prepared = self._waits(deployment, None), None
        if not waits and not deployment.waits_for_person:
            if time.monotonic() - self._refused_at.get(deployment.id, -AGAIN_S) < AGAIN_S:
                return False
            prepared = self._hashed(deployment)
            waits = self._waits(deployment, prepared)
            if waits:
                self._refused_at[deployment.id] = time.monotonic()
        if prepared is not None and not waits:
            step = partial(actions.keep_rollout, deployment_id=deployment.id, prepared=prepared)
            self._warden.change(_ACTOR, step)
        elif actions.BAKING not in waits:
            self._tell(deployment, waits)
        return True

    def _waits(self, deployment: Deployment, prepared: actions.Prepared | None) -> tuple[str, ...]:
        look = partial(actions.waits_for, deployment=deployment, prepared=prepared)
        return self._warden.view(_ACTOR, look)

    def _hashed(self, deployment: Deployment) -> actions.Prepared:
        find = partial(actions.candidate, model=deployment.model, version=deployment.label)
        return actions.hashed(self._warden.view(_ACTOR, find), self._settings, self._warden.sources)

    def _tell(self, deployment: Deployment, waits: tuple[str, ...]) -> None:
        """Tell why it stands, once for each set of reasons."""
        if deployment.held_by != frozenset(waits):
            hold = partial(actions.hold_rollout, deployment_id=deployment.id, waits=waits)
            self._warden.change(_ACTOR, hold)
