"""What a report over a period says (LG-45)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # the SDK reads annotations at run time


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAnswer:
    """How many entries have something in common."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAnswer:
    """How many entries a day (UTC) has, by severity."""

    day: str
    info: int
    warning: int
    high: int
    critical: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SevereAnswer:
    """An entry of severity HIGH or CRITICAL; `says` is its type, or what another system called it."""

    seq: int
    at: str
    type: str
    says: str
    severity: str
    outcome: str
    actor: str
    about: tuple[str, ...]
    entry_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSealAnswer:
    """How far a copy of the ledger was, when it was last sealed: its next entry."""

    sink: str
    next_seq: int
    sealed_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAnswer:
    """One thing that does not verify, and where."""

    code: str
    seq: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAnswer:
    """What happened in a period, counted over the first `as_of` entries of the ledger.

    Attributes:
        since, until: the period, ends included.
        as_of: the size of the ledger that was looked at; the same period and size give the same report.
        root: of these entries.
        first, last: the entries that were looked at for it, none for an empty period.
        total: entries in the period.
        refusals: those of which a rule said no, by type.
        severe: every HIGH and CRITICAL entry, newest first, as many as `severe_shown`.
        verified: whether entries `first` to `last` verify; `problems` says what does not.
    """

    origin: str
    since: datetime
    until: datetime
    as_of: int
    root: str
    first: int | None
    last: int | None
    last_entry_hash: str
    total: int
    types: tuple[CountAnswer, ...]
    families: tuple[CountAnswer, ...]
    severities: tuple[CountAnswer, ...]
    outcomes: tuple[CountAnswer, ...]
    actors: tuple[CountAnswer, ...]
    components: tuple[CountAnswer, ...]
    events: tuple[CountAnswer, ...]
    tags: tuple[CountAnswer, ...]
    refusals: tuple[CountAnswer, ...]
    refused_actors: tuple[CountAnswer, ...]
    days: tuple[DayAnswer, ...]
    severe: tuple[SevereAnswer, ...]
    severe_total: int
    sinks: tuple[SinkSealAnswer, ...]
    verified: bool
    problems: tuple[FoundAnswer, ...]
    most_named: int

    @property
    def severe_shown(self) -> int:
        """Return how many severe entries are listed."""
        return len(self.severe)

    @property
    def is_cut(self) -> bool:
        """Tell whether severe entries were left out."""
        return self.severe_shown < self.severe_total
