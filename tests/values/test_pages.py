"""Pages: bounded limits, opaque cursors, and nothing that was not given out."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import CursorInvalid, FilterInvalid
from modelwarden.values.pages import MOST, Page, cursor_for, listing

KEYS = st.text(st.characters(codec="utf-8"))


@given(key=KEYS)
def test_a_cursor_gives_its_key_back(key: str) -> None:
    assert Page(cursor=cursor_for(key)).after == key


@given(number=st.integers(0, 10**18 - 1))
def test_a_cursor_of_a_number_gives_it_back(number: int) -> None:
    assert Page(cursor=cursor_for(number)).after_number == number


@pytest.mark.parametrize("limit", [0, -1, MOST + 1])
def test_limits_are_bounded(limit: int) -> None:
    with pytest.raises(FilterInvalid, match="limit"):
        Page(limit=limit)


@pytest.mark.parametrize("key", ["", "-1", "1.5", "x", "٣", "9" * 19, "1 ", "0x1"])
def test_a_cursor_of_another_list_is_no_number(key: str) -> None:
    with pytest.raises(CursorInvalid):
        _ = Page(cursor=cursor_for(key)).after_number


@pytest.mark.parametrize("cursor", ["é", "\ud800", "A", base64.urlsafe_b64encode(b"\xff").decode()])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        _ = Page(cursor=cursor).after


def test_the_first_page_begins_at_the_beginning() -> None:
    assert (Page().after, Page().after_number) == (None, None)


@pytest.mark.parametrize(("count", "goes_on"), [(0, False), (2, False), (3, True)])
def test_a_full_page_goes_on_after_its_last_item(count: int, *, goes_on: bool) -> None:
    found = listing(list(range(count)), Page(limit=3), key="last" if count else None)
    assert found.items == tuple(range(count))
    assert (found.next_cursor == cursor_for("last")) is goes_on


def test_a_list_without_keys_has_one_page() -> None:
    assert listing([1, 2, 3], Page(limit=3), key=None).next_cursor is None
