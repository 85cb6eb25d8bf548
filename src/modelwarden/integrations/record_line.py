"""A record as the line that is sent: what it says is fixed at the moment it is recorded. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from modelwarden.audit.record import LONGEST_DETAILS, as_record
from modelwarden.errors import RecordInvalid
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return timestamp(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    item = getattr(value, "item", None)  # a scalar of numpy or pandas
    if callable(item):
        return item()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


ENCODE: Final = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_plain
).encode


@lru_cache(maxsize=4096)  # a program records few kinds of things: their words are checked once
def fixed_part(
    event_type: str, component: str, action: str, severity: str, tags: tuple[str, ...]
) -> str:
    """Return the part of a line that is the same for all records of a kind. Raises RecordInvalid."""
    said: dict[str, Any] = {
        "event_type": event_type,
        "component": component,
        "action": action,
        "severity": severity,
    }
    if tags:
        said["compliance_tags"] = tags
    as_record(said | {"ref": "checked"})
    return ENCODE(said)[1:-1]


def line_of(
    ref: str, fixed: str, *, details: Mapping[str, Any] | None, user_id: str | None
) -> bytes:
    """Return a record as one line of JSON, dated now. Raises RecordInvalid."""
    at = datetime.now(UTC).isoformat()
    try:
        more = "" if user_id is None else f',"user_id":{ENCODE(user_id)}'
        if details is not None:
            more += f',"details":{_written(details)}'
        return f'{{"ref":"{ref}","timestamp":"{at}",{fixed}{more}}}'.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordInvalid(0, "details", f"values that JSON can hold ({error})") from None


def _written(details: Mapping[str, Any]) -> str:
    text = ENCODE(details)
    if len(text) > LONGEST_DETAILS:
        expected = f"at most {LONGEST_DETAILS:,} characters of JSON, not {len(text):,}"
        raise RecordInvalid(0, "details", expected)
    return text
