"""Routes of what is measured: definitions, what was counted, and reports of slots (SL-9, SL-14).

Reports come from programs at the pace of minutes; their bytes are what is compared when one comes twice, so they are
read here as they are.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import StreamRoute, StrictRoute
from modelwarden.api.caller import Caller, may, settled
from modelwarden.api.limits import Rate
from modelwarden.api.shapes import Moment, Reference, Shape, Word, answers, page, pages
from modelwarden.errors import BodyTooLarge, ContentTypeUnsupported
from modelwarden.guard.slots import MAX_NAME
from modelwarden.permissions import Permission
from modelwarden.sla import actions
from modelwarden.sla.answers import series_answer, sli_answer
from modelwarden.values.pages import Page
from modelwarden.values.slas import SeriesAnswer, SliAnswer
from modelwarden.values.words import named

router = APIRouter(prefix="/api/governance/sla", route_class=StrictRoute, tags=["service levels"])

reports = APIRouter(prefix=router.prefix, route_class=StreamRoute, tags=["service levels"])
"""Reads its bodies itself."""

REPORT_BYTES: Final = 65_536
JSON: Final = "application/json"
Reader = Annotated[Caller, may(Permission.MODEL_READ)]
_COUNT: Final = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_COUNTS: Final = ("total", "errors", "blocked", "fallbacks", "invalid", "dropped")
_PART: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["sli", "minute", "part", "thresholds", "bad", "sketch", *_COUNTS],
    "properties": {
        "sli": {"type": "string", "maxLength": MAX_NAME},
        "minute": {"type": "string", "format": "date-time"},
        "part": {"type": "integer", "minimum": 1, "maximum": 2**53 - 1},
        "thresholds": {"type": "array", "maxItems": 8, "items": {"type": "string"}},
        "bad": {"type": "array", "maxItems": 8, "items": _COUNT},
        "sketch": {"type": "string", "format": "byte"},
        **dict.fromkeys(_COUNTS, _COUNT),
        "drilled": _COUNT,
    },
}
_REPORT: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["schema", "instance", "parts", "closing"],
    "properties": {
        "schema": {"type": "integer", "enum": [1]},
        "instance": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "parts": {"type": "array", "items": _PART},
        "closing": {"type": "boolean"},
    },
}
_DESCRIBED: Final = {
    "requestBody": {"required": True, "content": {JSON: {"schema": _REPORT}}},
}


class SliDefinition(Shape):
    """Body of PUT sla/slis/{name}."""

    resource_type: Word
    resource: Reference
    labels: Annotated[dict[Word, Word], Field(max_length=16)] = Field(default_factory=dict)
    thresholds: Annotated[list[Word], Field(max_length=8)] = Field(default_factory=list)

    def value(self) -> actions.NewSli:
        """Return what the action takes. Raises ValueInvalid."""
        return actions.NewSli(
            resource_type=named(actions.ResourceType, self.resource_type, field="resource_type"),
            resource=self.resource,
            labels=self.labels,
            thresholds=tuple(self.thresholds),
        )


@reports.post(
    "/slots", status_code=204, responses=answers(None, status=204), openapi_extra=_DESCRIBED
)
async def record(
    request: Request, caller: Annotated[Caller, may(Permission.SLA_RECORD, rate=Rate.TELEMETRY)]
) -> Response:
    """Take what a reporter counted, all parts or none; what was taken before is taken as done.

    Takes `sla.record`; for what guards of a model count, `guard.report` on that model.
    """
    data = await _body(request)
    accepted = await caller.look(partial(actions.accept, data=data))
    if not accepted.is_empty:
        await settled(caller.host.warden.intake.take(caller.principal, accepted))
    return Response(status_code=204)


@router.get("/slis", responses=pages(SliAnswer))
async def slis(caller: Reader, part: Annotated[Page, Depends(page)]) -> Response:
    """List what is measured, by name: definitions, and models whose guards reported in the last days."""
    return await caller.page(partial(actions.slis, page=part), sli_answer, name="slis")


@router.get("/slis/{name}", responses=answers(SliAnswer))
async def sli(name: str, caller: Reader) -> Response:
    """Show what is measured under a name; `guard:<model>` needs no definition."""
    return await caller.read(partial(actions.sli, name=name), sli_answer)


@router.put("/slis/{name}", responses=answers(SliAnswer))
async def define(
    name: str, body: SliDefinition, caller: Annotated[Caller, may(Permission.SLA_DEFINE)]
) -> Response:
    """Define what is measured under a name, or define it anew."""

    def again(view: Any, found: str) -> SliAnswer:  # noqa: ANN401  # a view
        return sli_answer(view, actions.sli(view, found or name))

    action = partial(actions.define_sli, name=name, new=body.value())
    return await caller.write(action, sli_answer, again=again)


@router.get("/slis/{name}/slots", responses=answers(SeriesAnswer))
async def slots(
    name: str,
    caller: Reader,
    *,
    since: Moment | None = None,
    until: Moment | None = None,
    step: Annotated[str | None, Query(max_length=8)] = None,
) -> Response:
    """Return what was counted, step by step; a gap is a point without figures."""
    action = partial(actions.series, name=name, since=since, until=until, step=step)
    return await caller.read(action, series_answer)


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise ContentTypeUnsupported("send JSON, as Content-Type: application/json")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > REPORT_BYTES:
            raise BodyTooLarge(f"at most {REPORT_BYTES:,} bytes here; send fewer parts at once")
        parts.append(part)
    return b"".join(parts)
