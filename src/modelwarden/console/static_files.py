"""What pages load beside themselves: style, scripts, icons and fonts, each with its licence beside it in `static/`.

All of it is read once, at the start. Nothing is loaded from anywhere else.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from types import MappingProxyType
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from modelwarden.errors import RouteNotFound

TYPES: Final = MappingProxyType(
    {
        "css": "text/css",
        "js": "text/javascript",
        "svg": "image/svg+xml",
        "woff2": "font/woff2",
        "LICENSE": "text/plain",
    }
)
FOR_EVER: Final = "public, max-age=31536000, immutable"
A_DAY: Final = "public, max-age=86400"
MARK: Final = 12


class StaticFile(NamedTuple):
    """One file: its bytes, what it is, and what marks this version of it."""

    data: bytes
    media_type: str
    mark: str


class StaticFiles:
    """All of them, by name."""

    def __init__(self) -> None:
        self._files: dict[str, StaticFile] = {}
        for each in files("modelwarden.console").joinpath("static").iterdir():
            media_type = TYPES.get(each.name.rpartition(".")[2])
            if media_type is not None:
                data = _lean(each.read_bytes(), media_type)
                mark = hashlib.sha256(data).hexdigest()[:MARK]
                self._files[each.name] = StaticFile(data, media_type, mark)

    def path(self, name: str) -> str:
        """Return where a file lies, marked so that browsers keep it until it changes."""
        return f"/static/{name}?v={self._files[name].mark}"

    async def serve(self, request: Request) -> Response:
        """Return one of them. Raises RouteNotFound."""
        found = self._files.get(request.path_params["name"])
        if found is None:
            raise RouteNotFound(request.url.path)
        tag = f'"{found.mark}"'
        keeps = FOR_EVER if request.query_params.get("v") == found.mark else A_DAY
        headers = {"Cache-Control": keeps, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(found.data, headers=headers, media_type=found.media_type)


def _lean(data: bytes, media_type: str) -> bytes:
    """Return a script without the room that people read it by; no text in it runs over lines."""
    if media_type != "text/javascript":
        return data
    lines = (line.strip() for line in data.splitlines())
    return b"\n".join(line for line in lines if line and not line.startswith(b"//")) + b"\n"
