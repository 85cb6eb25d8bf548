"""A problem from the server becomes the very error that the embedded SDK raises, found by its code (RFC 9457)."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelwarden.errors import CallerError, OperatorError, WardenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVER_ERRORS: Final = 500
TUPLES: Final = frozenset({"reasons", "problems", "fields"})
STANDARD: Final = frozenset({"type", "title", "status", "code", "detail", "instance"})


def error_of(problem: Mapping[str, Any], *, status: int) -> WardenError:
    """Return the error that a problem tells of; a code that this release does not know keeps its family."""
    code = str(problem.get("code", "internal"))
    family = OperatorError if status >= SERVER_ERRORS else CallerError
    kind = _by_code().get(code, family)
    error = kind.__new__(kind, str(problem.get("detail") or problem.get("title") or code))
    given = {name: value for name, value in problem.items() if name not in STANDARD}
    given = {name: tuple(v) if name in TUPLES else v for name, v in given.items()}
    if "errors" in problem:  # each names a field of the request, and what is wrong with it
        given["errors"] = tuple((each["field"], each["problem"]) for each in problem["errors"])
    known = {"about": (), "reasons": (), "permission": "", "entry": None}
    vars(error).update(known | given | {"code": code, "status": status})
    return error


@cache
def _by_code() -> Mapping[str, type[WardenError]]:
    found: dict[str, type[WardenError]] = {}
    for kind in _kinds(WardenError):
        found.setdefault(kind.code, kind)  # a family comes before those that inherit its code
    return MappingProxyType(found)


def _kinds(kind: type[WardenError]) -> Iterator[type[WardenError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
