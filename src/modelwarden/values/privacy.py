"""What callers see of erasures, legal holds and retention. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # the API reads the annotations at run time


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockAnswer:
    """Texts that opened again: whose erasures were applied first, who of them waits for a hold, how many texts went."""

    users: tuple[str, ...]
    waiting: tuple[str, ...]
    texts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureAnswer:
    """An erasure: `on_hold` or `done`; `texts` went or wait to go, `kept` stayed without their author."""

    id: str
    user: str
    person: str
    basis: str
    scope: str
    state: str
    reason: str | None
    permit: str
    requested_by: str
    requested_at: datetime
    done_at: datetime | None
    texts: int
    kept: int
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldAnswer:
    """A legal hold; what falls under all that it names stays."""

    id: str
    person: str | None
    model: str | None
    incident: str | None
    since: datetime | None
    until: datetime | None
    reason: str | None
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None
    permit: str | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionAnswer:
    """For how many days each kind of data is kept. Entries of the ledger are kept for good."""

    texts: int
    leavers: int
    sessions: int
    deliveries: int
    changed_by: str | None
    changed_at: datetime | None
    revision: int
