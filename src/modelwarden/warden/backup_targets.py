"""Where backups go: a folder, or below a prefix of a bucket. None stands under its final name before it is whole.

Whatever was written is read back from there. Credentials for a bucket come from AWS's own chain, never from an address.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from modelwarden.errors import BackupTargetUnusable, SettingInvalid
from modelwarden.sinks.address import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelwarden.sinks.address import SinkAddress

NAME: Final = re.compile(r"[0-9TZ-]{16,}\.[0-9]+\.mwbackup")
"""Time and size of the ledger: sorted by name is sorted by time."""
PART: Final = 1024 * 1024
OPTIONS: Final = frozenset({"region", "endpoint", "profile"})


class Target(Protocol):
    """One place for backups."""

    @property
    def name(self) -> str:
        """Return how facts name it."""
        ...

    def put(self, path: Path, name: str) -> None:
        """Write a backup, whole or not at all. Raises BackupTargetUnusable, as all of these do."""
        ...

    def names(self) -> list[str]:
        """Return the names of the backups there, oldest first."""
        ...

    def parts(self, name: str) -> Iterator[bytes]:
        """Read a backup back."""
        ...

    def remove(self, name: str) -> None:
        """Remove a backup."""
        ...


def open_targets(texts: Sequence[str]) -> tuple[Target, ...]:
    """Return the targets of the settings. Raises SettingInvalid."""
    addresses = [parse_address(text) for text in texts]
    names = [address.name for address in addresses]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingInvalid(f"two backup targets are called {twice[0]}: give one another ?name=")
    return tuple(_open(address) for address in addresses)


def digest_at(target: Target, name: str) -> str:
    """Return the digest of what lies at a target."""
    digest = hashlib.sha256()
    for part in target.parts(name):
        digest.update(part)
    return digest.hexdigest()


def fetch(target: Target, name: str, output: Path) -> None:
    """Copy a backup from a target to a file."""
    with output.open("xb") as file:
        for part in target.parts(name):
            file.write(part)


class FolderTarget:
    """A folder; better on another volume than the database."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self._folder = name, folder

    def put(self, path: Path, name: str) -> None:
        """Copy the file beside its name, make it durable, then give it the name."""
        with _told(self.name, OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._clear()
            fresh = self._folder / f".{name}.new"
            with path.open("rb") as source, fresh.open("wb") as file:
                shutil.copyfileobj(source, file, PART)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._folder / name)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def names(self) -> list[str]:
        """Return the names of whole backups, oldest first."""
        with _told(self.name, OSError):
            found = self._folder.iterdir() if self._folder.is_dir() else ()
            return sorted(path.name for path in found if NAME.fullmatch(path.name))

    def parts(self, name: str) -> Iterator[bytes]:
        """Read a backup."""
        with _told(self.name, OSError), (self._folder / name).open("rb") as file:
            while part := file.read(PART):
                yield part

    def remove(self, name: str) -> None:
        """Remove a backup."""
        with _told(self.name, OSError):
            (self._folder / name).unlink(missing_ok=True)

    def _clear(self) -> None:
        """Remove what a process that was killed left half written: one process makes backups at a time."""
        for path in self._folder.glob(".*.mwbackup.new"):
            path.unlink(missing_ok=True)


class BucketTarget:
    """Below a prefix of an S3 bucket. An object shows only once all of it arrived."""

    def __init__(self, name: str, client: Any, bucket: str, prefix: str) -> None:  # noqa: ANN401  # boto3's has no type
        from botocore.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415  # an extra
            BotoCoreError,
            ClientError,
        )

        self.name, self._client, self._bucket, self._prefix = name, client, bucket, prefix
        self._errors = (BotoCoreError, ClientError, OSError)

    def put(self, path: Path, name: str) -> None:
        """Upload the file, in parts if it is large."""
        from boto3.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415  # an extra
            Boto3Error,
        )

        with _told(self.name, Boto3Error, *self._errors):
            self._client.upload_file(str(path), self._bucket, self._prefix + name)

    def names(self) -> list[str]:
        """Return the names of the backups, oldest first."""
        with _told(self.name, *self._errors):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        found = (key.removeprefix(self._prefix) for key in keys)
        return sorted(name for name in found if NAME.fullmatch(name))

    def parts(self, name: str) -> Iterator[bytes]:
        """Read a backup."""
        with _told(self.name, *self._errors):
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
            yield from found["Body"].iter_chunks(PART)

    def remove(self, name: str) -> None:
        """Remove a backup; where the bucket keeps versions, its lifecycle rules end them."""
        with _told(self.name, *self._errors):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)


def _open(address: SinkAddress) -> Target:
    if address.kind == "file":
        address.known(())
        return FolderTarget(address.name, Path(address.path))
    if address.kind != "s3":
        raise SettingInvalid(
            f"backup target {address.name}: file:///folder or s3://bucket/prefix, not {address.kind}"
        )
    options = address.known(OPTIONS)
    try:
        import boto3  # type: ignore[import-untyped]  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise SettingInvalid("S3 needs the extra: pip install 'modelwarden[s3]'") from error
    session = boto3.session.Session(profile_name=options.get("profile"))
    client = session.client(
        "s3", region_name=options.get("region"), endpoint_url=options.get("endpoint")
    )
    prefix = address.path.strip("/")
    return BucketTarget(address.name, client, address.place, f"{prefix}/" if prefix else "")


@contextlib.contextmanager
def _told(name: str, *errors: type[BaseException]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        raise BackupTargetUnusable(f"the backup target {name}: {error}") from error
