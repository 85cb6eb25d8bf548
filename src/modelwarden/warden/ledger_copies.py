"""Copies of the ledger that a restore may take entries from: an export, or what a sink left behind."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from modelwarden.audit import layout
from modelwarden.audit.sources import opened, read_whole
from modelwarden.errors import LineInvalid, Unreadable
from modelwarden.ledger.checkpoint import MAX_NOTE_BYTES
from modelwarden.ledger.entry import parse_line
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.sink import kind_of
from modelwarden.store import key_files
from modelwarden.store.catching_up import LedgerCopy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelwarden.audit.sources import Source
    from modelwarden.config import Settings


@contextlib.contextmanager
def ledger_copy(text: str, settings: Settings) -> Iterator[LedgerCopy]:
    """Open a copy: the path of an export, or the address of a sink's far end. Raises SettingInvalid, Unreadable."""
    if "://" not in text and Path(text).exists():
        with opened(Path(text)) as source:
            yield LedgerCopy(
                name=text, notes=_notes(source), lines=lambda first: _lines(source, first)
            )
        return
    address = parse_address(text)
    folder = settings.located().keys_folder
    origin = None if folder is None else key_files.first_log_key(folder).name
    with contextlib.closing(kind_of(address).open_copy(address, origin=origin)) as copy:
        yield LedgerCopy(name=text, notes=tuple(copy.notes()), lines=copy.lines)


def _notes(source: Source) -> tuple[bytes, ...]:
    names = [name for name in source.sizes if name.startswith("checkpoints/")]
    return tuple(
        read_whole(source, name, most=MAX_NOTE_BYTES)
        for name in (*names, layout.CHECKPOINT)
        if name in source.sizes
    )


def _lines(source: Source, first: int) -> Iterator[bytes]:
    """Yield the lines from an entry on; what can't be read is passed on, for whoever verifies."""
    if layout.ENTRIES not in source.sizes:
        raise Unreadable("there are no entries in this export")
    with source.open(layout.ENTRIES) as file:
        while data := file.readline(layout.LINE_BYTES):
            if not _is_before(data, first):
                yield data


def _is_before(data: bytes, first: int) -> bool:
    try:
        return parse_line(data).stored.seq < first
    except LineInvalid:
        return False
