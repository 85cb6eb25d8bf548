"""The local stop: a file that blocks predictions of this machine without any server (SG-13).

The file is empty, which stops everything, or holds JSON: a scope, or a list of scopes; `{}` stops everything too. It
can only add blocks. What can't be read stops everything: somebody put the file there to stop something. Removing the
file, or writing `[]`, ends the local stop and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.errors import ValueInvalid
from modelwarden.guard.body import read_json
from modelwarden.guard.compiled import compile_switches

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.guard.match import Matcher

MOST_BYTES: Final = 1024 * 1024
PREFIX: Final = "local_stop"
EVERYTHING: Final[dict[str, object]] = {}


def read_stop_file(path: Path) -> bytes | None:
    """Return the bytes of the stop file; None if there is none, and no byte if it can't be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return b""
    return data if len(data) <= MOST_BYTES else b""


def compile_stops(data: bytes | None, *, model: str) -> Matcher | None:
    """Return what the stop file blocks of a model, or None: nothing."""
    scopes = [] if data is None else scopes_of(data)
    if not scopes:
        return None
    try:
        matcher = compile_switches([stop_switch(at, scope) for at, scope in enumerate(scopes)])
    except ValueInvalid:
        matcher = compile_switches([stop_switch(0, EVERYTHING)])
    return matcher.bind(model=model)


def scopes_of(data: bytes) -> list[object]:
    """Return the scopes that the bytes of a stop file name; what can't be read is one that stops everything."""
    if not data.strip():
        return [EVERYTHING]
    try:
        value = read_json(data)
    except ValueError:
        return [EVERYTHING]
    if isinstance(value, list):
        return value
    return [value if isinstance(value, dict) else EVERYTHING]


def stop_switch(at: int, scope: object) -> dict[str, object]:
    """Make a switch of a scope; whatever else its author wrote into it, it blocks, and a missing value matches."""
    whole = scope if isinstance(scope, dict) else EVERYTHING
    return {"id": f"{PREFIX}:{at}", "scope": whole, "action": "block", "unknown": "match"}
