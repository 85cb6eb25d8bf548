"""What is read of an artifact before a change: its fingerprints, or nothing at all (RL-4).

Reads files, knows no database; runs outside the writer, since hashing takes time. A server opens only what lies
below `artifacts.roots` or was uploaded; of everything else it keeps the text, whether or not it exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from modelwarden.errors import DigestMismatch, SizeMismatch, Unreadable, ValueInvalid
from modelwarden.fingerprints.artifact import Artifact, Seen, fingerprint
from modelwarden.fingerprints.folder import FolderSeen
from modelwarden.fingerprints.seen import Trust
from modelwarden.registry.version import ArtifactKind, checked_fingerprints
from modelwarden.values.ids import HEX_DIGEST, Digest, FingerprintText

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from modelwarden.config import Settings
    from modelwarden.values.ids import ActorId

LONGEST_URI: Final = 2_048
UPLOAD: Final = "sha256:"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedArtifact:
    """Bytes that lie in the artifact store under their digest."""

    sha256: Digest
    size_bytes: int
    uploaded_by: ActorId
    uploaded_at: datetime
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedArtifact:
    """An artifact as it was read just now, or its name alone.

    Attributes:
        uri: where it was read, with links resolved; as given when it was not.
        trust: `verified` when we read the bytes, `asserted` when only the caller did, else empty (LN-5).
        seen: what `fingerprints.artifact.unchanged` compares later; None when nothing was read.
    """

    uri: str
    kind: ArtifactKind
    trust: str = ""
    fingerprints: tuple[FingerprintText, ...] = ()
    subject_sha256: Digest | None = None
    size_bytes: int | None = None
    seen: Seen | None = None


def prepare_artifact(
    uri: str,
    *,
    settings: Settings,
    fingerprints: Iterable[str] = (),
    size_bytes: int | None = None,
) -> PreparedArtifact:
    """Read an artifact, or keep its name where this process does not open it.

    Args:
        uri: a path, a `file:` address, `sha256:<hex>` of an upload, or any other address.
        settings: which folders may be read.
        fingerprints: what the caller says they are; compared with what is read.
        size_bytes: what the caller says the size is; likewise.

    Raises:
        ValueInvalid, SizeMismatch, DigestMismatch, ChangedWhileHashing, SpecialFile, PathNotPortable, SymlinkEscapes.
    """
    if not uri or len(uri) > LONGEST_URI or not uri.isprintable():
        raise ValueInvalid(
            "artifact", f"a printable path or address of at most {LONGEST_URI} characters"
        )
    claimed = tuple(FingerprintText(text) for text in checked_fingerprints(fingerprints))
    place = _place(uri, settings)
    try:
        seen = place and fingerprint(place.path, roots=place.roots, sha256_too=True)
    except Unreadable:
        seen = None
    if place is None or seen is None:
        return _named(uri, claimed, size_bytes)
    found = _read(uri, place, Artifact.of(seen))
    _compare(found, claimed, size_bytes)
    return found


class _Place(NamedTuple):
    path: Path
    roots: tuple[Path, ...] | None
    upload: bool


def _place(uri: str, settings: Settings) -> _Place | None:
    """Say where the bytes are that this process may open; None where it may not, or can't."""
    if uri.startswith(UPLOAD):
        digits = uri.removeprefix(UPLOAD)
        if settings.artifact_store is None or not HEX_DIGEST.fullmatch(digits):
            return None
        return _Place(settings.artifact_store / digits, (settings.artifact_store,), upload=True)
    path = _local(uri)
    if path is None:
        return None
    if settings.embedded:
        return _Place(path, None, upload=False)
    return _Place(path, settings.artifact_roots, upload=False) if path.is_absolute() else None


def _local(uri: str) -> Path | None:
    if not _SCHEME.match(uri):
        return Path(uri)
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme.lower() != "file" or parts.netloc not in {"", "localhost"} or not parts.path:
        return None
    return Path(unquote(parts.path))


def _named(
    uri: str, claimed: tuple[FingerprintText, ...], size_bytes: int | None
) -> PreparedArtifact:
    plain = [text.removeprefix(UPLOAD) for text in claimed if text.startswith(UPLOAD)]
    return PreparedArtifact(
        uri=uri,
        kind=ArtifactKind.TEXT,
        trust=Trust.ASSERTED.value if claimed else "",
        fingerprints=claimed,
        subject_sha256=Digest(plain[0]) if len(plain) == 1 else None,
        size_bytes=size_bytes,
    )


def _read(uri: str, place: _Place, artifact: Artifact) -> PreparedArtifact:
    if place.upload and artifact.subject_sha256 != uri.removeprefix(UPLOAD):
        raise DigestMismatch(f"the artifact store holds other bytes under {uri}; upload it again")
    kind = ArtifactKind.FOLDER if isinstance(artifact.seen, FolderSeen) else ArtifactKind.FILE
    return PreparedArtifact(
        uri=uri if place.upload else str(artifact.path),
        kind=ArtifactKind.UPLOAD if place.upload else kind,
        trust=Trust.VERIFIED.value,
        fingerprints=tuple(FingerprintText(str(item)) for item in artifact.fingerprints),
        subject_sha256=Digest(artifact.subject_sha256),
        size_bytes=artifact.size_bytes,
        seen=artifact.seen,
    )


def _compare(
    found: PreparedArtifact, claimed: tuple[FingerprintText, ...], size_bytes: int | None
) -> None:
    if size_bytes is not None and size_bytes != found.size_bytes:
        raise SizeMismatch(f"size_bytes says {size_bytes}; {found.size_bytes} bytes were read")
    known = {text.partition(":")[0]: text for text in found.fingerprints}
    for text in claimed:
        algorithm = text.partition(":")[0]
        if known.get(algorithm, text) != text:
            raise DigestMismatch(f"{text} was claimed; {known[algorithm]} was read")
