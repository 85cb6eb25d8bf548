"""Segments that are looked for together: none of them counts before all were found, whatever became of one (LG-51)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import BucketNotLocked, RetentionShortened, SinkDiffers, SinkUnusable
from modelwarden.ledger.entry import Stored, chain_start
from modelwarden.sinks.segment import TOGETHER, Span
from modelwarden.store import entries
from modelwarden.store.follower import Position
from tests.services.lying_s3 import Reply, lying, passing
from tests.sinks import archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.warden.warden import Warden
    from tests.services.lying_s3 import Forward, Liar, Request, Rule
    from tests.services.s3 import S3

pytestmark = pytest.mark.services

EACH: Final = 10
FIRST: Final = 1 + TOGETHER
"""Segments up to the end of the first look at several."""


@pytest.fixture
def liar(s3: S3) -> Iterator[Liar]:
    """Run a server before S3 that lies when told to."""
    with lying(s3.port) as found:
        yield found


class Catching:
    """A sink that is handed a segment's entries at a time, and never told that time passes unless a test says so."""

    def __init__(self, warden: Warden, s3: S3, bucket: str, liar: Liar) -> None:
        options = {"segment_entries": EACH, "mode": "GOVERNANCE"}
        self._address = s3.address(bucket, **options)
        address = s3.address(bucket, endpoint=liar.endpoint, **options)
        self._warden, self._keys = warden, lambda: s3.keys(bucket, "")
        self.sink = archive.sink(warden, address)
        self.origin = warden.store.around.keyring.origin
        self.seq = 0
        self.before = chain_start(self.origin)
        self.sink.begin(Position(0, self.before))

    def send(self, segments: int) -> int:
        """Hand over entries; return up to where the sink counts them as done."""
        done = 0
        for _ in range(segments):
            with self._warden.store.database.reading() as connection:
                found = entries.between(connection, self.seq, self.seq + EACH - 1)
                batch = [Stored(*each) for part in found for each in part]
            position = self.sink(batch, self.before)
            assert position is not None
            done, self.seq, self.before = position.next_seq, batch[-1].seq + 1, batch[-1].entry_hash
        return done

    def completes(self) -> None:
        """Check that a follower that begins anew brings all there, once."""
        archive.follow(self._warden, self._address)
        size = self._warden.audit.checkpoint().size
        assert archive.numbers(self._address) == list(range(size))
        assert archive.verified(self._warden, self._address).problems == ()
        keys = self._keys()
        assert len(set(keys)) == len(keys)


@pytest.fixture
def bucket(s3: S3) -> str:
    """Return a bucket of its own, which can lose what it holds."""
    return s3.bucket()


@pytest.fixture
def catching(sqlite_warden: Warden, s3: S3, liar: Liar, bucket: str) -> Catching:
    """Return a sink with two looks' worth of segments before it."""
    archive.write(sqlite_warden, 2 * FIRST * EACH)
    return Catching(sqlite_warden, s3, bucket, liar)


def test_the_first_segment_is_looked_for_at_once_and_then_several_together(
    catching: Catching, liar: Liar
) -> None:
    listed: list[str] = []

    def note(request: Request, forward: Forward) -> Reply:
        if request.kind == "list" and "seg" in request.path:
            listed.append(request.path)
        return forward(request)

    liar.rule = note
    assert [catching.send(1) for _ in range(FIRST)] == [EACH] * TOGETHER + [FIRST * EACH]
    assert catching.send(TOGETHER - 1) == FIRST * EACH
    done = catching.sink.idle()  # it wrote nothing, and nothing waits
    assert done is not None
    assert done.next_seq == (FIRST + TOGETHER - 1) * EACH
    segments = FIRST + TOGETHER - 1
    assert liar.asked.count("put segment") == liar.asked.count("head segment") == segments
    assert len(listed) == 3


def _third(lie: Rule) -> Rule:
    """Return a rule for the third of the segments that are looked for together."""
    key = Span(3 * EACH, 4 * EACH - 1).key

    def rule(request: Request, forward: Forward) -> Reply | None:
        return lie(request, forward) if key in request.path else forward(request)

    return rule


def _nothing_stored(request: Request, forward: Forward) -> Reply:
    if request.method == "PUT":
        return Reply(200, {"x-amz-version-id": "made-up", "ETag": '"made-up"'})
    return forward(request)


def _without_lock(request: Request, forward: Forward) -> Reply:
    if request.method == "PUT":
        names = [name for name in request.headers if "object-lock" in name.lower()]
        headers = {k: v for k, v in request.headers.items() if k not in names}
        return forward(request._replace(headers=headers))
    return forward(request)


def _sooner(request: Request, forward: Forward) -> Reply:
    reply = forward(request)
    name = "x-amz-object-lock-retain-until-date"
    found = {k: "2027-01-01T00:00:00Z" if k == name else v for k, v in reply.headers.items()}
    return reply._replace(headers=found)


def _another_checksum(request: Request, forward: Forward) -> Reply:
    reply = forward(request)
    found = {
        k: "A" * 43 + "=" if k == "x-amz-checksum-sha256" else v for k, v in reply.headers.items()
    }
    return reply._replace(headers=found)


@pytest.mark.parametrize(
    ("lie", "kind", "words"),
    [
        (_nothing_stored, SinkUnusable, "does not hold it"),
        (_without_lock, BucketNotLocked, "no lock"),
        (_sooner, RetentionShortened, "not until"),
        (_another_checksum, SinkDiffers, "other bytes than were sent"),
    ],
)
def test_a_store_that_turns_bad_for_one_of_several_moves_nothing_on(
    catching: Catching, liar: Liar, lie: Rule, kind: type[Exception], words: str
) -> None:
    assert catching.send(1) == EACH
    liar.rule = _third(lie)
    assert catching.send(TOGETHER - 1) == EACH
    with pytest.raises(kind, match=words) as found:
        catching.send(1)
    assert Span(3 * EACH, 4 * EACH - 1).key in str(found.value)
    liar.rule = passing
    catching.completes()


def test_a_segment_that_is_lost_before_the_look_moves_nothing_on(
    s3: S3, bucket: str, catching: Catching
) -> None:
    assert catching.send(TOGETHER) == EACH
    key = Span(3 * EACH, 4 * EACH - 1).key
    s3.client.delete_object(
        Bucket=bucket,
        Key=f"ledger/{key}",
        VersionId=s3.oldest(bucket, key),
        BypassGovernanceRetention=True,
    )
    with pytest.raises(SinkUnusable, match=f"{key} is stored, but does not hold it"):
        catching.send(1)
    catching.completes()


def test_other_bytes_below_a_delete_marker_are_found_under_ours(
    s3: S3, bucket: str, catching: Catching
) -> None:
    """A store takes a name that ends in a delete marker for a free one: only the list of versions shows the oldest."""
    assert catching.send(1) == EACH
    key = Span(3 * EACH, 4 * EACH - 1).key
    s3.put(bucket, key, b"{}\n" * EACH)
    s3.client.delete_object(Bucket=bucket, Key=f"ledger/{key}")
    assert catching.send(TOGETHER - 1) == EACH
    with pytest.raises(SinkDiffers, match=f"{key} in the bucket is not what the ledger holds"):
        catching.send(1)


def test_a_name_that_is_taken_is_looked_at_before_more_is_sent(
    s3: S3, liar: Liar, bucket: str, catching: Catching
) -> None:
    assert catching.send(2) == EACH
    key = Span(2 * EACH, 3 * EACH - 1).key
    s3.put(bucket, key, b"{}\n" * EACH)
    with pytest.raises(SinkDiffers, match=f"{key} in the bucket is not what the ledger holds"):
        catching.send(1)
    assert liar.asked.count("put segment") == 3


def test_what_was_sent_and_not_looked_for_is_found_again_at_the_next_start(
    catching: Catching,
) -> None:
    assert catching.send(TOGETHER) == EACH
    catching.sink.close()
    catching.completes()
