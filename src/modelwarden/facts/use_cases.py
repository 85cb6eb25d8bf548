"""Facts about use cases (RL-8 to RL-11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from modelwarden.values.ids import (
        ActorId,
        Commitment,
        ModelName,
        RequestId,
        SwitchId,
        UseCaseName,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseCreated:
    """A use case was written down as a draft; the words are kept beside the ledger."""

    use_case: UseCaseName
    owner: ActorId
    models: tuple[ModelName, ...]
    impact: Code | None
    systems: tuple[Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseUpdated:
    """A use case changed; `fields` names what, and a state that fell back to draft lost its approval (RL-9)."""

    use_case: UseCaseName
    fields: tuple[Code, ...]
    owner: ActorId
    models: tuple[ModelName, ...]
    impact: Code | None
    systems: tuple[Code, ...]
    was: Code
    state: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseSubmitted:
    """Somebody asked for its approval, with all that is said of it (RL-8)."""

    use_case: UseCaseName
    request: RequestId
    comment: Commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseDeployed:
    """A use case went into use in an environment, where each of its models is live (RL-9)."""

    use_case: UseCaseName
    environment: Code
    request: RequestId
    models: tuple[ModelName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseDeprecated:
    """A use case ended; calls that carry it are refused from the sunset on, or at once (RL-11)."""

    use_case: UseCaseName
    replacement: UseCaseName | None
    sunset_at: datetime | None
    reason: Commitment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCaseStopped:
    """Calls that carry a deprecated use case are refused now, by these switches (RL-11)."""

    use_case: UseCaseName
    switches: tuple[SwitchId, ...]


KINDS: Final = (
    Kind(UseCaseCreated, Family.MODEL, Severity.INFO),
    Kind(UseCaseUpdated, Family.MODEL, Severity.INFO),
    Kind(UseCaseSubmitted, Family.MODEL, Severity.INFO),
    Kind(UseCaseDeployed, Family.MODEL, Severity.INFO),
    Kind(UseCaseDeprecated, Family.MODEL, Severity.WARNING),
    Kind(UseCaseStopped, Family.MODEL, Severity.WARNING),
)
