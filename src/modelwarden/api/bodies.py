"""What comes in, read strictly: size, type, JSON of one meaning, query names that the route knows (AC-71).

A caller is admitted before anything of the body is read.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, NoReturn

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.utils import create_model_field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from modelwarden.api.caller import CALLER, Door
from modelwarden.errors import (
    BodyTooLarge,
    ContentTypeUnsupported,
    JsonInvalid,
    RequestInvalid,
)
from modelwarden.values.canonical import MAX_INTEGER

BODY_BYTES: Final = 1_048_576
DEPTH: Final = 32
LONGEST_NUMBER: Final = 64
ANY_WRITE: Final = frozenset({"wait"})
"""Query names that each write takes."""

_ESCAPED: Final = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
"""Escapes that could be half a character, or NUL."""


class StrictRequest(Request):
    """A request whose body was read and parsed before it is handed on."""

    _bytes: bytes = b""
    _value: Any = None

    async def load(self) -> bytes:
        """Read the body. Raises BodyTooLarge."""
        parts, size = [], 0
        declared = self.headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > BODY_BYTES:
            raise _too_large()
        async for part in self.stream():
            size += len(part)
            if size > BODY_BYTES:
                raise _too_large()
            parts.append(part)
        self._bytes = b"".join(parts)
        return self._bytes

    def parse(self) -> object:
        """Parse what was read. Raises ContentTypeUnsupported, JsonInvalid."""
        if not _is_json(self.headers.get("content-type", "")):
            raise ContentTypeUnsupported("send JSON, as Content-Type: application/json")
        self._value = strict_json(self._bytes)
        return self._value

    async def body(self) -> bytes:
        """Return what was read."""
        return self._bytes

    async def json(self) -> Any:  # noqa: ANN401  # JSON
        """Return what was parsed."""
        return self._value


class StrictRoute(APIRoute):
    """A route that admits its caller first, then reads query and body strictly."""

    streams = False
    any_query = False

    def __init__(
        self,
        path: str,
        *args: Any,  # noqa: ANN401  # as FastAPI passes them
        responses: dict[int | str, dict[str, Any]] | None = None,
        **kwargs: Any,  # noqa: ANN401  # as FastAPI passes them
    ) -> None:
        self._begins = path.partition("{")[0]
        self._slashes = None if ":path}" in path else path.count("/")
        super().__init__(path, *args, **kwargs)
        self.responses = responses or {}

    def describe(self) -> None:
        """Build the schemas of what it answers. The description alone needs them, and each start would pay for them."""
        self.response_fields = self.response_fields or {
            status: create_model_field(
                name=f"Response_{status}_{self.unique_id}",
                type_=told["model"],
                mode="serialization",
            )
            for status, told in self.responses.items()
            if told.get("model")
        }

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Compare cheaply before the pattern is tried: a hundred routes stand in line."""
        path: str = scope.get("path", "")
        if not path.startswith(self._begins) or self._slashes not in {None, path.count("/")}:
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Return the handler that FastAPI would use, behind the door and the strict reading."""
        handle = super().get_route_handler()
        door = door_of(self.dependant)
        names = frozenset(_query_names(self.dependant))
        reads = (self.methods or set()) <= {"GET", "HEAD"}
        names = names if reads else names | ANY_WRITE
        has_body, streams = self.body_field is not None, self.streams

        async def strict(request: Request) -> Response:
            caller = request.scope[CALLER] = await door.admit(request)
            if request.scope["query_string"]:
                _check_query(request, None if self.any_query else names)
            if reads or streams:
                return await handle(request)
            loaded = StrictRequest(request.scope, request.receive)
            if await loaded.load():
                value = loaded.parse()
                if not has_body and value != {}:
                    raise RequestInvalid((("body", "nothing is expected here"),))
            caller.request = loaded
            return await handle(loaded)

        return strict


class StreamRoute(StrictRoute):
    """A route that reads its body itself, part by part."""

    streams = True


class OpenRoute(StrictRoute):
    """A route whose query may name anything once: its action says what it knows."""

    any_query = True


def door_of(dependant: Dependant) -> Door:
    """Return the door of a route. Raises TypeError for a route without one (AC-6)."""
    for inner in dependant.dependencies:
        door = getattr(inner.call, "__self__", None)
        if isinstance(door, Door):
            return door
    raise TypeError(f"{dependant.path}: the route names no permission")


def strict_json(data: bytes) -> object:
    """Return the value of JSON that has one meaning. Raises JsonInvalid."""
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_integer,
        )
    except UnicodeDecodeError:
        raise JsonInvalid("the body is not UTF-8") from None
    except RecursionError:
        raise JsonInvalid(f"the body nests deeper than {DEPTH} levels") from None
    except ValueError as error:
        raise JsonInvalid(f"the body is not JSON: {error}") from None
    if data.count(b"[") + data.count(b"{") > DEPTH:
        _check_depth(value)
    if _ESCAPED.search(data) or b"\0" in data:
        _check_text(value)
    return value


def _check_depth(value: object) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = [item for item in inner if isinstance(item, dict | list)]
        if level and depth >= DEPTH:
            raise JsonInvalid(f"the body nests deeper than {DEPTH} levels")


def _check_text(value: object) -> None:
    """Refuse halves of characters, and NUL, which databases can't keep."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise JsonInvalid("the body holds half of a surrogate pair") from None
    if "\\u0000" in text:
        raise JsonInvalid("the body holds the character NUL")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise JsonInvalid("a key stands twice in one object")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or len(text) > LONGEST_NUMBER:
        raise JsonInvalid("a number is too large")
    return number


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER or abs(number := int(text)) > MAX_INTEGER:
        raise JsonInvalid("an integer is beyond 2^53 - 1; write it as text")
    return number


def _refuse(text: str) -> NoReturn:
    raise JsonInvalid(f"{text} is no JSON")


def _is_json(text: str) -> bool:
    kind = text.partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _query_names(inner)


def _check_query(request: Request, names: frozenset[str] | None) -> None:
    """Refuse what is given twice, and names that are not among these; None knows every name."""
    given = [name for name, _ in request.query_params.multi_items()]
    known = frozenset(given) if names is None else names
    wrong = [(f"query.{name}", "not known here") for name in given if name not in known]
    wrong += [(f"query.{name}", "given twice") for name in set(given) if given.count(name) > 1]
    if wrong:
        raise RequestInvalid(tuple(sorted(set(wrong))))


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"at most {BODY_BYTES:,} bytes here")
