"""What an error says to a person or a program, and the exit code that it ends in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from modelwarden.cli.screen import json_text, printable
from modelwarden.errors import GateRefused, OperatorError, PermitNeeded, WardenError

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED: Final = 1
UNKNOWN: Final = 3
WAITING: Final = 4
UNREACHABLE: Final = 5
AWAITED: Final = frozenset({"not_approved"})
"""Reasons of the gate that only people's answers take away."""


def exit_code(error: WardenError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, PermitNeeded):
        return WAITING
    if isinstance(error, GateRefused) and is_awaited(error.reasons):
        return WAITING
    return UNREACHABLE if isinstance(error, OperatorError) else REFUSED


def is_awaited(reasons: tuple[str, ...]) -> bool:
    """Tell whether nothing but an approval is missing."""
    return bool(reasons) and AWAITED.issuperset(reasons)


def tell(error: WardenError, *, as_json: bool) -> None:
    """Say on standard error what was refused, by which rule, and where it is recorded; the message says what to do."""
    if as_json:
        print(json_text({"error": _problem(error)}), file=sys.stderr)
        return
    print(printable(f"{_family(error)}: {error}  [{error.code}]"), file=sys.stderr)
    for line in _more(error):
        print(printable(f"  {line}"), file=sys.stderr)


def _problem(error: WardenError) -> dict[str, object]:
    problem: dict[str, object] = {
        "code": error.code,
        "status": error.status,
        "detail": str(error),
        "reasons": list(getattr(error, "reasons", ())),
        "entry": getattr(error, "entry", None),
    }
    return {name: value for name, value in problem.items() if value not in (None, [])}


def _family(error: WardenError) -> str:
    return "not possible now" if isinstance(error, OperatorError) else "refused"


def _more(error: WardenError) -> Iterator[str]:
    reasons: tuple[str, ...] = getattr(error, "reasons", ())
    if reasons:
        yield f"reasons: {', '.join(reasons)}"
    entry = getattr(error, "entry", None)
    if entry is not None:
        yield f"recorded as entry {entry}"
