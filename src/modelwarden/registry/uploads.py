"""Uploads: bytes become a file of the artifact store, named by their digest, or nothing is left of them (RL-4).

Writes files, knows no database. A file appears under its name only whole, checked and on the disk; `record_upload`
in `actions.py` then tells the ledger.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from modelwarden.errors import ArtifactTooLarge, DigestMismatch, SettingInvalid, ValueInvalid
from modelwarden.values.ids import HEX_DIGEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelwarden.config import Settings
    from modelwarden.values.ids import Digest

READ_ONLY: Final = 0o444


class Upload:
    """One upload on its way. A context: whatever was not finished is deleted at the end."""

    def __init__(self, settings: Settings, sha256: Digest) -> None:
        self._target = upload_path(settings, sha256)
        self._limit_bytes = settings.artifact_limit_bytes
        self._target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, name = tempfile.mkstemp(dir=self._target.parent, prefix=".incoming-")
        self._file, self._name = os.fdopen(number, "wb"), Path(name)
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._name.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises ArtifactTooLarge."""
        self._size_bytes += len(chunk)
        if self._size_bytes > self._limit_bytes:
            raise ArtifactTooLarge(f"an upload may have at most {self._limit_bytes:,} bytes")
        self._hash.update(chunk)
        self._file.write(chunk)

    def finish(self) -> int:
        """Put the file under its name, durably, and return its size. Raises DigestMismatch."""
        if self._hash.hexdigest() != self._target.name:
            raise DigestMismatch(f"the bytes are sha256:{self._hash.hexdigest()}; send them there")
        self._file.flush()
        os.fchmod(self._file.fileno(), READ_ONLY)
        os.fsync(self._file.fileno())
        self._name.replace(self._target)
        _sync_folder(self._target.parent)
        return self._size_bytes


def store_upload(settings: Settings, sha256: Digest, chunks: Iterable[bytes]) -> int:
    """Keep an upload and return its size in bytes. Raises ArtifactTooLarge, DigestMismatch, ValueInvalid."""
    with Upload(settings, sha256) as upload:
        for chunk in chunks:
            upload.write(chunk)
        return upload.finish()


def upload_size(settings: Settings, sha256: Digest) -> int | None:
    """Return the size of a kept upload, or None. Raises ValueInvalid."""
    path = upload_path(settings, sha256)
    return path.stat().st_size if path.is_file() else None


def upload_path(settings: Settings, sha256: Digest) -> Path:
    """Return where an upload lies once it is whole. Raises ValueInvalid, SettingInvalid."""
    if not HEX_DIGEST.fullmatch(sha256):
        raise ValueInvalid("sha256", "64 lowercase hex digits")
    if settings.artifact_store is None:
        raise SettingInvalid("artifact_store has no default on this database: name a folder")
    return settings.artifact_store / sha256


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
