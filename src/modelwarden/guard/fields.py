"""Fields of reports, read strictly: the right type or a refusal that names the field. Pure.

Each function takes what to raise first: an error built from the field's name and what was expected.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from modelwarden.errors import NotCanonical
from modelwarden.values import canonical
from modelwarden.values.clock import moment, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Refusal = Callable[[str, str], Exception]

MAX_COUNT: Final = canonical.MAX_INTEGER
LAST_MINUTE: Final = int(datetime(9999, 12, 31, 23, 59, tzinfo=UTC).timestamp()) // 60

_MINUTE: Final = re.compile(r".{16}:00\.000000Z")
_INSTANCE: Final = re.compile(r"[0-9a-f]{16}")


def document(
    refuse: Refusal, field: str, data: bytes, names: frozenset[str], *, max_bytes: int
) -> Mapping[str, object]:
    """Return the fields of a JSON object that has exactly these."""
    if len(data) > max_bytes:
        raise refuse(field, f"at most {max_bytes} bytes")
    try:
        return members(refuse, field, canonical.parse(data), names)
    except NotCanonical as error:
        raise refuse(field, f"strict JSON ({error})") from None


def members(
    refuse: Refusal, field: str, value: object, names: frozenset[str]
) -> Mapping[str, object]:
    """Return the fields of an object that has exactly these."""
    if not isinstance(value, dict) or value.keys() != names:
        raise refuse(field, f"an object of {', '.join(sorted(names))}")
    return value


def items(refuse: Refusal, field: str, value: object) -> list[object]:
    """Return a list."""
    if not isinstance(value, list):
        raise refuse(field, "a list")
    return value


def text(refuse: Refusal, field: str, value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise refuse(field, "text")
    return value


def whole(
    refuse: Refusal, field: str, value: object, *, least: int = 0, most: int = MAX_COUNT
) -> int:
    """Return a whole number between two; true and false are none."""
    if type(value) is not int or not least <= value <= most:
        raise refuse(field, f"a whole number from {least} to {most}")
    return value


def instance(refuse: Refusal, value: object) -> str:
    """Return the name of a running recorder or guard: 16 hex digits."""
    if not isinstance(value, str) or not _INSTANCE.fullmatch(value):
        raise refuse("instance", "16 lower-case hex digits")
    return value


def minute(refuse: Refusal, value: object) -> int:
    """Return the minutes since 1970 of a moment in the one text form, which has to be the start of a minute."""
    if isinstance(value, str) and _MINUTE.fullmatch(value):
        try:
            return whole(refuse, "minute", int(moment(value).timestamp()) // 60, most=LAST_MINUTE)
        except ValueError:
            pass
    raise refuse("minute", "the start of a minute from 1970 on, as 2026-11-20T11:19:00.000000Z")


def minute_text(number: int) -> str:
    """Return when a minute begins, in the one text form."""
    return timestamp(datetime.fromtimestamp(number * 60, UTC))
