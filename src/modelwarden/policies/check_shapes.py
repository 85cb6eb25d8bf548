"""How each check type is written in a policy document; the set is closed (POL-10). Pure.

What a parameter does is in `evaluate`; which way it tightens is here, so that a child can't loosen its parent
unseen (POL-4).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from modelwarden.fingerprints.formats import Format  # noqa: TC001  # pydantic reads it
from modelwarden.policies.check import RANK
from modelwarden.policies.shape import Length, Name, Reason, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

Severity = Literal["block", "warn", "info"]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Metric = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.@%:/-]{0,63}$")]
Role = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Grade = Literal["critical", "high", "medium", "low", "unknown"]
Use = Literal["value", "ci_lower", "ci_upper"]


class Bounds(Shape):
    """Limits of a figure; one at least."""

    metric: Metric
    min: Number | None = None
    max: Number | None = None
    dataset_role: Role | None = None
    use: Use = "value"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("min, max, or both")
        return self


class Differences(Bounds):
    """Limits of a difference to another version: the one that is live there, or one by its label."""

    baseline: Label


class Where(Shape):
    """A condition over the registry's fields; `document` reads it, with lines."""

    where: dict[str, Any]


class Trusted(Shape):
    """How far the bytes have to be trusted, whether a registered key has to have signed them, and what they may be."""

    trust: Literal["verified"] = "verified"
    signed: bool | None = None
    formats: Annotated[tuple[Format, ...], Field(min_length=1, max_length=16)] | None = None


class Roles(Shape):
    """Roles in which a dataset has to be registered."""

    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=16)]


class Counts(Shape):
    """How many findings of each severity are let through."""

    source: Name
    max: Annotated[dict[Grade, Count], Field(min_length=1)]


class Drilled(Shape):
    """Where a drill has to have passed, and how soon each move had to come."""

    environment: Literal["staging", "production"] = "staging"
    max_detect: Length | None = None
    max_activate: Length | None = None
    max_confirm: Length | None = None


class Attested(Shape):
    """Which statement somebody in a role has to have signed, and whether another person has to have reviewed it."""

    statement: Name
    by_role: Name
    reviewed: bool = False


class Nothing(Shape):
    """No parameters."""


class Assured(Shape):
    """Whose word is taken (EV-3)."""

    witness: Literal["distinct"]


class CheckShape(Shape):
    """What every check has."""

    id: Name
    severity: Severity = "block"
    on_unknown: Severity | None = None
    reason: Reason | None = None

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        weaker = self.on_unknown is not None and RANK[self.on_unknown] < RANK[self.severity]
        if weaker and self.reason is None:
            raise ValueError("an on_unknown weaker than the severity needs a reason (EVAL-4)")
        return self


class MetricCheck(CheckShape):
    """A figure within limits."""

    type: Literal["metric"]
    params: Bounds
    assurance: Assured | None = None
    max_age: Length | None = None


class MetricDeltaCheck(CheckShape):
    """A difference to another version within limits, on the same data."""

    type: Literal["metric_delta"]
    params: Differences
    assurance: Assured | None = None
    max_age: Length | None = None


class FieldCheck(CheckShape):
    """A condition over the registry's fields."""

    type: Literal["field"]
    params: Where


class ArtifactCheck(CheckShape):
    """The artifact's bytes, read by us."""

    type: Literal["artifact"]
    params: Trusted = Trusted()


class DatasetCheck(CheckShape):
    """A fingerprint of the data in each role."""

    type: Literal["dataset"]
    params: Roles


class FindingsCheck(CheckShape):
    """Counts of a scanner's findings."""

    type: Literal["findings"]
    params: Counts
    assurance: Assured | None = None
    max_age: Length | None = None


class DrillCheck(CheckShape):
    """The last drill of the model."""

    type: Literal["drill"]
    params: Drilled = Drilled()
    max_age: Length | None = None


class ChainCheck(CheckShape):
    """The last verification of the whole ledger."""

    type: Literal["chain_verified"]
    params: Nothing = Nothing()
    max_age: Length | None = None


class AttestationCheck(CheckShape):
    """A statement that a person in a role signed with a key of their own."""

    type: Literal["attestation"]
    params: Attested
    assurance: Assured | None = None
    max_age: Length | None = None


class LineageCheck(CheckShape):
    """The run that made the version joins its data, code, environment and bytes."""

    type: Literal["lineage"]
    params: Nothing = Nothing()
    assurance: Assured | None = None


AnyCheck: TypeAlias = Annotated[
    MetricCheck
    | MetricDeltaCheck
    | FieldCheck
    | ArtifactCheck
    | DatasetCheck
    | FindingsCheck
    | DrillCheck
    | ChainCheck
    | AttestationCheck
    | LineageCheck,
    Field(discriminator="type"),
]


class CheckChange(Shape):
    """What an environment replaces in one check (POL-9)."""

    severity: Severity | None = None
    on_unknown: Severity | None = None
    reason: Reason | None = None
    max_age: Length | None = None
    params: dict[str, Any] | None = None
    skip: Reason | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        others = (self.severity, self.on_unknown, self.reason, self.max_age, self.params)
        if (self.skip is None) == all(each is None for each in others):
            raise ValueError("replace something, or skip the check with a reason; not both")
        return self


TIGHTENS: Final[Mapping[str, Literal["up", "down"]]] = MappingProxyType(
    {
        "min": "up",
        "max": "down",
        "max_detect": "down",
        "max_activate": "down",
        "max_confirm": "down",
    }
)
"""Parameters that are limits, and which way they tighten; any other that differs is another check."""
