"""What was sent to a bucket is found there: the oldest version of its key holds our bytes, locked as asked (LG-51).

One listing of a folder covers all that was sent there since the last one, and what the versions say of themselves is
asked for side by side. Whoever sends counts nothing as done before it was found; a name that was taken is looked at
before anything else is sent.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import BucketNotLocked, RetentionShortened, SinkDiffers, SinkUnusable
from modelwarden.sinks.segment import weakness

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from modelwarden.sinks.s3_bucket import Bucket, Kept
    from modelwarden.sinks.segment import Lock

ERRORS: Final = (BucketNotLocked, RetentionShortened)
AT_ONCE: Final = 4


class Sent(NamedTuple):
    """An object that was sent: the version that it became (None if its name was taken), and what it has to be."""

    key: str
    version: str | None
    digest: bytes
    note: bytes | None
    lock: Lock

    def is_same(self, held: bytes) -> bool:
        """Compare what is held; of notes what they sign, since keys and cosignatures may have changed (LG-24)."""
        if self.note is None:
            return sha256(held).digest() == self.digest
        return held.partition(b"\n\n")[0] == self.note.partition(b"\n\n")[0]


class Sending:
    """Writes objects once, and finds them; memory does not grow with their size."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._sent: list[Sent] = []
        self._behind: dict[str, str] = {}  # the last key of each folder that was found

    def forget(self) -> None:
        """Forget what was sent and not found yet: it is sent again, or found to be there."""
        self._sent, self._behind = [], {}

    def send(self, key: str, data: bytes, lock: Lock, *, now: datetime, is_note: bool) -> bool:
        """Send an object. Returns False if its name was taken: all was found then. Raises as `find`."""
        digest = sha256(data).digest()
        version = self._bucket.put(key, data, lock.from_now(now), digest=digest)
        self._sent.append(Sent(key, version, digest, data if is_note else None, lock))
        if version is None:
            self.find()
        return version is not None

    def find(self) -> None:
        """Find all that was sent. Raises SinkUnusable, SinkDiffers, BucketNotLocked, RetentionShortened."""
        kept = self._kept()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="modelwarden-s3") as pool:
            for _ in pool.map(self._check, self._sent, (kept.get(each.key) for each in self._sent)):
                pass
        for each in self._sent:
            self._behind[_folder(each.key)] = each.key
        self._sent = []

    def _kept(self) -> dict[str, Kept]:
        """Return what the keys hold that were sent, folder by folder."""
        found: dict[str, Kept] = {}
        in_folders = sorted(each.key for each in self._sent)
        for folder, several in groupby(in_folders, _folder):
            for kept in self._listed(folder, tuple(several)):
                found[kept.key] = kept
        return found

    def _listed(self, folder: str, keys: Sequence[str]) -> Iterable[Kept]:
        """Yield what the keys hold, and what lies between them."""
        after = self._behind.get(folder)
        if len(keys) == 1 or after is None:
            for key in keys:
                kept = self._bucket.kept(key)
                if kept is not None:
                    yield kept
            return
        for kept in self._bucket.listing(folder, after=after):
            yield kept
            if kept.key >= keys[-1]:
                return

    def _check(self, sent: Sent, found: Kept | None) -> None:
        """Hold the oldest version of a key against what was sent."""
        key, lock = sent.key, sent.lock
        if found is None or found.version is None:
            raise SinkUnusable(f"the bucket answered that {key} is stored, but does not hold it")
        if found.version != sent.version:
            self._compare(sent, found.version)
            self._strengthen(key, found.version, lock)
        head = self._bucket.head(key, found.version)
        if head is None:
            raise SinkUnusable(f"the bucket lists {key}, but does not hold it")
        weak = weakness(head.lock, lock)
        if weak is not None:
            raise _error(weak.code)(f"{key} was stored, but has {weak.words}")
        if found.version != sent.version:
            return
        if head.digest is None:  # a store that keeps no checksums
            self._compare(sent, found.version)
        elif head.digest != sent.digest:
            raise SinkDiffers(f"{key} holds other bytes than were sent")

    def _compare(self, sent: Sent, version: str) -> None:
        held = self._bucket.read(sent.key, version)
        if held is None:
            raise SinkUnusable(f"the bucket lists {sent.key}, but does not hold it")
        if not sent.is_same(held):
            raise SinkDiffers(
                f"{sent.key} in the bucket is not what the ledger holds: another ledger wrote there, or somebody did."
                " Nothing is written over it; verify both, and go on under another prefix and name="
            )

    def _strengthen(self, key: str, version: str, lock: Lock) -> None:
        """Lock for longer what an earlier try or another hand wrote with a weaker lock."""
        head = self._bucket.head(key, version)
        if head is not None and weakness(head.lock, lock) is not None:
            self._bucket.strengthen(key, version, lock)


def _folder(key: str) -> str:
    return key[: key.index("/") + 1]


def _error(code: str) -> type[BucketNotLocked | RetentionShortened]:
    return next(kind for kind in ERRORS if kind.code == code)
