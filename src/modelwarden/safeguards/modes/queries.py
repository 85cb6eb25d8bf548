"""The SQL of how guards of a model behave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select

from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.modes.mode import BreakerMode, FailMode, GuardMode, mode_id
from modelwarden.store.schema.safeguards import guard_modes
from modelwarden.values.clock import moment
from modelwarden.values.ids import ActorId, ModelName

if TYPE_CHECKING:
    from modelwarden.store.change import View

_ONE: Final = select(guard_modes).where(guard_modes.c.id == bindparam("id"))
_LOCKED: Final = _ONE.with_for_update()


def find_mode(
    view: View, model: str, environment: Environment, *, lock: bool = False
) -> GuardMode | None:
    """Return how the guards of a model behave there, or None where that is as everywhere."""
    row = view.row(_LOCKED if lock else _ONE, {"id": mode_id(model, environment)})
    if row is None:
        return None
    return GuardMode(
        id=row.id,
        environment=Environment(row.environment),
        model=ModelName(row.model),
        fail=FailMode(row.fail),
        breakers=BreakerMode(row.breakers),
        set_by=ActorId(row.set_by),
        set_at=moment(row.set_at),
        revision=row.revision,
    )
