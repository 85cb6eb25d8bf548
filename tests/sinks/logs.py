"""Ledgers of an exact size, quickly, and copies of them in folders."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from modelwarden.ledger.entry import parse_line
from modelwarden.sinks.address import parse_address
from modelwarden.sinks.opening import follower_name
from modelwarden.sinks.sink import kind_of
from modelwarden.sinks.verifying import Asked, verify_copy
from modelwarden.sinks.worm_folder import thaw
from modelwarden.store import entries
from modelwarden.store.entries import Draft
from modelwarden.store.follower import Follower
from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.ledger.result import Result
    from modelwarden.sinks.sink import Sink
    from modelwarden.warden.warden import Warden

BEGIN = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)


def grow(warden: Warden, size: int, *, at: datetime = BEGIN) -> None:
    """Append entries until there are so many, and sign; no action made them, so only their ledger verifies."""
    with warden.store.database.writing() as connection:
        before = entries.read_head(connection, lock=True)
        drafts = [_draft(seq, timestamp(at)) for seq in range(before.size, size)]
        if drafts:
            entries.append(connection, drafts, before=before, indexed=False)
    warden.sign()


def grow_days(warden: Warden, *days: int, each: int = 5) -> None:
    """Append a few entries on each of these days, counted from the first one."""
    for day in days:
        size = warden.audit.checkpoint().size
        grow(warden, size + each, at=BEGIN + timedelta(days=day))


def _draft(seq: int, at: str) -> Draft:
    body = b'{"actor":{"id":"system:test"},"at":"%s","fact":{"n":%d},"type":"test.grew","v":1}'
    return Draft(body % (at.encode(), seq), at, "test.grew", 0, "done", "system:test", (), ())


def sink_at(warden: Warden, address: str) -> Sink:
    """Return a sink, not yet begun."""
    parsed = parse_address(address)
    return kind_of(parsed).open_sink(parsed, warden.store)


def follower_at(warden: Warden, address: str) -> Follower:
    """Return a follower that was not started."""
    name = follower_name(parse_address(address).name)
    return Follower(name, warden.store, sink_at(warden, address))


def follow(warden: Warden, address: str) -> Follower:
    """Carry all entries that are there, save the position, and let go of the far end."""
    follower = follower_at(warden, address)
    while follower.follow_once():
        pass
    follower._step.idle()
    follower._save(force=True)
    follower._step.close()
    return follower


def verified_alone(warden: Warden, address: str) -> Result:
    """Verify a copy by the ledger's key, with no checkpoint but those that lie in it."""
    return verify_copy(address, Asked(trusted=warden.audit.keys()))


def verified(warden: Warden, address: str, *, first: int = 0, last: int | None = None) -> Result:
    """Verify a copy by itself, against the ledger's key and its newest checkpoint."""
    note = warden.audit.checkpoint().note.encode()
    asked = Asked(trusted=warden.audit.keys(), remembered=(note,), first=first, last=last)
    return verify_copy(address, asked)


def numbers(address: str, first: int = 0) -> list[int]:
    """Return the numbers of the entries as they are read back."""
    parsed = parse_address(address)
    with closing(kind_of(parsed).open_copy(parsed, origin=None)) as copy:
        return [parse_line(data).stored.seq for data in copy.lines(first)]


def files(folder: Path) -> list[Path]:
    """Return all files below a folder but those that only keep writers apart."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def loosen(folder: Path) -> None:
    """Let everything below a folder be changed again."""
    for path in (folder, *folder.rglob("*")):
        if path.exists() and not path.is_symlink():
            thaw(path)
            path.chmod(0o755 if path.is_dir() else 0o644)


def flip(path: Path, place: int, *, by: int = 1) -> None:
    """Change one byte of a file, wherever it is kept."""
    loosen(path.parent)
    data = bytearray(path.read_bytes())
    data[place] ^= by
    path.write_bytes(data)
