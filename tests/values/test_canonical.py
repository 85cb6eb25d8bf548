"""Canonical JSON: the same bytes as RFC 8785, and nothing that has two meanings."""

from __future__ import annotations

import base64
import math
import struct
from enum import Enum, IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Self

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import NotCanonical
from modelwarden.values import canonical
from modelwarden.values.canonical import digest, encode, encode_any, from_base64, parse

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
NARROW = st.recursive(
    TEXT | INTEGERS | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WIDE = st.recursive(
    TEXT | INTEGERS | st.booleans() | st.none() | FLOATS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)
ANYTHING = st.recursive(
    st.text(max_size=4) | st.integers() | st.floats() | st.none() | st.booleans() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(KEYS | st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


class Outcome(StrEnum):
    DONE = "done"


class Level(IntEnum):
    HIGH = 3


class Shade(Enum):
    RED = "red"


class Odd(StrEnum):
    ONE = "one"

    def __new__(cls, value: str) -> Self:
        member = str.__new__(cls, value.upper())
        member._value_ = value
        return member


class Name(str):
    __slots__ = ()


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@given(NARROW)
def test_an_entry_is_rfc_8785_by_another_hand(value: object) -> None:
    assert encode(value) == rfc8785.dumps(value) == encode_any(value)


@given(WIDE)
def test_any_value_is_rfc_8785_by_another_hand(value: object) -> None:
    assert encode_any(value) == rfc8785.dumps(value)


@given(st.integers(0, 2**64 - 1))
def test_any_bit_pattern_of_a_float_is_written_as_ecmascript_does(bits: int) -> None:
    (value,) = struct.unpack(">d", bits.to_bytes(8, "big"))
    if math.isfinite(value):
        written = encode_any(value)
        assert written == rfc8785.dumps(value)
        assert float(written) == value


@pytest.mark.parametrize(
    ("bits", "written"),
    [  # RFC 8785, appendix B
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_floats_of_rfc_8785_appendix_b(bits: str, written: str) -> None:
    assert encode_any(struct.unpack(">d", bytes.fromhex(bits))[0]).decode() == written


def test_keys_are_sorted_by_utf_16_code_units() -> None:
    # RFC 8785 §3.2.3: U+1F600 comes before U+FB33, though its code point is larger.
    assert encode_any({"\ufb33": 1, "\U0001f600": 2, "1": 3, "\r": 4}).decode() == (
        '{"\\r":4,"1":3,"\U0001f600":2,"\ufb33":1}'
    )


@pytest.mark.parametrize("write", [encode, encode_any])
@given(value=ANYTHING)
def test_both_encoders_accept_the_same_and_write_the_same(
    write: Callable[[object], bytes], value: object
) -> None:
    def outcome() -> bytes | str:
        try:
            return write(value)
        except NotCanonical as error:
            return str(error)

    quick = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "_HAS_ORJSON", False)  # a machine without it
        assert outcome() == quick


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"fact": {"ratio": 0.5}}, "$.fact.ratio: float has no canonical form here"),
        ({"fact": [1, float("nan")]}, "$.fact[1]: float has no canonical form here"),
        ({"a": None}, "$.a: NoneType has no canonical form here"),
        ({"a": 2**53}, "$.a: an integer beyond 2^53 - 1; write it as text"),
        ({"a": -(2**53)}, "$.a: an integer beyond 2^53 - 1; write it as text"),
        ({"a": ["\ud800"]}, "$.a[0]: a lone surrogate"),
        ({"a": {"B": 1}}, "$.a: a key is not of the form [a-z][a-z0-9_]*"),
        ({"a,b": 1}, "$: a key is not of the form [a-z][a-z0-9_]*"),
        ({"a\n": 1}, "$: a key is not of the form [a-z][a-z0-9_]*"),
        ({"": 1}, "$: a key is not of the form [a-z][a-z0-9_]*"),
        ({1: 1}, "$: a key is not of the form [a-z][a-z0-9_]*"),
        ({Name("a"): 1}, "$: a key is not of the form [a-z][a-z0-9_]*"),
        ({"a": b"x"}, "$.a: bytes has no canonical form here"),
        ({"a": {1}}, "$.a: set has no canonical form here"),
        ({"a": Level.HIGH}, "$.a: Level has no canonical form here"),
        ({"a": Shade.RED}, "$.a: Shade has no canonical form here"),
        ({"a": Odd.ONE}, "$.a: Odd has no canonical form here"),
        ({"a": Name("x")}, "$.a: Name has no canonical form here"),
        (1.0, "$: float has no canonical form here"),
    ],
)
def test_what_has_no_canonical_form_is_named_by_its_path(value: object, message: str) -> None:
    with pytest.raises(NotCanonical) as caught:
        encode(value)
    assert str(caught.value) == message


def test_a_cached_key_does_not_let_a_subclass_of_str_pass() -> None:
    assert encode({"cached_key": 1}) == b'{"cached_key":1}'
    with pytest.raises(NotCanonical):
        encode({Name("cached_key"): 1})


def test_text_enums_are_text_and_tuples_are_lists() -> None:
    assert encode({"outcome": Outcome.DONE, "about": ("a", "b")}) == (
        b'{"about":["a","b"],"outcome":"done"}'
    )


def test_depth_sixteen_is_allowed_and_seventeen_is_not() -> None:
    assert encode(nested(16)) == b"[" * 16 + b"1" + b"]" * 16
    with pytest.raises(NotCanonical, match="nested deeper than 16"):
        encode(nested(17))
    with pytest.raises(NotCanonical, match="nested deeper than 16"):
        encode([*[0] * 3, nested(16)])


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for write in (encode, encode_any):
        with pytest.raises(NotCanonical, match="nested deeper"):
            write(loop)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), 2**53, "\udfff", {"\ud800": 1}, {1: 2}, b""],
)
def test_encode_any_refuses_what_json_cannot_hold(value: object) -> None:
    with pytest.raises(NotCanonical):
        encode_any([value])


def test_digest_is_the_hash_of_the_bytes() -> None:
    expected = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    assert digest({"a": 1}) == expected


@given(WIDE)
def test_parse_reads_back_what_was_written(value: object) -> None:
    written = encode_any(value)
    assert encode_any(parse(written, floats=True)) == written


@given(NARROW)
def test_entries_are_read_without_floats(value: object) -> None:
    assert parse(encode(value)) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'[{"a":{"b":1,"b":2}}]',
        b'{"a":1,"\\u0061":2}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1.5",
        b"1e2",
        b"9007199254740992",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b"",
        b"{} {}",
        b"{'a':1}",
        b'["a",]',
        b'"\x01"',
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
    ],
)
def test_parse_refuses_what_has_no_one_meaning(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse(data)


def test_parse_refuses_a_float_that_overflows() -> None:
    assert parse(b"[1.5,1e2]", floats=True) == [1.5, 100.0]
    with pytest.raises(NotCanonical):
        parse(b"1e999", floats=True)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789aeE+-.\\u nul').map(str.encode))
def test_parse_answers_or_refuses_whatever_comes(data: bytes) -> None:
    try:
        value = parse(data, floats=True)
    except NotCanonical:
        return
    assert parse(encode_any(value), floats=True) == value


@given(st.binary(max_size=40))
def test_base64_has_one_form(data: bytes) -> None:
    assert from_base64(base64.b64encode(data).decode()) == data


@given(st.text("AQRgw/+=\n é-", max_size=10), st.binary(max_size=9), st.integers(0, 14))
def test_base64_is_read_where_it_is_written_so(more: str, written: bytes, place: int) -> None:
    """Something is put between what `b64encode` wrote: it is read only if it is again what that writes."""
    encoded = base64.b64encode(written).decode()
    text = encoded[:place] + more + encoded[place:]
    try:
        data = from_base64(text)
    except NotCanonical:
        try:
            data = base64.b64decode(text, validate=True)
        except ValueError:
            return
        assert base64.b64encode(data).decode() != text
    else:
        assert base64.b64encode(data).decode() == text


@pytest.mark.parametrize(
    "text",
    ["QQ", "QR==", "QQ= =", "QQ==\n", "_-8=", "Q", "QQ===", "é", "QUJD=", "QUJD==", "QQ==QQ=="],
)
def test_other_base64_is_refused(text: str) -> None:
    with pytest.raises(NotCanonical):
        from_base64(text)
