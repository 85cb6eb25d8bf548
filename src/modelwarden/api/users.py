"""Routes of people's and programs' accounts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from pydantic import AliasChoices, Field
from starlette.responses import Response

from modelwarden.access import actions
from modelwarden.access.answers import identity_answer, may_answer, user_answer
from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import OWN, Caller, claimed, may
from modelwarden.api.shapes import Claims, Reason, Shape, Text, Word, answers, page, pages
from modelwarden.errors import NotFound
from modelwarden.permissions import Permission
from modelwarden.registry.actions import resource_named
from modelwarden.values.answers import MayAnswer, UserAnswer
from modelwarden.values.identities import IdentityAnswer
from modelwarden.values.pages import Page

router = APIRouter(prefix="/api/governance", route_class=StrictRoute, tags=["users"])

THEIRS: Final = MappingProxyType({"handle": "user_id"})
MAY_THEIRS: Final = MappingProxyType({"user": "user_id", "allow": "has_permission"})


class NewUser(Claims):
    """Body of POST users."""

    handle: Annotated[Word, Field(validation_alias=AliasChoices("handle", "user", "user_id"))]
    email: Word | None = None
    metadata: Text | None = None


class UserChanges(Shape):
    """Body of PATCH users/{user}: what is left out stays."""

    email: Word | None = None
    metadata: Text | None = None


class Twin(Shape):
    """Body of POST users/{user}/link."""

    to: Word


class NewIdentity(Shape):
    """Body of POST users/{user}/identities: the system's address, and the account's immutable id there."""

    issuer: Word
    subject: Word


class NewServiceAccount(Shape):
    """Body of POST service-accounts."""

    handle: Word
    owner: Word


@router.post("/users", status_code=201, responses=answers(UserAnswer, status=201))
@router.post("/users/create", status_code=201, responses=answers(UserAnswer, status=201))
async def add(body: NewUser, caller: Annotated[Caller, may(Permission.USER_MANAGE)]) -> Response:
    """Add a user."""
    action = partial(actions.add_user, handle=body.handle, email=body.email, details=body.metadata)
    return await caller.write(
        claimed(action, body.claims()),
        user_answer,
        again=_again(body.handle),
        status=201,
        names=THEIRS,
    )


@router.get("/users", responses=pages(UserAnswer))
async def users(
    caller: Annotated[Caller, may(Permission.USER_MANAGE)], part: Annotated[Page, Depends(page)]
) -> Response:
    """List people's accounts, oldest first; `access.review` shows them too."""
    return await caller.page(partial(actions.users, page=part), user_answer, name="users")


@router.get("/me", responses=answers(UserAnswer))
async def me(caller: Annotated[Caller, may(OWN)]) -> Response:
    """Show the caller's own account."""
    return await caller.read(actions.me, user_answer)


@router.get("/users/{user}", responses=answers(UserAnswer))
async def user(user: str, caller: Annotated[Caller, may(OWN)]) -> Response:
    """Show an account: one's own, or others' with `user.manage` or `access.review`."""
    return await caller.read(partial(actions.user, name=user), user_answer)


@router.patch("/users/{user}", responses=answers(UserAnswer))
async def update(
    user: str, body: UserChanges, caller: Annotated[Caller, may(Permission.USER_MANAGE)]
) -> Response:
    """Change what is kept about a user."""
    action = partial(actions.update_user, user=user, email=body.email, details=body.metadata)
    return await caller.write(action, user_answer, again=_again(user))


@router.post("/users/{user}/suspend", responses=answers(UserAnswer))
async def suspend(
    user: str, body: Reason, caller: Annotated[Caller, may(Permission.USER_MANAGE)]
) -> Response:
    """Stop all credentials of a user."""
    action = partial(actions.suspend, user=user, reason=body.reason)
    return await caller.write(action, user_answer, again=_again(user))


@router.post("/users/{user}/reactivate", responses=answers(UserAnswer))
async def reactivate(user: str, caller: Annotated[Caller, may(Permission.USER_MANAGE)]) -> Response:
    """Let a suspended user act again."""
    return await caller.write(
        partial(actions.reactivate, user=user), user_answer, again=_again(user)
    )


@router.post("/users/{user}/deactivate", responses=answers(UserAnswer))
async def deactivate(
    user: str, body: Reason, caller: Annotated[Caller, may(Permission.USER_MANAGE)]
) -> Response:
    """End an account for good."""
    action = partial(actions.deactivate, user=user, reason=body.reason)
    return await caller.write(action, user_answer, again=_again(user))


@router.post("/users/{user}/link", responses=answers(UserAnswer))
async def link(
    user: str, body: Twin, caller: Annotated[Caller, may(Permission.USER_MANAGE)]
) -> Response:
    """Say that two accounts are one human's."""
    action = partial(actions.link, user=user, to=body.to)
    return await caller.write(action, user_answer, again=_again(user))


@router.post(
    "/users/{user}/identities", status_code=201, responses=answers(IdentityAnswer, status=201)
)
async def map_identity(
    user: str, body: NewIdentity, caller: Annotated[Caller, may(Permission.USER_MANAGE)]
) -> Response:
    """Say that an account in another system is this user's; it takes a permit (AC-40)."""
    action = partial(actions.map_identity, user=user, issuer=body.issuer, subject=body.subject)
    return await caller.write(action, identity_answer, again=_identity_again(user), status=201)


@router.get("/users/{user}/identities", responses=pages(IdentityAnswer))
async def identities(user: str, caller: Annotated[Caller, may(OWN)]) -> Response:
    """List the accounts in other systems that are a user's."""

    def read(view: Any) -> tuple[IdentityAnswer, ...]:  # noqa: ANN401  # a view
        return tuple(identity_answer(view, one) for one in actions.identities(view, user))

    return await caller.read(read, lambda _view, answer: answer)


@router.get("/users/{user}/permissions/{permission}", responses=answers(MayAnswer))
@router.get("/permissions/{user}/{permission}", responses=answers(MayAnswer))
async def permission(
    user: str,
    permission: str,
    caller: Annotated[Caller, may(OWN)],
    model: str | None = None,
    environment: str | None = None,
    team: str | None = None,
) -> Response:
    """Answer whether a user may do something here, and why; about others with `access.review` (AC-14)."""

    def read(view: Any) -> MayAnswer:  # noqa: ANN401  # a view
        resource = resource_named(view, model=model, environment=environment, team=team)
        verdict = actions.may(view, user=user, permission=permission, resource=resource)
        return may_answer(verdict, user=user, permission=permission)

    return await caller.read(read, lambda _view, answer: answer, names=MAY_THEIRS)


@router.post("/service-accounts", status_code=201, responses=answers(UserAnswer, status=201))
async def add_service_account(
    body: NewServiceAccount, caller: Annotated[Caller, may(Permission.USER_MANAGE)]
) -> Response:
    """Add an account for a program; a named owner stands behind it."""
    action = partial(actions.add_service_account, handle=body.handle, owner=body.owner)
    return await caller.write(action, user_answer, again=_again(body.handle), status=201)


@router.get("/service-accounts", responses=pages(UserAnswer))
async def service_accounts(
    caller: Annotated[Caller, may(Permission.USER_MANAGE)], part: Annotated[Page, Depends(page)]
) -> Response:
    """List service accounts; `access.review` shows them too."""
    action = partial(actions.service_accounts, page=part)
    return await caller.page(action, user_answer, name="service-accounts")


def _again(name: str) -> Callable[[Any, str], UserAnswer]:
    return lambda view, _id: user_answer(view, actions.user(view, name))


def _identity_again(user: str) -> Callable[[Any, str], IdentityAnswer]:
    def read(view: Any, identity_id: str) -> IdentityAnswer:  # noqa: ANN401  # a view
        for one in actions.identities(view, user):
            if one.id == identity_id:
                return identity_answer(view, one)
        raise NotFound("identity", identity_id)

    return read
