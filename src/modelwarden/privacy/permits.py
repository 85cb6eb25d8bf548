"""Leave for what nobody can undo: two people, always; and what the program alone does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access.actions import spend
from modelwarden.errors import NotPermitted, PermitNeeded
from modelwarden.values.principal import ActorKind

if TYPE_CHECKING:
    from modelwarden.store.change import Change
    from modelwarden.values.ids import Digest, PermitId


def permit_for(change: Change, action: str, payload: Digest) -> PermitId:
    """Use up the permit for this payload. Raises PermitNeeded also in bootstrap mode, and whatever `spend` does."""
    permit = spend(change, action, payload)
    if permit is None:
        raise PermitNeeded(
            f"{action} takes two people, also in bootstrap mode: let two people approve first",
            reasons=(action,),
        )
    return permit.id


def require_system(change: Change) -> None:
    """Raise NotPermitted unless the program itself acts."""
    if change.principal.kind is not ActorKind.SYSTEM:
        raise NotPermitted("the program does this by itself", reasons=("not_the_system",))
