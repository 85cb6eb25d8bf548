"""Each second whatever targets of deployments have not answered is sent, sent again, or given up (RL-40).

One process leads. What has to be told is in the database, so a process that is killed after a message went out sends it
once more, under the same id; what was answered is not sent again.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

from modelwarden.deployments.targets.answering import SILENT, UNKNOWN, give_up, waiting
from modelwarden.errors import NotFound, WardenError
from modelwarden.notify.targets import ready
from modelwarden.values.system import system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelwarden.deployments.rollout import Deployment
    from modelwarden.deployments.targets.step import TargetStep
    from modelwarden.facts.kinds import Code
    from modelwarden.ledger.entry import Stored
    from modelwarden.notify.post import Line
    from modelwarden.store.change import Change, View
    from modelwarden.store.follower import Position
    from modelwarden.values.clock import Clock
    from modelwarden.values.principal import Principal

T = TypeVar("T")
NAME: Final = "targets"
DEADLINE_S: Final = 5.0
"""For one try: a target that hangs keeps the others waiting for so long."""
FIRST_S, LONGEST_S = 2.0, 60.0
"""Between two tries: twice as long each time."""
ACTOR: Final = system("target")
LOG: Final = logging.getLogger("modelwarden.targets")


class Acts(Protocol):
    """What this needs of the Warden."""

    @property
    def clock(self) -> Clock:
        """Return where "now" comes from."""
        ...

    def change(self, principal: Principal, action: Callable[[Change], T]) -> T:
        """Run a change and wait for its commit."""
        ...

    def view(self, principal: Principal, action: Callable[[View], T]) -> T:
        """Run a read."""
        ...


class _Tried(NamedTuple):
    """How often a message was tried, and when it is again, by the monotonic clock."""

    times: int = 0
    again_at: float = float("-inf")


class TellTargets:
    """A follower's step: no entry concerns it, only what stands in the database, and the clock."""

    def __init__(self, warden: Acts, line: Line, *, first_s: float = FIRST_S) -> None:
        self._warden, self._line, self._first_s = warden, line, first_s
        self._tried: dict[str, _Tried] = {}

    def begin(self, at: Position, /) -> None:  # noqa: ARG002  # nothing was gathered
        """Send everything again: whoever led before may have been killed in between."""
        self._tried = {}

    def __call__(self, batch: Sequence[Stored], before: bytes, /) -> None:
        """Pass entries by."""

    def idle(self) -> None:
        """Look at each step that waits; one that can't be sent harms no other."""
        found = self._warden.view(ACTOR, waiting)
        open_ids = {asked.id for asked, _ in found}
        self._tried = {key: tried for key, tried in self._tried.items() if key in open_ids}
        for asked, deployment in found:
            try:
                self._look(asked, deployment)
            except WardenError as error:
                LOG.warning("%s waits: %s", asked.id, error)

    def _look(self, asked: TargetStep, deployment: Deployment) -> None:
        tried = self._tried.get(asked.id, _Tried())
        if self._warden.clock.now() >= asked.due_at:
            self._give_up(asked, SILENT)
        elif time.monotonic() >= tried.again_at:
            self._send(asked, deployment, times=tried.times + 1)

    def _send(self, asked: TargetStep, deployment: Deployment, *, times: int) -> None:
        pause = min(self._first_s * 2 ** min(times - 1, 10), LONGEST_S)
        self._tried[asked.id] = _Tried(times, time.monotonic() + pause)
        try:
            message = self._warden.view(ACTOR, partial(ready, asked=asked, deployment=deployment))
        except NotFound:
            self._give_up(asked, UNKNOWN)
            return
        if message is None:
            LOG.warning("%s waits: its endpoint is not served", asked.id)
            return
        result = self._line.post(*message)
        if result.is_ok:
            self._tried[asked.id] = _Tried(times, float("inf"))
        else:
            LOG.warning("%s did not arrive: %s", asked.id, result.problem or result.status)

    def _give_up(self, asked: TargetStep, cause: Code) -> None:
        self._warden.change(ACTOR, partial(give_up, step=asked.id, cause=cause))
