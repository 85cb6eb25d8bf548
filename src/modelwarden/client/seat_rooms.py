"""The remote SDK's rooms of those who fill seats: groups, and delegations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.client.transport import path
from modelwarden.values.approvals import DelegationAnswer, GroupAnswer
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from modelwarden.client.calls import Calls

DAYS: Final = 7


class Groups:
    """Sets of people whom seats name."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(self, group: str) -> GroupAnswer:
        """Make a group without members; it keeps its name for good. Raises NotPermitted, ValueInvalid."""
        return self._calls.write(GroupAnswer, path("groups"), {"group": group})

    def add_member(self, group: str, user: str) -> GroupAnswer:
        """Let a person in; what was asked before is not theirs to answer. Raises NotPermitted, SelfGrant, NotFound."""
        return self._calls.write(GroupAnswer, path("groups", group, "members"), {"user": user})

    def remove_member(self, group: str, user: str) -> GroupAnswer:
        """Let a person out; in force at once. Raises NotPermitted, NotFound."""
        place = path("groups", group, "members", user)
        return self._calls.write(GroupAnswer, place, method="DELETE")

    def show(self, group: str) -> GroupAnswer:
        """Return a group with its members. Raises NotFound."""
        return self._calls.read(GroupAnswer, path("groups", group))

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[GroupAnswer]:
        """Return a page of groups, by name: one's own, or all as `group.manage` or `access.review` lets see."""
        return self._calls.page(GroupAnswer, path("groups"), Page(limit=limit, cursor=cursor))


class Delegations:
    """Who decides in whose stead, for some days."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def delegate(self, user: str, *, reason: str, days: int = DAYS) -> DelegationAnswer:
        """Let another decide in one's stead, 30 days at most. Raises NotPermitted, SelfGrant, DelegationChain."""
        body = {"user": user, "reason": reason, "days": days}
        return self._calls.write(DelegationAnswer, path("delegations"), body)

    def end(self, delegation: str) -> DelegationAnswer:
        """End a delegation at once. Raises NotFound, IllegalMove."""
        return self._calls.write(DelegationAnswer, path("delegations", delegation, "end"))

    def list(self, *, everyone: bool = False) -> tuple[DelegationAnswer, ...]:
        """Return what one gave and was given, newest first; `everyone` takes `user.manage` or `access.review`."""
        query = {"everyone": "true" if everyone else None}
        return self._calls.read_all(DelegationAnswer, path("delegations"), query)
