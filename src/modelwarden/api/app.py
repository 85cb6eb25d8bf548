"""The API as one ASGI app over one warden. It opens and closes nothing but its own threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from modelwarden.api import (
    approvals,
    artifacts,
    audit,
    checks,
    drift,
    drills,
    endpoints,
    exports,
    freshness,
    github,
    keys,
    local_stops,
    mlflow,
    models,
    operation,
    policies,
    privacy,
    proposals,
    records,
    releases,
    roles,
    rollouts,
    seats,
    server_keys,
    servicenow,
    sla,
    snapshots,
    switches,
    targets,
    tokens,
    triggers,
    use_cases,
    users,
    versions,
    waivers,
)
from modelwarden.api.edge import Edge
from modelwarden.api.host import Host, Serves
from modelwarden.api.index import Index
from modelwarden.api.problems import refused, refused_form, refused_route
from modelwarden.api.reference import add_reference
from modelwarden.errors import WardenError

ROUTERS: Final = (
    snapshots.router,
    drift.router,
    sla.reports,
    sla.router,
    models.router,
    versions.router,
    artifacts.router,
    use_cases.router,
    waivers.router,
    releases.router,
    rollouts.router,
    switches.checks,
    proposals.router,
    switches.router,
    drills.router,
    triggers.router,
    freshness.router,
    local_stops.router,
    approvals.router,
    policies.router,
    checks.router,
    records.router,
    exports.router,
    audit.router,
    privacy.router,
    users.router,
    roles.router,
    seats.router,
    tokens.router,
    keys.router,
    endpoints.router,
    server_keys.router,
    github.router,
    servicenow.router,
    targets.router,
    mlflow.hook,
    mlflow.router,
    operation.router,
    operation.root,
)
"""Asked in this order: what is called often comes first."""


def create_app(warden: Serves, *, version: str = "0.1.0") -> FastAPI:
    """Return the API over an open warden, which stays the caller's to close."""
    host = Host(warden)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        host.close()

    app = FastAPI(
        title="Modelwarden",
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.host = host
    index = Index(route for router in ROUTERS for route in router.routes)
    app.router.routes.append(index)
    add_reference(app, index)
    app.add_exception_handler(WardenError, refused)
    app.add_exception_handler(RequestValidationError, refused_form)
    app.add_exception_handler(HTTPException, refused_route)
    app.add_middleware(Edge, answers=host.answers)
    return app
