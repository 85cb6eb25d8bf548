"""The API described: OpenAPI 3.1 with each route's permission, and a page that loads nothing from outside."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.api.bodies import door_of
from modelwarden.api.caller import Admission, Own, Public
from modelwarden.api.host import host_of
from modelwarden.api.index import Index
from modelwarden.api.problems import Problem
from modelwarden.api.replies import encode

TITLE: Final = "Modelwarden"
SUMMARY: Final = (
    "Models, versions, approvals, deployments, and the ledger that proves what happened."
)
HABITS: Final = """
Send a token as `Authorization: Bearer mwp_…`; who acts is whoever it stands for. Bodies are JSON, read strictly.

- Each write answers with `Governance-Entry`, the number of the ledger entry that records it. So does a refusal that
  is recorded. `?wait=checkpointed` waits for a signed checkpoint over it and adds `Governance-Receipt`, as JSON.
- `Idempotency-Key` (1 to 128 printable characters) makes a write safe to send again for 24 hours; a repeat says
  `Idempotent-Replay: true`. Routes that answer with a secret refuse it.
- What has a revision answers with `ETag`; `If-Match` refuses a write over another revision (412).
- Lists take `limit` (at most 500) and `cursor`, and answer `next_cursor` and `Link`; as a table with
  `Accept: text/csv`.
- Errors are problems (RFC 9457) with a stable `code`. Over the rate of a class: 429 with `Retry-After`.
"""
DOCUMENT: Final = "/api/governance/openapi.json"
PAGE: Final = "/api/docs"
STYLE: Final = "/api/docs.css"


def described(app: FastAPI, index: Index) -> dict[str, Any]:
    """Return the OpenAPI document of an app."""
    for route in index.routes:
        route.describe()
    document = get_openapi(
        title=TITLE,
        version=app.version,
        summary=SUMMARY,
        description=HABITS,
        openapi_version="3.1.0",
        routes=index.routes,
    )
    parts = document.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = Problem.model_json_schema(mode="serialization")
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for route in index.routes:
        admission = door_of(route.dependant).admission
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            operation |= _admission(admission)
    return document


def add_reference(app: FastAPI, index: Index) -> None:
    """Add the document, and the page that shows it."""
    pages = Environment(
        loader=PackageLoader("modelwarden.api"), autoescape=True, undefined=StrictUndefined
    )
    app.openapi = partial(_kept, app, index)  # type: ignore[method-assign]

    async def document(request: Request) -> Response:
        return Response(encode(await _of(request, index)), media_type="application/json")

    async def page(request: Request) -> Response:
        text = pages.get_template("reference.html").render(rooms=rooms(await _of(request, index)))
        return Response(text, media_type="text/html")

    async def style(_request: Request) -> Response:
        text = pages.get_template("reference.css").render()
        headers = {"Cache-Control": "public, max-age=3600"}
        return Response(text, media_type="text/css", headers=headers)

    app.add_route(DOCUMENT, document)
    app.add_route(PAGE, page)
    app.add_route(STYLE, style)


def rooms(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the operations by room, as the page lists them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            entry = {
                "method": method.upper(),
                "path": path,
                "permission": operation["x-permission"],
                "description": operation.get("description", ""),
                "parameters": operation.get("parameters", ()),
                "body": _body(document, operation),
            }
            found.setdefault(operation["tags"][0], []).append(entry)
    return found


async def _of(request: Request, index: Index) -> dict[str, Any]:
    app: FastAPI = request.app
    if app.openapi_schema is None:
        return await host_of(request).prepare(partial(_kept, app, index))
    return app.openapi_schema


def _kept(app: FastAPI, index: Index) -> dict[str, Any]:
    found: dict[str, Any] = app.openapi_schema or described(app, index)
    app.openapi_schema = found
    return found


def _admission(admission: Admission) -> dict[str, Any]:
    if isinstance(admission, Public):
        return {"x-permission": "public", "security": []}
    word = "own" if isinstance(admission, Own) else admission.value
    return {"x-permission": word, "security": [{"token": []}]}


def _body(document: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    named = next((one for one in schema.get("anyOf", [schema]) if "$ref" in one), schema)
    reference = named.get("$ref", "").rpartition("/")[2]
    found = document["components"]["schemas"].get(reference, {})
    wanted = found.get("required", [])
    return [
        {"name": name, "type": _kind(part), "required": name in wanted}
        for name, part in found.get("properties", {}).items()
    ]


def _kind(part: dict[str, Any]) -> str:
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_kind(one) for one in part["anyOf"]))
    return str(part.get("format") or part.get("type") or "any")
