"""How answers are written: JSON in one form, pages with a link to the next, tables as CSV that no program runs."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from modelwarden.values.cells import safe_cell
from modelwarden.values.clock import timestamp
from modelwarden.values.pages import Listing

JSON: Final = "application/json"
CSV: Final = "text/csv"
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def encode(value: object) -> bytes:
    """Return an answer as JSON; times in the one form of `values.clock.timestamp`."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def beside(value: Any, names: Mapping[str, str]) -> object:  # noqa: ANN401  # any answer
    """Return an answer with more names for some of its fields, as the source documents have them."""
    if not names:
        return value
    if isinstance(value, tuple):
        return tuple(beside(item, names) for item in value)
    fields = _fields(value)
    return fields | {theirs: fields[ours] for ours, theirs in names.items() if ours in fields}


def json_reply(
    value: object, *, status: int = 200, headers: Mapping[str, str] = NOTHING
) -> Response:
    """Return an answer as a response, with its revision as ETag where it has one (AC-73)."""
    found = dict(headers)
    revision = getattr(value, "revision", None)
    if revision is not None:
        found["ETag"] = f'"{revision}"'
    return Response(encode(value), status, found, JSON)


def page_reply(
    request: Request, listing: Listing[Any], *, name: str, names: Mapping[str, str] = NOTHING
) -> Response:
    """Return a page as JSON, or as CSV to who accepts only that."""
    headers = {}
    if listing.next_cursor is not None:
        query = dict(request.query_params) | {"cursor": listing.next_cursor}
        headers["Link"] = f'<{request.url.path}?{urlencode(query)}>; rel="next"'
    if CSV in request.headers.get("accept", ""):
        headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return Response(table(listing.items), 200, headers, CSV)
    items = [beside(item, names) for item in listing.items]
    body: dict[str, object] = {"items": items, "next_cursor": listing.next_cursor}
    if listing.indexed_to is not None:
        body["indexed_to"] = listing.indexed_to
    return Response(encode(body), 200, headers, JSON)


def table(items: Sequence[Any]) -> bytes:
    """Return answers as CSV (RFC 4180), one line each; what has parts is JSON in its cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    if items:
        writer.writerow(_fields(items[0]))
    writer.writerows([_cell(cell) for cell in _fields(item).values()] for item in items)
    return out.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return timestamp(value)
    text = value if isinstance(value, str) else encode(value).decode()
    return safe_cell(text)


def _fields(value: Any) -> dict[str, Any]:  # noqa: ANN401  # any answer
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
