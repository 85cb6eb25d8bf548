"""Calls to one ServiceNow instance: its token, its limits, and so many seconds and bytes an answer.

OAuth by client credentials (`oauth_token.do`), or a client certificate by which the instance knows the account. Safe to
use from several threads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.deployments.servicenow import rows
from modelwarden.deployments.servicenow.deadline import Deadline
from modelwarden.errors import ExternalUnreadable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from pathlib import Path

    import httpx

PATIENCE_S: Final = 5.0
"""For the connection, and between two pieces of an answer."""
DEADLINE_S: Final = 15.0
"""For a whole call: the connection, all headers, all of the answer."""
MOST_BYTES: Final = 4 * 1024 * 1024
PAGE: Final = 100
MOST_ROWS: Final = 1_000
EARLY_S: Final = 30.0
"""How long before its end a token is replaced."""
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 600.0
UNAUTHORIZED, TOO_MANY = 401, 429
SUCCESS: Final = frozenset({200, 201})
CHANGE_API: Final = "/api/sn_chg_rest/change"
ABSENT: Final = frozenset({400, 404})
"""What an instance says to a call of an API that it does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the instance is and who we are there; the secret lies in a file, and is read when it is needed.

    Attributes:
        client_id, secret_file: for a token; both or none.
        tls: holds the client certificate, where that says who we are; None for the certificates of the machine.
    """

    url: str
    client_id: str | None = None
    secret_file: Path | None = None
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What kind of change is opened: `normal`, `emergency`, or `standard` by the `sys_id` of its template (RL-51)."""

    kind: str = "normal"
    template: str | None = None

    @property
    def path(self) -> str:
        """Return where the Change Management API opens one."""
        return f"{CHANGE_API}/{self.kind}" + (f"/{self.template}" if self.template else "")


class Found(NamedTuple):
    """Rows, and the SHA-256 of the answers that held them."""

    rows: tuple[dict[str, Any], ...]
    sha256: bytes


class Silent(ExternalUnreadable):
    """No call will be answered for now: the instance is down, or asked for quiet."""


class _Refused(ExternalUnreadable):
    """The instance answered, with a status that is no success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"ServiceNow refuses with status {status}")
        self.answered = status


class _Said(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Instance:
    """One instance. Raises ExternalUnreadable wherever it does not answer as it should."""

    def __init__(
        self, account: Account, *, patience_s: float = PATIENCE_S, deadline_s: float = DEADLINE_S
    ) -> None:
        import httpx  # noqa: PLC0415  # only where an instance is set up

        self._account, self._deadline_s = account, deadline_s
        self._failures = (httpx.HTTPError, UnicodeError)
        self._http = httpx.Client(
            base_url=account.url,
            timeout=patience_s,
            verify=True if account.tls is None else account.tls,
            limits=httpx.Limits(max_keepalive_connections=0),  # each call has a connection to cut
            follow_redirects=False,
            headers={"accept": "application/json", "user-agent": "modelwarden"},
        )
        self._lock = threading.Lock()
        self._token: tuple[str, float] | None = None
        self._not_before = 0.0

    def found(self, table: str, query: str, fields: tuple[str, ...]) -> Found:
        """Return all rows that a query finds, in the order of their `sys_id`."""
        found: list[dict[str, Any]] = []
        digest = hashlib.sha256()
        while len(found) < MOST_ROWS:
            params = {
                "sysparm_query": query,
                "sysparm_fields": ",".join(fields),
                "sysparm_display_value": "false",
                "sysparm_exclude_reference_link": "true",
                "sysparm_limit": str(PAGE),
                "sysparm_offset": str(len(found)),
            }
            data = self._call("GET", f"/api/now/table/{table}", params=params)
            digest.update(data)
            page = _rows(data)
            found += page
            if len(page) < PAGE:
                return Found(tuple(found), digest.digest())
        raise ExternalUnreadable(f"ServiceNow holds {MOST_ROWS:,} rows or more for one change")

    def create(self, fields: Mapping[str, str], template: Template) -> None:
        """Open a change, by the Table API where the instance has no Change Management API (RL-51).

        The Table API knows no templates: a standard change is not opened by it.
        """
        try:
            self._call("POST", template.path, body=fields)
        except _Refused as refusal:
            if refusal.answered not in ABSENT:
                raise
            if template.template is not None:
                raise ExternalUnreadable(
                    "ServiceNow has no such standard template, or no Change Management API"
                ) from refusal
            plainly = {**fields, "type": template.kind}
            self._call("POST", f"/api/now/table/{rows.CHANGES}", body=plainly)

    def update(self, sys_id: str, fields: Mapping[str, str]) -> None:
        """Write fields of a change."""
        self._call("PATCH", f"/api/now/table/{rows.CHANGES}/{sys_id}", body=fields)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> bytes:
        """Send a call, with a new token where the old one is no longer taken."""
        said = self._send(method, path, token=self._bearer(), params=params, json=body)
        if said.status == UNAUTHORIZED and self._account.client_id is not None:
            self._token = None
            said = self._send(method, path, token=self._bearer(), params=params, json=body)
        if said.status not in SUCCESS:
            raise _Refused(said.status)
        return said.body

    def _bearer(self) -> str | None:
        """Return a token; None where a certificate says who we are."""
        if self._account.client_id is None:
            return None
        with self._lock:
            if self._token is not None and time.monotonic() < self._token[1]:
                return self._token[0]
            form = {
                "grant_type": "client_credentials",
                "client_id": self._account.client_id,
                "client_secret": self._secret(),
            }
            said = self._send("POST", "/oauth_token.do", data=form)
            if said.status not in SUCCESS:
                raise ExternalUnreadable(f"ServiceNow gives no token: status {said.status}")
            answer = _parsed(said.body)
            token, lasts_s = answer.get("access_token"), answer.get("expires_in")
            if not isinstance(token, str) or not isinstance(lasts_s, int):
                raise ExternalUnreadable("ServiceNow answered with no token")
            self._token = token, time.monotonic() + lasts_s - EARLY_S
            return token

    def _secret(self) -> str:
        file = self._account.secret_file
        try:
            return "" if file is None else file.read_text("utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise ExternalUnreadable("the file of ServiceNow's secret can't be read") from error

    def _send(self, method: str, path: str, *, token: str | None = None, **what: Any) -> _Said:  # noqa: ANN401  # httpx's own
        """Send one call and return its whole answer, unless the instance asked for quiet."""
        wait_s = self._not_before - time.monotonic()
        if wait_s > 0:
            raise Silent(f"ServiceNow asked to be left alone for {wait_s:.0f} s more")
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        deadline = Deadline(self._deadline_s)
        request = self._http.build_request(
            method, path, headers=headers, extensions={"trace": deadline.watch}, **what
        )
        try:
            with deadline:
                said = _read(self._http.send(request, stream=True))
        except self._failures as error:
            why = "it is too slow" if deadline.is_over else type(error).__name__
            raise Silent(f"ServiceNow does not answer: {why}") from error
        if deadline.is_over:  # an answer without a length looks whole wherever it is cut
            raise Silent("ServiceNow does not answer: it is too slow")
        if said.status == TOO_MANY:
            self._not_before = time.monotonic() + _pause_s(said.headers.get("retry-after", ""))
            raise Silent("ServiceNow takes no more calls: it asks for a pause")
        return said


def _read(answer: httpx.Response) -> _Said:
    with contextlib.closing(answer):
        body = bytearray()
        for part in answer.iter_bytes():
            body += part
            if len(body) > MOST_BYTES:
                raise ExternalUnreadable(f"ServiceNow answers with more than {MOST_BYTES:,} bytes")
        return _Said(answer.status_code, answer.headers, bytes(body))


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ExternalUnreadable("ServiceNow answered with no JSON") from error
    if not isinstance(value, dict):
        raise ExternalUnreadable("ServiceNow answered with no JSON object")
    return value


def _rows(data: bytes) -> list[dict[str, Any]]:
    result = _parsed(data).get("result")
    if not isinstance(result, list) or not all(isinstance(row, dict) for row in result):
        raise ExternalUnreadable("ServiceNow answered with no rows")
    return result


def _pause_s(text: str) -> float:
    """Return for how long to be quiet: the seconds it names, within bounds; a date counts as none."""
    asked = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0  # noqa: PLR2004
    return min(max(float(asked), SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
