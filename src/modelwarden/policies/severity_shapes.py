"""The `severity` section of a policy: how bad signals are where it governs (SG-51). Pure."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from modelwarden.policies.shape import Shape
from modelwarden.safeguards.severity.built_in import signals_classified

Level = Literal["SEV1", "SEV2", "SEV3", "SEV4"]
Share = Annotated[int, Field(ge=0, le=10_000)]
Tiers = Annotated[tuple[Annotated[int, Field(ge=1, le=4)], ...], Field(max_length=4)]


class SeverityRule(Shape):
    """How bad some signals are, above a value where one is named; of several the gravest counts."""

    signals: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    severity: Level
    above: Annotated[str, StringConstraints(pattern=r"^\d{1,9}(\.\d{1,9})?$")] | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        unknown = sorted(set(self.signals) - signals_classified())
        if unknown:
            raise ValueError(f"no signals {', '.join(unknown)}; see severity.toml")
        return self


class Severities(Shape):
    """How bad signals are, where that differs from the program's own rules.

    Rules of a signal stand instead of all that the program has for it. Shares are in basis points of the last hour.
    """

    rules: Annotated[tuple[SeverityRule, ...], Field(max_length=100)] = ()
    unknown: Level | None = None
    wide_share: Share | None = None
    small_share: Share | None = None
    highest_tiers: Tiers | None = None
    guarded_tiers: Tiers | None = None
