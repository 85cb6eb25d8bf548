"""Somebody with rights to the bucket, or before it, changes what lies there: each thing is found and named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SinkDiffers
from modelwarden.ledger.checkpoint import Checkpoint, sign_note
from modelwarden.ledger.keys import LogKey
from modelwarden.sinks.opening import open_sinks
from modelwarden.sinks.segment import MOST_BYTES, Span, checkpoint_key
from modelwarden.sinks.upkeep import Upkeep
from tests.sinks import archive
from tests.store.deeds import bodies

if TYPE_CHECKING:
    from modelwarden.warden.warden import Warden
    from tests.services.s3 import S3

pytestmark = pytest.mark.services


def _filled(warden: Warden, s3: S3, **options: object) -> tuple[str, str]:
    """Fill a bucket with three segments of ten entries; return it with its address."""
    bucket = s3.bucket()
    address = s3.address(bucket, segment_entries=10, **options)
    archive.write(warden, 29)
    archive.follow(warden, address)
    assert archive.problems(address) == []
    return bucket, address


def test_a_version_on_top_is_named_and_the_oldest_is_read(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    s3.put(bucket, Span(10, 19).key, b"forged\n")
    assert archive.problems(address) == [("sink_differs", 10)]
    found = archive.verified(sqlite_warden, address)
    assert [(p.code, p.seq) for p in found.problems] == [("sink_differs", 10)]
    assert archive.numbers(address) == list(range(30))


def test_a_delete_marker_hides_nothing(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    s3.client.delete_object(Bucket=bucket, Key=f"ledger/{Span(20, 29).key}")
    assert archive.problems(address) == [("sink_differs", 20)]
    assert archive.numbers(address) == list(range(30))


def _destroy(s3: S3, bucket: str, key: str) -> None:
    s3.client.delete_object(
        Bucket=bucket,
        Key=f"ledger/{key}",
        VersionId=s3.oldest(bucket, key),
        BypassGovernanceRetention=True,
    )


def test_a_locked_version_is_not_to_be_deleted(sqlite_warden: Warden, s3: S3) -> None:
    bucket, _ = _filled(sqlite_warden, s3)
    with pytest.raises(s3.client.exceptions.ClientError, match="AccessDenied"):
        _destroy(s3, bucket, Span(0, 9).key)


def test_a_version_that_is_lost_leaves_a_gap_that_is_named(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3, mode="GOVERNANCE")
    _destroy(s3, bucket, Span(10, 19).key)
    assert archive.problems(address) == [("entry_missing", 10)]
    found = archive.verified(sqlite_warden, address)
    assert [(p.code, p.seq) for p in found.problems] == [("entry_missing", 10)]


def test_a_version_lost_under_a_delete_marker_is_named(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3, mode="GOVERNANCE")
    version = s3.oldest(bucket, key := Span(10, 19).key)
    s3.client.delete_object(Bucket=bucket, Key=f"ledger/{key}")
    s3.client.delete_object(
        Bucket=bucket, Key=f"ledger/{key}", VersionId=version, BypassGovernanceRetention=True
    )
    assert ("entry_missing", 10) in archive.problems(address)


def test_an_end_that_is_lost_is_named_and_stops_the_sink(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3, mode="GOVERNANCE")
    _destroy(s3, bucket, Span(20, 29).key)
    _destroy(s3, bucket, checkpoint_key(30))
    found = archive.verified(sqlite_warden, address)
    assert [(p.code, p.seq) for p in found.problems] == [("entry_missing", 20)]
    with pytest.raises(SinkDiffers, match="does not hold entry 29"):
        archive.follow(sqlite_warden, address)


def test_a_date_that_moved_back_is_named(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    for key in (Span(10, 19).key, checkpoint_key(30)):
        s3.client.put_object_retention(
            Bucket=bucket,
            Key=f"ledger/{key}",
            VersionId=s3.oldest(bucket, key),
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(1)},
        )
    assert archive.problems(address) == [("retention_shortened", 10), ("retention_shortened", 29)]


def test_a_mode_that_was_weakened_is_named(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    s3.client.put_object_retention(
        Bucket=bucket,
        Key=f"ledger/{Span(0, 9).key}",
        Retention={
            "Mode": "GOVERNANCE",
            "RetainUntilDate": datetime.now(UTC) + timedelta(3_000),
        },
    )
    assert archive.problems(address) == [("retention_shortened", 0)]


def test_a_legal_hold_that_was_lifted_is_named(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3, legal_hold="true")
    s3.client.put_object_legal_hold(
        Bucket=bucket, Key=f"ledger/{Span(20, 29).key}", LegalHold={"Status": "OFF"}
    )
    (found,) = archive.full_problems(address)
    assert (found.code, found.seq) == ("retention_shortened", 20)
    assert found.detail.endswith("has no legal hold")


def test_an_object_without_a_lock_is_named(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    s3.put(bucket, Span(30, 30).key, b"{}\n")
    assert archive.problems(address) == [("retention_shortened", 30)]


def test_what_reaches_back_or_is_no_segment_is_named(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    forged = s3.read(bucket, Span(10, 19).key).replace(b"role", b"rule")
    s3.put(bucket, Span(5, 24).key, forged * 2)
    s3.put(bucket, "seg/readme", b"?")
    found = archive.problems(address)
    assert ("entry_duplicated", 5) in found
    assert ("entry_duplicated", 10) in found
    assert ("sink_differs", 0) in found
    assert "entry_altered" in {p.code for p in archive.verified(sqlite_warden, address).problems}


def test_an_object_that_is_too_large_is_not_read(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    s3.put(bucket, Span(30, 39).key, b"x" * (MOST_BYTES + 1))
    assert archive.problems(address) == [("sink_differs", 30)]
    assert archive.numbers(address) == list(range(30))


def test_a_name_that_was_taken_with_other_bytes_is_never_written_over(
    sqlite_warden: Warden, s3: S3
) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    archive.write(sqlite_warden, 10, name="more")
    s3.put(bucket, Span(30, 39).key, b"{}\n" * 10)
    follower = archive.follower(sqlite_warden, address)
    for _ in range(2):
        with pytest.raises(SinkDiffers, match="is not what the ledger holds"):
            follower.follow_once()
    assert follower.lag() == 10
    assert s3.read(bucket, Span(30, 39).key) == b"{}\n" * 10


def test_a_name_that_was_taken_with_our_bytes_is_locked_as_asked(
    sqlite_warden: Warden, s3: S3
) -> None:
    aside, _ = _filled(sqlite_warden, s3)
    address = s3.address(bucket := s3.bucket(), segment_entries=10, name="second")
    s3.put(bucket, key := Span(0, 9).key, s3.read(aside, key))
    archive.follow(sqlite_warden, address)
    head = s3.head(bucket, key)
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(2_580)
    assert archive.numbers(address) == list(range(30))


def test_segments_ahead_of_the_ledger_stop_the_sink(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    s3.put(bucket, Span(30, 8_000).key, b"")
    with pytest.raises(SinkDiffers, match="the database was put back, or somebody else"):
        archive.follow(sqlite_warden, address)


def test_a_checkpoint_of_another_root_stops_the_sink(sqlite_warden: Warden, s3: S3) -> None:
    bucket = s3.bucket()
    archive.write(sqlite_warden, 5)
    true = sqlite_warden.audit.checkpoint()
    origin = sqlite_warden.store.around.keyring.origin
    forged = sign_note(Checkpoint(origin, true.size, bytes(32)), LogKey(origin, bytes(32)))
    s3.put(bucket, checkpoint_key(true.size), forged)
    with pytest.raises(SinkDiffers, match="checkpoint"):
        archive.follow(sqlite_warden, s3.address(bucket))


def test_looking_after_the_sinks_records_what_differs(sqlite_warden: Warden, s3: S3) -> None:
    bucket, address = _filled(sqlite_warden, s3)
    s3.client.delete_object(Bucket=bucket, Key=f"ledger/{Span(20, 29).key}")
    sinks = open_sinks([address], sqlite_warden.store)
    upkeep = Upkeep(
        sqlite_warden,
        sqlite_warden.store,
        sinks,
        (),
        sqlite_warden.clock,
        far_ends=sqlite_warden.far_ends,
    )
    upkeep.read_back()
    upkeep.read_back()
    told = [body for body in bodies(sqlite_warden) if body["type"] == "sink.differs"]
    assert [body["fact"] for body in told] == [{"sink": "s3", "seq": 20, "problem": "sink_differs"}]
