"""A deployment: one version going to one environment, and its states. Pure (product.md, "Lifecycles")."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from modelwarden.errors import IllegalMove, ValueInvalid
from modelwarden.policies.rollout import Course
from modelwarden.values.ids import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.guard.router import Strategy
    from modelwarden.policies.rollout import Step
    from modelwarden.registry.lifecycle import Environment
    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        DeploymentId,
        Digest,
        Label,
        ModelName,
        PersonId,
        RequestId,
        VersionName,
    )

REVIEW_DUE: Final = timedelta(days=7)
REVIEW_GRACE: Final = timedelta(days=7)
"""After so long beyond its day a review that is missing stops the model's next release (RL-41)."""
EMERGENCY_REVIEW_DAYS: Final = 2
"""Monday to Friday, in UTC (RL-44)."""
SATURDAY: Final = 5


class DeploymentState(StrEnum):
    """`in_progress → live | failed | aborted | rolled_back`; `live → superseded | rolled_back`."""

    IN_PROGRESS = "in_progress"
    LIVE = "live"
    FAILED = "failed"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"


class DeploymentKind(StrEnum):
    """Forward to a version, before people have agreed where it is an emergency (RL-44), or back (RL-38)."""

    RELEASE = "release"
    EMERGENCY = "emergency"
    ROLLBACK = "rollback"


class Origin(StrEnum):
    """Made here, or elsewhere and only noted (RL-36a)."""

    WARDEN = "warden"
    RECORDED = "recorded"


class ReviewOutcome(StrEnum):
    """What a look back at a deployment found (RL-41)."""

    AS_EXPECTED = "as_expected"
    ISSUES = "issues"
    REVERT = "revert"


_S = DeploymentState
MOVES: Final[Mapping[DeploymentState, frozenset[DeploymentState]]] = MappingProxyType(
    {
        _S.IN_PROGRESS: frozenset({_S.LIVE, _S.FAILED, _S.ABORTED, _S.ROLLED_BACK}),
        _S.LIVE: frozenset({_S.SUPERSEDED, _S.ROLLED_BACK}),
    }
)
"""A state that is no key is final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One version on its way to, in, or gone from one environment.

    Attributes:
        request: the approval that it rests on; None where the policy asks for no human.
        artifact_sha256: digest of the bytes that were hashed for the gate.
        replaces: the deployment that was live before.
        notes: erasable words: notes of a release, the reason of a rollback.
        reference: the caller's own id for it, unique in the model (RL-36a).
        verdict: what the gate found when it let this pass, signed by the server's key: a DSSE line (RL-27).
        course: its steps and conditions, as `Course.text`; None for one that has none.
        salt: 32 hex digits that part callers, fixed for all its steps (SG-29).
        step: which step stands, from 0; None before the first.
        traffic_at: since when it has had traffic, or mirrored calls.
        waits: why it does not go on though its time has passed: codes.
        approved_at: of an emergency, when its approval was found to hold (RL-44).
        review_due_at: when somebody has to have looked back at it; None where nobody has to (RL-41).
    """

    id: DeploymentId
    model: ModelName
    label: Label
    version: VersionName
    environment: Environment
    strategy: Strategy
    kind: DeploymentKind
    origin: Origin
    artifact_sha256: Digest | None
    started_by: ActorId
    started_person: PersonId
    started_at: datetime
    state: DeploymentState = DeploymentState.IN_PROGRESS
    request: RequestId | None = None
    live_at: datetime | None = None
    ended_at: datetime | None = None
    replaces: DeploymentId | None = None
    notes: Commitment | None = None
    reference: str | None = None
    verdict: str | None = None
    course: str | None = None
    salt: str | None = None
    step: int | None = None
    step_at: datetime | None = None
    traffic_at: datetime | None = None
    waits: str | None = None
    approved_at: datetime | None = None
    review_due_at: datetime | None = None
    reviewed_by: ActorId | None = None
    reviewed_at: datetime | None = None
    outcome: ReviewOutcome | None = None
    findings: Commitment | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        """Check the reference's form. Raises ValueInvalid."""
        if self.reference is not None and not REFERENCE.fullmatch(self.reference):
            raise ValueInvalid("reference", "1 to 128 printable characters without spaces")

    @property
    def is_emergency(self) -> bool:
        """Tell whether it went forward before people had agreed."""
        return self.kind is DeploymentKind.EMERGENCY

    @property
    def plan(self) -> Course | None:
        """Return its steps and conditions."""
        return None if self.course is None else Course.restored(self.course)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return its steps; none for one that was made elsewhere, or goes back."""
        plan = self.plan
        return () if plan is None else plan.steps

    @property
    def is_under_way(self) -> bool:
        """Tell whether it is in progress."""
        return self.state is _S.IN_PROGRESS

    @property
    def traffic(self) -> int:
        """Return the percentage of traffic that its version has by it now."""
        if self.state is _S.LIVE:
            return 100
        return (
            0
            if self.step is None or self.state is not _S.IN_PROGRESS
            else self.steps[self.step].traffic
        )

    @property
    def next_step(self) -> int | None:
        """Return the number of the step that comes; None behind the last."""
        step = 0 if self.step is None else self.step + 1
        return step if step < len(self.steps) else None

    @property
    def baked_at(self) -> datetime | None:
        """Return when the step that stands has stood for its time; None before the first."""
        if self.step is None or self.step_at is None:
            return None
        return self.step_at + self.steps[self.step].bake

    def at_step(self, step: int, *, at: datetime, has_traffic: bool) -> Deployment:
        """Return this deployment at a step. Raises IllegalMove."""
        if self.state is not _S.IN_PROGRESS or step != self.next_step:
            raise IllegalMove("deployment", self.state, _S.IN_PROGRESS)
        began = self.traffic_at or (at if has_traffic else None)
        return replace(self, step=step, step_at=at, traffic_at=began, waits=None)

    def go_live(self, *, at: datetime) -> Deployment:
        """Return this deployment with all traffic on it. Raises IllegalMove."""
        return replace(self._moved(_S.LIVE), live_at=at, waits=None)

    def end(self, state: DeploymentState, *, at: datetime) -> Deployment:
        """Return this deployment, ended in that state. Raises IllegalMove."""
        if state is _S.LIVE:
            raise IllegalMove("deployment", self.state, state)
        return replace(self._moved(state), ended_at=at, waits=None)

    def to_be_reviewed(self, due: datetime | None) -> Deployment:
        """Return this deployment, at which somebody has to have looked back by then."""
        return replace(self, review_due_at=due)

    @property
    def held_by(self) -> frozenset[str]:
        """Return the codes of why it does not go on, as they were told last."""
        return frozenset(json.loads(self.waits)) if self.waits else frozenset()

    @property
    def waits_for_person(self) -> bool:
        """Tell whether time alone does not take it on: what was started takes its first step by itself."""
        plan = self.plan
        return plan is not None and plan.advance == "manual" and self.step is not None

    def review(
        self, outcome: ReviewOutcome, *, by: ActorId, findings: Commitment, at: datetime
    ) -> Deployment:
        """Return this deployment with what a look back found. Raises IllegalMove where there was one already."""
        if self.reviewed_at is not None:
            raise IllegalMove("review", "done", outcome)
        return replace(self, outcome=outcome, reviewed_by=by, reviewed_at=at, findings=findings)

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether nobody looked back at it for so long that the next release has to wait."""
        due = self.review_due_at
        return due is not None and self.reviewed_at is None and now > due + REVIEW_GRACE

    def _moved(self, to: DeploymentState) -> Deployment:
        if to not in MOVES.get(self.state, frozenset()):
            raise IllegalMove("deployment", self.state, to)
        return replace(self, state=to)


def business_days_after(at: datetime, days: int) -> datetime:
    """Return the same time so many days later that are no Saturday or Sunday."""
    while days:
        at += timedelta(days=1)
        days -= at.weekday() < SATURDAY
    return at
