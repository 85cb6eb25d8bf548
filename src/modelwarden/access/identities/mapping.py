"""Saying whose an account in another system is, under four eyes, and reading it (RL-54, AC-40)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelwarden.access import accounts, permits
from modelwarden.access import queries as actors
from modelwarden.access.allowed import authorize
from modelwarden.access.identities import queries
from modelwarden.access.identities.identity import MAP, Identity, check, map_payload
from modelwarden.errors import ValueInvalid
from modelwarden.facts.access import IdentityMapped
from modelwarden.permissions import Permission
from modelwarden.values.ids import IdentityId
from modelwarden.values.principal import ActorStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import PersonId


class Known(NamedTuple):
    """Whom an account in another system stands for, and whether their account here is active."""

    person: PersonId
    is_active: bool


def map_identity(change: Change, user: str, *, issuer: str, subject: str) -> Identity:
    """Say that an account in another system is this user's; it was another's until then, or nobody's.

    Raises:
        NotPermitted, ActorNotFound, ValueInvalid.
        PermitNeeded: nobody approved exactly this, and bootstrap mode is over.
    """
    authorize(change, Permission.USER_MANAGE)
    check(issuer, subject)
    actor = accounts.actor_named(change, user)
    if not actor.is_human or actor.status is not ActorStatus.ACTIVE:
        raise ValueInvalid("user", "an active person's account")
    index = _index(change, issuer, subject)
    before = queries.find_identity(change, index, lock=True)
    if before is not None and before.actor == actor.id:
        change.unchanged("identity", before.id)
        return before
    permit = permits.spend(change, MAP, map_payload(actor.id, issuer=issuer, subject=subject))
    kept = change.save(
        Identity(
            id=IdentityId(change.new_id("idn")),
            issuer=issuer,
            subject=change.text(subject, about=actor.person),
            subject_index=index,
            actor=actor.id,
            mapped_by=change.actor,
            mapped_at=change.now,
        )
        if before is None
        else before.moved(actor.id, by=change.actor, at=change.now)
    )
    change.record(
        IdentityMapped(
            identity=kept.id,
            user=actor.id,
            previous=None if before is None else before.actor,
            subject=kept.subject,
            permit=None if permit is None else permit.id,
        )
    )
    return kept


def identities(view: View, user: str) -> tuple[Identity, ...]:
    """Return the accounts in other systems that are a user's, oldest first: one's own, or others' as `user` says."""
    return tuple(queries.identities_of(view, accounts.user(view, user).id))


def known(view: View, issuer: str, subjects: Iterable[str]) -> dict[str, Known]:
    """Return whom accounts of another system stand for, by their ids there; those of nobody are left out."""
    found: dict[str, Known] = {}
    for subject in sorted(set(subjects)):
        identity = queries.find_identity(view, _index(view, issuer, subject))
        frozen = identity is not None and view.is_frozen("identity", identity.id)
        actor = None if identity is None else actors.actor_by_id(view, identity.actor)
        if actor is not None and not frozen:
            found[subject] = Known(actor.person, actor.status is ActorStatus.ACTIVE)
    return found


def _index(view: View, issuer: str, subject: str) -> str:
    return view.keyring.look_up("identity", f"{issuer} {subject}")
