"""The only bytes we hash or sign: canonical JSON (RFC 8785), read and written strictly (LG-3).

`encode` is the narrowed form of ledger entries: no floats, no nulls, plain keys. `encode_any` is
the whole of RFC 8785, for signed statements and other formats. How large a value may be is the
caller's to decide.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import math
import re
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final, NoReturn

from modelwarden.errors import NotCanonical

if TYPE_CHECKING:
    from collections.abc import Iterable

try:
    import orjson
except ImportError:  # speed alone: the tests hold both encoders to the same bytes
    _HAS_ORJSON = False
else:
    _HAS_ORJSON = True

MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader holds exactly (RFC 7493 §2.2)."""

MAX_DEPTH: Final = 16
"""How deep the objects and lists of an entry may nest."""

MAX_DEPTH_ANY: Final = 64
"""How deep those of any other value may nest."""

_KEY: Final = re.compile(r"[a-z][a-z0-9_]*")
_Path = tuple[str | int, ...]


def encode(value: object) -> bytes:
    """Return the canonical bytes of an entry's value. Raises NotCanonical, naming the path."""
    if not _HAS_ORJSON:
        _check(value, ())
        return _encode_plainly(value)
    if not _is_plain((value,), 0):
        _check(value, ())
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a lone surrogate, which the quick walk leaves to the encoder
        _check(value, ())
        raise NotCanonical("$: the value cannot be written as JSON") from None


def encode_any(value: object) -> bytes:
    """Return the RFC 8785 bytes of any JSON value, also floats and null. Raises NotCanonical."""
    if _HAS_ORJSON and _is_common((value,), 0):
        with contextlib.suppress(TypeError):  # a lone surrogate: the walk below names its path
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    parts: list[str] = []
    _write(value, (), parts)
    return "".join(parts).encode()


def digest(value: object) -> str:
    """Return the hex SHA-256 of the canonical bytes of an entry's value. Raises NotCanonical."""
    return hashlib.sha256(encode(value)).hexdigest()


def parse(data: bytes, *, floats: bool = False) -> object:
    """Read JSON that has only one meaning; what is returned, `encode_any` can write.

    White space and the order of keys are free. Raises NotCanonical for bad UTF-8, duplicate keys,
    NaN, Infinity, lone surrogates, integers beyond 2^53 - 1, nesting deeper than 64, and floats
    unless asked for.
    """
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse_number,
            parse_float=float if floats else _refuse_number,
            parse_int=_wide_integer if floats else int,
        )
    except (ValueError, RecursionError) as error:  # JSON, UTF-8, or a limit of the interpreter
        raise NotCanonical(f"$: not strict JSON ({type(error).__name__})") from None
    encode_any(value)
    return value


def from_base64(text: str) -> bytes:
    """Decode standard base64 written in its one canonical way (LG-24). Raises NotCanonical."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        raise NotCanonical("not standard base64") from None
    if len(text) != (len(data) + 2) // 3 * 4:
        raise NotCanonical("base64 that is not canonical: padding that pads nothing")
    odd = len(data) % 3  # of text that is as long, the last character alone can be another
    if odd and base64.b64encode(data[-odd:]).decode() != text[-4:]:
        raise NotCanonical("base64 that is not canonical: unused bits are set")
    return data


def _is_plain(values: Iterable[object], depth: int) -> bool:
    """Say quickly that all is well; on False `_check` decides. Text is left to the encoder."""
    if depth > MAX_DEPTH:
        return False
    for value in values:
        kind = type(value)
        if kind is str or kind is bool:
            continue
        if kind is int:
            plain = -MAX_INTEGER <= value <= MAX_INTEGER  # type: ignore[operator]
        elif kind is dict:
            plain = _are_keys(tuple(value)) and _is_plain(value.values(), depth + 1)  # type: ignore[arg-type, attr-defined]
        else:
            plain = (kind is list or kind is tuple) and _is_plain(value, depth + 1)  # type: ignore[arg-type]
        if not plain:
            return False
    return True


def _is_common(values: Iterable[object], depth: int) -> bool:
    """Say quickly that orjson writes all of it as RFC 8785 wants: no floats, and keys of ASCII, which sort alike."""
    if depth > MAX_DEPTH:
        return False
    for value in values:
        kind = type(value)
        if kind is str or kind is bool or value is None:
            continue
        if kind is int:
            common = -MAX_INTEGER <= value <= MAX_INTEGER  # type: ignore[operator]
        elif kind is dict:
            common = all(type(key) is str and key.isascii() for key in value)  # type: ignore[attr-defined]
            common = common and _is_common(value.values(), depth + 1)  # type: ignore[attr-defined]
        else:
            common = (kind is list or kind is tuple) and _is_common(value, depth + 1)  # type: ignore[arg-type]
        if not common:
            return False
    return True


@lru_cache(maxsize=4096)  # facts have few shapes: looking one up costs a tenth of matching its keys
def _are_keys(keys: tuple[object, ...]) -> bool:
    return all(type(key) is str and _KEY.fullmatch(key) for key in keys)


def _check(value: object, path: _Path) -> None:
    """Walk the value as LG-3 says, whatever the encoder would do. Raises NotCanonical."""
    if len(path) >= MAX_DEPTH and isinstance(value, dict | list | tuple):
        _refuse(path, f"nested deeper than {MAX_DEPTH}")
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str or _KEY.fullmatch(key) is None:
                _refuse(path, f"a key is not of the form {_KEY.pattern}")
            _check(item, (*path, key))
    elif type(value) is list or type(value) is tuple:
        for index, item in enumerate(value):
            _check(item, (*path, index))
    else:
        _check_scalar(value, path)


def _check_scalar(value: object, path: _Path) -> None:
    if type(value) is str or (isinstance(value, StrEnum) and str.__eq__(value, value.value)):
        _check_text(value, path)
    elif type(value) is int:
        _check_integer(value, path)
    elif type(value) is not bool:
        _refuse(path, f"{type(value).__name__} has no canonical form here")


def _check_text(value: str, path: _Path) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(path, "a lone surrogate")


def _check_integer(value: int, path: _Path) -> None:
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        _refuse(path, "an integer beyond 2^53 - 1; write it as text")


def _encode_plainly(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _write(value: object, path: _Path, parts: list[str]) -> None:
    if len(path) >= MAX_DEPTH_ANY and isinstance(value, dict | list | tuple):
        _refuse(path[:MAX_DEPTH], f"nested deeper than {MAX_DEPTH_ANY}")
    if isinstance(value, dict):
        _write_object(value, path, parts)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            parts.append("," if index else "[")
            _write(item, (*path, index), parts)
        parts.append("]" if value else "[]")
    else:
        parts.append(_scalar(value, path))


def _write_object(value: dict[object, object], path: _Path, parts: list[str]) -> None:
    keys: list[str] = []
    for key in value:
        if not isinstance(key, str):
            _refuse(path, "a key is not text")
        _check_text(key, path)
        keys.append(key)
    # RFC 8785 §3.2.3: by UTF-16 code units, which differs from code points past U+FFFF.
    keys.sort(key=lambda key: key.encode("utf-16-be"))
    for index, key in enumerate(keys):
        parts.append(("," if index else "{") + encode_basestring(key) + ":")
        _write(value[key], (*path, key), parts)
    parts.append("}" if keys else "{}")


def _scalar(value: object, path: _Path) -> str:
    if isinstance(value, str):
        _check_text(value, path)
        return encode_basestring(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        _check_integer(value, path)
        return int.__repr__(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            _refuse(path, "a number that is not finite")
        return _number(value)
    return _refuse(path, f"{type(value).__name__} has no canonical form")


def _number(value: float) -> str:
    """Write a finite float as ECMAScript does (ECMA-262 §6.1.6.1.20; RFC 8785 §3.2.2.3)."""
    if value < 0:
        return "-" + _number(-value)
    # The shortest digits that read back the same are Python's too; only the layout differs.
    _, numerals, exponent = Decimal(float.__repr__(value)).as_tuple()
    written = "".join(map(str, numerals))
    digits = written.rstrip("0") or "0"
    point = len(written) + int(exponent) if value else 1  # digits stand before this position
    if len(digits) <= point <= 21:  # noqa: PLR2004
        return digits.ljust(point, "0")
    if 0 < point <= 21:  # noqa: PLR2004
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:  # noqa: PLR2004
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotCanonical("$: a key stands twice in one object")
    return value


def _wide_integer(text: str) -> int | float:
    """Read an integer, or a float that canonical JSON writes without point and exponent."""
    if -MAX_INTEGER <= (number := int(text)) <= MAX_INTEGER:
        return number
    return number if _number(float(text)) != text else float(text)


def _refuse_number(text: str) -> NoReturn:
    raise NotCanonical(f"$: the number {text[:40]} is not allowed here")


def _refuse(path: _Path, problem: str) -> NoReturn:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    raise NotCanonical(f"${''.join(steps)}: {problem}")
