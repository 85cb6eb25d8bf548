"""A store that lies, loses answers, is slow or away: nothing counts as done too early, nothing is doubled."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    BucketNotLocked,
    RetentionShortened,
    SinkDiffers,
    SinkUnusable,
    Unreadable,
    WardenError,
)
from modelwarden.sinks import s3_client
from modelwarden.warden.warden import open_warden
from tests.services.lying_s3 import Reply, lying, passing
from tests.sinks import archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden
    from tests.services.lying_s3 import Forward, Liar, Request
    from tests.services.s3 import S3

pytestmark = pytest.mark.services


@pytest.fixture
def liar(s3: S3) -> Iterator[Liar]:
    """Run a server before S3 that lies when told to."""
    with lying(s3.port) as found:
        yield found


@pytest.fixture
def bucket(s3: S3) -> str:
    """Return a locked bucket of its own."""
    return s3.bucket()


def _complete(warden: Warden, s3: S3, bucket: str) -> None:
    """Check that the bucket holds all entries once, and nothing is wrong with it."""
    address = s3.address(bucket)
    size = warden.audit.checkpoint().size
    assert archive.numbers(address) == list(range(size))
    assert archive.verified(warden, address).problems == ()
    keys = s3.keys(bucket, "")
    assert len(set(keys)) == len(keys)


def _recovers(
    warden: Warden, s3: S3, liar: Liar, bucket: str, expected: tuple[type[Exception], str]
) -> None:
    """Check that the lie is noticed, that nothing counts as done, and that all is there once it ends."""
    address = s3.address(bucket, endpoint=liar.endpoint, segment_entries=10)
    archive.write(warden, 24)
    follower = archive.follower(warden, address)
    kind, words = expected
    with pytest.raises(kind, match=words):
        follower.follow_once()
    assert follower.lag() == 25
    liar.rule = passing
    follower.follow_once()
    assert follower.lag() == 0
    _complete(warden, s3, bucket)


def test_a_store_that_answers_and_does_not_store_is_noticed(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    def lie(request: Request, forward: Forward) -> Reply:
        if request.kind == "put segment":
            return Reply(200, {"x-amz-version-id": "made-up", "ETag": '"made-up"'})
        return forward(request)

    liar.rule = lie
    _recovers(sqlite_warden, s3, liar, bucket, (SinkUnusable, "does not hold it"))


def test_a_store_that_is_busy_is_asked_again(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    liar.rule = lambda request, forward: (
        Reply(503, {}, b"<Error><Code>SlowDown</Code></Error>")
        if request.kind == "put segment"
        else forward(request)
    )
    _recovers(sqlite_warden, s3, liar, bucket, (SinkUnusable, "SlowDown"))
    assert liar.asked.count("put segment") <= 2 + 3


def test_a_store_that_hangs_up_is_an_error(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    liar.rule = lambda _request, _forward: None
    _recovers(sqlite_warden, s3, liar, bucket, (SinkUnusable, "does not answer"))


def test_a_store_that_says_nothing_is_not_waited_for_long(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "READ_S", 0.3)
    over = threading.Event()

    def wait(request: Request, forward: Forward) -> Reply:
        if request.kind == "put segment":
            over.wait(30)
        return forward(request)

    liar.rule = wait
    address = s3.address(bucket, endpoint=liar.endpoint)
    follower = archive.follower(sqlite_warden, address)
    with pytest.raises(SinkUnusable, match="does not answer"):
        follower.follow_once()
    over.set()


def test_an_answer_that_got_lost_doubles_nothing(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    lost: list[str] = []

    def lose(request: Request, forward: Forward) -> Reply | None:
        reply = forward(request)
        if request.kind.startswith("put") and request.path not in lost:
            lost.append(request.path)
            return None
        return reply

    liar.rule = lose
    address = s3.address(bucket, endpoint=liar.endpoint, segment_entries=10)
    archive.write(sqlite_warden, 24)
    for _ in range(
        5
    ):  # as the follower does: where the second answer is late, too, it tries again later
        with contextlib.suppress(SinkUnusable):
            archive.follow(sqlite_warden, address)
    assert len(lost) >= 4
    _complete(sqlite_warden, s3, bucket)


def test_slow_answers_are_waited_for(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    def slow(request: Request, forward: Forward) -> Reply:
        threading.Event().wait(0.2)
        return forward(request)

    liar.rule = slow
    archive.write(sqlite_warden, 24)
    archive.follow(sqlite_warden, s3.address(bucket, endpoint=liar.endpoint, segment_entries=10))
    _complete(sqlite_warden, s3, bucket)


def _without(*names: str) -> Callable[[Request, Forward], Reply]:
    """Return a rule that hides headers of what is shown, as a store that does not honour them."""

    def rule(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        kept = {k: v for k, v in reply.headers.items() if k.lower() not in names}
        return reply._replace(headers=kept)

    return rule


def test_a_store_that_locks_nothing_is_noticed(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    liar.rule = _without("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date")
    _recovers(sqlite_warden, s3, liar, bucket, (BucketNotLocked, "no lock"))


def test_a_store_that_keeps_no_versions_is_noticed(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    liar.rule = _without("x-amz-version-id")
    _recovers(sqlite_warden, s3, liar, bucket, (BucketNotLocked, "without a version"))


def test_a_store_that_locks_for_less_long_is_noticed(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    def sooner(request: Request, forward: Forward) -> Reply:
        reply = forward(request)
        name = "x-amz-object-lock-retain-until-date"
        found = {k: "2027-01-01T00:00:00Z" if k == name else v for k, v in reply.headers.items()}
        return reply._replace(headers=found)

    liar.rule = sooner
    _recovers(sqlite_warden, s3, liar, bucket, (RetentionShortened, "not until"))


def test_a_store_without_checksums_is_read_back(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    liar.rule = _without("x-amz-checksum-sha256")
    archive.follow(sqlite_warden, s3.address(bucket, endpoint=liar.endpoint))
    assert "get segment" in liar.asked
    _complete(sqlite_warden, s3, bucket)


def test_bytes_that_were_changed_on_their_way_are_named(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    """As by a store that vouches for a checksum without looking."""
    liar.rule = lambda request, forward: forward(
        request._replace(body=request.body.replace(b"role.4", b"role.X"))
    )
    archive.write(sqlite_warden, 9)
    archive.follow(sqlite_warden, s3.address(bucket, endpoint=liar.endpoint))
    found = archive.verified(sqlite_warden, s3.address(bucket))
    assert ("entry_altered", 5) in {(p.code, p.seq) for p in found.problems}


def test_a_version_that_is_listed_and_gone_is_named(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    archive.write(sqlite_warden, 24)
    archive.follow(sqlite_warden, s3.address(bucket, segment_entries=10))
    gone = f"/seg/{10:020d}-"
    liar.rule = lambda request, forward: (
        Reply(404, {}, b"<Error><Code>NoSuchVersion</Code></Error>")
        if request.method == "GET" and gone in request.path
        else forward(request)
    )
    address = s3.address(bucket, endpoint=liar.endpoint)
    assert archive.problems(address) == [("entry_missing", 10)]


def test_a_reading_that_breaks_off_is_unreadable_and_no_problem_of_the_copy(
    sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str
) -> None:
    archive.write(sqlite_warden, 24)
    archive.follow(sqlite_warden, s3.address(bucket, segment_entries=10))

    def cut(request: Request, forward: Forward) -> Reply | None:
        reply = forward(request)
        if request.kind == "get segment":
            return reply._replace(body=reply.body[:100], length=len(reply.body))
        return reply

    liar.rule = cut
    with pytest.raises(Unreadable):
        archive.numbers(s3.address(bucket, endpoint=liar.endpoint))


def test_an_outage_is_caught_up_with(tmp_path: Path, s3: S3, bucket: str) -> None:
    address = s3.address(bucket, segment_s=1, segment_entries=50)
    with open_warden(f"sqlite:///{tmp_path}/w.db", sinks=(address,)) as warden:
        archive.write(warden, 60, name="before")
        assert archive.caught_up(warden)
        s3.stop()
        try:
            archive.write(warden, 200, name="during")
            (sink,) = warden.sinks
            assert archive.happens(lambda: sink.follower.failing is not None)
            assert sink.follower.lag() >= 200
        finally:
            s3.start()
        assert archive.caught_up(warden)
        _complete(warden, s3, bucket)


def test_two_followers_of_one_name_write_each_segment_once(
    sqlite_warden: Warden, s3: S3, bucket: str
) -> None:
    """As when one lost its lead without noticing: both cut where the first of them did."""
    addresses = [s3.address(bucket, segment_entries=count) for count in (10, 7)]
    followers = [archive.follower(sqlite_warden, address) for address in addresses]
    differing: list[SinkDiffers] = []

    def run(number: int) -> None:
        for _ in range(6):
            try:
                followers[number].follow_once()
            except SinkDiffers as error:
                differing.append(error)
            except WardenError:  # the other one is ahead: begin again
                continue

    for n in range(4):
        archive.write(sqlite_warden, 25, name=f"round{n}")
        threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert differing == []
    archive.follow(sqlite_warden, addresses[0])
    _complete(sqlite_warden, s3, bucket)


def test_a_process_that_is_far_behind_another_cuts_nothing_anew(
    sqlite_warden: Warden, s3: S3, bucket: str
) -> None:
    behind = archive.follower(sqlite_warden, s3.address(bucket, segment_entries=7))
    behind.follow_once()  # looks at the bucket, and falls asleep
    archive.write(sqlite_warden, 30)
    address = s3.address(bucket, segment_entries=10)
    archive.follow(sqlite_warden, address)
    archive.write(sqlite_warden, 30, name="more")
    archive.follow(sqlite_warden, address)
    with pytest.raises(SinkUnusable, match="another process"):
        behind.follow_once()
    behind.follow_once()
    assert behind.lag() == 0
    _complete(sqlite_warden, s3, bucket)


class Stepping:
    """A clock that stands where it is put."""

    def __init__(self, year: int) -> None:
        self.moment = datetime(year, 6, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def test_a_clock_that_goes_back_shortens_nothing(tmp_path: Path, s3: S3, bucket: str) -> None:
    clock = Stepping(2040)
    address = s3.address(bucket)
    with open_warden(f"sqlite:///{tmp_path}/w.db", clock=clock) as warden:
        archive.write(warden, 3)
        clock.moment -= timedelta(days=3_000)
        archive.write(warden, 3, name="earlier")
        archive.follow(warden, address)
    (key,) = s3.keys(bucket)
    assert s3.head(bucket, key)["ObjectLockRetainUntilDate"].year == 2047


def test_entries_that_are_older_than_their_time_are_locked_from_now(
    tmp_path: Path, s3: S3, bucket: str
) -> None:
    clock = Stepping(2010)
    address = s3.address(bucket)
    with open_warden(f"sqlite:///{tmp_path}/w.db", clock=clock) as warden:
        archive.write(warden, 3)
        clock.moment = datetime(2040, 6, 1, tzinfo=UTC)
        archive.follow(warden, address)
        (key,) = s3.keys(bucket)
        head = s3.head(bucket, key)
        assert head["ObjectLockRetainUntilDate"].date() == date(2040, 7, 1)
        assert archive.problems(address) == []
