"""The embedded SDK's rooms of those who fill seats: groups, and delegations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.access import actions, answers
from modelwarden.values.pages import Listing, Page

if TYPE_CHECKING:
    from modelwarden.values.approvals import DelegationAnswer, GroupAnswer
    from modelwarden.warden.bound import Bound

DAYS: Final = 7


class Groups:
    """Sets of people whom seats name."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def create(self, group: str) -> GroupAnswer:
        """Make a group without members; it keeps its name for good. Raises NotPermitted, ValueInvalid."""
        return self._bound.write(partial(actions.create_group, name=group), answers.group_answer)

    def add_member(self, group: str, user: str) -> GroupAnswer:
        """Let a person in; what was asked before is not theirs to answer. Raises NotPermitted, SelfGrant, NotFound."""
        action = partial(actions.add_member, group=group, user=user)
        return self._bound.write(action, answers.group_answer)

    def remove_member(self, group: str, user: str) -> GroupAnswer:
        """Let a person out; in force at once. Raises NotPermitted, NotFound."""
        action = partial(actions.remove_member, group=group, user=user)
        return self._bound.write(action, answers.group_answer)

    def show(self, group: str) -> GroupAnswer:
        """Return a group with its members. Raises NotFound."""
        return self._bound.read(partial(actions.group, name=group), answers.group_answer)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Listing[GroupAnswer]:
        """Return a page of groups, by name: one's own, or all as `group.manage` or `access.review` lets see."""
        page = Page(limit=limit, cursor=cursor)
        return self._bound.page(partial(actions.groups, page=page), answers.group_answer)


class Delegations:
    """Who decides in whose stead, for some days."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def delegate(self, user: str, *, reason: str, days: int = DAYS) -> DelegationAnswer:
        """Let another decide in one's stead, 30 days at most. Raises NotPermitted, SelfGrant, DelegationChain."""
        action = partial(actions.delegate, user=user, reason=reason, days=days)
        return self._bound.write(action, answers.delegation_answer)

    def end(self, delegation: str) -> DelegationAnswer:
        """End a delegation at once. Raises NotFound, IllegalMove."""
        action = partial(actions.end_delegation, delegation_id=delegation)
        return self._bound.write(action, answers.delegation_answer)

    def list(self, *, everyone: bool = False) -> tuple[DelegationAnswer, ...]:
        """Return what one gave and was given, newest first; `everyone` takes `user.manage` or `access.review`."""
        action = partial(actions.delegations, everyone=everyone)
        return self._bound.read(action, answers.delegations_answer)
