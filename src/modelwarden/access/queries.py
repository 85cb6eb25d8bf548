"""The SQL of the access room: actors, bindings, roles, tokens, keys, permits, epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, func, insert, or_, select, update

from modelwarden.access.rows import as_actor, as_binding, as_key, as_permit, as_role, as_token
from modelwarden.store.schema.access import (
    actors,
    bindings,
    epochs,
    permits,
    person_keys,
    person_links,
    roles,
    tokens,
)
from modelwarden.values.clock import timestamp
from modelwarden.values.pages import Listing, Page, listing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.access.actor import Actor, Binding, PersonKey, Role, Token
    from modelwarden.access.permit import Permit
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId, PersonId
    from modelwarden.values.principal import ActorKind

_ACTOR: Final = select(actors).where(actors.c.id == bindparam("id"))
_ACTOR_BY_HANDLE: Final = select(actors).where(actors.c.handle_index == bindparam("found"))
_BY_EMAIL: Final = select(actors).where(actors.c.email_index == bindparam("found")).limit(1)
_ACTORS: Final = (
    select(actors)
    .where(actors.c.kind.in_(bindparam("kinds", expanding=True)), actors.c.id > bindparam("after"))
    .order_by(actors.c.id)
    .limit(bindparam("limit"))
)
_OWNED: Final = (
    select(actors).where(actors.c.owner == bindparam("owner")).order_by(actors.c.id).limit(1_000)
)
_OF_PERSON: Final = (
    select(actors).where(actors.c.person == bindparam("person")).order_by(actors.c.id).limit(1_000)
)
_LINKED: Final = select(person_links).where(
    person_links.c.previous.in_(bindparam("previous", expanding=True))
)
_LINK: Final = insert(person_links)
_BINDING: Final = select(bindings).where(bindings.c.id == bindparam("id"))
_BINDINGS_OF: Final = (
    select(bindings)
    .where(
        bindings.c.actor.in_(bindparam("actors", expanding=True)), bindings.c.revoked_at.is_(None)
    )
    .order_by(bindings.c.id)
    .limit(10_000)
)
_BINDINGS_OF_PERSON: Final = (
    select(bindings)
    .join(actors, actors.c.id == bindings.c.actor)
    .where(actors.c.person == bindparam("person"), bindings.c.revoked_at.is_(None))
    .order_by(bindings.c.id)
    .limit(1_000)
)
_HOLDERS: Final = (
    select(bindings, actors.c.person)
    .join(actors, actors.c.id == bindings.c.actor)
    .where(
        bindings.c.role.in_(bindparam("roles", expanding=True)),
        bindings.c.revoked_at.is_(None),
        or_(bindings.c.expires_at.is_(None), bindings.c.expires_at > bindparam("now")),
        actors.c.status == "active",
        actors.c.kind == "user",
    )
    .order_by(bindings.c.id)
    .limit(bindparam("limit"))
)
_ROLES: Final = select(roles).order_by(roles.c.name).limit(1_000)
_ROLES_HELD: Final = _ROLES.with_for_update(read=True)
_ROLE: Final = select(roles).where(roles.c.name == bindparam("name"))
_TOKEN: Final = select(tokens).where(tokens.c.id == bindparam("id"))
_TOKEN_BY_DIGEST: Final = select(tokens).where(tokens.c.secret_digest == bindparam("found"))
_TOKENS_OF: Final = (
    select(tokens)
    .where(tokens.c.actor == bindparam("actor"), tokens.c.id > bindparam("after"))
    .order_by(tokens.c.id)
    .limit(bindparam("limit"))
)
_LIVE_TOKENS: Final = (
    select(tokens)
    .where(tokens.c.actor == bindparam("actor"), tokens.c.revoked_at.is_(None))
    .order_by(tokens.c.id)
    .limit(10_000)
)
_KEY: Final = select(person_keys).where(person_keys.c.id == bindparam("id"))
_KEYS: Final = (
    select(person_keys)
    .where(person_keys.c.actor == bindparam("actor"))
    .order_by(person_keys.c.id)
    .limit(1_000)
)
_ALL_KEYS: Final = (
    select(person_keys)
    .where(person_keys.c.id > bindparam("after"))
    .order_by(person_keys.c.id)
    .limit(bindparam("limit"))
)
_PERMITS: Final = (
    select(permits)
    .where(permits.c.requester == bindparam("requester"), permits.c.action == bindparam("action"))
    .order_by(permits.c.id.desc())
    .limit(100)
    .with_for_update()
)
_EPOCH: Final = select(epochs.c.epoch).where(epochs.c.actor == bindparam("actor"))
_EPOCH_SHARED: Final = _EPOCH.with_for_update(read=True)
_EPOCH_LOCKED: Final = _EPOCH.with_for_update()
_PERSONS_LOCKED: Final = (
    select(epochs.c.actor)
    .join(actors, actors.c.id == epochs.c.actor)
    .where(actors.c.person.in_(bindparam("persons", expanding=True)))
    .order_by(epochs.c.actor)
    .limit(10_000)
    .with_for_update(of=epochs)
)
_HOLDING: Final = (
    select(actors.c.person)
    .distinct()
    .join(bindings, actors.c.id == bindings.c.actor)
    .where(bindings.c.role.in_(bindparam("roles", expanding=True)), bindings.c.revoked_at.is_(None))
    .order_by(actors.c.person)
    .limit(100_000)
)
_RAISE_EPOCHS: Final = (
    update(epochs)
    .where(
        epochs.c.actor.in_(
            select(bindings.c.actor).where(
                bindings.c.role.in_(bindparam("roles", expanding=True)),
                bindings.c.revoked_at.is_(None),
            )
        )
    )
    .values(epoch=epochs.c.epoch + 1)
)
_RAISE_EPOCH: Final = (
    update(epochs).where(epochs.c.actor == bindparam("who")).values(epoch=epochs.c.epoch + 1)
)
_START_EPOCH: Final = insert(epochs)
_COUNT_ACTORS: Final = select(func.count()).select_from(actors)


def find_actor(view: View, name: str) -> Actor | None:
    """Return the actor of this id or handle, or None."""
    by_id = name.startswith(("usr_", "svc_", "ext_"))
    row = view.row(_ACTOR, {"id": name}) if by_id else None
    if row is None:
        row = view.row(_ACTOR_BY_HANDLE, {"found": view.keyring.look_up("handle", name.lower())})
    return None if row is None else as_actor(row)


def actor_by_id(view: View, actor: str) -> Actor | None:
    """Return the actor of this id, or None."""
    row = view.row(_ACTOR, {"id": actor})
    return None if row is None else as_actor(row)


def actor_by_email(view: View, email: str) -> Actor | None:
    """Return an actor with this e-mail address, or None."""
    row = view.row(_BY_EMAIL, {"found": view.keyring.look_up("email", email.lower())})
    return None if row is None else as_actor(row)


def actors_page(view: View, page: Page, *, kinds: tuple[ActorKind, ...]) -> Listing[Actor]:
    """Return a page of actors of these kinds, oldest first."""
    params = {
        "kinds": [kind.value for kind in kinds],
        "after": page.after or "",
        "limit": page.limit,
    }
    found = [as_actor(row) for row in view.rows(_ACTORS, params)]
    return listing(found, page, key=found[-1].id if found else None)


def owned_by(view: View, owner: ActorId) -> list[Actor]:
    """Return the service accounts that this user owns."""
    return [as_actor(row) for row in view.rows(_OWNED, {"owner": owner})]


def accounts_of(view: View, person: PersonId) -> list[Actor]:
    """Return the accounts behind which this person stands."""
    return [as_actor(row) for row in view.rows(_OF_PERSON, {"person": person})]


def keep_link_of_persons(change: Change, previous: PersonId, person: PersonId) -> None:
    """Keep that `previous` turned out to be `person`: rows that name the one mean the other from now on."""
    change.execute(_LINK, {"previous": previous, "person": person})


def current_persons(view: View, persons: Iterable[PersonId]) -> frozenset[PersonId]:
    """Return who these persons are known as today, links followed (AC-2)."""
    return frozenset(known_today(view, persons).values())


def known_today(view: View, persons: Iterable[PersonId]) -> dict[PersonId, PersonId]:
    """Return for each of these persons who they are known as today, links followed (AC-2)."""
    known = {person: person for person in persons}
    asked = set(known)
    while asked:
        rows = view.rows(_LINKED, {"previous": sorted(asked)})
        linked = {row.previous: row.person for row in rows}
        known = {person: linked.get(now, now) for person, now in known.items()}
        asked = set(linked.values())
    return known


def binding(view: View, binding_id: str) -> Binding | None:
    """Return one binding, or None."""
    row = view.row(_BINDING, {"id": binding_id})
    return None if row is None else as_binding(row)


def bindings_of(view: View, actor: ActorId) -> list[Binding]:
    """Return the bindings of an actor that were not revoked."""
    return bindings_of_these(view, (actor,))


def bindings_of_these(view: View, actors_wanted: Iterable[str]) -> list[Binding]:
    """Return the bindings of some actors that were not revoked."""
    params = {"actors": sorted(set(actors_wanted))}
    return [as_binding(row) for row in view.rows(_BINDINGS_OF, params)]


def bindings_of_person(view: View, person: PersonId) -> list[Binding]:
    """Return the bindings of all accounts of a person that were not revoked."""
    return [as_binding(row) for row in view.rows(_BINDINGS_OF_PERSON, {"person": person})]


def holders(
    view: View, roles_wanted: tuple[str, ...], *, limit: int = 1_000
) -> list[tuple[Binding, PersonId]]:
    """Return active people's bindings of any of these roles, with the person behind each."""
    params = {"roles": list(roles_wanted), "now": timestamp(view.now), "limit": limit}
    return [(as_binding(row), row.person) for row in view.rows(_HOLDERS, params)]


def persons_holding(view: View, roles_wanted: tuple[str, ...]) -> list[PersonId]:
    """Return the persons behind all accounts to which any of these roles is bound, programs' too."""
    return [row.person for row in view.rows(_HOLDING, {"roles": list(roles_wanted)})]


def custom_roles(view: View, *, hold: bool = False) -> dict[str, Role]:
    """Return all defined roles by name; `hold` keeps them as they are until the commit."""
    return {row.name: as_role(row) for row in view.rows(_ROLES_HELD if hold else _ROLES)}


def custom_role(view: View, name: str) -> Role | None:
    """Return a defined role, or None."""
    row = view.row(_ROLE, {"name": name})
    return None if row is None else as_role(row)


def token(view: View, token_id: str) -> Token | None:
    """Return one token, or None."""
    row = view.row(_TOKEN, {"id": token_id})
    return None if row is None else as_token(row)


def token_by_secret(view: View, secret: str) -> Token | None:
    """Return the token with this secret, looked up by its keyed digest."""
    row = view.row(_TOKEN_BY_DIGEST, {"found": view.keyring.look_up("token", secret)})
    return None if row is None else as_token(row)


def tokens_page(view: View, actor: ActorId, page: Page) -> Listing[Token]:
    """Return a page of an actor's tokens, oldest first."""
    params = {"actor": actor, "after": page.after or "", "limit": page.limit}
    found = [as_token(row) for row in view.rows(_TOKENS_OF, params)]
    return listing(found, page, key=found[-1].id if found else None)


def live_tokens(view: View, actor: ActorId) -> list[Token]:
    """Return the tokens of an actor that were not revoked."""
    return [as_token(row) for row in view.rows(_LIVE_TOKENS, {"actor": actor})]


def person_key(view: View, keyid: str) -> PersonKey | None:
    """Return an enrolled key by its keyid, or None."""
    row = view.row(_KEY, {"id": keyid})
    return None if row is None else as_key(row)


def keys_of(view: View, actor: ActorId) -> list[PersonKey]:
    """Return the keys of an actor."""
    return [as_key(row) for row in view.rows(_KEYS, {"actor": actor})]


def keys_page(view: View, page: Page) -> Listing[PersonKey]:
    """Return a page of all enrolled keys."""
    found = [
        as_key(row)
        for row in view.rows(_ALL_KEYS, {"after": page.after or "", "limit": page.limit})
    ]
    return listing(found, page, key=found[-1].id if found else None)


def permits_for(change: Change, requester: ActorId, action: str) -> list[Permit]:
    """Return the newest permits of this actor for an action, locked until the commit."""
    return [
        as_permit(row) for row in change.rows(_PERMITS, {"requester": requester, "action": action})
    ]


def epoch(view: View, actor: ActorId, *, hold: bool = False) -> int:
    """Return the number of the last change to what the actor may do; `hold` keeps it until the commit (AC-15)."""
    row = view.row(_EPOCH_SHARED if hold else _EPOCH, {"actor": actor})
    return 0 if row is None else row.epoch


def lock_epoch(change: Change, actor: ActorId) -> None:
    """Lock the epoch row for changing it, before anything is decided that rests on it (AC-15)."""
    change.row(_EPOCH_LOCKED, {"actor": actor})


def lock_persons(change: Change, persons: Iterable[PersonId]) -> None:
    """Lock the epoch rows of all accounts of these persons, in one order, before anything is decided (AC-15)."""
    change.rows(_PERSONS_LOCKED, {"persons": sorted(persons)})


def raise_epochs_of_holders(change: Change, roles_wanted: tuple[str, ...]) -> None:
    """Make every process read the rights of all who hold any of these roles again."""
    change.execute(_RAISE_EPOCHS, {"roles": list(roles_wanted)})


def start_epoch(change: Change, actor: ActorId) -> None:
    """Begin to count an actor's changes of rights."""
    change.execute(_START_EPOCH, {"actor": actor, "epoch": 1})


def raise_epoch(change: Change, actor: ActorId) -> None:
    """Make every process read the actor's rights again."""
    change.execute(_RAISE_EPOCH, {"who": actor})


def has_actors(view: View) -> bool:
    """Tell whether anybody exists yet."""
    row = view.row(_COUNT_ACTORS)
    return row is not None and row[0] > 0
