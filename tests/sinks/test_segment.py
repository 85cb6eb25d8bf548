"""Names of segments list in the ledger's order; locks are as long as what was asked (LG-51, LG-62)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.sinks import s3_copy
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.s3 import open_copy
from modelwarden.sinks.segment import (
    MOST_ENTRIES,
    TOGETHER,
    Lock,
    Span,
    checkpoint_key,
    key_before,
    plan_of,
    size_of,
    span_of,
    weakness,
)
from tests.sinks import archive

if TYPE_CHECKING:
    from tests.services.s3 import S3

ARABIC_ZERO = "\u0660"
NUMBERS = st.integers(0, 2**53 - 1)
AT = datetime(2040, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


@given(NUMBERS, NUMBERS)
def test_names_stand_in_the_order_of_their_entries(one: int, other: int) -> None:
    keys = [Span(one, one).key, Span(other, other).key]
    assert (keys[0] < keys[1]) == (one < other)
    assert (checkpoint_key(one) < checkpoint_key(other)) == (one < other)


@given(NUMBERS, st.integers(0, MOST_ENTRIES - 1))
def test_a_name_tells_its_range(first: int, more: int) -> None:
    span = Span(first, first + more)
    assert span_of(span.key) == span
    assert size_of(checkpoint_key(first)) == first


@given(NUMBERS, st.integers(0, MOST_ENTRIES - 1), st.integers(0, MOST_ENTRIES - 1))
def test_listing_begins_before_the_segment_that_holds_an_entry(
    first: int, more: int, into: int
) -> None:
    before = key_before(first + min(more, into))
    assert before is None or before < Span(first, first + more).key


@pytest.mark.parametrize(
    "key",
    [
        "seg/1-2.jsonl",
        f"seg/{9:020d}-{3:020d}.jsonl",
        f"seg/{0:020d}-{3:020d}.jsonl.bak",
        f"SEG/{0:020d}-{3:020d}.jsonl",
        f"seg/{ARABIC_ZERO * 20}-{3:020d}.jsonl",
        "seg/",
    ],
)
def test_what_is_no_name_of_ours_has_no_range(key: str) -> None:
    assert span_of(key) is None
    assert size_of(key) is None


def test_a_lock_reaches_thirty_days_over_what_was_asked() -> None:
    lock = plan_of(parse_address("s3://b/p?retention_days=10")).lock(AT)
    assert lock.until == datetime(2040, 2, 11, 3, 4, 5, tzinfo=UTC)
    assert lock.from_now(AT) == lock
    assert lock.from_now(AT + timedelta(days=100)).until == datetime(
        2040, 5, 11, 3, 4, 5, tzinfo=UTC
    )


LOCK = Lock(mode="GOVERNANCE", days=1, until=AT)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (None, "bucket_not_locked"),
        (Lock(mode="GOVERNANCE", days=0, until=AT - timedelta(1)), "retention_shortened"),
        (Lock(mode="GOVERNANCE", days=0, until=AT), None),
        (Lock(mode="COMPLIANCE", days=0, until=AT + timedelta(1)), None),
    ],
)
def test_a_lock_is_weak_if_it_is_shorter(found: Lock | None, code: str | None) -> None:
    weak = weakness(found, LOCK)
    assert (None if weak is None else weak.code) == code


def test_governance_is_weaker_than_compliance_and_a_hold_must_be_there() -> None:
    strict = Lock(mode="COMPLIANCE", days=1, until=AT)
    held = Lock(mode="GOVERNANCE", days=1, until=AT, legal_hold=True)
    assert weakness(LOCK, strict) is not None
    assert weakness(LOCK, held) is not None
    assert weakness(held, LOCK) is None


def test_a_required_sink_looks_for_each_segment_at_once() -> None:
    plans = [plan_of(parse_address(f"s3://b/p?required={word}")) for word in ("false", "true")]
    assert [plan.together for plan in plans] == [TOGETHER, 1]


def test_a_required_sink_gathers_less() -> None:
    plans = [plan_of(parse_address(f"s3://b/p?required={word}")) for word in ("false", "true")]
    assert [(plan.seconds, plan.entries) for plan in plans] == [(60, 10_000), (15, 2_000)]


@pytest.mark.services
def test_a_far_entry_is_found_without_listing_all(s3: S3) -> None:
    bucket = s3.bucket()
    for number in range(5):
        span = Span(number * 10_000, number * 10_000 + 9_999)
        s3.put(bucket, span.key, b"x\n" * 10_000)
    copy = open_copy(parse_address(s3.address(bucket)), origin=None)
    assert sum(1 for _ in copy.lines(35_000)) == 15_000
    assert sum(1 for _ in copy.lines(49_999)) == 1
    assert sum(1 for _ in copy.lines()) == 50_000
    copy.close()


@pytest.mark.services
def test_a_listing_of_many_pages_keeps_versions_together(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.bucket()
    for number in range(7):
        for _ in range(3):
            s3.put(bucket, Span(number, number).key, b"x\n")
    s3.client.delete_object(Bucket=bucket, Key=f"ledger/{Span(3, 3).key}")
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    found = [p for p in archive.full_problems(s3.address(bucket)) if p.code == "sink_differs"]
    assert [p.seq for p in found] == list(range(7))
    assert [p.detail.partition(" has ")[2].partition(";")[0] for p in found] == [
        f"3 versions and {int(number == 3)} delete markers" for number in range(7)
    ]


@pytest.mark.services
def test_of_very_many_checkpoints_some_and_the_newest_are_read(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_copy, "NOTES", 5)
    bucket = s3.bucket()
    for size in range(1, 27):
        s3.put(bucket, checkpoint_key(size), b"%d" % size)
    copy = open_copy(parse_address(s3.address(bucket)), origin=None)
    assert [int(note) for note in copy.notes()] == [1, 5, 9, 13, 17, 21, 25, 26]
    assert list(copy.not_checked()) == ["older checkpoints: 18"]
    copy.close()
