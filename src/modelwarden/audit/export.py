"""Exports: a range or a selection of entries, with all that is needed to verify it elsewhere (LG-44).

`prepare_export` writes beside the place asked for, where nobody looks; once `record_export` is committed, `release`
puts it in place. So no export is out before the ledger says so. Memory does not grow with the range.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from modelwarden.access.allowed import authorize, readable
from modelwarden.audit import extent, layout, queries
from modelwarden.audit.layout import ListedFile, Manifest
from modelwarden.audit.proofs import newest_checkpoint, proof_of
from modelwarden.audit.reads import previous_hash, stored_entry, with_ids
from modelwarden.errors import NotFound, RangeTooLarge, SizeUnknown, ValueInvalid
from modelwarden.facts.kinds import Code, plain
from modelwarden.facts.ledger import LedgerExported
from modelwarden.ledger import dsse
from modelwarden.ledger.checkpoint import tlog_proof
from modelwarden.ledger.entry import Stored, chain_start, line
from modelwarden.permissions import Permission
from modelwarden.store import entries, server_keys
from modelwarden.store.key_history import handover, naming_entries, server_key_at
from modelwarden.store.witnesses import cosigned
from modelwarden.values.answers import ExportAnswer
from modelwarden.values.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator
    from datetime import datetime

    from modelwarden.audit.search import EntryFilter
    from modelwarden.ledger.checkpoint import Checkpoint
    from modelwarden.ledger.keys import SigningKey
    from modelwarden.store.change import Change, View

MOST_SELECTED: Final = 100_000
"""Entries in a selection: each has a file with its proof."""
MOST_CHECKPOINTS: Final = 1_000
"""Older checkpoints that an export carries: the newest of its range."""
ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
ZIP_MODE: Final = 0o100644 << 16

STANDALONE: Final = Path(__file__).with_name("standalone.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedExport:
    """An export that is written, but not yet in place."""

    written: Path
    output: Path
    first: int
    last: int
    files: int
    manifest_sha256: str
    form: None = None

    def release(self) -> ExportAnswer:
        """Put the export in place, and say where."""
        self.written.replace(self.output)
        self._clear()
        return ExportAnswer(
            path=str(self.output),
            first=self.first,
            last=self.last,
            files=self.files,
            manifest_sha256=self.manifest_sha256,
        )

    def discard(self) -> None:
        """Remove what was written: the export could not be recorded."""
        self._clear()

    def _clear(self) -> None:
        shutil.rmtree(self.written.parent)


def prepare_export(  # noqa: PLR0913  # what to export, where, and in which form
    view: View,
    output: Path,
    *,
    first: int = 0,
    last: int | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    wanted: EntryFilter | None = None,
    zipped: bool = False,
    progress: Callable[[int], None] | None = None,
) -> PreparedExport:
    """Write entries `first` to `last`, those of a time, or those that fit a filter, and all that proves them.

    Only what a checkpoint covers can be proven: without `last`, it ends there at the latest. `progress` is told how
    many entries are written.

    Raises:
        NotPermitted.
        ValueInvalid: something stands at `output` already.
        SizeUnknown: `last` is past the newest checkpoint.
        RangeTooLarge: a selection of more than 100,000 entries.
    """
    if not readable(view, Permission.AUDIT_EXPORT):
        authorize(view, Permission.AUDIT_EXPORT)
    output = _free(output)
    first, last = extent.numbers(view, first=first, last=last, since=since, until=until)
    newest, note = newest_checkpoint(view)
    end = newest.size - 1 if last is None else last
    if until is not None:  # a time may lie partly past the checkpoint
        end = min(end, newest.size - 1)
    if not 0 <= first <= end < newest.size:
        raise SizeUnknown(
            f"checkpoints cover entries 0 to {newest.size - 1}; ask for some of these"
        )
    place = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
    try:
        bundle = _Bundle(place / "folder", newest, note)
        selection = _write_entries(view, bundle, (first, end), wanted, progress or _quiet)
        manifest = hashlib.sha256(bundle.finish(view, first, end, selection)).hexdigest()
        written, files = _zip(place) if zipped else bundle.folder, len(bundle.files) + 1
    except BaseException:
        shutil.rmtree(place)
        raise
    return PreparedExport(
        written=written, output=output, first=first, last=end, files=files, manifest_sha256=manifest
    )


class Leaving(Protocol):
    """What is about to leave the house, in whatever form."""

    @property
    def first(self) -> int:
        """Return the first entry."""
        ...

    @property
    def last(self) -> int:
        """Return the last entry."""
        ...

    @property
    def manifest_sha256(self) -> str:
        """Return the digest of the manifest."""
        ...

    @property
    def form(self) -> str | None:
        """Return the form, or None for one with all that proves it."""
        ...

    def release(self) -> ExportAnswer:
        """Put it in place, and say where."""
        ...

    def discard(self) -> None:
        """Remove what was written: it could not be recorded."""
        ...


def record_export(change: Change, prepared: Leaving) -> None:
    """Record that a range leaves the house. Raises NotPermitted."""
    authorize(change, Permission.AUDIT_EXPORT)
    change.record(
        LedgerExported(
            first=prepared.first,
            last=prepared.last,
            manifest=Digest(prepared.manifest_sha256),
            form=None if prepared.form is None else Code(prepared.form),
        )
    )


class _Bundle:
    """The folder that is written, and the list of what is in it."""

    def __init__(self, folder: Path, newest: Checkpoint, note: bytes) -> None:
        self.folder, self.newest, self.note = folder, newest, note
        self.files: list[ListedFile] = []
        folder.mkdir()
        folder.chmod(0o755)

    def add(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a file from its parts."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with path.open("xb") as file:
            for part in parts:
                file.write(part)
                digest.update(part)
                size += len(part)
        self.files.append(ListedFile(path=name, size=size, sha256=digest.hexdigest()))

    def prove(self, view: View, seqs: Iterable[int]) -> None:
        """Write the proof of each entry."""
        for seq in seqs:
            data = proof_of(view, seq, newest=self.newest, note=self.note)
            self.add(layout.proof(seq), [data])

    def finish(self, view: View, first: int, last: int, selection: _Selection) -> bytes:
        """Write what is the same for each export, then the manifest, and return that."""
        self.add(layout.CHECKPOINT, [self.note])
        for size, note in _older(view, first, min(last, self.newest.size - 2)):
            self.add(layout.older_checkpoint(size), [note])
        keys = server_keys.current(view.connection, view.keyring)
        self.add(layout.VKEY, [f"{keys.log_key.vkey}\n".encode()])
        self.add(layout.README, [layout.readme(view.keyring.origin, first, last).encode()])
        self.add(layout.VERIFIER, [STANDALONE.read_bytes()])
        manifest = Manifest(
            origin=view.keyring.origin,
            first=first,
            last=last,
            size=self.newest.size,
            selection=selection,
            files=tuple(self.files),
        )
        payload = manifest.payload()
        data = dsse.seal(layout.PAYLOAD_TYPE, payload, self._server_key(view)).to_line()
        (self.folder / layout.MANIFEST).write_bytes(data)
        return data

    def _server_key(self, view: View) -> SigningKey:
        """Return the server key that the exported tree names last: a newer one nobody could check."""
        keys = server_keys.current(view.connection, view.keyring)
        return server_keys.server_key_named(keys, server_key_at(view.connection, self.newest.size))


_Selection = str | dict[str, object]


def _free(output: Path) -> Path:
    """Return the place to write to, its folder made. Raises ValueInvalid when something stands there."""
    output = output.absolute()
    if output.exists():
        raise ValueInvalid("output", f"a place where nothing is yet, not {output}")
    output.parent.mkdir(parents=True, exist_ok=True)
    return output


def _write_entries(
    view: View,
    bundle: _Bundle,
    bounds: tuple[int, int],
    wanted: EntryFilter | None,
    progress: Callable[[int], None],
) -> _Selection:
    first, last = bounds
    if wanted is None or wanted.is_empty:
        bundle.add(layout.ENTRIES, _range(view, first, last, progress))
        proven = {first, last}
        selection: _Selection = layout.ALL
    else:
        wanted = with_ids(view, wanted)
        chosen = _chosen(view, wanted, first, last)
        bundle.add(layout.ENTRIES, _chosen_lines(view, chosen, progress))
        proven = set(chosen)
        selection = {name: plain(item) for name, item in asdict(wanted).items() if item}
    there = range(first, last + 1) if selection == layout.ALL else frozenset(proven)
    proven |= _write_naming(view, bundle, there)
    bundle.prove(view, sorted(proven))
    return selection


def _write_naming(view: View, bundle: _Bundle, there: Container[int]) -> set[int]:
    """Write what shows which keys count, and return the entries that say so: entry 0, rotations, revocations."""
    named = {0, *naming_entries(view.connection, below=bundle.newest.size)}
    for seq in sorted(named):
        stored = stored_entry(view, seq)
        if seq not in there:
            bundle.add(layout.naming_line(seq), [line(stored, previous_hash(view, seq))])
        both = handover(view.connection, seq, stored.body)
        if both is not None and both.proof is not None:
            bundle.add(layout.handover(seq), [tlog_proof(seq, both.proof, both.note)])
    return named


def _range(view: View, first: int, last: int, progress: Callable[[int], None]) -> Iterator[bytes]:
    previous, written = previous_hash(view, first), 0
    for batch in entries.between(view.connection, first, last):
        lines = []
        for row in batch:
            stored = Stored(*row)
            lines.append(line(stored, previous))
            previous = stored.entry_hash
        yield b"".join(lines)
        written += len(lines)
        progress(written)


def _chosen(view: View, wanted: EntryFilter, first: int, last: int) -> array[int]:
    """Return the numbers of the entries that fit, in order."""
    seqs = array("q")
    below: int | None = last + 1
    while below is not None:
        found = queries.page(view, wanted, below=below, limit=500)
        seqs.extend(seq for seq in found.seqs if seq >= first)
        if len(seqs) > MOST_SELECTED:
            raise RangeTooLarge(f"a selection holds at most {MOST_SELECTED:,} entries; narrow it")
        below = found.below if found.below is not None and found.below > first else None
    seqs.reverse()
    return seqs


def _chosen_lines(view: View, seqs: array[int], progress: Callable[[int], None]) -> Iterator[bytes]:
    start = chain_start(view.keyring.origin)
    for begin in range(0, len(seqs), 400):
        part = seqs[begin : begin + 400]
        rows = queries.entries_at(view, sorted({n for seq in part for n in (seq - 1, seq)}))
        for seq in part:
            if seq not in rows or (seq and seq - 1 not in rows):
                raise NotFound("entry", str(seq))
            yield line(rows[seq], rows[seq - 1].entry_hash if seq else start)
        progress(begin + len(part))


def _older(view: View, first: int, last: int) -> list[tuple[int, bytes]]:
    found = queries.checkpoints_within(view, first + 1, last + 1, limit=MOST_CHECKPOINTS)[::-1]
    return [(size, cosigned(view.connection, size, note)) for size, note in found]


def _zip(place: Path) -> Path:
    """Pack the folder: sorted, stored, of one date, so that the same export has the same bytes."""
    folder, target = place / "folder", place / "export.zip"
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "x", zipfile.ZIP_STORED) as packed:
        for path in paths:
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIP_TIME)
            member.external_attr, member.create_system = ZIP_MODE, 3
            member.file_size = path.stat().st_size
            with path.open("rb") as source, packed.open(member, "w") as file:
                shutil.copyfileobj(source, file)
    return target


def _quiet(_written: int) -> None:
    """Tell nobody."""
