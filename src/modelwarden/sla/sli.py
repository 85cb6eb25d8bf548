"""What is measured: a name, the resource that it is about, labels, and thresholds of seconds. Pure (SL-9).

`guard:<model>` is measured for every model without a definition: what its guards count in production; with `@staging`
behind it, in staging. `guard:<model>:<use case>` is the part of it that guards count which serve one use case (SL-40).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from modelwarden.errors import SlotInvalid, ValueInvalid
from modelwarden.guard.slots import check_thresholds
from modelwarden.values.ids import LABEL, MODEL_NAME, NAME, ModelName, SliName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from modelwarden.values.ids import ActorId

GUARD: Final = "guard:"
PRODUCTION, STAGING = "production", "staging"
MOST_LABELS: Final = 16
LONGEST_VALUE: Final = 128
LONGEST_RESOURCE: Final = 200


class ResourceType(StrEnum):
    """What a measurement can be about."""

    MODEL = "model"
    VERSION = "version"
    """Named `model@label`."""
    USE_CASE = "use_case"
    ENDPOINT = "endpoint"
    DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sli:
    """What is measured under a name. Raises ValueInvalid.

    Attributes:
        labels: name to value; `environment` and, where the resource is no model, `model` say whose roles reach it.
        thresholds: rising decimals of seconds as text, at most 8; reporters count each exactly (SL-2).
    """

    name: SliName
    resource_type: ResourceType
    resource: str
    labels: Mapping[str, str]
    thresholds: tuple[str, ...]
    defined_by: ActorId
    defined_at: datetime
    revision: int = 0

    def __post_init__(self) -> None:
        _check_resource(self.resource_type, self.resource)
        if len(self.labels) > MOST_LABELS or not all(map(NAME.fullmatch, self.labels)):
            raise ValueInvalid("labels", f"at most {MOST_LABELS}, each named like {NAME.pattern}")
        if not all(0 < len(v) <= LONGEST_VALUE and v.isprintable() for v in self.labels.values()):
            raise ValueInvalid("labels", f"values of 1 to {LONGEST_VALUE} printable characters")
        if self.labels.get("environment", PRODUCTION) not in {PRODUCTION, STAGING}:
            raise ValueInvalid("labels.environment", f"{PRODUCTION} or {STAGING}")
        try:
            check_thresholds(self.thresholds)
        except SlotInvalid as error:
            raise ValueInvalid("thresholds", str(error).partition("expected ")[2]) from None

    @property
    def id(self) -> str:
        """The name."""
        return self.name

    @property
    def model(self) -> ModelName | None:
        """The model that it is about, if it says so."""
        if self.resource_type is ResourceType.MODEL:
            return ModelName(self.resource)
        if self.resource_type is ResourceType.VERSION:
            return ModelName(self.resource.partition("@")[0])
        named = self.labels.get("model")
        return None if named is None else ModelName(named)

    @property
    def is_built_in(self) -> bool:
        """Say whether guards count it, and nobody defined it."""
        return self.name.startswith(GUARD)

    def means(self, other: Sli) -> bool:
        """Say whether the other defines the same."""
        mine = replace(
            self, defined_by=other.defined_by, defined_at=other.defined_at, revision=other.revision
        )
        return mine == other


class Guarded(NamedTuple):
    """Whose guards count."""

    model: str
    environment: str
    use_case: str | None = None

    @property
    def name(self) -> SliName:
        """What it is called."""
        behind = "" if self.environment == PRODUCTION else f"@{self.environment}"
        part = "" if self.use_case is None else f":{self.use_case}"
        return SliName(f"{GUARD}{self.model}{behind}{part}")


def guarded(name: str) -> Guarded | None:
    """Return whose guards count under a name; None where the name is of another form."""
    whole, _, use_case = name.removeprefix(GUARD).partition(":")
    model, _, environment = whole.partition("@")
    found = Guarded(model, environment or PRODUCTION, use_case or None)
    known = found.environment in {PRODUCTION, STAGING} and all(
        map(MODEL_NAME.fullmatch, (model, use_case or model))
    )
    return found if known and found.name == name else None


def check_name(name: str) -> SliName:
    """Return a name that may be defined. Raises ValueInvalid."""
    if NAME.fullmatch(name) is None:
        raise ValueInvalid("name", f"of the form {NAME.pattern}; guard:… needs no definition")
    return SliName(name)


def _check_resource(kind: ResourceType, resource: str) -> None:
    model, mark, label = resource.partition("@")
    if kind is ResourceType.MODEL and not MODEL_NAME.fullmatch(resource):
        raise ValueInvalid("resource", "the name of a model")
    if kind is ResourceType.VERSION and not (
        mark and MODEL_NAME.fullmatch(model) and LABEL.fullmatch(label)
    ):
        raise ValueInvalid("resource", "a version, as churn@1.4.0")
    if not (0 < len(resource) <= LONGEST_RESOURCE and resource.isprintable()):
        raise ValueInvalid("resource", f"1 to {LONGEST_RESOURCE} printable characters")
