"""GitHub's published OpenAPI document, as far as we call it: what is asked and answered has to have its form.

`github_api/document.json` is cut by `github_api/cut.py` from the npm packages @octokit/openapi 23.0.2 and
@octokit/openapi-webhooks 12.1.0; their licence stands beside it.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

DOCUMENT: Final = Path(__file__).parent / "github_api" / "document.json"


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
    return found


@cache
def paths() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Return method, pattern and name of each call; the longest pattern first, `{ref}` and `{path}` hold slashes."""
    made = []
    for name in sorted(document()["calls"], key=len, reverse=True):
        method, path = name.split(" ", 1)
        form = re.sub(r"\\{(\w+)\\}", _part, re.escape(path))
        made.append((method, re.compile(form), name))
    return tuple(made)


def _part(found: re.Match[str]) -> str:
    return r".+" if found[1] == "path" else r"[^/]+" if found[1] != "ref" else r".+?"


def call_of(method: str, path: str) -> dict[str, Any] | None:
    for wanted, form, name in paths():
        if wanted == method and form.fullmatch(path):
            found: dict[str, Any] = document()["calls"][name]
            return found
    return None


def faults_of_call(method: str, path: str, query: dict[str, str], body: bytes) -> list[str]:
    """Return what a call has that the document does not know."""
    call = call_of(method, path)
    if call is None:
        return [f"no such call: {method} {path}"]
    found = [f"no such query: {name}" for name in query if name not in call["query"]]
    for name in query.keys() & call["query"].keys():
        schema = call["query"][name]
        value: Any = int(query[name]) if schema.get("type") == "integer" else query[name]
        found += _faults(schema, value)
    if call["body"] is not None:
        found += _faults(call["body"], json.loads(body or b"{}"))
    elif body:
        found.append("a body that nobody expects")
    return found


def faults_of_answer(method: str, path: str, status: int, value: Any) -> list[str]:  # noqa: ANN401  # JSON
    """Return what an answer has or lacks that the document says otherwise."""
    call = call_of(method, path)
    if call is None or str(status) not in call["answers"]:
        return [f"no such answer: {status} to {method} {path}"]
    schema = call["answers"][str(status)]
    return [] if schema is None else _faults(schema, value)


def faults_of_event(name: str, value: Any) -> list[str]:  # noqa: ANN401  # JSON
    """Return what a webhook's body has or lacks that the document says otherwise."""
    return _faults(document()["events"][name], value)


def _faults(schema: Any, value: Any) -> list[str]:  # noqa: ANN401  # JSON
    return [
        f"{error.json_path}: {error.message}"[:300]
        for error in Draft202012Validator(schema).iter_errors(value)
    ]
