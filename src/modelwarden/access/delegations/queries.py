"""The SQL of delegations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, or_, select

from modelwarden.access.delegations.delegation import Delegation
from modelwarden.store.schema.access import actors, delegations
from modelwarden.values.clock import maybe_moment, moment, timestamp

if TYPE_CHECKING:
    from sqlalchemy import Row

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId, PersonId

MOST: Final = 100

_ONE: Final = select(delegations).where(delegations.c.id == bindparam("id"))
_LOCKED: Final = _ONE.with_for_update()
_OF: Final = (
    select(delegations)
    .where(
        or_(
            delegations.c.delegator == bindparam("actor"),
            delegations.c.delegate == bindparam("actor"),
        ),
    )
    .order_by(delegations.c.id.desc())
    .limit(MOST)
)
_ALL: Final = select(delegations).order_by(delegations.c.id.desc()).limit(MOST)
_standing = (delegations.c.ended_at.is_(None), delegations.c.ends_at > bindparam("now"))
_BETWEEN: Final = (
    select(delegations)
    .where(
        delegations.c.delegator == bindparam("delegator"),
        delegations.c.delegate == bindparam("delegate"),
        *_standing,
    )
    .order_by(delegations.c.id)
    .limit(MOST)
    .with_for_update()
)
_TO: Final = (
    select(delegations)
    .where(delegations.c.delegate == bindparam("delegate"), *_standing)
    .order_by(delegations.c.id)
    .limit(MOST)
)
_GIVEN_BY: Final = (
    select(delegations)
    .join(actors, actors.c.id == delegations.c.delegator)
    .where(actors.c.person == bindparam("person"), *_standing)
    .order_by(delegations.c.id)
    .limit(1)
)
_GIVEN_TO: Final = (
    select(delegations)
    .join(actors, actors.c.id == delegations.c.delegate)
    .where(actors.c.person == bindparam("person"), *_standing)
    .order_by(delegations.c.id)
    .limit(1)
)


def find_delegation(view: View, delegation_id: str, *, lock: bool = False) -> Delegation | None:
    """Return a delegation, or None; `lock` holds its row until the commit."""
    row = view.row(_LOCKED if lock else _ONE, {"id": delegation_id})
    return None if row is None else _as_delegation(row)


def delegations_of(view: View, actor: ActorId) -> list[Delegation]:
    """Return what an account gave and was given, newest first; at most 100."""
    return [_as_delegation(row) for row in view.rows(_OF, {"actor": actor})]


def all_delegations(view: View) -> list[Delegation]:
    """Return everybody's, newest first; at most 100."""
    return [_as_delegation(row) for row in view.rows(_ALL)]


def locked_between(change: Change, delegator: ActorId, delegate: ActorId) -> list[Delegation]:
    """Return what has not ended between two accounts, locked until the commit: nobody ends it meanwhile."""
    params = {"delegator": delegator, "delegate": delegate, "now": timestamp(change.now)}
    return [_as_delegation(row) for row in change.rows(_BETWEEN, params)]


def given_to(view: View, delegate: ActorId) -> list[Delegation]:
    """Return what has not ended of what was given to an account."""
    params = {"delegate": delegate, "now": timestamp(view.now)}
    return [_as_delegation(row) for row in view.rows(_TO, params)]


def has_given(view: View, person: PersonId) -> bool:
    """Tell whether somebody decides in this person's stead."""
    return view.row(_GIVEN_BY, {"person": person, "now": timestamp(view.now)}) is not None


def has_received(view: View, person: PersonId) -> bool:
    """Tell whether this person decides in somebody's stead."""
    return view.row(_GIVEN_TO, {"person": person, "now": timestamp(view.now)}) is not None


def _as_delegation(row: Row[Any]) -> Delegation:
    return Delegation(
        id=row.id,
        delegator=row.delegator,
        delegate=row.delegate,
        reason=row.reason,
        starts_at=moment(row.starts_at),
        ends_at=moment(row.ends_at),
        ended_at=maybe_moment(row.ended_at),
        revision=row.revision,
    )
