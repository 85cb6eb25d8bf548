"""Reads the body of a snapshot, in slices, and the envelope around it: JSON with one meaning, or nothing (SG-16).

The digest decides whose body it is; here it is only read. Raises ValueError for whatever is not such JSON, so that
`snapshot` says once what is refused and why.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final, NoReturn

from modelwarden.values.ids import HEX_DIGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

MEMBERS_A_SLICE: Final = 250
"""How many members of the body's own lists are read between two chances for other threads."""


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
    data: bytes, *, switch_reader: Callable[[Mapping[str, object]], Callable[[object], object]]
) -> Generator[None, None, dict[str, object]]:
    """Read the object that a body is, yielding now and then.

    `switch_reader` is given the members before `switches`, and returns what reads each of these: none is kept as JSON,
    since ten thousand small objects at once would set off the garbage collector of the host.

    Raises:
        ValueError: it is no such JSON, its keys are not in order, or white space stands between its members: the body
            is canonical (RFC 8785).
    """
    text = data.decode()
    decoder = json.JSONDecoder(
        object_pairs_hook=_object, parse_constant=_refuse, parse_float=_finite
    )
    found: dict[str, object] = {}
    last = ""
    at = _past(text, 0, "{")
    while text[at - 1] != "}":
        read, at = _value(decoder, text, _past(text, at, '"') - 1)
        name = str(read)
        if found and name <= last:
            raise ValueError("its keys are not in order, or one stands twice")
        last = name
        at = _past(text, at, ":")
        if text[at : at + 1] == "[" and text[at + 1 : at + 2] != "]":
            convert = switch_reader(found) if name == "switches" else None
            found[name], at = yield from _list(decoder, text, at, convert)
        else:
            found[name], at = _value(decoder, text, at)
        at = _past(text, at, ",}")
    if at != len(text):
        raise ValueError("something stands behind the body")
    return found


def _list(
    decoder: json.JSONDecoder, text: str, at: int, convert: Callable[[object], object] | None
) -> Generator[None, None, tuple[list[object], int]]:
    found: list[object] = []
    at += 1
    while text[at - 1] != "]":
        value, at = _value(decoder, text, at)
        found.append(value if convert is None else convert(value))
        at = _past(text, at, ",]")
        if len(found) % MEMBERS_A_SLICE == 0:
            yield
    return found, at


def _value(decoder: json.JSONDecoder, text: str, at: int) -> tuple[object, int]:
    try:
        return decoder.raw_decode(text, at)
    except RecursionError:
        raise ValueError("nested too deep") from None


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
