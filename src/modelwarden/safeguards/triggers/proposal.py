"""A proposed switch, which one person puts in force by one press; and a firing, with what it rests on. Pure (SG-48)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from modelwarden.errors import ProposalOver

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.registry.lifecycle import Environment
    from modelwarden.safeguards.switch import SwitchSeverity
    from modelwarden.safeguards.triggers.ladder import Act, Step
    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        FiringId,
        ModelName,
        ProposalId,
        SwitchId,
        TriggerName,
    )

LAPSES_AFTER: Final = timedelta(hours=1)


class ProposalState(StrEnum):
    """Where a proposal stands; `accepted` and `lapsed` are final."""

    OPEN = "open"
    ACCEPTED = "accepted"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A switch that somebody should put in force.

    Attributes:
        scope: as canonical JSON; values of dimensions stand here and in the switch alone.
        cause: why the trigger did not do it by itself.
        lkg_before: where its evidence begins: answers that are younger are not served again (SG-39).
    """

    id: ProposalId
    state: ProposalState = ProposalState.OPEN
    firing: FiringId
    trigger: TriggerName
    model: ModelName
    environment: Environment
    scope: str
    severity: SwitchSeverity
    cause: str
    lkg_before: datetime
    proposed_at: datetime
    lapses_at: datetime
    accepted_by: ActorId | None = None
    accepted_at: datetime | None = None
    switch: SwitchId | None = None
    revision: int = 0

    def is_open(self, now: datetime) -> bool:
        """Tell whether it can be accepted."""
        return self.state is ProposalState.OPEN and now < self.lapses_at

    def accepted(self, *, by: ActorId, at: datetime, switch: SwitchId) -> Proposal:
        """Return it accepted. Raises ProposalOver."""
        self.require_open(at)
        return replace(
            self, state=ProposalState.ACCEPTED, accepted_by=by, accepted_at=at, switch=switch
        )

    def lapsed(self, at: datetime) -> Proposal:
        """Return it lapsed. Raises ProposalOver where it is not due, or was accepted."""
        if self.state is not ProposalState.OPEN or at < self.lapses_at:
            raise ProposalOver(self.id, self.state)
        return replace(self, state=ProposalState.LAPSED)

    def require_open(self, now: datetime) -> None:
        """Raise ProposalOver once it was accepted, or its time is over."""
        if not self.is_open(now):
            over = self.state is ProposalState.OPEN
            raise ProposalOver(self.id, ProposalState.LAPSED if over else self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One time that a trigger fired.

    Attributes:
        value, threshold: decimal text.
        evidence: the windows that made it fire, as canonical JSON: their counts give the values again.
        base, severity, rules: how bad it is, where that began, by which rules; a person may say otherwise.
        share: basis points of the model's last hour; None is unknown.
    """

    id: FiringId
    trigger: TriggerName
    version: int
    model: ModelName
    environment: Environment
    signal: str
    by: str | None
    by_value: str | None
    step: Step
    act: Act
    cause: str | None
    value: str
    threshold: str
    n: int
    first_at: datetime
    last_at: datetime
    evidence: str
    share: int | None
    tier: int | None
    base: SwitchSeverity
    severity: SwitchSeverity
    rules: int
    switch: SwitchId | None = None
    proposal: ProposalId | None = None
    fired_at: datetime
    overridden_by: ActorId | None = None
    overridden_at: datetime | None = None
    reason: Commitment | None = None
    revision: int = 0

    def overridden(
        self, severity: SwitchSeverity, *, by: ActorId, at: datetime, reason: Commitment
    ) -> Firing:
        """Return it as bad as a person says that it is."""
        return replace(self, severity=severity, overridden_by=by, overridden_at=at, reason=reason)
