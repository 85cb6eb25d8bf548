"""Ids: prefixed, random, in the order of their time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.values.ids import (
    HANDLE,
    HEX_DIGEST,
    LABEL,
    MODEL_NAME,
    NAME,
    REFERENCE,
    TAG,
    Label,
    ModelName,
    new_id,
    version_name,
)

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1))  # noqa: DTZ001


def test_an_id_is_a_prefix_and_26_characters_of_crockford() -> None:
    assert re.fullmatch(r"req_[0-9A-HJKMNP-TV-Z]{26}", new_id("req", START))


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id("req", START) for _ in range(1_000)}) == 1_000


@given(one=MOMENTS, other=MOMENTS)
def test_ids_come_in_the_order_of_their_milliseconds(one: datetime, other: datetime) -> None:
    first, second = sorted((one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)))
    if second - first >= timedelta(milliseconds=1):
        assert new_id("req", first)[:14] <= new_id("req", second)[:14]
        assert new_id("req", first) < new_id("req", second)


def test_a_version_is_named_by_its_model_and_label() -> None:
    assert version_name(ModelName("churn"), Label("1.0")) == "churn@1.0"


@pytest.mark.parametrize("form", [MODEL_NAME, LABEL, HANDLE, NAME, TAG, REFERENCE, HEX_DIGEST])
@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "\n", "a\0", "é", "a/b\n", "x" * 129])
def test_no_form_takes_spaces_controls_or_what_is_too_long(
    form: re.Pattern[str], text: str
) -> None:
    assert form.fullmatch(text) is None


@pytest.mark.parametrize("form", [MODEL_NAME, LABEL, HANDLE, NAME])
@pytest.mark.parametrize("text", ["/", "..", "../x", "a/b", "-a", ".a", "a@b:c", "%2e"])
def test_names_are_no_paths(form: re.Pattern[str], text: str) -> None:
    assert form.fullmatch(text) is None


def test_at_separates_model_and_label_in_one_way_alone() -> None:
    assert MODEL_NAME.fullmatch("a@b") is None
    assert LABEL.fullmatch("a@b") is None
