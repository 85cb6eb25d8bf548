"""Kill switches as callers get them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API reads the annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAnswer:
    """A kill switch. It is enforced while `state` is `active`, `release_requested` or, on what is `held`, `ramping`.

    `repeated` says, in the answer to an activation, that it was in force before: nothing was written. `exception` is
    what is carved out, called `except` in requests. `applied` is how many of the guards that it concerns applied it,
    such as `41 of 42`, as of about a second ago; none before they are counted. `held` is the share of callers, in
    basis points, that it holds: less than 10,000 while its release goes in steps (`ramp`, `ramp_step` from 1 on).
    """

    id: str
    state: str
    name: str | None
    source: str | None
    environment: str
    scope: Mapping[str, Any]
    exception: Mapping[str, Any]
    everything: bool
    action: str
    fallback: tuple[str, ...]
    severity: str
    reason: str | None
    incident: str | None
    evidence: str | None
    expires_at: datetime | None
    on_expiry: str | None
    unknown: str
    lkg_before: datetime
    via: str
    activated_by: str
    activated_at: datetime
    reminded_at: datetime | None
    release_requested_by: str | None
    release_requested_at: datetime | None
    notes: str | None
    verification: str | None
    ended_by: str | None
    ended_at: datetime | None
    ended_notes: str | None
    revision: int
    ramp: tuple[int, ...] | None = None
    bake_s: int | None = None
    ramp_step: int | None = None
    ramp_moved_at: datetime | None = None
    held: int = 10_000
    applied: str | None = None
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchMatchAnswer:
    """A switch that matches a call, and by what: dimension → words."""

    switch: str
    action: str
    severity: str
    state: str
    why: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchCheckAnswer:
    """What the live switches do to one call: the strongest of those that match.

    Attributes:
        action: `block`, `fallback`, `observe`, or `none`.
        fallback: steps that all of them allow, or `chain`; empty where nothing falls back.
        missing: dimensions that a matching switch names and the call does not; they match (SG-4).
    """

    environment: str
    context: Mapping[str, str]
    action: str
    fallback: tuple[str, ...]
    missing: tuple[str, ...]
    matches: tuple[SwitchMatchAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToggleAnswer:
    """What became of one switch of a file: activated, unchanged, over, release_requested or still_active."""

    name: str
    outcome: str
    switch: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TogglesAnswer:
    """What became of a file of switches."""

    source: str
    toggles: tuple[ToggleAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchStepAnswer:
    """One step in the story of a switch, and the entry that records it.

    Attributes:
        type: of the entry, such as `switch.release_requested`; `access.denied` is an attempt that a rule refused.
        words: the reason or notes that were given; none where they were erased, or none belong to it.
        cause: `refused` or `withdrawn` of a release that does not come; the rule, of what was refused.
        counts: of `switch.confirmed` and `switch.unconfirmed`: confirmed, expected, lost, max_ms.
    """

    entry: int
    at: datetime
    type: str
    actor: str
    words: str | None
    verification: str | None
    cause: str | None
    counts: Mapping[str, int]
