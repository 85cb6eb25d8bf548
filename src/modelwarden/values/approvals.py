"""What callers get about who stands in for whom, groups, what was said elsewhere, and how long answers take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  # the API reads the annotations at run time


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAnswer:
    """One who belongs to a group, and since when."""

    user: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAnswer:
    """A group of people that seats may name."""

    name: str
    members: tuple[MemberAnswer, ...]
    created_by: str
    created_at: datetime
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationAnswer:
    """Who decides in whose stead, and until when; `state` is `current` or `ended`."""

    id: str
    state: str
    delegator: str
    delegate: str
    reason: str | None
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimesAnswer:
    """How many questions wait, and how long those took that were decided in the last `days`, in whole seconds."""

    days: int
    open: int
    overdue: int
    decided: int
    median_s: int | None
    ninth_decile_s: int | None
    longest_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceAnswer:
    """What one account said in another system, and whether it counts there for the gate; `user` is whose it is here."""

    account: str
    user: str | None
    said: str
    counts: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideAnswer:
    """How a request stands in another system now; `state` is passed, missing, changes_requested or unreadable."""

    system: str
    state: str
    why: str
    url: str
    seen_at: datetime
    voices: tuple[VoiceAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandsAnswer:
    """What was opened in another system for a request, and how it stood when it was looked at last."""

    system: str
    name: str
    state: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentAnswer:
    """What somebody wrote about a request elsewhere, as it was then; no words where they were erased."""

    id: str
    system: str
    user: str
    comment: str | None
    written_at: datetime
