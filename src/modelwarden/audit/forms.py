"""One entry in the forms in which other programs read the ledger: a line of JSON, a row, a CloudEvent. Pure.

None of them proves anything by itself; each carries the entry's own bytes and its hashes, so that any line can be
compared with the ledger.
"""

from __future__ import annotations

import csv
import io
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modelwarden.ledger.entry import line
from modelwarden.values.cells import safe_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modelwarden.ledger.entry import Stored


class Form(StrEnum):
    """How entries are written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    CLOUDEVENTS = "cloudevents"


class Row(NamedTuple):
    """One entry as a row of a table. What is a list stands with spaces between; `entry` is the body, byte for byte."""

    seq: int
    at: str
    type: str
    severity: str
    outcome: str
    actor: str
    about: str
    tags: str
    component: str
    event: str
    previous_hash: str
    leaf_hash: str
    entry_hash: str
    entry: str


def row_of(stored: Stored, previous: bytes) -> Row:
    """Return an entry as a row; of an altered one what can be read of it."""
    text = stored.body.decode(errors="replace")
    said = _said(text)
    fact = said.get("fact")
    fact = fact if isinstance(fact, dict) else {}
    actor = said.get("actor")
    return Row(
        seq=stored.seq,
        at=_word(said.get("at")),
        type=_word(said.get("type")),
        severity=_word(said.get("severity")),
        outcome=_word(said.get("outcome")),
        actor=_word(actor.get("id")) if isinstance(actor, dict) else "",
        about=_words(said.get("about")),
        tags=_words(said.get("tags")),
        component=_word(fact.get("component")),
        event=_word(fact.get("event")),
        previous_hash=previous.hex(),
        leaf_hash=stored.leaf.hex(),
        entry_hash=stored.entry_hash.hex(),
        entry=text,
    )


def as_jsonl(stored: Stored, previous: bytes, _origin: str) -> bytes:
    """Return the line of LG-43."""
    return line(stored, previous)


def as_csv(stored: Stored, previous: bytes, _origin: str) -> bytes:
    """Return a line of CSV (RFC 4180)."""
    return _csv(row_of(stored, previous))


def as_cloudevent(stored: Stored, previous: bytes, origin: str) -> bytes:
    """Return a CloudEvent (1.0, JSON format) on one line; its data are the body's bytes, unchanged."""
    row = row_of(stored, previous)
    said = {
        "specversion": "1.0",
        "id": str(stored.seq),
        "source": origin,
        "type": row.type,
        "time": row.at,
        "datacontenttype": "application/json",
        "previoushash": row.previous_hash,
        "leafhash": row.leaf_hash,
        "entryhash": row.entry_hash,
    }
    if row.about:
        said["subject"] = row.about.partition(" ")[0]
    head = json.dumps(said, ensure_ascii=False, separators=(",", ":"))[:-1]
    return head.encode() + b',"data":' + stored.body + b"}\n"


CSV_HEAD: Final = ",".join(Row._fields).encode() + b"\r\n"
LINES: Final = {Form.JSONL: as_jsonl, Form.CSV: as_csv, Form.CLOUDEVENTS: as_cloudevent}


def lines_of(form: Form, entries: Iterable[tuple[Stored, bytes]], origin: str) -> Iterator[bytes]:
    """Yield the file, line by line, of entries and the hash before each."""
    write = LINES[form]
    if form is Form.CSV:
        yield CSV_HEAD
    for stored, previous in entries:
        yield write(stored, previous, origin)


def _csv(row: Row) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerow([row.seq, *(safe_cell(str(cell)) for cell in row[1:])])
    return out.getvalue().encode()


def _said(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else ""
