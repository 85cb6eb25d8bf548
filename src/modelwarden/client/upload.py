"""A local file becomes an artifact of the server: hashed here, sent once, named by its digest (RL-4).

A folder is not uploaded yet: it says so. What is no local file goes to the server as the text that it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from modelwarden.client.transport import Call, path
from modelwarden.errors import ChangedWhileHashing, Unreadable, ValueInvalid
from modelwarden.fingerprints.file import fingerprint_file
from modelwarden.fingerprints.seen import Algorithm, StatKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.client.transport import Transport
    from modelwarden.fingerprints.seen import FileSeen

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the step (`hash` or `upload`), the bytes done, and the bytes in all."""

CHUNK_BYTES: Final = 1_048_576


def artifact_name(
    transport: Transport, artifact: str | PathLike[str], *, progress: Progress | None = None
) -> str:
    """Return how the server names an artifact; a local file is uploaded first, unless it is there.

    Raises:
        ValueInvalid: it is a folder.
        Unreadable, ChangedWhileHashing.
        ArtifactTooLarge, NotPermitted: the server does not take it.
    """
    place = Path(artifact)
    if place.is_dir():
        raise ValueInvalid(
            "artifact",
            "a file or an address: a folder can't be uploaded yet; pack it into one file, or name a"
            " folder below the server's artifacts.roots as file:///…",
        )
    if not place.is_file():
        if isinstance(artifact, PathLike):
            raise Unreadable(f"{str(place)!r} is not a file here")
        return artifact
    hashing = None if progress is None else partial(progress, "hash")
    seen = fingerprint_file(place, algorithm=Algorithm.SHA256, progress=hashing)
    _upload(transport, seen, progress=progress)
    return str(seen.fingerprint)


def _upload(transport: Transport, seen: FileSeen, *, progress: Progress | None) -> None:
    where = path("artifacts", seen.fingerprint.hex)
    if transport.has(Call(method="HEAD", path=where)):
        return
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(seen.size_bytes),
    }
    call = Call(
        method="PUT", path=where, headers=headers, content=partial(_chunks, seen, progress=progress)
    )
    transport.send(call)


def _chunks(seen: FileSeen, *, progress: Progress | None) -> Iterator[bytes]:
    """Yield the file's bytes; it has to be the file that was hashed."""
    done_bytes = 0
    with seen.path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            done_bytes += len(chunk)
            yield chunk
            if progress is not None:
                progress("upload", done_bytes, seen.size_bytes)
    if StatKey.of(seen.path) != seen.stat:
        raise ChangedWhileHashing(str(seen.path))
