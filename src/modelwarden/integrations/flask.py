"""The same API inside an existing Flask app: under `/api/governance`, by one call.

    from modelwarden.integrations.flask import register_governance_api
    register_governance_api(app)

It needs the extra `flask`. Calls run on one event loop in a thread of their own. Forwarded headers are believed from
`behind_proxy` alone; what the WSGI server says of the peer is taken as it is.
"""

from __future__ import annotations

import atexit
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from a2wsgi import ASGIMiddleware
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from modelwarden import config
from modelwarden.api.app import create_app
from modelwarden.warden.warden import Warden

if TYPE_CHECKING:
    from flask import Flask
    from starlette.types import ASGIApp, Receive, Scope, Send

ROOT: Final = "/api/governance"


def register_governance_api(app: Flask, *, warden: Warden | None = None, **others: object) -> None:
    """Answer everything below `/api/governance` of a Flask app.

    Args:
        app: the app; its own routes stay as they are.
        warden: an open warden; without one, a database is opened as `MODELWARDEN_URL` and the settings say, and closed
            when the process ends. Actors come from tokens alone.
        others: refused: the source documents pass one registry for each room here.

    Raises TypeError for any other argument.
    """
    if others:
        raise TypeError(
            f"{', '.join(sorted(others))}: there are no separate registries; one database holds all, so pass only"
            " warden=, or set MODELWARDEN_URL"
        )
    api = _at_the_root(create_app(warden or _opened()))
    mounts: dict[str, Any] = {ROOT: ASGIMiddleware(api)}
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounts)  # type: ignore[method-assign]


def _opened() -> Warden:
    warden = Warden(replace(config.load(), embedded=False))
    atexit.register(warden.close)
    return warden


def _at_the_root(api: ASGIApp) -> Any:  # noqa: ANN401  # a2wsgi has types of its own
    """Return the app as if nothing were mounted: its routes hold the whole path."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        if not scope.get("client"):
            environ = scope.get("wsgi_environ", {})
            scope = {**scope, "client": (environ.get("REMOTE_ADDR", "unknown"), 0)}
        await api({**scope, "root_path": ""}, receive, send)

    return run
