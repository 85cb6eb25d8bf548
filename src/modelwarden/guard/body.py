"""Reads the body of a snapshot, in slices, and the envelope around it: JSON with one meaning, or nothing (SG-16).

The digest decides whose body it is; here it is only read. Raises ValueError for whatever is not such JSON, so that
`snapshot` says once what is refused and why.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, NoReturn

from modelwarden.guard.reread import CHARACTERS_A_SLICE, NOTHING, reading_switches
from modelwarden.values.ids import HEX_DIGEST

if TYPE_CHECKING:
    from collections.abc import Generator

    from modelwarden.guard.reread import Reread, Scan


def read_json(data: bytes) -> object:
    """Read JSON. Raises ValueError: bad UTF-8, a key twice, NaN, infinity, nesting beyond what can be read."""
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def reading_body(
    data: bytes, *, before: Reread = NOTHING
) -> Generator[None, None, tuple[dict[str, object], Reread | None]]:
    """Read the object that a body is, yielding now and then; its `switches` are returned beside it, read.

    No switch is kept as JSON: ten thousand small objects at once would set off the garbage collector of the host.
    `before` is what was read of the body before this one. None stands for a body whose `switches` are no list.

    Raises:
        ValueInvalid: one of its switches is none.
        ValueError: it is no such JSON, its keys are not in order, or white space stands between its members: the body
            is canonical (RFC 8785).
    """
    text = data.decode()
    scan = _scanner()
    found: dict[str, object] = {}
    switches: Reread | None = None
    last = ""
    at = _past(text, 0, "{")
    while text[at - 1] != "}":
        read, at = scan(text, _past(text, at, '"') - 1)
        name = str(read)
        if found and name <= last:
            raise ValueError("its keys are not in order, or one stands twice")
        last = name
        at = _past(text, at, ":")
        is_list = text[at : at + 1] == "["
        if name == "switches" and is_list:
            begin = at + 1 if text[at + 1 : at + 2] != "]" else at + 2
            switches, at = yield from reading_switches(
                scan, text, begin, configured=found.get("dimensions", []), before=before
            )
            found[name] = None
        elif is_list and text[at + 1 : at + 2] != "]":
            found[name], at = yield from _list(scan, text, at + 1)
        else:
            found[name], at = scan(text, at)
        at = _past(text, at, ",}")
    if at != len(text):
        raise ValueError("something stands behind the body")
    return found, switches


def _list(scan: Scan, text: str, at: int) -> Generator[None, None, tuple[list[object], int]]:
    found: list[object] = []
    since = at
    while text[at - 1] != "]":
        value, at = scan(text, at)
        found.append(value)
        at = _past(text, at, ",]")
        if at - since > CHARACTERS_A_SLICE:
            since = at
            yield
    return found, at


def _scanner() -> Scan:
    """Return what reads one value at a place. It raises ValueError, as for one that is nested too deep."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_object, parse_constant=_refuse, parse_float=_finite
    )

    def scan(text: str, at: int) -> tuple[object, int]:
        try:
            return decoder.raw_decode(text, at)
        except RecursionError:
            raise ValueError("nested too deep") from None

    return scan


def _past(text: str, at: int, one_of: str) -> int:
    found = text[at : at + 1]
    if not found or found not in one_of:
        raise ValueError(f"expected one of {one_of} at {at}")
    return at + 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that is not finite")
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def digests_in(raw: object) -> frozenset[str]:
    """Return digests; what is none drops nothing."""
    given = raw if isinstance(raw, list) else ()
    return frozenset(one for one in given if isinstance(one, str) and HEX_DIGEST.fullmatch(one))
