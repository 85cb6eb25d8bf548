"""What lies in an artifact, read by us: each file's digest, and which formats there are (check `artifact`).

Reads files, knows no database; runs outside the writer. The files have to be the same before and after.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.errors import ChangedWhileHashing, EvidenceInvalid, Unreadable
from modelwarden.fingerprints.artifact import unchanged
from modelwarden.fingerprints.folder import FolderSeen
from modelwarden.fingerprints.formats import formats_of
from modelwarden.fingerprints.resources import ALONE
from modelwarden.registry.artifacts import UPLOAD, prepare_artifact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.config import Settings
    from modelwarden.fingerprints.artifact import Seen
    from modelwarden.fingerprints.seen import FileSeen
    from modelwarden.values.ids import Digest

MOST_FILES: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """An artifact's files.

    Attributes:
        subject_sha256: of the artifact, as versions have it.
        files: path → SHA-256; a lone file is ".".
        formats: format → the first file of it.
    """

    subject_sha256: Digest
    files: Mapping[str, str]
    formats: Mapping[str, str]


def read_contents(uri: str | None, *, settings: Settings) -> Contents:
    """Read an artifact's files, and tell their formats without loading any.

    Raises:
        Unreadable: it is not where this process may read. EvidenceInvalid: it has too many files.
        ChangedWhileHashing, and what `prepare_artifact` raises.
    """
    found = None if uri is None else prepare_artifact(uri, settings=settings)
    if uri is None or found is None or found.seen is None or found.subject_sha256 is None:
        raise Unreadable("the artifact is not where the server can read it (artifacts.roots)")
    files = _files(found.seen)
    if len(files) > MOST_FILES:
        raise EvidenceInvalid(f"an artifact of more than {MOST_FILES} files is not looked into")
    formats: dict[str, str] = {}
    for path, seen in files.items():
        name = path if path != ALONE or uri.startswith(UPLOAD) else seen.path.name
        for each in sorted(map(str, _formats(seen, name))):
            formats.setdefault(each, name)
    if not unchanged(found.seen):
        raise ChangedWhileHashing(uri)
    return Contents(
        subject_sha256=found.subject_sha256,
        files={path: (seen.sha256 or seen.fingerprint).hex for path, seen in files.items()},
        formats=dict(sorted(formats.items())),
    )


def _files(seen: Seen) -> dict[str, FileSeen]:
    if not isinstance(seen, FolderSeen):
        return {ALONE: seen}
    return {each.path.relative_to(seen.path).as_posix(): each for each in seen.files}


def _formats(seen: FileSeen, name: str) -> frozenset[str]:
    """Return the formats of a file; no link is followed any more."""
    try:
        with os.fdopen(os.open(seen.path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return formats_of(file, name)
    except OSError as error:
        raise Unreadable(f"can't read {str(seen.path)!r}: {error.strerror}") from error
