"""A static log in a bucket, with the headers that let it be served and cached as it is (LG-52).

`tiles+s3://bucket/prefix?region=…&endpoint=…&profile=…`. Nothing here is locked: a static log is there to be read, and
what proves it is its checkpoint. Credentials come from AWS's own chain, never from an address.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from modelwarden.errors import SettingInvalid, SinkDiffers, SinkUnusable

try:
    import boto3  # type: ignore[import-untyped]  # it brings no types
    from botocore.config import Config  # type: ignore[import-untyped]
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise SettingInvalid("S3 needs the extra: pip install 'modelwarden[s3]'") from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.sinks.address import SinkAddress

OPTIONS: Final = frozenset({"region", "endpoint", "profile"})
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
GONE: Final = frozenset({"404", "NoSuchKey", "NotFound"})
TAKEN: Final = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
FOR_EVER: Final = "public, max-age=31536000, immutable"
SHORTLY: Final = "public, max-age=2"


def open_s3_shelf(address: SinkAddress) -> S3Shelf:
    """Return the place in a bucket; nothing is asked yet. Raises SettingInvalid."""
    options = address.known(OPTIONS)
    endpoint = options.get("endpoint")
    if not address.place:
        raise SettingInvalid(f"sink {address.name}: name a bucket, as tiles+s3://bucket/prefix")
    if endpoint is not None:
        _require_safe(address.name, endpoint)
    try:
        session = boto3.session.Session(
            profile_name=options.get("profile"), region_name=options.get("region")
        )
        client = session.client(
            "s3",
            endpoint_url=endpoint,
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                retries={"total_max_attempts": 2, "mode": "standard"},
                s3={"addressing_style": "path" if endpoint else "auto"},
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise SettingInvalid(f"sink {address.name}: {error}") from error
    prefix = address.path.strip("/")
    return S3Shelf(client, address.place, f"{prefix}/" if prefix else "")


class S3Shelf:
    """The objects below a prefix. What a PUT was answered for is there for good."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:  # noqa: ANN401  # boto3's has no type
        self._client, self._bucket, self._prefix = client, bucket, prefix

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
        with self._told("to delete"):
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
        with self._told("to give"):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)
            except ClientError as error:
                if _code(error) in GONE:
                    return None
                raise
            with contextlib.closing(found["Body"]) as body:
                return bytes(body.read(most + 1)), str(found["ETag"])

    def _write(self, path: str, data: bytes, **only_if: str) -> bool:
        """Store an object; False if what it depends on does not hold."""
        is_tile = path.startswith("tile/")
        with self._told("to store"):
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
                if _code(error) in TAKEN:
                    return False
                raise
        return True

    def _keys(self, start: str, **more: str) -> Iterator[str]:
        with self._told("to list"):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=start, **more):
                for row in page.get("Contents", ()):
                    yield str(row["Key"])

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Raise whatever boto3 raises as SinkUnusable, without what the far end says beyond a code."""
        try:
            yield
        except ClientError as error:
            code = _code(error)
            raise SinkUnusable(f"the bucket {self._bucket} refuses {what}: {code}") from error
        except BotoCoreError as error:
            raise SinkUnusable(f"the bucket {self._bucket} does not answer: {error}") from error


def _require_safe(name: str, endpoint: str) -> None:
    parts = urlsplit(endpoint)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or "@" in parts.netloc or not parts.hostname:
        raise SettingInvalid(f"sink {name}: an endpoint is https://host, without user or password")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "no reason given"))
