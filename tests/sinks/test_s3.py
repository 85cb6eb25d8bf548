"""Entries become segments in a bucket with Object Lock: once, in order, locked as asked, and found there (LG-51)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    BucketNotLocked,
    RetentionShortened,
    SettingInvalid,
    SinkDiffers,
    SinkUnusable,
    Unreadable,
)
from modelwarden.ledger.checkpoint import unverified_checkpoint
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.s3 import open_sink
from modelwarden.store import guard_file
from modelwarden.warden.warden import open_warden
from tests.sinks import archive
from tests.store.deeds import define, submitted

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden
    from tests.services.s3 import S3

pytestmark = pytest.mark.services


def test_every_entry_lies_in_a_segment_and_the_copy_verifies(warden: Warden, s3: S3) -> None:
    address = s3.address(bucket := s3.bucket(), segment_entries=10)
    archive.write(warden, 34)
    archive.follow(warden, address)
    assert s3.keys(bucket) == [
        f"seg/{first:020d}-{last:020d}.jsonl"
        for first, last in [(0, 9), (10, 19), (20, 29), (30, 34)]
    ]
    result = archive.verified(warden, address)
    assert (result.problems, result.size, result.uncovered) == ((), 35, 0)
    assert result.signer == warden.store.around.keyring.log_key.vkey


def test_a_segment_holds_the_lines_of_its_name(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address(bucket := s3.bucket())
    archive.write(sqlite_warden, 4)
    archive.follow(sqlite_warden, address)
    (key,) = s3.keys(bucket)
    lines = s3.read(bucket, key).splitlines()
    assert [json.loads(data)["seq"] for data in lines] == [0, 1, 2, 3, 4]


def test_a_segment_is_locked_from_its_newest_entry_on(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address(bucket := s3.bucket())
    archive.write(sqlite_warden, 2)
    archive.follow(sqlite_warden, address)
    (key,) = s3.keys(bucket)
    head = s3.head(bucket, key)
    newest = json.loads(s3.read(bucket, key).splitlines()[-1])["entry"]["at"]
    until = datetime.fromisoformat(newest) + timedelta(days=2_555 + 30)
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"].astimezone(UTC) == until.replace(microsecond=0)
    assert "ObjectLockLegalHoldStatus" not in head
    assert head["Metadata"]["retention-days"] == "2555"


def test_mode_days_and_legal_hold_are_the_address_s(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address(
        bucket := s3.bucket(), mode="GOVERNANCE", retention_days=3_650, legal_hold="true"
    )
    archive.follow(sqlite_warden, address)
    for key in (*s3.keys(bucket), *s3.keys(bucket, "checkpoint/")):
        head = s3.head(bucket, key)
        assert (head["ObjectLockMode"], head["ObjectLockLegalHoldStatus"]) == ("GOVERNANCE", "ON")
        assert head["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=3_670)
    assert archive.problems(address) == []


def test_each_segment_brings_a_checkpoint_that_it_covers(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address(bucket := s3.bucket())
    for n in range(3):
        archive.write(sqlite_warden, 5, name=f"role{n}")
        archive.follow(sqlite_warden, address)
    keys = s3.keys(bucket, "checkpoint/")
    sizes = [unverified_checkpoint(s3.read(bucket, key)).size for key in keys]
    assert sizes == [6, 11, 16]
    assert keys == [f"checkpoint/{size:020d}" for size in sizes]


def test_what_is_not_signed_yet_waits_for_the_next_segment(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address(bucket := s3.bucket())
    archive.write(sqlite_warden, 3)
    found = archive.follower(sqlite_warden, address)
    guard = sqlite_warden.settings.ledger_guard_file
    assert guard is not None
    with guard_file.held(guard):  # nobody can sign meanwhile
        for n in range(2):
            submitted(sqlite_warden, define(f"unsigned{n}"))
        found.follow_once()
    assert s3.keys(bucket) == [f"seg/{0:020d}-{3:020d}.jsonl"]
    assert found.lag() == 2


def test_two_regions_hold_the_same(sqlite_warden: Warden, s3: S3) -> None:
    one, other = s3.bucket(), s3.bucket()
    addresses = [s3.address(one, name="near"), s3.address(other, name="far", segment_entries=7)]
    archive.write(sqlite_warden, 20)
    for address in addresses:
        archive.follow(sqlite_warden, address)
        assert archive.verified(sqlite_warden, address).problems == ()
    assert len(s3.keys(one)) == 1
    assert len(s3.keys(other)) == 3


def test_a_warden_carries_entries_to_both_by_itself(tmp_path: Path, s3: S3) -> None:
    addresses = tuple(s3.address(s3.bucket(), name=name, segment_s=1) for name in ("near", "far"))
    with open_warden(f"sqlite:///{tmp_path}/w.db", sinks=addresses) as warden:
        archive.write(warden, 20)
        assert archive.caught_up(warden)
        for address in addresses:
            assert archive.verified(warden, address).problems == ()


def test_a_region_that_is_away_keeps_no_other_waiting(tmp_path: Path, s3: S3) -> None:
    near = s3.address(s3.bucket(), name="near", segment_s=1)
    far = s3.address(s3.bucket(), name="far", endpoint="http://127.0.0.1:1")
    with open_warden(f"sqlite:///{tmp_path}/w.db", sinks=(far, near)) as warden:
        archive.write(warden, 20)
        away, there = (each.follower for each in warden.sinks)
        assert archive.happens(lambda: there.lag() == 0)
        assert archive.happens(lambda: isinstance(away.failing, SinkUnusable))
        assert away.lag() == 21


def test_reading_begins_at_the_right_segment(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address(s3.bucket(), segment_entries=10)
    archive.write(sqlite_warden, 44)
    archive.follow(sqlite_warden, address)
    assert archive.numbers(address, 23) == list(range(23, 45))
    assert archive.numbers(address, 40) == list(range(40, 45))
    assert archive.numbers(address, 45) == []
    assert archive.problems(address, 23) == []


def test_large_entries_fill_a_segment_before_many_do(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address(bucket := s3.bucket(), segment_mb=1)
    archive.write_large(sqlite_warden, 100)
    archive.follow(sqlite_warden, address)
    assert len(s3.keys(bucket)) == 3
    assert archive.verified(sqlite_warden, address).problems == ()


def test_a_bucket_without_object_lock_is_refused(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address(bucket := s3.bucket(locked=False))
    with pytest.raises(BucketNotLocked, match="has no Object Lock"):
        archive.follow(sqlite_warden, address)
    with pytest.raises(BucketNotLocked):
        archive.sink(sqlite_warden, address).probe()
    assert s3.keys(bucket) == []


def test_a_bucket_that_is_not_there_is_an_error(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address("nowhere")
    with pytest.raises(SinkUnusable, match="NoSuchBucket"):
        archive.follow(sqlite_warden, address)
    with pytest.raises(Unreadable, match="NoSuchBucket"):
        archive.numbers(address)


def test_an_empty_bucket_has_no_lines(s3: S3) -> None:
    assert archive.numbers(s3.address(s3.bucket())) == []


def test_settings_that_would_lock_for_less_long_are_refused(sqlite_warden: Warden, s3: S3) -> None:
    bucket = s3.bucket()
    archive.follow(sqlite_warden, s3.address(bucket))
    archive.write(sqlite_warden, 1)
    for less in ({"retention_days": 30}, {"mode": "GOVERNANCE"}):
        with pytest.raises(RetentionShortened, match="is less"):
            archive.follow(sqlite_warden, s3.address(bucket, **less))
    assert len(s3.keys(bucket)) == 1
    address = s3.address(bucket, retention_days=3_650)
    archive.follow(sqlite_warden, address)
    assert len(s3.keys(bucket)) == 2
    assert archive.problems(address) == []


def test_another_bucket_under_the_same_name_is_refused(sqlite_warden: Warden, s3: S3) -> None:
    archive.follow(sqlite_warden, s3.address(s3.bucket()))
    archive.write(sqlite_warden, 1)
    with pytest.raises(SinkDiffers, match="is another bucket"):
        archive.follow(sqlite_warden, s3.address(s3.bucket()))


def test_another_ledger_s_prefix_is_never_written_to(
    sqlite_warden: Warden, tmp_path: Path, s3: S3
) -> None:
    address = s3.address(bucket := s3.bucket())
    with open_warden(f"sqlite:///{tmp_path}/other.db") as other:
        archive.write(other, 2)
        archive.follow(other, address)
    archive.write(sqlite_warden, 5)
    with pytest.raises(SinkDiffers, match="another ledger wrote there"):
        archive.follow(sqlite_warden, address)
    assert len(s3.keys(bucket)) == 1


def test_probe_says_what_is_there_and_writes_nothing(sqlite_warden: Warden, s3: S3) -> None:
    address = s3.address(bucket := s3.bucket(), legal_hold="true")
    found = archive.sink(sqlite_warden, address).probe()
    assert found == f"bucket {bucket}: Object Lock, COMPLIANCE for 2,555 days, legal hold"
    assert s3.keys(bucket, "") == []


@pytest.mark.parametrize(
    "text",
    [
        "s3:///prefix",
        "s3://b/p?mode=NONE",
        "s3://b/p?legal_hold=maybe",
        "s3://b/p?retention_days=0",
        "s3://b/p?retention_days=99999",
        "s3://b/p?retention_days=-1",
        "s3://b/p?segment_entries=10001",
        "s3://b/p?segment_mb=17",
        "s3://b/p?endpoint=http://far.example",
        "s3://b/p?endpoint=https://ada:secret@far.example",
        "s3://b/p?secret_key=hunter2",
        "s3://b/p?required=true&segment_s=60",
        "s3://b/p?profile=nobody",
    ],
)
def test_an_address_that_can_t_work_is_refused(sqlite_warden: Warden, s3: S3, text: str) -> None:
    del s3  # its environment alone
    with pytest.raises(SettingInvalid) as found:
        open_sink(parse_address(text), sqlite_warden.store)
    assert "hunter2" not in str(found.value)
    assert ":secret@" not in str(found.value)
