"""A ServiceNow instance as its public documentation describes it: real HTTP, state, tokens that end, limits.

It knows what the product asks for: OAuth by client credentials, the Table API with encoded queries and pages, and the
Change Management API. As an instance does, it ignores conditions that name no field, and answers with more rows then.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.requests import Request

CLIENT, SECRET = "modelwarden", "a secret of the instance"
NO_SUCH_API: Final = {"error": {"message": "Requested URI does not represent any resource"}}


def new_sys_id() -> str:
    return secrets.token_hex(16)


def as_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@dataclass
class ServiceNow:
    """What a test holds of the instance; it changes tables as people there would."""

    tables: dict[str, list[dict[str, str]]] = field(
        default_factory=lambda: {
            "change_request": [], "sysapproval_approver": [], "sys_user": [], "sysapproval_group": [],
        }
    )  # fmt: skip
    has_change_api: bool = True
    absent_status: int = 400  # what it says to an API that it does not have
    templates: set[str] = field(default_factory=set)  # of standard changes
    certificates: bool = False  # a client certificate says who calls, instead of a token
    token_lasts_s: int = 1799
    quiet_s: int | None = None  # answers 429 with this Retry-After
    silent: bool = False
    answers_with: bytes | None = None  # instead of rows
    delay_after_create_s: float = 0.0
    asked: list[str] = field(default_factory=list)
    written: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    tokens_given: int = 0
    ending: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    # what people do there

    def user(self, name: str) -> str:
        row = {"sys_id": new_sys_id(), "user_name": name}
        self.tables["sys_user"].append(row)
        return row["sys_id"]

    def change(self, marker: str, **fields: str) -> dict[str, str]:
        """Open a change by hand."""
        return self._new_change({"correlation_id": marker, **fields})

    def only_change(self) -> dict[str, str]:
        (found,) = self.tables["change_request"]
        return found

    def plan(self, change: dict[str, str], *, now: datetime, hours: int = 2) -> None:
        """Check for conflicts, approve, schedule, and open the window at this moment."""
        change |= {
            "approval": "approved",
            "state": "-2",
            "conflict_status": "No Conflict",
            "start_date": as_time(now - timedelta(minutes=1)),
            "end_date": as_time(now + timedelta(hours=hours)),
        }

    def answer(
        self,
        change: dict[str, str],
        user: str,
        state: str = "approved",
        *,
        by: str = "",
        group: str = "",
    ) -> dict[str, str]:
        """Answer for a user, as that user or as somebody else."""
        group_row = {"sys_id": new_sys_id(), "assignment_group": group}
        self.tables["sysapproval_group"].append(group_row)
        row = {
            "sys_id": new_sys_id(),
            "sysapproval": change["sys_id"],
            "approver": user,
            "state": state,
            "sys_updated_by": by or self._row("sys_user", user)["user_name"],
            "group": group_row["sys_id"] if group else "",
        }
        self.tables["sysapproval_approver"].append(row)
        return row

    # what the instance does

    def _row(self, table: str, sys_id: str) -> dict[str, str]:
        return next((row for row in self.tables[table] if row["sys_id"] == sys_id), {})

    def _new_change(self, fields: dict[str, str]) -> dict[str, str]:
        row = {
            "sys_id": new_sys_id(),
            "number": f"CHG{len(self.tables['change_request']) + 30001:07}",
            "correlation_id": "",
            "correlation_display": "",
            "approval": "not requested",
            "state": "-5",
            "conflict_status": "Not Run",
            "start_date": "",
            "end_date": "",
            "type": "normal",
        }
        row |= fields
        self.tables["change_request"].append(row)
        return row

    def _value(self, row: dict[str, str], path: str) -> str | None:
        """Return a field, walked by dots through references; None where there is no such field."""
        first, _, rest = path.partition(".")
        if first not in row:
            return None
        if not rest:
            return row[first]
        table = {"approver": "sys_user", "group": "sysapproval_group"}[first]
        return self._row(table, row[first]).get(rest, "")

    def _select(self, table: str, query: str) -> list[dict[str, str]]:
        found = sorted(self.tables[table], key=lambda row: row["sys_id"])
        for condition in query.split("^"):
            name, equal, wanted = condition.partition("=")
            if equal and any(name in row for row in found):  # an unknown field selects nothing out
                found = [row for row in found if row.get(name) == wanted]
        return found

    # the doors

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.asked.append("token")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return JSONResponse(
                {"error": "server_error", "error_description": "access_denied"}, 401
            )
        token = secrets.token_urlsafe(32)
        self.tokens[token] = time.monotonic() + self.token_lasts_s
        self.tokens_given += 1
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer", "expires_in": self.token_lasts_s}
        )

    def _refusal(self, request: Request) -> Response | None:
        self.asked.append(f"{request.method} {request.url.path}")
        if self.quiet_s is not None:
            return JSONResponse({}, 429, headers={"Retry-After": str(self.quiet_s)})
        if self.certificates:  # whoever came through the handshake has one
            return None
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0.0) < time.monotonic():
            return JSONResponse({"error": {"message": "User Not Authenticated"}}, 401)
        return None

    def rows(self, request: Request) -> Response:
        if self.silent:
            self.ending.wait()
        if (refusal := self._refusal(request)) is not None:
            return refusal
        if self.answers_with is not None:
            return Response(self.answers_with, media_type="application/json")
        params = request.query_params
        found = self._select(request.path_params["table"], params.get("sysparm_query", ""))
        begin = int(params.get("sysparm_offset", "0"))
        page = found[begin : begin + int(params.get("sysparm_limit", "10000"))]
        names = params["sysparm_fields"].split(",")
        shown = [
            {name: value for name in names if (value := self._value(row, name)) is not None}
            for row in page
        ]
        return JSONResponse({"result": shown})

    async def create(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        is_change_api = "sn_chg_rest" in request.url.path
        template = request.path_params.get("template")
        is_known = template is None or template in self.templates
        if is_change_api and not (self.has_change_api and is_known):
            return JSONResponse(NO_SUCH_API, self.absent_status)
        fields = json.loads(await request.body())
        self.written.append(("POST", request.url.path, fields))
        if is_change_api:
            fields = {"type": request.path_params["kind"], **fields}
        row = self._new_change(fields)
        if self.delay_after_create_s:  # the row stands; whoever asked waits for the answer
            await _later(self.delay_after_create_s)
        result = (
            {k: {"value": v, "display_value": v} for k, v in row.items()} if is_change_api else row
        )
        return JSONResponse({"result": result}, 200 if is_change_api else 201)

    async def update(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        fields = json.loads(await request.body())
        self.written.append(("PATCH", request.url.path, fields))
        row = self._row(request.path_params["table"], request.path_params["sys_id"])
        if not row:
            return JSONResponse({"error": {"message": "No Record found"}}, 404)
        row |= fields
        return JSONResponse({"result": row})

    @contextmanager
    def running(self, tls: Mapping[str, Any] | None = None) -> Iterator[ServiceNow]:
        """Serve on a free port of this machine; `tls` are uvicorn's own settings for it."""
        app = Starlette(
            routes=[
                Route("/oauth_token.do", self.token, methods=["POST"]),
                Route("/api/sn_chg_rest/change/{kind}", self.create, methods=["POST"]),
                Route("/api/sn_chg_rest/change/{kind}/{template}", self.create, methods=["POST"]),
                Route("/api/now/table/{table}", self.rows, methods=["GET"]),
                Route("/api/now/table/{table}", self.create, methods=["POST"]),
                Route("/api/now/table/{table}/{sys_id}", self.update, methods=["PATCH"]),
            ]
        )
        with socket.create_server(("127.0.0.1", 0)) as listening:
            scheme = "http" if tls is None else "https"
            self.url = f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
            config = uvicorn.Config(
                app, log_config=None, timeout_graceful_shutdown=1, **(tls or {})
            )
            server = uvicorn.Server(config)
            thread = threading.Thread(
                target=server.run, kwargs={"sockets": [listening]}, daemon=True
            )
            thread.start()
            try:
                while not server.started:
                    time.sleep(0.01)
                yield self
            finally:
                self.ending.set()
                server.should_exit = True
                thread.join()


async def _later(seconds: float) -> None:
    import asyncio  # noqa: PLC0415

    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(seconds)
