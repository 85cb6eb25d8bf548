"""A group: who belongs to it, since when, and who let them in (AC-7). Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import ValueInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import ActorId, GroupName, PersonId

MOST_MEMBERS: Final = 200


class Member(NamedTuple):
    """An account that belongs to a group, since when, and the person who let it in."""

    actor: ActorId
    since: datetime
    added_person: PersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleGroup:
    """A set of people. It keeps its name for good: what a request pinned never comes to mean others."""

    name: GroupName
    members: tuple[Member, ...] = ()
    created_by: ActorId
    created_at: datetime
    revision: int = 0

    def member(self, actor: str) -> Member | None:
        """Return an account's membership, or None."""
        return next((one for one in self.members if one.actor == actor), None)

    def joined(self, member: Member) -> PeopleGroup:
        """Return this group with a member more. Raises ValueInvalid when it is full."""
        if len(self.members) >= MOST_MEMBERS:
            raise ValueInvalid("group", f"at most {MOST_MEMBERS} members")
        return replace(self, members=(*self.members, member))

    def left(self, actor: str) -> PeopleGroup:
        """Return this group without an account."""
        return replace(self, members=tuple(one for one in self.members if one.actor != actor))
