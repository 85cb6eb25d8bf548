"""Letting somebody decide in one's stead, ending it, and who does so now (AC-20, RL-18)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.access import queries as accounts
from modelwarden.access import rights
from modelwarden.access.allowed import authorize, current, readable, require_person
from modelwarden.access.delegations import queries
from modelwarden.access.delegations.delegation import DAYS, DAYS_MOST, Delegation
from modelwarden.errors import (
    ActorNotFound,
    DelegationChain,
    ExpiryNeeded,
    IllegalMove,
    NotFound,
    NotPermitted,
    SelfGrant,
    ValueInvalid,
)
from modelwarden.facts.access import DelegationCreated, DelegationEnded
from modelwarden.permissions import DECIDING, Permission
from modelwarden.store.change import Change
from modelwarden.values.ids import DelegationId
from modelwarden.values.principal import ActorKind, ActorStatus, Via

if TYPE_CHECKING:
    from modelwarden.access.actor import Actor
    from modelwarden.store.change import View

LONGEST_REASON: Final = 2_000


class Stead(NamedTuple):
    """In whose stead somebody acts: the delegation, and the delegator's account as it is now."""

    delegation: Delegation
    delegator: Actor


def delegate(change: Change, user: str, *, reason: str, days: int = DAYS) -> Delegation:
    """Let another person decide in one's stead for some days, 30 at most.

    Raises:
        NotPermitted: the caller decides nothing, or holds a credential that another person lent.
        SelfGrant: the same person. ValueInvalid: no active person who may decide.
        DelegationChain: one of the two gives or has a delegation the other way on.
        ActorNotFound, ExpiryNeeded.
    """
    found = accounts.find_actor(change, user)
    accounts.lock_persons(change, {change.person, *(() if found is None else (found.person,))})
    authorize(change, Permission.DELEGATION_CREATE)
    require_person(change)
    if change.principal.lent_by is not None:
        raise NotPermitted("this credential is lent; use one of your own", reasons=("lent",))
    actor = accounts.find_actor(change, user)  # as it is behind the lock
    if actor is None:
        raise ActorNotFound("actor", user)
    _check_pair(change, actor)
    if not 1 <= days <= DAYS_MOST:
        raise ExpiryNeeded(f"a delegation lasts from 1 to {DAYS_MOST} days")
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        raise ValueInvalid("reason", f"1 to {LONGEST_REASON:,} characters")
    kept = change.save(
        Delegation(
            id=DelegationId(change.new_id("dlg")),
            delegator=change.actor,
            delegate=actor.id,
            reason=change.text(reason.strip(), about=change.person),
            starts_at=change.now,
            ends_at=change.now + timedelta(days=days),
        )
    )
    change.record(
        DelegationCreated(
            delegation=kept.id,
            delegator=kept.delegator,
            delegate=kept.delegate,
            reason=kept.reason,
            ends_at=kept.ends_at,
        )
    )
    return kept


def end_delegation(change: Change, delegation_id: str) -> Delegation:
    """End a delegation at once: whoever gave or has it may, and whoever manages users. Raises NotFound, IllegalMove."""
    found = queries.find_delegation(change, delegation_id, lock=True)
    mine = found is not None and current(change).actor in {found.delegator, found.delegate}
    if found is None or not (mine or _may_see_all(change)):
        raise NotFound("delegation", delegation_id)
    if not mine:
        authorize(change, Permission.USER_MANAGE)
    if not found.is_current(change.now):
        raise IllegalMove("delegation", "ended", "ended")
    return ended(change, found)


def end_delegations_of(change: Change, actor: Actor) -> None:
    """End all that an account gave and was given: it is being deactivated (AC-3)."""
    for one in queries.delegations_of(change, actor.id):
        if one.is_current(change.now):
            ended(change, one)


def ended(change: Change, delegation: Delegation) -> Delegation:
    """End a delegation, and tell of it."""
    kept = change.save(delegation.ended(change.now))
    change.record(
        DelegationEnded(delegation=kept.id, delegator=kept.delegator, delegate=kept.delegate)
    )
    return kept


def delegation(view: View, delegation_id: str) -> Delegation:
    """Return a delegation: to both, and to those who manage users or review access. Raises NotFound."""
    found = queries.find_delegation(view, delegation_id)
    mine = found is not None and current(view).actor in {found.delegator, found.delegate}
    if found is None or not (mine or _may_see_all(view)):
        raise NotFound("delegation", delegation_id)
    return found


def delegations(view: View, *, everyone: bool = False) -> tuple[Delegation, ...]:
    """Return what the caller gave and was given, newest first; `everyone` takes `user.manage` or `access.review`."""
    if not everyone:
        return tuple(queries.delegations_of(view, current(view).actor))
    if not _may_see_all(view):
        authorize(view, Permission.USER_MANAGE)
    return tuple(queries.all_delegations(view))


def steads(view: View) -> tuple[Stead, ...]:
    """Return in whose stead the caller may act now; for rooms that weigh it."""
    found = (_stead(view, one) for one in queries.given_to(view, current(view).actor))
    return tuple(one for one in found if one is not None)


def stead(view: View, delegator: str) -> Stead:
    """Return the delegation by which the caller acts for that account; in a change nobody ends it before the commit.

    Raises NotPermitted where there is none: it ended, was never given, or the delegator is not active any more.
    """
    found = accounts.find_actor(view, delegator)
    given = () if found is None else _between(view, found)
    held = next((one for one in (_stead(view, each) for each in given) if one is not None), None)
    if held is None:
        raise NotPermitted(
            f"you do not decide in the stead of {delegator} now", reasons=("no_delegation",)
        )
    return held


def _between(view: View, delegator: Actor) -> list[Delegation]:
    me = current(view).actor
    if not isinstance(view, Change):
        return [one for one in queries.given_to(view, me) if one.delegator == delegator.id]
    accounts.epoch(
        view, delegator.id, hold=True
    )  # a right that the delegator loses now is lost first or after
    return queries.locked_between(view, delegator.id, me)


def _stead(view: View, found: Delegation) -> Stead | None:
    """Return whom a delegation stands for, where it holds now between two people."""
    giver = accounts.actor_by_id(view, found.delegator)
    if giver is None or giver.kind is not ActorKind.USER or giver.status is not ActorStatus.ACTIVE:
        return None
    holds = found.is_current(view.now) and giver.person != view.person
    frozen = view.is_frozen("delegation", found.id)
    return Stead(found, giver) if holds and not frozen else None


def _check_pair(change: Change, delegate: Actor) -> None:
    if delegate.person == change.person:
        raise SelfGrant("you can't stand in for yourself", about=(("actor", delegate.id),))
    if not delegate.is_human or delegate.status is not ActorStatus.ACTIVE:
        raise ValueInvalid("user", "an active person's account")
    if not DECIDING & set(change.principal.grants):
        raise NotPermitted("you decide nothing that you could hand on", reasons=("no_binding",))
    theirs = rights.principal_of(change, delegate, via=Via.TOKEN)
    if not DECIDING & set(theirs.grants):
        raise ValueInvalid("user", "somebody who may decide by an own role")
    if queries.has_received(change, change.person):
        raise DelegationChain("you decide in another's stead, and can't hand that on; end it first")
    if queries.has_given(change, delegate.person):
        raise DelegationChain("they have handed on their own decisions; ask somebody else")


def _may_see_all(view: View) -> bool:
    return readable(view, Permission.USER_MANAGE) or readable(view, Permission.ACCESS_REVIEW)
