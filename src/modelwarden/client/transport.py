"""How calls reach the server: one connection pool, time limits, and repeats where a repeat can do no harm.

Repeated are reads, and writes that carry an Idempotency-Key: the server does those once however often they arrive
(AC-72). A call that was refused before it was looked at (429) is repeated too. `Retry-After` is honoured.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

import httpx

from modelwarden.client.problems import error_of
from modelwarden.errors import AnswerMalformed, Unreachable, ValueInvalid, WardenError
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from pathlib import Path

ROOT: Final = "/api/governance"
TIMEOUT_S: Final = 30.0
TRIES: Final = 4
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 15.0
"""A server that asks for more patience than this is reported instead of waited for."""

BUSY: Final = frozenset({429, 502, 503, 504})
REFUSED_UNSEEN: Final = 429
FIRST_ERROR: Final = 400


class Reply(NamedTuple):
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:  # noqa: ANN401  # JSON
        """Return the body as JSON. Raises AnswerMalformed."""
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise AnswerMalformed(
                "the answer is not JSON; is this a Modelwarden server?"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, complete enough to be sent again.

    Attributes:
        path: below `/api/governance`, from `path(…)`.
        content: gives the body anew for each try.
        repeatable: whether the server may see it twice.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Callable[[], bytes | Iterable[bytes]] = bytes
    repeatable: bool = True


class Transport:
    """The way to one server under one token, or none; threads may share it. Close it at the end."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        timeout_s: float = TIMEOUT_S,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare the way; nothing is sent yet. Raises ValueInvalid."""
        address = httpx.URL(url)
        if address.scheme not in {"http", "https"} or not address.host:
            raise ValueInvalid("url", "the server's address: http://… or https://…")
        root = url.rstrip("/").removesuffix(ROOT)
        credential = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.url = root
        self._http = httpx.Client(
            base_url=f"{root}{ROOT}",
            headers={"Accept": "application/json"} | credential,
            timeout=timeout_s,
        )
        self._pause = pause

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call) -> Reply:
        """Send a call and return the answer. Raises what the server refused with, or Unreachable."""
        return _checked(self._sent(call))

    def ask(self, call: Call) -> Reply:
        """Send a call once and return the answer, whatever its status. Raises Unreachable."""
        try:
            response = self._once(call)
        except httpx.HTTPError as error:
            raise Unreachable(self._silence(error)) from error
        return Reply(response.status_code, response.headers, response.content)

    def save(
        self, call: Call, target: Path, *, progress: Callable[[int], None] | None = None
    ) -> Mapping[str, str]:
        """Read into a file, part by part, once, and return the answer's headers; `progress` is told the bytes so far.

        Raises as `send` does.
        """
        query, headers, done_bytes = dict(call.query), dict(call.headers), 0
        try:
            with (
                self._http.stream(call.method, call.path, params=query, headers=headers) as answer,
                target.open("wb") as file,
            ):
                if answer.status_code >= FIRST_ERROR:
                    _checked(Reply(answer.status_code, answer.headers, answer.read()))
                for part in answer.iter_bytes():
                    done_bytes += file.write(part)
                    if progress is not None:
                        progress(done_bytes)
                return answer.headers
        except httpx.HTTPError as error:
            raise Unreachable(self._silence(error)) from error

    def has(self, call: Call) -> bool:
        """Tell whether a HEAD finds something. Raises Unreachable."""
        return self._sent(call).status == httpx.codes.OK

    def _sent(self, call: Call) -> Reply:
        """Send a call, again where that can do no harm."""
        for number in range(1, TRIES + 1):
            wait_s = min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)  # noqa: S311
            try:
                response = self._once(call)
            except httpx.HTTPError as error:
                never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if number == TRIES or not (call.repeatable or never_sent):
                    raise Unreachable(self._silence(error)) from error
            else:
                asked_s = self._asked_pause(call, response)
                if asked_s is None or number == TRIES or asked_s > LONGEST_PAUSE_S:
                    return Reply(response.status_code, response.headers, response.content)
                wait_s = max(wait_s, asked_s)
            self._pause(wait_s)
        raise Unreachable("the server did not answer")

    def _once(self, call: Call) -> httpx.Response:
        return self._http.request(
            call.method,
            call.path,
            params=dict(call.query),
            headers=dict(call.headers),
            content=call.content(),
        )

    def _asked_pause(self, call: Call, response: httpx.Response) -> float | None:
        """Return how long to wait before the call is sent again, or None to leave it at this answer."""
        if response.status_code not in BUSY:
            return None
        if not call.repeatable and response.status_code != REFUSED_UNSEEN:
            return None
        text = response.headers.get("Retry-After", "")
        if not text and "problem+json" in response.headers.get("Content-Type", ""):
            return None  # the server itself says no, and names no time at which it would say yes
        return float(text) if text.isdecimal() else 0.0

    def _silence(self, error: httpx.HTTPError) -> str:
        address = f"{self._http.base_url.scheme}://{self._http.base_url.netloc.decode()}"
        return f"{address} did not answer ({type(error).__name__}); is the server running there?"


def path(*parts: str) -> str:
    """Return the path of a call, each part as one segment whatever it holds."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def query_of(values: Mapping[str, object]) -> dict[str, str]:
    """Return filters as they stand in an address; what is None is left out."""
    return {name: _text(value) for name, value in values.items() if value is not None}


def body_of(values: Mapping[str, object]) -> bytes:
    """Return fields as a JSON body; what is None is left out. Raises ValueInvalid."""
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return json.dumps(given, default=_plain, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise ValueInvalid("body", f"what JSON can hold ({error})") from error


def new_idempotency_key() -> str:
    """Draw a key for one write."""
    return secrets.token_urlsafe(18)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return timestamp(value) if isinstance(value, datetime) else str(value)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _checked(reply: Reply) -> Reply:
    """Return the reply, or raise the error that it tells of."""
    if reply.status < FIRST_ERROR:
        return reply
    raise _problem(reply)


def _problem(reply: Reply) -> WardenError:
    if "json" not in reply.headers.get("Content-Type", ""):
        return Unreachable(f"something that is not Modelwarden answered {reply.status}")
    told = reply.json()
    return error_of(told if isinstance(told, Mapping) else {}, status=reply.status)
