"""Facts about what is measured. Counts themselves are telemetry; one fact an hour pins them (SL-19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modelwarden.facts.kinds import Code, Family, Kind, Severity

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from modelwarden.values.ids import Digest, ModelName, SliName


@dataclass(frozen=True, slots=True, kw_only=True)
class SliDefined:
    """What is measured under a name was defined, or defined anew: slots before keep the thresholds that they had.

    Attributes:
        labels: their names; what they say stands in the row, whose digest the entry holds.
        thresholds: seconds.
    """

    sli: SliName
    resource_type: Code
    model: ModelName | None
    labels: tuple[Code, ...]
    thresholds: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliHourSealed:
    """What was counted in an hour changes no more: no part of it is taken any longer.

    Attributes:
        slis: how many names have a slot of this hour.
        total: attempts in all of them.
        digest: of the slots of the hour, one for each name.
    """

    hour: datetime
    slis: int
    total: int
    digest: Digest


KINDS: Final = (
    Kind(SliDefined, Family.CHANGE, Severity.INFO),
    Kind(SliHourSealed, Family.PREDICTION, Severity.INFO),
)
