"""Reports of slots on the wire: written by a recorder, read strictly by the server (SL-14, SL-17).

A report is one JSON object of at most 64 KB with the parts of one reporter, their numbers rising. Reading is pure: it
promises that what comes back is a valid value, and leaves keys, times and permissions to the caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from modelwarden.errors import NotCanonical, SketchInvalid, SlotInvalid
from modelwarden.guard.slots import Counts, Part, check_instance
from modelwarden.values import canonical
from modelwarden.values.clock import moment
from modelwarden.values.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_BYTES: Final = 65_536
SCHEMA: Final = 1

_REPORT: Final = frozenset({"schema", "instance", "parts", "closing"})
_COUNTS: Final = ("total", "errors", "blocked", "fallbacks", "invalid")
_PART: Final = frozenset(
    {"sli", "minute", "part", "thresholds", "bad", "sketch", "dropped", *_COUNTS}
)
_MINUTE: Final = re.compile(r".{16}:00\.000000Z")


@dataclass(frozen=True, slots=True)
class Report:
    """Parts of one reporter.

    Attributes:
        instance: the running reporter: 16 hex digits, another after each start and fork.
        parts: their numbers rise.
        closing: the reporter signs off after these (SL-15).
    """

    instance: str
    parts: tuple[Part, ...]
    closing: bool = False


def write(instance: str, parts: Iterable[bytes], *, closing: bool = False) -> bytes:
    """Return the canonical bytes of a report of encoded parts."""
    # Written by hand, so that a part keeps the bytes that it had when it was first sent.
    return b'{"closing":%s,"instance":"%s","parts":[%s],"schema":%d}' % (
        b"true" if closing else b"false",
        instance.encode(),
        b",".join(parts),
        SCHEMA,
    )


def read(data: bytes) -> Report:
    """Read a report. Raises SlotInvalid, SketchInvalid."""
    if len(data) > MAX_BYTES:
        raise SlotInvalid("report", f"at most {MAX_BYTES} bytes")
    try:
        fields = _object("report", canonical.parse(data), _REPORT)
    except NotCanonical as error:
        raise SlotInvalid("report", f"strict JSON ({error})") from None
    if fields["schema"] != SCHEMA or type(fields["schema"]) is not int:
        raise SlotInvalid("schema", str(SCHEMA))
    closing = fields["closing"]
    if not isinstance(closing, bool):
        raise SlotInvalid("closing", "true or false")
    parts = tuple(_part(one) for one in _list("parts", fields["parts"]))
    for before, after in pairwise(parts):
        if after.number <= before.number:
            raise SlotInvalid("part", f"a number above {before.number}, that of the part before it")
    return Report(check_instance(_text("instance", fields["instance"])), parts, closing)


def _part(value: object) -> Part:
    fields = _object("part", value, _PART)
    counts = {name: _whole(name, fields[name]) for name in _COUNTS}
    return Part(
        sli=_text("sli", fields["sli"]),
        minute=_minute(_text("minute", fields["minute"])),
        number=_whole("part", fields["part"]),
        counts=Counts(
            **counts,
            thresholds=tuple(
                _text("thresholds", one) for one in _list("thresholds", fields["thresholds"])
            ),
            bad=tuple(_whole("bad", one) for one in _list("bad", fields["bad"])),
            sketch=_sketch(_text("sketch", fields["sketch"])),
        ),
        dropped=_whole("dropped", fields["dropped"]),
    )


def _sketch(text: str) -> Sketch:
    try:
        return Sketch.decode(canonical.from_base64(text))
    except NotCanonical as error:
        raise SketchInvalid(str(error)) from None


def _minute(text: str) -> int:
    if not _MINUTE.fullmatch(text):
        raise SlotInvalid("minute", "the start of a minute, as 2026-11-20T11:19:00.000000Z")
    try:
        return int(moment(text).timestamp()) // 60
    except ValueError:
        raise SlotInvalid("minute", "a moment that exists") from None


def _object(field: str, value: object, names: frozenset[str]) -> Mapping[str, object]:
    if not isinstance(value, dict) or value.keys() != names:
        raise SlotInvalid(field, f"an object of {', '.join(sorted(names))}")
    return value


def _list(field: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise SlotInvalid(field, "a list")
    return value


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise SlotInvalid(field, "text")
    return value


def _whole(field: str, value: object) -> int:
    if type(value) is not int:
        raise SlotInvalid(field, "a whole number")
    return value
