"""Answers read from JSON are those of the embedded SDK, whatever else the server sends along."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from modelwarden.cli.screen import plain
from modelwarden.client.decode import decode, decode_all, decode_page
from modelwarden.errors import AnswerMalformed
from modelwarden.values import answers
from modelwarden.values.answers import GateAnswer, ModelAnswer, ReasonAnswer, TokenAnswer

SHAPES = [kind for kind in vars(answers).values() if dataclasses.is_dataclass(kind)]
NOW = datetime(2026, 11, 20, 11, 19, 40, 123456, tzinfo=UTC)


def sample(kind: Any) -> Any:  # noqa: ANN401  # any type
    """Return some value of a type."""
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{field.name: sample(hints[field.name]) for field in dataclasses.fields(kind)})
    inner = get_args(kind)
    if get_origin(kind) is UnionType:
        return sample(next(each for each in inner if each is not NoneType))
    if get_origin(kind) is tuple:
        return tuple(sample(each) for each in inner if each is not Ellipsis)
    if get_origin(kind) is list:
        return [sample(inner[0])]
    if get_origin(kind) is Mapping:
        return {"name": sample(inner[1])}
    return {str: "words", int: 7, bool: True, float: 0.5, datetime: NOW, Any: [1, {"a": None}]}[
        kind
    ]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda kind: kind.__name__)
def test_every_answer_survives_the_wire(shape: type) -> None:
    value = sample(shape)
    assert decode(shape, json.loads(json.dumps(plain(value)))) == value


def test_unknown_members_are_left_out() -> None:
    found = decode(ReasonAnswer, {"code": "a", "detail": "b", "of_tomorrow": 1})
    assert found == ReasonAnswer(code="a", detail="b")


def test_a_missing_member_with_a_default_takes_it() -> None:
    given = plain(sample(TokenAnswer))
    del given["secret"]
    assert decode(TokenAnswer, given).secret is None


@pytest.mark.parametrize(
    "given",
    [
        None, [], "text", {}, {"code": 1, "detail": "b"}, {"code": "a"}, {"code": "a", "detail": None},
    ],
)  # fmt: skip
def test_another_form_is_told(given: object) -> None:
    with pytest.raises(AnswerMalformed):
        decode(ReasonAnswer, given)


@pytest.mark.parametrize("at", [1, "yesterday", ""])
def test_a_time_has_to_be_one(at: object) -> None:
    with pytest.raises(AnswerMalformed):
        decode(ModelAnswer, plain(sample(ModelAnswer)) | {"registered_at": at})


def test_a_number_is_no_boolean() -> None:
    with pytest.raises(AnswerMalformed):
        decode(GateAnswer, plain(sample(GateAnswer)) | {"allow": 1})


def test_a_page_has_items_and_a_cursor() -> None:
    reason = {"code": "a", "detail": "b"}
    page = decode_page(ReasonAnswer, {"items": [reason], "next_cursor": "c"})
    assert (page.items, page.next_cursor) == ((ReasonAnswer(**reason),), "c")
    assert decode_all(ReasonAnswer, [reason]) == page.items
    assert decode_all(ReasonAnswer, {"items": [reason]}) == page.items


@pytest.mark.parametrize("given", [None, [], {}, {"items": None}])
def test_what_is_no_page_is_told(given: object) -> None:
    with pytest.raises(AnswerMalformed):
        decode_page(ReasonAnswer, given)
    with pytest.raises(AnswerMalformed):
        decode_all(ReasonAnswer, {"items": None})
