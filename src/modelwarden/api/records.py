"""The route by which other systems record: one record, a list of them, or lines of JSON (LG-55).

Its body may be larger than those of other routes, so it is read here; each record is read as strictly as any body.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import StreamRoute, strict_json
from modelwarden.api.caller import Caller, may
from modelwarden.api.shapes import answers
from modelwarden.audit import actions
from modelwarden.errors import (
    BodyTooLarge,
    ContentTypeUnsupported,
    JsonInvalid,
    TooManyRecords,
)
from modelwarden.permissions import Permission
from modelwarden.values.answers import AppendAnswer

router = APIRouter(prefix="/api/governance", route_class=StreamRoute, tags=["audit log"])

BODY_BYTES: Final = 16 * 1024 * 1024
MOST: Final = 1_000
JSON: Final = "application/json"
LINES: Final = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
_RECORD: Final = {
    "type": "object",
    "required": ["ref", "event_type", "component", "action"],
    "additionalProperties": False,
    "properties": {
        "ref": {"type": "string", "maxLength": 128},
        "event_type": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]{0,63}$"},
        "component": {"type": "string", "maxLength": 64},
        "action": {"type": "string", "maxLength": 128},
        "details": {"type": "object"},
        "severity": {"type": "string", "enum": ["INFO", "WARNING", "HIGH", "CRITICAL"]},
        "compliance_tags": {"type": "array", "maxItems": 16, "items": {"type": "string"}},
        "timestamp": {"type": "string", "format": "date-time"},
        "user_id": {"type": "string", "maxLength": 256},
    },
}
_DESCRIBED: Final = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"oneOf": [_RECORD, {"type": "array", "items": _RECORD}]}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


@router.post(
    "/audit-log",
    status_code=201,
    responses=answers(AppendAnswer, status=201),
    openapi_extra=_DESCRIBED,
)
async def append(
    request: Request, caller: Annotated[Caller, may(Permission.AUDIT_APPEND)]
) -> Response:
    """Record what happened in another system: up to 1,000 records, all or none, each once under its ref."""
    data = await _body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    read = await caller.prepare(lambda: actions.as_records(_records(data, kind)))
    action = partial(actions.append, read=read)
    return await caller.write(action, lambda _change, done: done, status=201)


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_BYTES:
            raise BodyTooLarge(f"at most {BODY_BYTES:,} bytes here; send fewer records at once")
        parts.append(part)
    return b"".join(parts)


def _records(data: bytes, kind: str) -> list[Any]:
    if kind in LINES:
        lines = [line for line in data.split(b"\n") if line.strip()]
        if len(lines) > MOST:
            raise TooManyRecords(f"{len(lines):,} records; hand in at most {MOST:,} at once")
        return [_line(line, number) for number, line in enumerate(lines)]
    if kind != JSON:
        raise ContentTypeUnsupported(f"send {JSON}, or lines of JSON as application/x-ndjson")
    value = strict_json(data)
    return value if isinstance(value, list) else [value]


def _line(line: bytes, number: int) -> object:
    try:
        return strict_json(line)
    except JsonInvalid as error:
        raise JsonInvalid(f"line {number + 1}: {error}") from None
