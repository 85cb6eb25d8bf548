"""Triggers, what they fired, proposed switches, failure modes and datasets, as callers get them."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the API reads the annotations at run time
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RungAnswer:
    """A step of a ladder: it is taken above `threshold`, and over again at `clear`."""

    step: str
    threshold: str
    clear: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmAnswer:
    """How a rung stands for one value of the trigger's dimension; `streak` windows speak for the other state."""

    step: str
    value: str | None
    firing: bool
    streak: int
    judged_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerAnswer:
    """A version of a trigger. It judges while `state` is `in_force`; one that `waits` takes a second person.

    Attributes:
        verdict: pass, fail or unknown, of the version that is in force.
        waiting: the number of a newer version that waits; `ends` says that agreeing to this one retires the trigger.
        max_share: basis points of the model's last hour that it may switch without a person.
        alarms: how its rungs stand.
    """

    id: str
    name: str
    version: int
    state: str
    model: str
    environment: str
    signal: str
    by: str | None
    ladder: tuple[RungAnswer, ...]
    window_s: int
    n_min: int
    consecutive: int
    dry_run: bool
    auto_activate: bool
    max_share: int
    budget: int
    owner: str
    account: str | None
    ends: bool
    set_by: str
    set_at: datetime
    approved_by: str | None
    in_force_at: datetime | None
    ended_at: datetime | None
    verdict: str
    waiting: int | None
    alarms: tuple[AlarmAnswer, ...]
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringAnswer:
    """One time that a trigger fired: what it saw, what came of it (`act`) and why no more (`cause`).

    `evidence` are the windows that made it fire; the counts of each give its value again.
    """

    id: str
    trigger: str
    version: int
    model: str
    environment: str
    signal: str
    by: str | None
    by_value: str | None
    step: str
    act: str
    cause: str | None
    value: str
    threshold: str
    n: int
    first_at: datetime
    last_at: datetime
    share: int | None
    tier: int | None
    base: str
    severity: str
    rules: int
    switch: str | None
    proposal: str | None
    fired_at: datetime
    overridden_by: str | None
    overridden_at: datetime | None
    reason: str | None
    evidence: tuple[Mapping[str, Any], ...]
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalAnswer:
    """A proposed switch: `open` until it is accepted or lapses."""

    id: str
    state: str
    trigger: str
    firing: str
    model: str
    environment: str
    scope: Mapping[str, Any]
    severity: str
    cause: str
    lkg_before: datetime
    proposed_at: datetime
    lapses_at: datetime
    accepted_by: str | None
    accepted_at: datetime | None
    switch: str | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureModeAnswer:
    """A way in which a model fails, and whether anything would notice: `uncovered` where no detector is on.

    Attributes:
        detectors: what would notice; `on` are those that are at work for the model now.
        last_drilled: when it was last made to happen on purpose; none is never.
    """

    name: str
    cause: str
    detectors: tuple[str, ...]
    on: tuple[str, ...]
    severity: str
    action: str
    runbook: str
    proving_fault: str | None
    last_drilled: datetime | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetAnswer:
    """What a dataset has to be like, and how fresh it is now: pass, warn, fail or unknown.

    `checked` is what the last check said; `verdict` is what is known now, which silence makes unknown.
    """

    name: str
    cadence_s: int
    max_age_s: int
    min_rows: int
    columns: Any
    verdict: str
    reasons: tuple[str, ...]
    checked: str | None
    as_of: datetime | None
    rows: int | None
    checked_at: datetime | None
    checked_by: str | None
    set_by: str
    set_at: datetime
    revision: int
