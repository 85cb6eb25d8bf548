"""The JSON of an answer becomes the same dataclass that the embedded SDK returns, by its field types alone.

Unknown members are left out, so that an older client reads a newer server. What has another form than its type is
`answer_malformed`: something other than Modelwarden may have answered.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from modelwarden.errors import AnswerMalformed
from modelwarden.values.pages import Listing

A = TypeVar("A")
Reader: TypeAlias = Callable[[Any], Any]


def decode(shape: type[A], value: object) -> A:
    """Return the value as this dataclass. Raises AnswerMalformed."""
    try:
        return cast("A", _reader(cast("Any", shape))(value))
    except (TypeError, ValueError, KeyError) as error:
        raise AnswerMalformed(
            f"the answer is not a {getattr(shape, '__name__', shape)}: {error}; is this the address of"
            " a Modelwarden server, and of a release like this one?"
        ) from error


def decode_page(shape: type[A], value: object) -> Listing[A]:
    """Return one page of a list. Raises AnswerMalformed."""
    if not isinstance(value, Mapping) or not isinstance(value.get("items"), list):
        raise AnswerMalformed("the answer is no page of a list; is this a Modelwarden server?")
    return Listing(
        tuple(decode(shape, each) for each in value["items"]),
        value.get("next_cursor"),
        value.get("indexed_to"),
    )


def decode_all(shape: type[A], value: object) -> tuple[A, ...]:
    """Return all items of a list that has no pages. Raises AnswerMalformed."""
    found = value.get("items") if isinstance(value, Mapping) else value
    if not isinstance(found, list):
        raise AnswerMalformed("the answer is no list; is this a Modelwarden server?")
    return tuple(decode(shape, each) for each in found)


@cache
def _reader(kind: Any) -> Reader:  # noqa: ANN401  # a type, or one of the forms of typing
    """Return the function that reads values of this type; made once for each type."""
    inner = get_args(kind)
    match get_origin(kind):
        case origin if origin in {Union, types.UnionType}:
            return _optional_reader(inner)
        case origin if origin is tuple:
            return _tuple_reader(inner)
        case origin if origin is list:
            each = _reader(inner[0])
            return lambda value: [each(item) for item in _plain(value, kind=list)]
        case origin if origin is Mapping:
            return partial(_mapping, read=_reader(inner[1]))
        case _:
            return (
                _dataclass_reader(cast("type", kind))
                if is_dataclass(kind)
                else _single_reader(kind)
            )


def _single_reader(kind: Any) -> Reader:  # noqa: ANN401  # a type, or Any
    if kind is Any:
        return lambda value: value
    if kind is datetime:
        return lambda value: datetime.fromisoformat(value).astimezone(UTC)
    return partial(_plain, kind=kind)


def _dataclass_reader(kind: type) -> Reader:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    optional = {field.name for field in fields(kind) if field.default is not MISSING}

    def read(value: Any) -> object:  # noqa: ANN401  # JSON
        _plain(value, kind=dict)
        present = [name for name in readers if name in value or name not in optional]
        return kind(**{name: readers[name](value[name]) for name in present})

    return read


def _optional_reader(inner: tuple[Any, ...]) -> Reader:
    (kind,) = [each for each in inner if each is not types.NoneType]
    read = _reader(kind)
    return lambda value: None if value is None else read(value)


def _tuple_reader(inner: tuple[Any, ...]) -> Reader:
    if len(inner) > 1 and inner[1] is not Ellipsis:
        readers = [_reader(each) for each in inner]
        return lambda value: tuple(read(v) for read, v in zip(readers, value, strict=True))
    read = _reader(inner[0])
    return lambda value: tuple(read(each) for each in _plain(value, kind=list))


def _mapping(value: Any, *, read: Reader) -> dict[str, Any]:  # noqa: ANN401  # JSON
    return {key: read(item) for key, item in _plain(value, kind=dict).items()}


def _plain(value: Any, *, kind: type) -> Any:  # noqa: ANN401  # JSON
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected, {type(value).__name__} found")
    return value
