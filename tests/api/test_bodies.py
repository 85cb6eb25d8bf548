"""What comes in is read strictly, and refused with the field named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.api.bodies import BODY_BYTES, DEPTH, strict_json
from modelwarden.errors import JsonInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.town import Town

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_json_of_one_meaning_is_read_as_it_is(value: object) -> None:
    assert strict_json(json.dumps(value).encode()) == value
    assert strict_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 2}}', b"NaN", b"[Infinity]", b"-Infinity", b"1e999",
        b"\xff", b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\u0000"', b'{"\\u0000": 1}', b"{", b"{} {}", b"",
        b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), b"[" * 100_000, b"9007199254740993", b"1" * 5_000,
        b"0." + b"1" * 5_000, b"'a'", b"[1,]", b"// x", b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(JsonInvalid):
        strict_json(data)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    try:
        strict_json(data)
    except JsonInvalid:
        return


def test_the_deepest_that_is_read_is_32_levels() -> None:
    assert strict_json(b"[" * DEPTH + b"]" * DEPTH)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"name": 5}, ["body.name"]),
        ({"name": "a", "risk_tier": False}, ["body.risk_tier"]),
        ({"name": "a", "risk_tier": "3"}, ["body.risk_tier"]),
        ({"name": "a", "risk_tier": 3.0}, ["body.risk_tier"]),
        ({"name": "a", "extra": 1, "tags": [1]}, ["body.extra", "body.tags.0"]),
        ({}, ["body.name"]),
        ({"name": "a", "business_purpose": "x" * 4_001}, ["body.business_purpose"]),
        ([], ["body"]),
    ],
)
def test_each_wrong_field_is_named_and_no_value_repeated(
    town: Town, body: object, fields: list[str]
) -> None:
    answer = town.call("alice", "POST", "/models", body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "request_invalid"
    assert sorted(one["field"] for one in problem["errors"]) == fields
    assert "x" * 50 not in answer.text


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("text/plain", b"{}", 415),
        ("", b"{}", 415),
        ("application/x-www-form-urlencoded", b"name=a", 415),
        ("application/json", b"{", 400),
        ("application/json", b'{"name": "a", "name": "b"}', 400),
        ("application/json; charset=utf-8", b'{"name": 5}', 422),
        ("application/vnd.modelwarden+json", b'{"name": 5}', 422),
        ("application/json", b" " * (BODY_BYTES + 1), 413),
        ("application/json", b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", 400),
    ],
)
def test_bodies_have_their_type_size_and_form(
    town: Town, kind: str, content: bytes, status: int
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = town.call("alice", "POST", "/models", headers=headers, content=content)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_without_a_length_is_cut_off_too(town: Town) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 32_768

    headers = {
        "Authorization": f"Bearer {town.tokens['alice']}",
        "Content-Type": "application/json",
    }
    answer = town.http.post("/api/governance/models", content=parts(), headers=headers)
    assert answer.status_code == 413


def test_nothing_of_a_body_is_read_before_the_caller_is_known(town: Town) -> None:
    answer = town.call(
        None, "POST", "/models", headers={"Content-Type": "text/plain"}, content=b"{"
    )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "query",
    ["?nope=1", "?limit=0", "?limit=501", "?limit=x", "?limit=1&limit=2", f"?cursor={'x' * 513}"],
)
def test_a_query_has_known_names_once_and_in_their_form(town: Town, query: str) -> None:
    assert town.call("alice", "GET", f"/models{query}").status_code == 422


def test_a_body_where_none_belongs_is_refused_but_an_empty_object_is_not(town: Town) -> None:
    path = "/users/nobody/reactivate"
    assert town.call("carol", "POST", path, {"force": True}).status_code == 422
    assert town.call("carol", "POST", path, {}).json()["code"] == "illegal_move"
    assert town.call("carol", "POST", path).json()["code"] == "illegal_move"


def test_times_are_text_with_a_zone_and_never_numbers(town: Town) -> None:
    town.call("alice", "POST", "/models/register", {"model": "times", "version": "1"})
    path = "/models/times/versions/1/metrics"
    for at in (1705961234.567, "2026-11-20T11:19:40", "soon"):
        body = {"metrics": {"auc": 1}, "kind": "observed", "at": at}
        answer = town.call("alice", "POST", path, body)
        assert [one["field"] for one in answer.json()["errors"]] == ["body.at"]
    body = {"metrics": {"auc": 1}, "kind": "observed", "at": "2024-11-20T11:19:40Z"}
    assert town.call("alice", "POST", path, body).status_code == 200
    listed = town.call("alice", "GET", path).json()["items"]
    assert [one["at"] for one in listed] == ["2024-11-20T11:19:40.000000Z"]


def test_headers_have_an_end_too(town: Town) -> None:
    answer = town.call("alice", "GET", "/me", headers={"X-Long": "x" * 20_000})
    assert answer.status_code in {400, 431}


@pytest.mark.parametrize("path", ["/models/a%00b", "/models?text=a%00b"])
def test_nul_is_refused_where_a_database_could_not_keep_it(town: Town, path: str) -> None:
    assert town.call("alice", "GET", path).status_code == 422
