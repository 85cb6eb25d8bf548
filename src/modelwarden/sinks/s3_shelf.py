"""A static log in a bucket, with the headers that let it be served and cached as it is (LG-52).

`tiles+s3://bucket/prefix?region=…&endpoint=…&profile=…`. Nothing here is locked: a static log is there to be read, and
what proves it is its checkpoint.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from modelwarden.errors import SinkDiffers
from modelwarden.sinks.s3_client import ClientError, code_of, open_place, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from modelwarden.sinks.address import SinkAddress
    from modelwarden.sinks.s3_client import Place

GONE: Final = frozenset({"404", "NoSuchKey", "NotFound"})
TAKEN: Final = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
FOR_EVER: Final = "public, max-age=31536000, immutable"
SHORTLY: Final = "public, max-age=2"


def open_s3_shelf(address: SinkAddress) -> S3Shelf:
    """Return the place in a bucket; nothing is asked yet. Raises SettingInvalid."""
    return S3Shelf(open_place(address))


class S3Shelf:
    """The objects below a prefix. What a PUT was answered for is there for good."""

    def __init__(self, place: Place) -> None:
        self._client, self._bucket, self._prefix = place

    def get(self, path: str, *, most: int) -> bytes | None:
        """Return the beginning of an object, or None."""
        found = self._read(path, most=most)
        return None if found is None else found[0]

    def put(self, path: str, data: bytes) -> None:
        """Write an object once."""
        if not self._write(path, data, IfNoneMatch="*") and self.get(path, most=len(data)) != data:
            raise SinkDiffers(
                f"{self._prefix}{path} in {self._bucket} holds other bytes than this ledger: another wrote there, or"
                " it was damaged. A new copy takes another prefix and name="
            )

    def flush(self) -> None:
        """Nothing waits."""

    def replace(self, path: str, data: bytes, *, was: bytes | None) -> bool:
        """Compare, and replace if nobody did meanwhile."""
        found = self._read(path, most=len(was or b""))
        if found is None:
            return was is None and self._write(path, data, IfNoneMatch="*")
        return found[0] == was and self._write(path, data, IfMatch=found[1])

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Let others write too: what they could is the same, but for the checkpoint, which is compared."""
        yield

    def names(self, folder: str) -> list[str]:
        """Return the last words of the keys right below a folder."""
        start = f"{self._prefix}{folder}/"
        return [key.removeprefix(start) for key in self._keys(start, Delimiter="/")]

    def remove(self, path: str) -> None:
        """Delete an object, and those below it."""
        start = f"{self._prefix}{path}"
        with self._told(f"to delete {path}"):
            for key in (start, *self._keys(f"{start}/")):
                self._client.delete_object(Bucket=self._bucket, Key=key)

    def probe(self) -> str:
        """Write an object and take it away again."""
        self._write(".probe", b"")
        self.remove(".probe")
        return f"bucket {self._bucket}, prefix {self._prefix or '/'}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _read(self, path: str, *, most: int) -> tuple[bytes, str] | None:
        with self._told(f"to give {path}"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)
            except ClientError as error:
                if code_of(error) in GONE:
                    return None
                raise
            with contextlib.closing(found["Body"]) as body:
                return bytes(body.read(most + 1)), str(found["ETag"])

    def _write(self, path: str, data: bytes, **only_if: str) -> bool:
        """Store an object; False if what it depends on does not hold."""
        is_tile = path.startswith("tile/")
        with self._told(f"to store {path}"):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + path,
                    Body=data,
                    ContentType="application/octet-stream"
                    if is_tile
                    else "text/plain; charset=utf-8",
                    CacheControl=FOR_EVER if is_tile else SHORTLY,
                    **only_if,
                )
            except ClientError as error:
                if code_of(error) in TAKEN:
                    return False
                raise
        return True

    def _keys(self, start: str, **more: str) -> Iterator[str]:
        with self._told("to list"):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=start, **more):
                for row in page.get("Contents", ()):
                    yield str(row["Key"])

    def _told(self, what: str) -> AbstractContextManager[None]:
        return told(self._bucket, what)
