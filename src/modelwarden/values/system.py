"""The program's own actors: built in, without sign-in (AC-1)."""

from __future__ import annotations

from modelwarden.values.ids import ActorId, PersonId
from modelwarden.values.principal import ActorKind, Principal, Via


def system(name: str) -> Principal:
    """Return the built-in actor `system:<name>`; behind it stands no person."""
    actor = f"system:{name}"
    return Principal(
        actor=ActorId(actor), kind=ActorKind.SYSTEM, person=PersonId(actor), via=Via.SYSTEM
    )
