"""Exports for other programs (LG-44): one file in one form, and beside it what ties it to the ledger.

`<file>.manifest.dsse.json` says origin, first and last entry, the last one's hash and the file's digest, signed by the
server key. Memory does not grow with the range.
"""

from __future__ import annotations

import hashlib
import importlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from modelwarden.access.allowed import authorize, readable
from modelwarden.audit import extent
from modelwarden.audit.forms import Form, Row, lines_of, row_of
from modelwarden.audit.proofs import newest_checkpoint
from modelwarden.audit.reads import previous_hash
from modelwarden.errors import ExtraMissing, FilterInvalid, SizeUnknown, ValueInvalid
from modelwarden.ledger import dsse
from modelwarden.ledger.entry import Stored
from modelwarden.permissions import Permission
from modelwarden.store import entries
from modelwarden.values.answers import ExportAnswer
from modelwarden.values.canonical import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from modelwarden.store.change import View

PAYLOAD_TYPE: Final = "application/vnd.modelwarden.table+json"
BESIDE: Final = ".manifest.dsse.json"
ROWS: Final = 20_000
"""Rows of Parquet that are written together."""
INSTALL: Final = "pip install 'modelwarden[parquet]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTable:
    """A file that is written, but not yet in place, and its manifest."""

    written: Path
    output: Path
    form: Form
    first: int
    last: int
    manifest: bytes

    @property
    def manifest_sha256(self) -> str:
        """Return the digest that the ledger records."""
        return hashlib.sha256(self.manifest).hexdigest()

    def release(self) -> ExportAnswer:
        """Put the file and its manifest in place, and say where."""
        beside_of(self.output).write_bytes(self.manifest)
        self.written.replace(self.output)
        self.discard()
        return ExportAnswer(
            path=str(self.output),
            first=self.first,
            last=self.last,
            files=2,
            manifest_sha256=self.manifest_sha256,
        )

    def discard(self) -> None:
        """Remove what was written: the export could not be recorded."""
        shutil.rmtree(self.written.parent)


def beside_of(output: Path) -> Path:
    """Return where the manifest of a file stands."""
    return output.with_name(output.name + BESIDE)


def form_named(word: str) -> Form:
    """Return the form of this name. Raises FilterInvalid."""
    try:
        return Form(word)
    except ValueError:
        raise FilterInvalid("format", f"folder, or one of {', '.join(Form)}") from None


def prepare_table(  # noqa: PLR0913  # what to export, where, and in which form
    view: View,
    output: Path,
    *,
    form: Form,
    first: int = 0,
    last: int | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    progress: Callable[[int], None] | None = None,
) -> PreparedTable:
    """Write entries `first` to `last`, or those of a time, in one form. `progress` is told how many are written.

    Raises:
        NotPermitted.
        ValueInvalid: something stands at `output`, or beside it, already.
        SizeUnknown: `last` is past the newest checkpoint.
        ExtraMissing: Parquet without its packages.
    """
    if not readable(view, Permission.AUDIT_EXPORT):
        authorize(view, Permission.AUDIT_EXPORT)
    output = output.absolute()
    for place in (output, beside_of(output)):
        if place.exists():
            raise ValueInvalid("output", f"a place where nothing is yet, not {place}")
    first, last = extent.numbers(view, first=first, last=last, since=since, until=until)
    size = newest_checkpoint(view)[0].size
    end = size - 1 if last is None else last
    if not 0 <= first <= end < size:
        raise SizeUnknown(f"checkpoints cover entries 0 to {size - 1}; ask for some of these")
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        written = folder / "table"
        last_hash = _write(view, written, form, (first, end), progress)
        manifest = _manifest(view, written, form, (first, end), last_hash)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return PreparedTable(
        written=written, output=output, form=form, first=first, last=end, manifest=manifest
    )


def _write(
    view: View,
    place: Path,
    form: Form,
    bounds: tuple[int, int],
    progress: Callable[[int], None] | None,
) -> bytes:
    """Write the file, and return the hash of its last entry."""
    rows = _Rows(view, bounds, progress)
    with place.open("xb") as file:
        if form is Form.PARQUET:
            _write_parquet(file, rows, view.keyring.origin, bounds)
        else:
            for part in lines_of(form, rows, view.keyring.origin):
                file.write(part)
    return rows.hash


class _Rows:
    """The entries of a range with the hash before each; it remembers the last one's."""

    def __init__(
        self, view: View, bounds: tuple[int, int], progress: Callable[[int], None] | None
    ) -> None:
        self._view, self._bounds, self._progress = view, bounds, progress
        self.hash = previous_hash(view, bounds[0])

    def __iter__(self) -> Iterator[tuple[Stored, bytes]]:
        done = 0
        for batch in entries.between(self._view.connection, *self._bounds):
            for each in batch:
                stored = Stored(*each)
                yield stored, self.hash
                self.hash = stored.entry_hash
            done += len(batch)
            if self._progress is not None:
                self._progress(done)


def _write_parquet(file: BinaryIO, rows: _Rows, origin: str, bounds: tuple[int, int]) -> None:
    try:
        pa = importlib.import_module("pyarrow")  # an extra, and large
        parquet = importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"Parquet needs pyarrow: {INSTALL}") from error
    schema = pa.schema(
        [(name, pa.int64() if name == "seq" else pa.string()) for name in Row._fields]
    )
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        held: list[Row] = []
        for stored, previous in rows:
            held.append(row_of(stored, previous))
            if len(held) == ROWS:
                writer.write_table(_as_table(pa, schema, held))
                held = []
        if held:
            writer.write_table(_as_table(pa, schema, held))
        said = {"origin": origin, "first": str(bounds[0]), "last": str(bounds[1])}
        said |= {"last_entry_hash": rows.hash.hex()}
        writer.add_key_value_metadata({f"modelwarden.{key}": value for key, value in said.items()})


def _as_table(pa: Any, schema: Any, held: list[Row]) -> Any:  # noqa: ANN401  # pyarrow has no types
    columns = zip(*held, strict=True)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )


def _manifest(
    view: View, written: Path, form: Form, bounds: tuple[int, int], last_hash: bytes
) -> bytes:
    with written.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    payload = {
        "origin": view.keyring.origin,
        "form": form.value,
        "first": bounds[0],
        "last": bounds[1],
        "last_entry_hash": last_hash.hex(),
        "size": written.stat().st_size,
        "sha256": digest,
    }
    return dsse.seal(PAYLOAD_TYPE, encode(payload), view.keyring.server_key).to_line()
