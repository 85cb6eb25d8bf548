"""Routes of those who fill seats: groups of people, and delegations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from modelwarden.access import actions
from modelwarden.access.answers import delegation_answer, delegations_answer, group_answer
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import OWN, Caller, may
from modelwarden.api.roles import Days
from modelwarden.api.shapes import Shape, Text, Word, answers, page, pages
from modelwarden.permissions import Permission
from modelwarden.values.approvals import DelegationAnswer, GroupAnswer
from modelwarden.values.pages import Page

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["seats"])

Manager = Annotated[Caller, may(Permission.GROUP_MANAGE)]


class NewGroup(Shape):
    """Body of POST groups."""

    group: Word


class NewMember(Shape):
    """Body of POST groups/{group}/members."""

    user: Word


class NewDelegation(Shape):
    """Body of POST delegations: who decides in the caller's stead, why, and for how many days."""

    user: Word
    reason: Text
    days: Days = 7


@router.get("/groups", responses=pages(GroupAnswer))
async def groups(
    caller: Annotated[Caller, may(OWN)], part: Annotated[Page, Depends(page)]
) -> Response:
    """List groups, by name: one's own, or all with `group.manage` or `access.review`."""
    return await caller.page(partial(actions.groups, page=part), group_answer, name="groups")


@router.post("/groups", status_code=201, responses=answers(GroupAnswer, status=201))
async def create_group(body: NewGroup, caller: Manager) -> Response:
    """Make a group without members; it keeps its name for good."""
    action = partial(actions.create_group, name=body.group)
    return await caller.write(action, group_answer, again=_group_again(body.group), status=201)


@router.get("/groups/{group}", responses=answers(GroupAnswer))
async def group(group: str, caller: Annotated[Caller, may(OWN)]) -> Response:
    """Show a group with its members."""
    return await caller.read(partial(actions.group, name=group), group_answer)


@router.post("/groups/{group}/members", responses=answers(GroupAnswer))
async def add_member(group: str, body: NewMember, caller: Manager) -> Response:
    """Let a person in; what was asked before is not theirs to answer for the group."""
    action = partial(actions.add_member, group=group, user=body.user)
    return await caller.write(action, group_answer, again=_group_again(group))


@router.delete("/groups/{group}/members/{user}", responses=answers(GroupAnswer))
async def remove_member(group: str, user: str, caller: Manager) -> Response:
    """Let a person out; in force at once."""
    action = partial(actions.remove_member, group=group, user=user)
    return await caller.write(action, group_answer, again=_group_again(group))


@router.get("/delegations", responses=pages(DelegationAnswer))
async def delegations(
    caller: Annotated[Caller, may(OWN)],
    everyone: bool = False,  # noqa: FBT001, FBT002  # a filter of the query
) -> Response:
    """List what the caller gave and was given, newest first; `everyone` takes `user.manage` or `access.review`."""
    return await caller.read(partial(actions.delegations, everyone=everyone), delegations_answer)


@router.post("/delegations", status_code=201, responses=answers(DelegationAnswer, status=201))
async def delegate(
    body: NewDelegation, caller: Annotated[Caller, may(Permission.DELEGATION_CREATE)]
) -> Response:
    """Let another person decide in the caller's stead, 30 days at most."""
    action = partial(actions.delegate, user=body.user, reason=body.reason, days=body.days)
    return await caller.write(action, delegation_answer, again=_delegation_again(), status=201)


@router.post("/delegations/{delegation}/end", responses=answers(DelegationAnswer))
async def end_delegation(delegation: str, caller: Annotated[Caller, may(OWN)]) -> Response:
    """End a delegation at once: whoever gave or has it, or manages users."""
    action = partial(actions.end_delegation, delegation_id=delegation)
    return await caller.write(action, delegation_answer, again=_delegation_again(delegation))


def _group_again(name: str) -> Callable[[Any, str], GroupAnswer]:
    return lambda view, _id: group_answer(view, actions.group(view, name))


def _delegation_again(known: str | None = None) -> Callable[[Any, str], DelegationAnswer]:
    return lambda view, found: delegation_answer(view, actions.delegation(view, known or found))
