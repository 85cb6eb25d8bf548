"""The SQL of who stands behind what; each question is one statement, however many it asks about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BindParameter, bindparam, select

from modelwarden.access.rows import as_key
from modelwarden.store.schema.access import actors, person_keys
from modelwarden.store.schema.ledger import texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row

    from modelwarden.access.actor import PersonKey
    from modelwarden.store.change import View
    from modelwarden.values.ids import ActorId, PersonId

_THESE: Final[BindParameter[str]] = bindparam("these", expanding=True)
_PERSONS: Final = select(actors.c.id, actors.c.person).where(actors.c.id.in_(_THESE))
_KEYS: Final = (
    select(person_keys, actors.c.person.label("holder"))
    .outerjoin(actors, actors.c.id == person_keys.c.actor)
    .where(person_keys.c.id.in_(_THESE))
    .order_by(person_keys.c.id)
)
_HANDLES: Final = (
    select(actors.c.id, actors.c.handle, texts)
    .outerjoin(texts, texts.c.commitment == actors.c.handle)
    .where(actors.c.id.in_(_THESE))
)


def persons_of(view: View, ids: Iterable[str]) -> dict[ActorId, PersonId]:
    """Return the person who stands behind each of these actors now."""
    wanted = sorted(set(ids))
    rows = view.rows(_PERSONS, {"these": wanted}) if wanted else ()
    return {row.id: row.person for row in rows}


def person_of(view: View, actor: ActorId, before: PersonId) -> PersonId:
    """Return the person who stands behind an actor now; whom it was before where there is no such account."""
    return persons_of(view, {actor}).get(actor, before)


def keys_held(view: View, ids: Iterable[str]) -> list[tuple[PersonKey, PersonId]]:
    """Return the enrolled keys of these keyids, each with the person behind its account now."""
    rows = view.rows(_KEYS, {"these": sorted(set(ids))})
    return [(as_key(row), row.holder or row.person) for row in rows]


def handles(view: View, ids: Iterable[str]) -> Sequence[Row[Any]]:
    """Return the row of texts that holds the handle of each of these actors; without `commitment`, it has none."""
    return view.rows(_HANDLES, {"these": sorted(set(ids))})
