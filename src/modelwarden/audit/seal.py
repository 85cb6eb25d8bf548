"""The seal that people see on every page: how long the ledger is, its root, and what the last verification said."""

from __future__ import annotations

import json
from datetime import datetime  # noqa: TC003  # part of the value
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.audit import queries
from modelwarden.audit.proofs import newest_checkpoint
from modelwarden.audit.reads import may_read_some
from modelwarden.audit.search import EntryFilter
from modelwarden.errors import NoteInvalid, SizeUnknown
from modelwarden.values.clock import moment

if TYPE_CHECKING:
    from modelwarden.store.change import View

VERIFIED: Final = "ledger.verified"
FAILED: Final = "ledger.verification_failed"
LOOKED_AT: Final = 20
"""So many of the last failures are looked at, and of the last verifications, for one that covers the same range."""


class Seal(NamedTuple):
    """The newest checkpoint, and the last verification: its time, and its entry. `ok` is None before the first.

    After a failure it stays not ok until a verification that covers the same range finds nothing wrong.
    """

    size: int
    root: str
    ok: bool | None
    verified_at: datetime | None
    entry: int | None


def seal(view: View) -> Seal | None:
    """Return the seal, for who may read some entries; None for others, and before the first checkpoint."""
    if not may_read_some(view):
        return None
    try:
        newest, _ = newest_checkpoint(view)
    except (SizeUnknown, NoteInvalid):
        return None
    size, root = newest.size, newest.root.hex()
    verified = _newest(view, VERIFIED, LOOKED_AT)
    failed = _failure(view, verified)
    if failed is not None:
        return Seal(size, root, False, failed.at, failed.seq)  # noqa: FBT003
    if verified:
        return Seal(size, root, True, verified[0].at, verified[0].seq)  # noqa: FBT003
    return Seal(size, root, None, None, None)


class _Told(NamedTuple):
    """A verification as its entry tells it; nothing but the number of one that was altered."""

    seq: int
    at: datetime | None = None
    first: int = 0
    last: int = -1


def is_broken(view: View) -> bool:
    """Tell whether a verification failed and none since heals it. The caller asks for the right."""
    return _failure(view, _newest(view, VERIFIED, LOOKED_AT)) is not None


def _failure(view: View, verified: list[_Told]) -> _Told | None:
    """Return the newest failure that no verification heals."""
    failures = _newest(view, FAILED, LOOKED_AT)
    return next((each for each in failures if not any(_heals(one, each) for one in verified)), None)


def _newest(view: View, kind: str, count: int) -> list[_Told]:
    found = queries.page(view, EntryFilter(types=(kind,)), below=queries.END, limit=count)
    bodies = queries.entries_at(view, found.seqs)
    told = [_told(seq, bodies[seq].body) for seq in found.seqs if seq in bodies]
    return [each for each in told if kind == FAILED or each.at is not None]


def _told(seq: int, body: bytes) -> _Told:
    try:
        parsed = json.loads(body)
        fact = parsed["fact"]
        return _Told(seq, moment(parsed["at"]), int(fact["first"]), int(fact["last"]))
    except (ValueError, LookupError, TypeError):
        return _Told(seq)


def _heals(verified: _Told, failed: _Told) -> bool:
    """Tell whether a verification came after a failure, and covers what failed."""
    known = failed.at is not None and verified.seq > failed.seq
    return known and verified.first <= failed.first and verified.last >= failed.last
