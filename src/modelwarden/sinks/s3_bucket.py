"""A bucket under Object Lock: objects that are written once, all versions of a key, and how each is locked."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.errors import BucketNotLocked, SinkUnusable
from modelwarden.sinks.s3_client import ClientError, code_of, open_place, told
from modelwarden.sinks.segment import MOST_BYTES, OPTIONS, Lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from modelwarden.sinks.address import SinkAddress
    from modelwarden.sinks.s3_client import Place

GONE: Final = frozenset(
    {"404", "NoSuchKey", "NoSuchVersion", "NotFound", "MethodNotAllowed", "405"}
)
"""A version that is a delete marker answers 405."""
THERE: Final = frozenset({"412", "PreconditionFailed"})
NO_LOCK: Final = "ObjectLockConfigurationNotFoundError"


class Kept(NamedTuple):
    """What a key holds: its oldest version, how many versions there are, how many delete markers."""

    key: str
    size: int
    version: str | None
    versions: int
    markers: int


class Head(NamedTuple):
    """What a version says of itself: its lock now, and what was promised when it was written."""

    size: int
    digest: bytes | None
    lock: Lock | None
    promised: Lock | None


class Bucket:
    """The objects below one prefix of a bucket. Keys are given without the prefix. Raises SinkUnusable throughout.

    Several threads may ask at once.
    """

    def __init__(self, place: Place) -> None:
        self._client, self.name, self._prefix = place

    def require_locked(self) -> None:
        """Raise BucketNotLocked unless the bucket has Object Lock and keeps versions."""
        with self._told("to show the bucket's Object Lock"):
            try:
                found = self._client.get_object_lock_configuration(Bucket=self.name)
            except ClientError as error:
                if code_of(error) != NO_LOCK:
                    raise
                found = {}
            versioning = self._client.get_bucket_versioning(Bucket=self.name)
        state = found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled")
        if (state, versioning.get("Status")) != ("Enabled", "Enabled"):
            raise BucketNotLocked(
                f"the bucket {self.name} has no Object Lock: anybody with rights could delete the copy. Make a bucket"
                " with Object Lock, which keeps versions too, and name that one"
            )

    def put(self, key: str, data: bytes, lock: Lock, *, digest: bytes) -> str | None:
        """Write an object once, and return its version; None if the key is taken. Raises BucketNotLocked.

        `digest` is the SHA-256 of the data, which the store has to find the same.
        """
        with self._told(f"to store {key}"):
            try:
                found = self._client.put_object(
                    Bucket=self.name,
                    Key=self._prefix + key,
                    Body=data,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=base64.b64encode(digest).decode(),
                    ContentType="application/octet-stream",
                    ObjectLockMode=lock.mode,
                    ObjectLockRetainUntilDate=lock.until,
                    Metadata=_promise(lock),
                    **({"ObjectLockLegalHoldStatus": "ON"} if lock.legal_hold else {}),
                )
            except ClientError as error:
                if code_of(error) in THERE:
                    return None
                raise
        if not found.get("VersionId"):
            raise BucketNotLocked(f"the bucket {self.name} stored {key} without a version")
        return str(found["VersionId"])

    def strengthen(self, key: str, version: str, lock: Lock) -> None:
        """Lock a version for longer, and hold it if asked."""
        where = {"Bucket": self.name, "Key": self._prefix + key, "VersionId": version}
        until = {"Mode": lock.mode, "RetainUntilDate": lock.until}
        with self._told(f"to lock {key} for longer"):
            self._client.put_object_retention(**where, Retention=until)
            if lock.legal_hold:
                self._client.put_object_legal_hold(**where, LegalHold={"Status": "ON"})

    def head(self, key: str, version: str) -> Head | None:
        """Return what a version says of itself; None if it is not there."""
        with self._told(f"to show {key}"):
            try:
                found = self._client.head_object(
                    Bucket=self.name,
                    Key=self._prefix + key,
                    VersionId=version,
                    ChecksumMode="ENABLED",
                )
            except ClientError as error:
                if code_of(error) in GONE:
                    return None
                raise
        checksum = found.get("ChecksumSHA256")
        return Head(
            size=int(found["ContentLength"]),
            digest=base64.b64decode(checksum) if checksum else None,
            lock=_lock(found),
            promised=_promised(found.get("Metadata", {})),
        )

    def read(self, key: str, version: str) -> bytes | None:
        """Return the bytes of a version; None if it is not there."""
        with self._told(f"to give {key}"):
            try:
                found = self._client.get_object(
                    Bucket=self.name, Key=self._prefix + key, VersionId=version
                )
            except ClientError as error:
                if code_of(error) in GONE:
                    return None
                raise
            with contextlib.closing(found["Body"]) as body:
                if int(found["ContentLength"]) > MOST_BYTES:
                    raise SinkUnusable(f"{key} is larger than anything that we write")
                return bytes(body.read())

    def kept(self, key: str) -> Kept | None:
        """Return what a key holds, or None."""
        return next((each for each in self.listing(key) if each.key == key), None)

    def listing(self, folder: str, *, after: str | None = None) -> Iterator[Kept]:
        """Yield what lies below a folder, in the order of keys, from behind a key on."""
        place = {} if after is None else {"KeyMarker": self._prefix + after}
        waiting: Kept | None = None
        while True:
            with self._told(f"to list {folder}"):
                page = self._client.list_object_versions(
                    Bucket=self.name, Prefix=self._prefix + folder, **place
                )
            for each in self._of_page(page):
                if waiting is not None and waiting.key == each.key:  # its versions go over pages
                    waiting = _with_older(waiting, each)
                    continue
                if waiting is not None:
                    yield waiting
                waiting = each
            if not page.get("IsTruncated"):
                break
            place = {"KeyMarker": page["NextKeyMarker"]}
            if page.get("NextVersionIdMarker"):
                place["VersionIdMarker"] = page["NextVersionIdMarker"]
        if waiting is not None:
            yield waiting

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _told(self, what: str) -> AbstractContextManager[None]:
        return told(self.name, what)

    def _of_page(self, page: Mapping[str, Any]) -> list[Kept]:
        found: dict[str, Kept] = {}
        for row in page.get("Versions", ()):  # those of a key stand together, the newest first
            key = row["Key"].removeprefix(self._prefix)
            one = Kept(key, row["Size"], row["VersionId"], 1, 0)
            found[key] = _with_older(found[key], one) if key in found else one
        for row in page.get("DeleteMarkers", ()):
            key = row["Key"].removeprefix(self._prefix)
            one = found.get(key, Kept(key, 0, None, 0, 0))
            found[key] = one._replace(markers=one.markers + 1)
        return [found[key] for key in sorted(found)]


def open_bucket(address: SinkAddress) -> Bucket:
    """Return the bucket that an address names; nothing is asked yet. Raises SettingInvalid."""
    return Bucket(open_place(address, options=OPTIONS))


def _with_older(newer: Kept, older: Kept) -> Kept:
    size, version = (older.size, older.version) if older.version else (newer.size, newer.version)
    count = newer.versions + older.versions
    return Kept(newer.key, size, version, count, newer.markers + older.markers)


def _lock(found: Mapping[str, Any]) -> Lock | None:
    mode, until = found.get("ObjectLockMode"), found.get("ObjectLockRetainUntilDate")
    if mode is None or until is None:
        return None
    held = found.get("ObjectLockLegalHoldStatus") == "ON"
    return Lock(mode=mode, days=0, until=until.astimezone(UTC), legal_hold=held)


def _promise(lock: Lock) -> dict[str, str]:
    """Return the words that stay with a version: whoever moves its date back can't change them."""
    until = lock.until.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"lock-mode": lock.mode, "retention-days": str(lock.days), "retain-until": until}


def _promised(words: Mapping[str, str]) -> Lock | None:
    try:
        until = datetime.strptime(words["retain-until"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        return Lock(mode=words["lock-mode"], days=int(words["retention-days"]), until=until)
    except (KeyError, ValueError):
        return None
