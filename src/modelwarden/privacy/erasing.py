"""Erasing a person: asked for by one, agreed to by another, done at once or once no hold stands in the way (LG-61)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access import queries as access
from modelwarden.access.accounts import PEOPLE
from modelwarden.access.allowed import authorize, authorize_on, require_person
from modelwarden.errors import (
    AccountActive,
    ActorNotFound,
    NotFound,
    NotPermitted,
    ValueInvalid,
)
from modelwarden.facts.kinds import Code
from modelwarden.facts.privacy import ErasureQueued, PersonErased
from modelwarden.permissions import Permission
from modelwarden.privacy import queries
from modelwarden.privacy.erasure import (
    ERASE,
    Basis,
    Erasure,
    ErasureState,
    Scope,
    check_not_erased,
    payload,
    payload_digest,
)
from modelwarden.privacy.hold import held_by
from modelwarden.privacy.holding import reaches
from modelwarden.privacy.permits import permit_for, require_system
from modelwarden.store.erasing import (
    erase_texts,
    erased_index,
    forget_author,
    needed,
    one_at_a_time,
)
from modelwarden.values.clock import timestamp
from modelwarden.values.ids import ErasureId, HoldId
from modelwarden.values.principal import ActorStatus
from modelwarden.values.words import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.access.actor import Actor
    from modelwarden.privacy.hold import Kept
    from modelwarden.store.change import Change, View
    from modelwarden.values.ids import ActorId, PermitId, PersonId
    from modelwarden.values.pages import Listing, Page

LONGEST: Final = 2_000
MOST_NAMED: Final = 32
"""Holds that an entry names: the first ones."""


class _Person(NamedTuple):
    """A human as the ledger knows them: every pseudonym, and every account that they sign in with."""

    persons: frozenset[PersonId]
    accounts: tuple[Actor, ...]

    @property
    def ids(self) -> tuple[ActorId, ...]:
        return tuple(account.id for account in self.accounts)


class _Asked(NamedTuple):
    """What was agreed to."""

    basis: Basis
    scope: Scope
    reason: str
    permit: PermitId


class _Words(NamedTuple):
    """What goes, what stays without its author, and under which holds any of it falls."""

    erase: list[str]
    keep: list[str]
    holds: frozenset[HoldId]


def erasure_payload(view: View, asked: Mapping[str, object]) -> dict[str, str | list[str]]:
    """Return what a request for an erasure exactly asks: `user`, `basis`, `scope`, and the person's accounts (AC-41).

    Raises ValueInvalid, ActorNotFound.
    """
    unknown = set(asked) - {"user", "basis", "scope"}
    if unknown:
        raise ValueInvalid("payload", "user, basis and scope")
    actor = human(view, str(asked.get("user", "")))
    return payload(
        actor.id,
        accounts=_person(view, actor).ids,
        basis=named(Basis, str(asked.get("basis", "")), field="payload.basis"),
        scope=named(Scope, str(asked.get("scope", Scope.IDENTITY)), field="payload.scope"),
    )


def erase(
    change: Change, user: str, *, basis: Basis, reason: str, scope: Scope = Scope.IDENTITY
) -> Erasure:
    """Erase what tells of a person, and what they wrote if the scope says so; the pseudonyms stay.

    It needs a permit, also in bootstrap mode: nobody can undo it. Under a hold it waits, and is done when the last hold
    is released.

    Raises:
        NotPermitted, PermitNeeded, PermitSpent, PermitExpired, PayloadChanged.
        AccountActive: the person's accounts have to be deactivated first.
        AlreadyErased: nothing more is left to erase, or it waits for a hold.
    """
    actor = authorize_on(change, user, Permission.ERASURE_REQUEST)
    require_person(change)
    if actor.person == change.person:
        raise NotPermitted("somebody else has to erase you", reasons=("self",))
    actor = human(change, actor.id)
    case = _inactive(change, actor)
    check_not_erased(actor.id, scope, queries.erasures_of(change, case.ids))
    asked = payload(actor.id, accounts=case.ids, basis=basis, scope=scope)
    permit = permit_for(change, ERASE, payload_digest(asked))
    return _begun(change, case, actor, _Asked(basis, scope, reason, permit))


def erased_again(
    change: Change, actor: Actor, *, scope: Scope, reason: str, permit: PermitId
) -> Erasure | None:
    """Erase a person whom an older backup brought back; None where it holds that erasure too (LG-47).

    Raises AccountActive, ValueInvalid.
    """
    case = _inactive(change, actor)
    earlier = queries.erasures_of(change, case.ids)
    if any(each.scope in {scope, Scope.AUTHORED} for each in earlier):
        return None
    return _begun(change, case, actor, _Asked(Basis.LEGAL_OBLIGATION, scope, reason, permit))


def _inactive(change: Change, actor: Actor) -> _Person:
    case = _person(change, actor)
    active = [each.id for each in case.accounts if each.status is not ActorStatus.DEACTIVATED]
    if active:
        raise AccountActive(f"deactivate {', '.join(active)} first; that can't be undone either")
    return case


def _begun(change: Change, case: _Person, actor: Actor, asked: _Asked) -> Erasure:
    erasure = Erasure(
        id=ErasureId(change.new_id("ers")),
        user=actor.id,
        person=actor.person,
        persons=tuple(sorted(case.persons)),
        accounts=case.ids,
        basis=asked.basis,
        scope=asked.scope,
        reason=change.text(_checked(asked.reason)),
        permit=asked.permit,
        state=ErasureState.ON_HOLD,
        requested_by=change.actor,
        requested_at=change.now,
    )
    one_at_a_time(change)
    words = _words(change, case, erasure)
    return (
        _queued(change, erasure, case, words)
        if words.holds
        else _done(change, erasure, case, words)
    )


def erasures(view: View, page: Page) -> Listing[Erasure]:
    """Return a page of erasures, newest first. Raises NotPermitted."""
    authorize(view, Permission.AUDIT_READ)
    return queries.erasures_page(view, page)


def erasure(view: View, erasure_id: str) -> Erasure:
    """Return one erasure. Raises NotPermitted, NotFound."""
    authorize(view, Permission.AUDIT_READ)
    found = queries.find_erasure(view, erasure_id)
    if found is None:
        raise NotFound("erasure", erasure_id)
    return found


def released_erasures(view: View) -> list[ErasureId]:
    """Return the erasures that wait although no hold stands in their way any more."""
    found: list[ErasureId] = []
    after = ""
    while rows := queries.waiting(view, after=after):
        found += [e.id for e in rows if not _words(view, _person_of(view, e), e).holds]
        after = rows[-1].id
    return found


def carry_out(change: Change, erasure_id: ErasureId) -> Erasure:
    """Do an erasure that waited, as the program itself. Done before, or held again, it stays as it is."""
    require_system(change)
    one_at_a_time(change)
    found = queries.find_erasure(change, erasure_id)
    if found is None:
        raise NotFound("erasure", erasure_id)
    case = _person_of(change, found)
    words = _words(change, case, found)
    if found.state is ErasureState.DONE or words.holds:
        change.unchanged("erasure", found.id)
        return found
    return _done(change, found, case, words)


def emptied(change: Change, account: Actor) -> Actor:
    """Keep an account without what identifies a person; nobody finds it by a handle or e-mail address any more."""
    return change.save(
        replace(
            account,
            handle_index=erased_index(account.id),
            email_index=None,
            erased_at=change.now,
        )
    )


def _queued(change: Change, erasure: Erasure, case: _Person, words: _Words) -> Erasure:
    kept = change.save(replace(erasure, texts=len(words.erase), kept=len(words.keep)))
    change.record(
        ErasureQueued(
            erasure=kept.id,
            persons=tuple(sorted(case.persons)),
            holds=tuple(sorted(words.holds))[:MOST_NAMED],
            texts=kept.texts,
            basis=Code(kept.basis),
            scope=Code(kept.scope),
            reason=kept.reason,
            permit=kept.permit,
        )
    )
    return kept


def _done(change: Change, erasure: Erasure, case: _Person, words: _Words) -> Erasure:
    count = erase_texts(change, words.erase)
    forget_author(change, words.keep)
    for account in case.accounts:
        if account.erased_at is None:
            emptied(change, account)
    done = change.save(erasure.done(texts=count, kept=len(words.keep), at=change.now))
    change.record(
        PersonErased(
            erasure=done.id,
            persons=tuple(sorted(case.persons)),
            users=case.ids,
            basis=Code(done.basis),
            scope=Code(done.scope),
            until=done.requested_at,
            texts=done.texts,
            kept=done.kept,
            reason=done.reason,
            permit=done.permit,
        )
    )
    return done


def _words(view: View, case: _Person, erasure: Erasure) -> _Words:
    """Return what an erasure concerns. What somebody in use still needs stays, and nobody is its author any more."""
    until = timestamp(erasure.requested_at)
    about = _up_to(until, queries.texts_about(view, case.persons, case.ids))
    written: dict[str, Kept] = {}
    if erasure.scope is Scope.AUTHORED:
        written = _up_to(until, queries.texts_by(view, case.persons))
    keep = needed(view, sorted(written.keys() - about.keys()))
    everything = written | about
    holds = reaches(view)
    held = frozenset[HoldId]().union(*(held_by(text, holds) for text in everything.values()))
    return _Words(sorted(everything.keys() - keep), sorted(keep), held)


def _up_to(until: str, found: tuple[Kept, ...]) -> dict[str, Kept]:
    return {text.commitment: text for text in found if text.at is None or text.at <= until}


def _person(view: View, actor: Actor) -> _Person:
    persons = queries.known_as(view, actor.person)
    accounts = [each for each in access.accounts_of(view, actor.person) if each.kind in PEOPLE]
    return _Person(persons, tuple(accounts))


def _person_of(view: View, erasure: Erasure) -> _Person:
    """Return the person of an erasure that was agreed to: as they were known then."""
    found = (access.actor_by_id(view, account) for account in erasure.accounts)
    accounts = tuple(account for account in found if account is not None)
    return _Person(frozenset(erasure.persons), accounts)


def human(view: View, name: str) -> Actor:
    """Return a person's account by handle or id. Raises ActorNotFound, ValueInvalid."""
    actor = access.find_actor(view, name)
    if actor is None:
        raise ActorNotFound("actor", name)
    if actor.kind not in PEOPLE:
        raise ValueInvalid("user", "a person's account; a program's tells of nobody")
    return actor


def _checked(reason: str) -> str:
    if not 1 <= len(reason.strip()) <= LONGEST:
        raise ValueInvalid("reason", f"1 to {LONGEST:,} characters; it is kept, so name nobody")
    return reason.strip()
