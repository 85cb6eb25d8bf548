"""Making groups, letting people in and out, and reading who belongs to them (AC-7, AC-15, AC-17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.access import queries as accounts
from modelwarden.access.allowed import authorize, authorize_on, current, readable, require_person
from modelwarden.access.groups import queries
from modelwarden.access.groups.group import Member, PeopleGroup
from modelwarden.errors import NotFound, SelfGrant, ValueInvalid
from modelwarden.facts.access import GroupCreated, GroupMemberAdded, GroupMemberRemoved
from modelwarden.permissions import Permission
from modelwarden.values.ids import NAME, GroupName
from modelwarden.values.pages import Listing
from modelwarden.values.principal import ActorStatus

if TYPE_CHECKING:
    from modelwarden.store.change import Change, View
    from modelwarden.values.pages import Page


def create_group(change: Change, name: str) -> PeopleGroup:
    """Make a group without members; one that exists is left as it is. Raises NotPermitted, ValueInvalid."""
    authorize(change, Permission.GROUP_MANAGE)
    if not NAME.fullmatch(name):
        raise ValueInvalid("group", "lowercase letters, digits and . _ -, at most 64")
    before = queries.find_group(change, name, lock=True)
    if before is not None:
        change.unchanged("group", before.name)
        return before
    kept = change.save(
        PeopleGroup(name=GroupName(name), created_by=change.actor, created_at=change.now)
    )
    change.record(GroupCreated(group=kept.name))
    return kept


def add_member(change: Change, group: str, user: str) -> PeopleGroup:
    """Let a person into a group. What was asked before is not theirs to answer for it (AC-17).

    Raises NotPermitted, NotFound, ActorNotFound, SelfGrant, ValueInvalid.
    """
    actor = authorize_on(change, user, Permission.GROUP_MANAGE)
    require_person(change)
    if actor.person == change.person:
        raise SelfGrant(
            "you can't let yourself in, nor an account behind which you stand; ask another administrator",
            about=(("group", group), ("actor", actor.id)),
        )
    if not actor.is_human or actor.status is not ActorStatus.ACTIVE:
        raise ValueInvalid("user", "an active person's account")
    before = _locked(change, group)
    if before.member(actor.id) is not None:
        change.unchanged("group", before.name)
        return before
    kept = change.save(before.joined(Member(actor.id, change.now, change.person)))
    accounts.raise_epoch(change, actor.id)
    change.record(GroupMemberAdded(group=kept.name, user=actor.id, person=actor.person))
    return kept


def remove_member(change: Change, group: str, user: str) -> PeopleGroup:
    """Let a person out of a group; in force at once. Raises NotPermitted, NotFound, ActorNotFound."""
    actor = authorize_on(change, user, Permission.GROUP_MANAGE)
    before = _locked(change, group)
    if before.member(actor.id) is None:
        raise NotFound("member", f"{group}: {user}")
    kept = change.save(before.left(actor.id))
    accounts.raise_epoch(change, actor.id)
    change.record(GroupMemberRemoved(group=kept.name, user=actor.id, person=actor.person))
    return kept


def group(view: View, name: str) -> PeopleGroup:
    """Return a group: to those who manage groups or review access, and to its members. Raises NotFound."""
    found = queries.find_group(view, name)
    if found is None or not (_may_see_all(view) or found.member(current(view).actor)):
        raise NotFound("group", name)
    return found


def groups(view: View, page: Page) -> Listing[PeopleGroup]:
    """Return a page of groups, by name: all, to those who manage them or review access; else one's own."""
    found = queries.groups_page(view, page)
    if _may_see_all(view):
        return found
    me = current(view).actor
    return Listing(tuple(one for one in found.items if one.member(me)), found.next_cursor)


def membership(view: View, name: str, actor: str) -> Member | None:
    """Return an account's membership of a group, or None; for rooms that weigh it. It asks for no permission."""
    found = None if view.is_frozen("group", name) else queries.find_group(view, name)
    return None if found is None else found.member(actor)


def members(view: View, name: str) -> tuple[Member, ...]:
    """Return who belongs to a group; for rooms that count it. It asks for no permission."""
    found = None if view.is_frozen("group", name) else queries.find_group(view, name)
    return () if found is None else found.members


def _locked(change: Change, name: str) -> PeopleGroup:
    found = queries.find_group(change, name, lock=True)
    if found is None:
        raise NotFound("group", name)
    return found


def _may_see_all(view: View) -> bool:
    return readable(view, Permission.GROUP_MANAGE) or readable(view, Permission.ACCESS_REVIEW)
