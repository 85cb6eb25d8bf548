"""A server that listens, people with tokens, and one call at a time as one of them."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx
import uvicorn

from modelwarden.access import actions
from modelwarden.api.app import create_app
from modelwarden.api.index import Index
from modelwarden.values.system import system
from modelwarden.warden.warden import Warden, open_warden
from tests import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from fastapi import FastAPI
    from starlette.types import ASGIApp

    from modelwarden.api.bodies import StrictRoute

ROOT: Final = "/api/governance"
PEOPLE: Final = {
    "alice": ["developer"], "bob": ["approver"], "carol": ["admin"], "dave": ["operator"],
    "erin": ["auditor"], "frank": ["analyst"], "grace": ["developer", "approver"], "nobody": [],
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """alice builds, bob decides, carol administers, dave operates, erin audits, frank reads, grace does two things."""

    url: str
    app: FastAPI
    warden: Warden
    tokens: Mapping[str, str]
    http: httpx.Client

    def call(
        self,
        name: str | None,
        method: str,
        path: str,
        json: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Send one call as one of the people; None sends no token."""
        given = {} if name is None else {"Authorization": f"Bearer {self.tokens[name]}"}
        where = path if path.startswith(("/api", "/metrics")) else f"{ROOT}{path}"
        given |= headers or {}
        if content is not None:
            return self.http.request(method, where, content=content, headers=given)
        return self.http.request(method, where, json=json, headers=given)

    def entry(self, answer: httpx.Response) -> dict[str, Any]:
        """Return the entry that an answer names, as the auditor reads it."""
        seq = answer.headers["Governance-Entry"]
        found: dict[str, Any] = self.call("erin", "GET", f"/audit-log/{seq}").json()["entry"]
        return found

    @property
    def size(self) -> int:
        """Return how many entries the ledger has."""
        newest = self.call("erin", "GET", "/audit-log?limit=1").json()["items"][0]
        return int(newest["seq"]) + 1


def routes_of(app: FastAPI) -> tuple[StrictRoute, ...]:
    """Return the routes of the API."""
    (index,) = [route for route in app.routes if isinstance(route, Index)]
    return index.routes


@contextmanager
def town(folder: Path, **settings: object) -> Iterator[Town]:
    """Serve a database with people in it."""
    chosen = {"read_rate": 0, "write_rate": 0} | settings
    with open_warden(tables.fresh(folder), embedded=False, **chosen) as warden:
        tokens = {}
        for name, roles in PEOPLE.items():
            warden.add_user(name, roles=roles)
            issue = partial(actions.create_token, user=name)
            tokens[name] = warden.submit(system("test"), issue).result().value.secret
        with _called(warden, tokens) as made:
            yield made


@contextmanager
def again(folder: Path, tokens: Mapping[str, str], **settings: object) -> Iterator[Town]:
    """Serve the database of a town that was closed."""
    chosen = {"read_rate": 0, "write_rate": 0} | settings
    with (
        open_warden(f"sqlite:///{folder}/warden.db", embedded=False, **chosen) as warden,
        _called(warden, tokens) as made,
    ):
        yield made


@contextmanager
def _called(warden: Warden, tokens: Mapping[str, str]) -> Iterator[Town]:
    app = create_app(warden)
    with served(app) as url, httpx.Client(base_url=url, timeout=30) as http:
        yield Town(url=url, app=app, warden=warden, tokens=tokens, http=http)


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an app on loopback, in a thread of this process, as `server.serve` does."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            thread.join(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
