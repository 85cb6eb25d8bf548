"""Actions on accounts: users, service accounts, their status, and accounts that turn out to be one human's."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from modelwarden.access import queries
from modelwarden.access.actor import Actor, checked_handle
from modelwarden.access.allowed import authorize, authorize_on, current, readable
from modelwarden.access.delegations.delegating import end_delegations_of
from modelwarden.access.granting import admin_stays, check_person
from modelwarden.access.persons import queries as persons
from modelwarden.errors import (
    ActorNotFound,
    AlreadyErased,
    HandleTaken,
    NotPermitted,
    TextsLocked,
    ValueInvalid,
)
from modelwarden.facts.access import (
    ActorDeactivated,
    ActorReactivated,
    ActorSuspended,
    PersonsLinked,
    RoleRevoked,
    ServiceAccountAdded,
    TokenRevoked,
    UserAdded,
    UserUpdated,
)
from modelwarden.permissions import Permission
from modelwarden.store.erasing import LOCKED, shown
from modelwarden.store.locked import opened
from modelwarden.values.ids import ActorId, PersonId, RoleName
from modelwarden.values.principal import ActorKind, ActorStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import Commitment
    from modelwarden.values.pages import Listing, Page

PEOPLE: Final = (ActorKind.USER, ActorKind.THIRD_PARTY)
LONGEST_TEXT: Final = 2_000


def add_user(
    change: Change, handle: str, *, email: str | None = None, details: str | None = None
) -> Actor:
    """Add a human's account. The same e-mail address means the same person (AC-2).

    Raises:
        NotPermitted: the caller may not manage users.
        HandleTaken: another actor has this handle.
    """
    authorize(change, Permission.USER_MANAGE)
    person = PersonId(change.new_id("per"))
    if email is not None:
        twin = queries.actor_by_email(change, _checked_email(email))
        person = person if twin is None else _held(change, twin).person
    actor = change.save(
        _account(change, handle, kind=ActorKind.USER, person=person, email=email, details=details)
    )
    queries.start_epoch(change, actor.id)
    change.record(UserAdded(user=actor.id, person=actor.person))
    return actor


def add_service_account(change: Change, handle: str, *, owner: str) -> Actor:
    """Add an account for a program; the owner is the human behind it, in all duties (AC-1)."""
    authorize(change, Permission.USER_MANAGE)
    human = _held(change, actor_named(change, owner))
    if not human.is_human or human.status is not ActorStatus.ACTIVE:
        raise ValueInvalid("owner", "an active person's account")
    actor = change.save(
        _account(change, handle, kind=ActorKind.SERVICE, person=human.person, owner=human.id)
    )
    queries.start_epoch(change, actor.id)
    change.record(ServiceAccountAdded(service=actor.id, owner=human.id))
    return actor


def update_user(
    change: Change, user: str, *, email: str | None = None, details: str | None = None
) -> Actor:
    """Change what is kept about a user. Raises NotPermitted, ActorNotFound."""
    authorize(change, Permission.USER_MANAGE)
    actor = actor_named(change, user)
    if actor.erased_at is not None:
        raise AlreadyErased(actor.id, "nothing is kept about this person any more")
    if email is not None:
        found = change.keyring.look_up("email", _checked_email(email).lower())
        actor = replace(actor, email=change.text(email, about=actor.person), email_index=found)
    if details is not None:
        actor = replace(actor, details=_details(change, details, about=actor.person))
    actor = change.save(actor)
    change.record(UserUpdated(user=actor.id))
    return actor


def suspend(change: Change, user: str, *, reason: str) -> Actor:
    """Stop all credentials of an actor until it is reactivated. Raises LastAdmin, IllegalMove."""
    actor = _to_be_changed(change, user, ActorStatus.SUSPENDED)
    with admin_stays(change):
        actor = _moved(change, actor, ActorStatus.SUSPENDED)
    words = change.text(_checked_reason(reason), about=_whom(actor))
    change.record(ActorSuspended(user=actor.id, reason=words))
    return actor


def reactivate(change: Change, user: str) -> Actor:
    """Let a suspended actor act again. Raises IllegalMove."""
    actor = _moved(change, _to_be_changed(change, user, ActorStatus.ACTIVE), ActorStatus.ACTIVE)
    change.record(ActorReactivated(user=actor.id))
    return actor


def deactivate(change: Change, user: str, *, reason: str) -> Actor:
    """End an account for good, with tokens, bindings and delegations, in one transaction (AC-3). Raises LastAdmin."""
    actor = _to_be_changed(change, user, ActorStatus.DEACTIVATED)
    bindings, tokens = queries.bindings_of(change, actor.id), queries.live_tokens(change, actor.id)
    with admin_stays(change):
        for binding in bindings:
            change.save(replace(binding, revoked_at=change.now))
            role = RoleName(binding.role)
            change.record(RoleRevoked(user=actor.id, role=role, binding=binding.id))
        for token in tokens:
            change.save(replace(token, revoked_at=change.now))
            change.record(TokenRevoked(token=token.id, user=actor.id))
        actor = _moved(change, actor, ActorStatus.DEACTIVATED)
    end_delegations_of(change, actor)
    change.record(
        ActorDeactivated(
            user=actor.id,
            reason=change.text(_checked_reason(reason), about=_whom(actor)),
            tokens=len(tokens),
            bindings=len(bindings),
        )
    )
    return actor


def link(change: Change, user: str, *, to: str) -> Actor:
    """Say that two accounts are one human's: duties compare one person from now on (AC-2). Gives no rights."""
    found = (queries.find_actor(change, user), queries.find_actor(change, to))
    queries.lock_persons(change, {account.person for account in found if account is not None})
    authorize(change, Permission.USER_MANAGE)
    actor, other = actor_named(change, user), actor_named(change, to)
    previous = actor.person
    if previous == other.person:
        change.unchanged("actor", actor.id)
        return actor
    linked = actor
    for account in queries.accounts_of(change, previous):
        kept = change.save(replace(account, person=other.person))
        linked = kept if kept.id == actor.id else linked
        queries.raise_epoch(change, account.id)
    queries.keep_link_of_persons(change, previous, other.person)
    check_person(change, other.person)
    change.record(PersonsLinked(user=actor.id, person=other.person, previous=previous))
    return linked


def me(view: View) -> Actor:
    """Return the caller's own account."""
    actor = queries.actor_by_id(view, current(view).actor)
    if actor is None:
        raise ActorNotFound("actor", view.actor)
    return actor


def user(view: View, name: str) -> Actor:
    """Return an account by id or handle; others' need `user.manage` or `access.review`. Raises ActorNotFound."""
    actor = actor_named(view, name)
    if actor.id != current(view).actor and not _may_see_others(view):
        raise ActorNotFound("actor", name)
    return actor


def users(view: View, page: Page) -> Listing[Actor]:
    """Return a page of people's accounts. Raises NotPermitted."""
    if not _may_see_others(view):
        authorize(view, Permission.USER_MANAGE)
    return queries.actors_page(view, page, kinds=PEOPLE)


def service_accounts(view: View, page: Page) -> Listing[Actor]:
    """Return a page of service accounts. Raises NotPermitted."""
    if not _may_see_others(view):
        authorize(view, Permission.USER_MANAGE)
    return queries.actors_page(view, page, kinds=(ActorKind.SERVICE,))


def handle_of(view: View, actor: str) -> str:
    """Return the handle of an actor for showing; the id where it was erased, is locked, or is the program's own."""
    if actor not in view.handles:
        found = None if actor.startswith("system:") else queries.actor_by_id(view, actor)
        view.handles[actor] = actor if found is None else own_handle(view, found)
    return view.handles[actor]


def read_handles(view: View, actors: Iterable[str]) -> None:
    """Read the handles of several actors at once, for `handle_of` to show."""
    unknown = {each for each in actors if not each.startswith("system:")} - view.handles.keys()
    for row in persons.handles(view, unknown) if unknown else ():
        view.handles[row.id] = row.id
        if row.commitment is not None:
            with suppress(TextsLocked):
                view.handles[row.id] = opened(view, row) or row.id


def handle_of_person(view: View, person: PersonId) -> str:
    """Return the handle of a person's oldest account for showing; the person's id where there is none."""
    current = min(queries.current_persons(view, {person}), default=person)
    found = queries.accounts_of(view, current)
    return own_handle(view, found[0]) if found else person


def own_handle(view: View, actor: Actor) -> str:
    """Return the handle of an actor, or the id, by which it can be named as well, where there is none to be read."""
    try:
        return view.words(actor.handle) or actor.id
    except TextsLocked:
        return actor.id


def email_of(view: View, actor: Actor) -> str | None:
    """Return the e-mail address, masked without `personal.read` (AC-83)."""
    address = shown(view, actor.email)
    if (
        address is None
        or address == LOCKED
        or actor.erased_at is not None
        or actor.id == view.actor
    ):
        return address
    if authorize_personal(view):
        return address
    name, _, domain = address.partition("@")
    return f"{name[:1]}***@{domain[:1]}***"


def authorize_personal(view: View) -> bool:
    """Tell whether personal fields may be read in clear; such a reading is recorded singly (AC-60)."""
    try:
        authorize(view, Permission.PERSONAL_READ)
    except NotPermitted:
        return False
    return True


def actor_named(view: View, name: str) -> Actor:
    """Return the actor of this id or handle. Raises ActorNotFound."""
    actor = queries.find_actor(view, name)
    if actor is None:
        raise ActorNotFound("actor", name)
    return actor


def _may_see_others(view: View) -> bool:
    return readable(view, Permission.USER_MANAGE) or readable(view, Permission.ACCESS_REVIEW)


def _account(  # noqa: PLR0913  # the fields of an account
    change: Change,
    handle: str,
    *,
    kind: ActorKind,
    person: PersonId,
    owner: ActorId | None = None,
    email: str | None = None,
    details: str | None = None,
) -> Actor:
    if queries.find_actor(change, checked_handle(handle)) is not None:
        raise HandleTaken("this handle is taken; choose another")
    prefix = "svc" if kind is ActorKind.SERVICE else "usr"
    whom = person if kind in PEOPLE else None  # what a program is called tells of nobody
    return Actor(
        id=ActorId(change.new_id(prefix)),
        kind=kind,
        person=person,
        handle=change.text(handle, about=whom),
        handle_index=change.keyring.look_up("handle", handle),
        email=None if email is None else change.text(email, about=whom),
        email_index=None if email is None else change.keyring.look_up("email", email.lower()),
        details=None if details is None else _details(change, details, about=whom),
        owner=owner,
        created_at=change.now,
    )


def _held(change: Change, actor: Actor) -> Actor:
    """Return the actor as it stays until the commit: nobody links its person meanwhile."""
    queries.lock_persons(change, {actor.person})
    return queries.actor_by_id(change, actor.id) or actor


def _to_be_changed(change: Change, user: str, status: ActorStatus) -> Actor:
    actor = authorize_on(change, user, Permission.USER_MANAGE)
    actor.may_become(status)
    return actor


def _moved(change: Change, actor: Actor, status: ActorStatus) -> Actor:
    actor = change.save(replace(actor, status=status))
    queries.raise_epoch(change, actor.id)
    return actor


def _details(change: Change, words: str, *, about: PersonId | None) -> Commitment:
    if not 1 <= len(words) <= LONGEST_TEXT:
        raise ValueInvalid("metadata", f"1 to {LONGEST_TEXT} characters")
    return change.text(words, about=about)


def _whom(actor: Actor) -> PersonId | None:
    """Return whom words about an account tell of; those about a program's account tell of nobody."""
    return actor.person if actor.kind in PEOPLE else None


def _checked_reason(words: str) -> str:
    if not 1 <= len(words.strip()) <= LONGEST_TEXT:
        raise ValueInvalid("reason", f"1 to {LONGEST_TEXT} characters")
    return words


def _checked_email(email: str) -> str:
    name, _, domain = email.partition("@")
    if not name or "." not in domain or len(email) > 254 or not email.isprintable() or " " in email:  # noqa: PLR2004
        raise ValueInvalid("email", "an address such as alice@example.org")
    return email
