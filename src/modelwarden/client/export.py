"""An export fetched from a server: streamed to a file, unpacked unless a zip is wanted, in place only when whole."""

from __future__ import annotations

import tempfile
import zipfile
from hashlib import file_digest, sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from modelwarden.client.transport import Call, path, query_of
from modelwarden.errors import AnswerMalformed, ValueInvalid
from modelwarden.ledger.dsse import parse_envelope
from modelwarden.values.answers import ExportAnswer
from modelwarden.values.canonical import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from modelwarden.client.calls import Calls

MANIFEST: Final = "manifest.dsse.json"
BESIDE: Final = ".manifest.dsse.json"
HEADER: Final = "Governance-Manifest"


def save_export(
    calls: Calls,
    output: str | PathLike[str],
    *,
    asked: Mapping[str, object],
    zipped: bool,
    progress: Callable[[int], None] | None,
) -> ExportAnswer:
    """Fetch the entries asked for with all that proves them. `progress` is told the bytes received.

    Raises:
        ValueInvalid: something stands at `output` already.
        NotPermitted, SizeUnknown, RangeTooLarge.
    """
    target = Path(output).absolute()
    if target.exists():
        raise ValueInvalid("output", f"a place where nothing is yet, not {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as place:
        packed = Path(place, "export.zip")
        call = Call(method="GET", path=path("audit-log", "export"), query=query_of(asked))
        calls.transport.save(call, packed, progress=progress)
        folder = Path(place, "folder")
        folder.mkdir(mode=0o755)
        names = _unpack(packed, folder)
        manifest = (folder / MANIFEST).read_bytes()
        (packed if zipped else folder).replace(target)
    return _answer(target, manifest, files=len(names))


def save_table(  # as save_export
    calls: Calls,
    output: str | PathLike[str],
    *,
    asked: Mapping[str, object],
    form: str,
    progress: Callable[[int], None] | None,
) -> ExportAnswer:
    """Fetch the entries asked for as one file, with its signed manifest beside it. Raises as `save_export` does."""
    target = Path(output).absolute()
    beside = target.with_name(target.name + BESIDE)
    for place in (target, beside):
        if place.exists():
            raise ValueInvalid("output", f"a place where nothing is yet, not {place}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        fetched = Path(folder, "table")
        query = query_of({**asked, "format": form})
        call = Call(method="GET", path=path("audit-log", "export"), query=query)
        headers = calls.transport.save(call, fetched, progress=progress)
        manifest = (headers.get(HEADER, "") + "\n").encode()
        with fetched.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        said = parse(parse_envelope(manifest).payload)
        if not isinstance(said, dict) or said.get("sha256") != digest:
            raise AnswerMalformed("the server's file is not the one that its manifest names")
        beside.write_bytes(manifest)
        fetched.replace(target)
    return _answer(target, manifest, files=2)


def _unpack(packed: Path, folder: Path) -> list[str]:
    """Unpack plain files that stay below the folder. Raises AnswerMalformed."""
    try:
        with zipfile.ZipFile(packed) as archive:
            names = [member.filename for member in archive.infolist()]
            if MANIFEST not in names or not all(map(_is_plain, names)):
                raise AnswerMalformed("the server's export holds names that no export has")
            archive.extractall(folder)
    except zipfile.BadZipFile as error:
        raise AnswerMalformed("the server's export is no zip, or was cut off") from error
    return names


def _is_plain(name: str) -> bool:
    place = PurePosixPath(name)
    return not place.is_absolute() and ".." not in place.parts and "\\" not in name


def _answer(target: Path, manifest: bytes, *, files: int) -> ExportAnswer:
    match parse(parse_envelope(manifest).payload):
        case {"first": int(first), "last": int(last)}:
            return ExportAnswer(
                path=str(target),
                first=first,
                last=last,
                files=files,
                manifest_sha256=sha256(manifest).hexdigest(),
            )
        case _:
            raise AnswerMalformed("the manifest of the server's export says no range")
