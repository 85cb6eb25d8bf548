"""Reports of slots on the wire: written by a recorder, read strictly by the server (SL-14, SL-17).

A report is one JSON object of at most 64 KB with the parts of one reporter, their numbers rising. Reading is pure: it
promises that what comes back is a valid value, and leaves keys, times and permissions to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from modelwarden.errors import NotCanonical, SketchInvalid, SlotInvalid
from modelwarden.guard import fields
from modelwarden.guard.slots import Counts, Part
from modelwarden.values import canonical
from modelwarden.values.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

MAX_BYTES: Final = 65_536
SCHEMA: Final = 1

_REPORT: Final = frozenset({"schema", "instance", "parts", "closing"})
_COUNTS: Final = ("total", "errors", "blocked", "fallbacks", "invalid")
_PART: Final = frozenset(
    {"sli", "minute", "part", "thresholds", "bad", "sketch", "dropped", *_COUNTS}
)


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
    found = fields.document(SlotInvalid, "report", data, _REPORT, max_bytes=MAX_BYTES)
    fields.whole(SlotInvalid, "schema", found["schema"], least=SCHEMA, most=SCHEMA)
    closing = found["closing"]
    if not isinstance(closing, bool):
        raise SlotInvalid("closing", "true or false")
    parts = tuple(_part(one) for one in fields.items(SlotInvalid, "parts", found["parts"]))
    for before, after in pairwise(parts):
        if after.number <= before.number:
            raise SlotInvalid("part", f"a number above {before.number}, that of the part before it")
    return Report(fields.instance(SlotInvalid, found["instance"]), parts, closing)


def _part(value: object) -> Part:
    marked = {"drilled"} if isinstance(value, dict) and value.get("drilled") else set()
    found = fields.members(SlotInvalid, "part", value, _PART | marked)
    texts, wholes = partial(_each, fields.text, found), partial(_each, fields.whole, found)
    return Part(
        sli=fields.text(SlotInvalid, "sli", found["sli"]),
        minute=fields.minute(SlotInvalid, found["minute"]),
        number=fields.whole(SlotInvalid, "part", found["part"]),
        counts=Counts(
            **{name: fields.whole(SlotInvalid, name, found[name]) for name in _COUNTS},
            drilled=fields.whole(SlotInvalid, "drilled", found.get("drilled", 0)),
            thresholds=texts("thresholds"),
            bad=wholes("bad"),
            sketch=_sketch(fields.text(SlotInvalid, "sketch", found["sketch"])),
        ),
        dropped=fields.whole(SlotInvalid, "dropped", found["dropped"]),
    )


def _each(
    of: Callable[[type[SlotInvalid], str, object], T], found: Mapping[str, object], name: str
) -> tuple[T, ...]:
    return tuple(of(SlotInvalid, name, one) for one in fields.items(SlotInvalid, name, found[name]))


def _sketch(text: str) -> Sketch:
    try:
        return Sketch.decode(canonical.from_base64(text))
    except NotCanonical as error:
        raise SketchInvalid(str(error)) from None
