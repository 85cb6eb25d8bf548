"""The SQL of the identity map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select

from modelwarden.access.identities.identity import Identity
from modelwarden.store.schema.access import identities
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from sqlalchemy import Row

    from modelwarden.store.change import View
    from modelwarden.values.ids import ActorId

MOST: Final = 100

_ONE: Final = select(identities).where(identities.c.subject_index == bindparam("found"))
_LOCKED: Final = _ONE.with_for_update()
_OF: Final = (
    select(identities)
    .where(identities.c.actor == bindparam("actor"))
    .order_by(identities.c.id)
    .limit(MOST)
)


def find_identity(view: View, index: str, *, lock: bool = False) -> Identity | None:
    """Return the account that is found under a keyed digest, or None; `lock` holds its row until the commit."""
    row = view.row(_LOCKED if lock else _ONE, {"found": index})
    return None if row is None else _as_identity(row)


def identities_of(view: View, actor: ActorId) -> list[Identity]:
    """Return the accounts that are an actor's, oldest first; at most 100."""
    return [_as_identity(row) for row in view.rows(_OF, {"actor": actor})]


def _as_identity(row: Row[Any]) -> Identity:
    return Identity(
        id=row.id,
        issuer=row.issuer,
        subject=row.subject,
        subject_index=row.subject_index,
        actor=row.actor,
        mapped_by=row.mapped_by,
        mapped_at=moment(row.mapped_at),
        revision=row.revision,
    )
