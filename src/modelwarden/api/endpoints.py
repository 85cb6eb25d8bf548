"""Routes of endpoints that news goes to. A secret is in the answer that makes one, and nowhere else."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from modelwarden.api.bodies import StrictRoute
from modelwarden.api.caller import Caller, may
from modelwarden.api.shapes import Reference, Shape, Uri, Word, answers, page, pages
from modelwarden.notify import actions
from modelwarden.notify.answers import (
    delivery_answer,
    endpoint_answer,
    secret_answer,
    tested_answer,
)
from modelwarden.permissions import Permission
from modelwarden.values.endpoints import DeliveryAnswer, EndpointAnswer, EndpointTestAnswer
from modelwarden.values.pages import Page

router = APIRouter(prefix="/api/governance/endpoints", route_class=StrictRoute, tags=["endpoints"])

Manager = Annotated[Caller, may(Permission.ENDPOINT_MANAGE)]
Minutes = Annotated[int, Field(ge=0, le=1_440)]
Seq = Annotated[int, Field(ge=0, le=2**53 - 1)]


class NewEndpoint(Shape):
    """Body of POST endpoints."""

    name: Word
    url: Uri
    types: list[Word] = Field(default_factory=list)
    severity: Word = "INFO"
    subjects: list[Reference] = Field(default_factory=list)
    include_text: bool = False


class EndpointChanges(Shape):
    """Body of PATCH endpoints/{endpoint}: what is left out stays."""

    url: Uri | None = None
    types: list[Word] | None = None
    severity: Word | None = None
    subjects: list[Reference] | None = None
    include_text: bool | None = None


class SecretRotation(Shape):
    """Body of POST endpoints/{endpoint}/rotate-secret."""

    overlap_minutes: Minutes = 1_440


class Replay(Shape):
    """Body of POST endpoints/{endpoint}/replay."""

    first: Seq


@router.post("", status_code=201, responses=answers(EndpointAnswer, status=201))
async def add(body: NewEndpoint, caller: Manager) -> Response:
    """Add an endpoint; its secret is in this answer, and in no other."""
    new = actions.NewEndpoint(
        name=body.name,
        url=body.url,
        types=tuple(body.types),
        severity=body.severity,
        subjects=tuple(body.subjects),
        include_text=body.include_text,
    )
    return await caller.write_secret(partial(actions.add, new=new), secret_answer)


@router.get("", responses=pages(EndpointAnswer))
async def endpoints(caller: Manager, part: Annotated[Page, Depends(page)]) -> Response:
    """List the endpoints, without secrets."""
    action = partial(actions.endpoints, page=part)
    return await caller.page(action, endpoint_answer, name="endpoints")


@router.get("/{endpoint}", responses=answers(EndpointAnswer))
async def show(endpoint: str, caller: Manager) -> Response:
    """Show an endpoint, by name or id."""
    return await caller.read(partial(actions.endpoint, name=endpoint), endpoint_answer)


@router.patch("/{endpoint}", responses=answers(EndpointAnswer))
async def update(endpoint: str, body: EndpointChanges, caller: Manager) -> Response:
    """Change where an endpoint lies or what it is told; the caller stands behind it from now on."""
    changes = actions.EndpointChanges(
        url=body.url,
        types=None if body.types is None else tuple(body.types),
        severity=body.severity,
        subjects=None if body.subjects is None else tuple(body.subjects),
        include_text=body.include_text,
    )
    action = partial(actions.update, name=endpoint, changes=changes, revision=caller.revision)
    return await caller.write(action, endpoint_answer, again=_again(endpoint))


@router.post("/{endpoint}/test", responses=answers(EndpointTestAnswer))
async def test(endpoint: str, caller: Manager) -> Response:
    """Send a test message now, and tell what came back."""
    found = await caller.look(partial(actions.target, name=endpoint))
    settings = caller.host.warden.settings
    result = await caller.prepare(partial(actions.send_test, found, settings))
    action = partial(actions.test, name=endpoint, result=result)
    return await caller.write(action, lambda _view, done: tested_answer(done, name=endpoint))


@router.post(
    "/{endpoint}/rotate-secret", status_code=201, responses=answers(EndpointAnswer, status=201)
)
async def rotate_secret(
    endpoint: str, caller: Manager, body: SecretRotation | None = None
) -> Response:
    """Replace the secret; the old one signs beside it for the overlap."""
    overlap = (body or SecretRotation()).overlap_minutes
    action = partial(actions.rotate_secret, name=endpoint, overlap_minutes=overlap)
    return await caller.write_secret(action, secret_answer)


@router.post("/{endpoint}/disable", responses=answers(EndpointAnswer))
async def disable(endpoint: str, caller: Manager) -> Response:
    """Stop telling an endpoint anything; its place is kept."""
    action = partial(actions.disable, name=endpoint)
    return await caller.write(action, endpoint_answer, again=_again(endpoint))


@router.post("/{endpoint}/enable", responses=answers(EndpointAnswer))
async def enable(endpoint: str, caller: Manager) -> Response:
    """Let a disabled endpoint go on; what waited for more than a day comes as one message."""
    action = partial(actions.enable, name=endpoint)
    return await caller.write(action, endpoint_answer, again=_again(endpoint))


@router.post("/{endpoint}/replay", responses=answers(EndpointAnswer))
async def replay(endpoint: str, body: Replay, caller: Manager) -> Response:
    """Send again what an endpoint subscribed to, from this entry on, with the same ids."""
    action = partial(actions.replay, name=endpoint, first=body.first)
    return await caller.write(action, endpoint_answer, again=_again(endpoint))


@router.get("/{endpoint}/deliveries", responses=pages(DeliveryAnswer))
async def deliveries(
    endpoint: str,
    caller: Manager,
    part: Annotated[Page, Depends(page)],
    abandoned: bool = False,  # noqa: FBT001, FBT002  # a query
) -> Response:
    """List what was sent to an endpoint, newest first; what was abandoned alone with `abandoned=true`."""
    action = partial(actions.deliveries, name=endpoint, page=part, abandoned=abandoned)
    return await caller.page(action, delivery_answer, name="deliveries")


def _again(name: str) -> Any:  # noqa: ANN401  # reads the endpoint for a repeat
    return lambda view, _id: endpoint_answer(view, actions.endpoint(view, name))
