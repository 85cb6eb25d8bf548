"""How the guards of a model behave in an environment, where that is not as everywhere. Pure (SG-15, SG-21, SG-41)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from modelwarden.safeguards.snapshots.body import CLOSED, STATIC

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import ActorId, ModelName


class FailMode(StrEnum):
    """What guards do without news for too long: go on, or fall back and block (SG-21)."""

    STATIC = "static"
    CLOSED = "closed"


class BreakerMode(StrEnum):
    """Whether breakers refuse calls, or only count them."""

    NORMAL = "normal"
    METRICS_ONLY = "metrics_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardMode:
    """How the guards of a model behave in one environment.

    Attributes:
        id: `environment/model`.
        set_by, set_at: who said so last; the program itself holds breakers, and lets them go.
    """

    id: str
    environment: Environment
    model: ModelName
    fail: FailMode = FailMode.STATIC
    breakers: BreakerMode = BreakerMode.NORMAL
    set_by: ActorId
    set_at: datetime
    revision: int = 0

    def with_modes(
        self, fail: FailMode | None, breakers: BreakerMode | None, *, by: ActorId, at: datetime
    ) -> GuardMode:
        """Return it with what is said anew; itself where that says nothing new."""
        now = fail or self.fail, breakers or self.breakers
        if now == (self.fail, self.breakers):
            return self
        return replace(self, fail=now[0], breakers=now[1], set_by=by, set_at=at)


def mode_id(model: str, environment: Environment) -> str:
    """Return the id of a mode."""
    return f"{environment.value}/{model}"


def stricter(everywhere: str, mode: GuardMode | None) -> str:
    """Return what a snapshot says: closed where either says so."""
    mine = STATIC if mode is None else mode.fail.value
    return CLOSED if CLOSED in {everywhere, mine} else STATIC
