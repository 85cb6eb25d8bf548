"""Routes of roles, and of who holds them."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from modelwarden.access import actions
from modelwarden.access.answers import (
    binding_answer,
    bindings_answer,
    role_answer,
    roles_answer,
)
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import OWN, Caller, claimed, may
from modelwarden.api.shapes import Claims, Shape, Text, Word, answers, pages
from modelwarden.errors import NotFound
from modelwarden.permissions import Permission
from modelwarden.values.answers import BindingAnswer, RoleAnswer

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["roles"])

THEIRS: Final = MappingProxyType({"user": "user_id"})
MOST_DAYS: Final = 100_000

Days = Annotated[int, Field(ge=-MOST_DAYS, le=MOST_DAYS)]


class NewRole(Shape):
    """Body of POST roles."""

    role: Word
    permissions: list[Word]
    includes: list[Word] = Field(default_factory=list)


class RoleChanges(Shape):
    """Body of PATCH roles/{role}: all that it allows, anew."""

    permissions: list[Word]
    includes: list[Word] = Field(default_factory=list)


class GrantTerms(Claims):
    """Body of POST users/{user}/roles/{role}/assign: where and how long."""

    scope: dict[str, str] | None = None
    days: Days | None = None
    reason: Text | None = None


class NewGrant(GrantTerms):
    """Body of POST users/{user}/roles."""

    role: Word


class Nobody(Claims):
    """A body that may only say who acts."""


@router.get("/roles", responses=pages(RoleAnswer))
async def roles(caller: Annotated[Caller, may(OWN)]) -> Response:
    """List all roles, built in and defined."""
    return await caller.read(actions.roles, roles_answer)


@router.post("/roles", status_code=201, responses=answers(RoleAnswer, status=201))
async def define(body: NewRole, caller: Annotated[Caller, may(Permission.ROLE_MANAGE)]) -> Response:
    """Define a custom role."""
    return await _define(caller, body.role, body.permissions, body.includes, status=201)


@router.patch("/roles/{role}", responses=answers(RoleAnswer))
async def redefine(
    role: str, body: RoleChanges, caller: Annotated[Caller, may(Permission.ROLE_MANAGE)]
) -> Response:
    """Define a custom role anew."""
    return await _define(caller, role, body.permissions, body.includes, status=200)


@router.get("/users/{user}/roles", responses=pages(BindingAnswer))
async def roles_of(user: str, caller: Annotated[Caller, may(OWN)]) -> Response:
    """List the roles that a user holds, with scope and end."""
    return await caller.read(partial(actions.roles_of, user=user), bindings_answer, names=THEIRS)


@router.post("/users/{user}/roles", status_code=201, responses=answers(BindingAnswer, status=201))
async def grant(
    user: str, body: NewGrant, caller: Annotated[Caller, may(Permission.ROLE_ASSIGN)]
) -> Response:
    """Let a user hold a role, in a scope and for a time."""
    return await _grant(caller, user, body.role, body)


@router.post(
    "/users/{user}/roles/{role}/assign",
    status_code=201,
    responses=answers(BindingAnswer, status=201),
)
async def assign(
    user: str,
    role: str,
    caller: Annotated[Caller, may(Permission.ROLE_ASSIGN)],
    body: GrantTerms | None = None,
) -> Response:
    """Let a user hold a role."""
    return await _grant(caller, user, role, body or GrantTerms())


@router.post("/users/{user}/revoke/{role}", responses=pages(BindingAnswer))
async def revoke(
    user: str,
    role: str,
    caller: Annotated[Caller, may(Permission.ROLE_ASSIGN)],
    body: Nobody | None = None,
) -> Response:
    """End a role that a user holds; in force at once."""
    action = partial(actions.revoke, user=user, role=role)

    def again(view: Any, _id: str) -> tuple[BindingAnswer, ...]:  # noqa: ANN401  # a view
        held = actions.roles_of(view, user)
        return bindings_answer(view, tuple(one for one in held if one.role == role))

    claims = {} if body is None else body.claims()
    return await caller.write(claimed(action, claims), bindings_answer, again=again, names=THEIRS)


async def _define(
    caller: Caller, role: str, permissions: list[str], includes: list[str], *, status: int
) -> Response:
    action = partial(actions.define_role, name=role, permissions=permissions, includes=includes)

    def again(view: Any, _id: str) -> RoleAnswer:  # noqa: ANN401  # a view
        for one in actions.roles(view):
            if one.name == role:
                return role_answer(view, one)
        raise NotFound("role", role)

    return await caller.write(action, role_answer, again=again, status=status)


async def _grant(caller: Caller, user: str, role: str, terms: GrantTerms) -> Response:
    action = partial(
        actions.grant, user=user, role=role, scope=terms.scope, days=terms.days, reason=terms.reason
    )

    def again(view: Any, binding_id: str) -> BindingAnswer:  # noqa: ANN401  # a view
        for one in actions.roles_of(view, user):
            if one.id == binding_id:
                return binding_answer(view, one)
        raise NotFound("binding", binding_id)

    return await caller.write(
        claimed(action, terms.claims()), binding_answer, again=again, status=201, names=THEIRS
    )
