"""Errors as `application/problem+json` (RFC 9457): a stable code, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.replies import encode
from modelwarden.errors import (
    LedgerUnavailable,
    MethodNotAllowed,
    RateLimited,
    RequestInvalid,
    RouteNotFound,
    Unauthenticated,
    WardenError,
)

PROBLEM: Final = "application/problem+json"
MEMBERS: Final = (
    "reasons",
    "permission",
    "entry",
    "field",
    "fields",
    "problems",
    "kind",
    "name",
    "number",
)
"""What errors know beside their message, and a problem passes on."""
ABSENT: Final = (None, "", ())

VERBS: Final = (
    ("models", "retire it: POST …/retire"),
    ("users", "deactivate it: POST …/deactivate"),
    ("service-accounts", "deactivate it: POST users/{id}/deactivate"),
    ("roles", "end who holds it: POST users/{id}/revoke/{role}"),
    ("keys", "revoke it: POST …/revoke"),
    ("policies", "retire it: POST …/retire"),
    ("approvals", "withdraw it: POST …/withdraw"),
    ("deployments", "go back: POST models/{model}/versions/{version}/rollback"),
)
"""What to do instead of DELETE, by the first word of the path (RL-5)."""


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    reasons: list[str] = Field(default_factory=list)
    permission: str = ""
    entry: int | None = None
    errors: list[dict[str, str]] = Field(default_factory=list)


def problem(request: Request, error: WardenError) -> Response:
    """Return an error as callers see it."""
    body: dict[str, Any] = {
        "type": f"urn:modelwarden:error:{error.code}",
        "title": _title(type(error)),
        "status": error.status,
        "code": error.code,
        "detail": str(error) or _title(type(error)),
        "instance": request.url.path,
    }
    body |= {name: value for name in MEMBERS if (value := getattr(error, name, None)) not in ABSENT}
    if isinstance(error, RequestInvalid):
        body["errors"] = [{"field": field, "problem": text} for field, text in error.errors]
    return Response(encode(body), error.status, _headers(error, body), PROBLEM)


async def refused(request: Request, error: Exception) -> Response:
    """Return an error that an action or a door raised."""
    return problem(request, error if isinstance(error, WardenError) else WardenError())


async def refused_form(request: Request, error: Exception) -> Response:
    """Return what a body, query or path does not have of its form, field by field. Never the values."""
    if not isinstance(error, RequestValidationError):
        return await refused(request, error)
    found = tuple((_place(one["loc"]), str(one["msg"])) for one in error.errors())
    return problem(request, RequestInvalid(found))


async def refused_route(request: Request, error: Exception) -> Response:
    """Return what the routes do not know: no such path, or no such method on it."""
    if not isinstance(error, HTTPException):
        return await refused(request, error)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer = problem(request, MethodNotAllowed(_instead(request)))
        answer.headers.update(error.headers or {})
        return answer
    return problem(request, RouteNotFound(f"no route {request.url.path}; see /api/docs"))


def _instead(request: Request) -> str:
    if request.method != "DELETE":
        return f"{request.method} is not for this path"
    place = request.url.path.partition("/api/governance/")[2]
    for word, verb in VERBS:
        if place == word or place.startswith(f"{word}/"):
            return f"nothing governed is deleted; {verb}"
    return "nothing that is recorded is ever deleted"


def _headers(error: WardenError, body: Mapping[str, Any]) -> dict[str, str]:
    return dict(_told(error, body))


def _told(error: WardenError, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "entry" in body:
        yield "Governance-Entry", str(body["entry"])
    if isinstance(error, Unauthenticated):
        yield "WWW-Authenticate", 'Bearer realm="modelwarden"'
    if isinstance(error, LedgerUnavailable):
        yield "Retry-After", "1"
    if isinstance(error, RateLimited):
        yield "Retry-After", str(error.wait_s)
        yield "RateLimit-Policy", f'"{error.rate}";q={error.limit};w={error.window_s}'
        yield "RateLimit", f'"{error.rate}";r=0;t={error.wait_s}'


def _title(kind: type[WardenError]) -> str:
    if kind is WardenError:
        return "Internal"
    words = re.findall(r"[A-Z][a-z]*", kind.__name__)
    return " ".join(words).capitalize()


def _place(where: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in where)
