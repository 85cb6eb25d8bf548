"""What a fact is: a typed value, its name in the ledger, its family and severity, and the subjects it concerns.

Facts are frozen dataclasses, past tense, one file a room. What may stand in a field is fixed (LG-4): ids, enums, whole
numbers, booleans, decimal text, times, digests and commitments. A plain `str` fails a test, since it could carry words.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, NewType, Protocol

from modelwarden.values.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

Code = NewType("Code", str)
"""A word from a fixed list: an error code, an action's name, a cause."""
KeyText = NewType("KeyText", str)
"""A public key in a standard text form."""
OriginName = NewType("OriginName", str)
"""The name of a ledger (LG-21)."""


class Fact(Protocol):
    """Any frozen dataclass that a catalogue file lists."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


class Family(StrEnum):
    """What an entry belongs to (LG-5)."""

    DATA = "data"
    MODEL = "model"
    PREDICTION = "prediction"
    CHANGE = "change"
    SAFEGUARD = "safeguard"
    ACCESS = "access"
    COMPLIANCE = "compliance"
    INCIDENT = "incident"
    LEDGER = "ledger"
    EXTERNAL = "external"


class Severity(StrEnum):
    """How much an entry matters, least first."""

    INFO = "INFO"
    WARNING = "WARNING"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Outcome(StrEnum):
    """How what was tried ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


SUBJECT_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ModelName": "model",
        "UseCaseName": "use_case",
        "VersionName": "version",
        "ActorId": "actor",
        "PersonId": "person",
        "RequestId": "approval",
        "DecisionId": "decision",
        "DeploymentId": "deployment",
        "TokenId": "token",
        "KeyId": "key",
        "BindingId": "binding",
        "IdentityId": "identity",
        "GroupName": "group",
        "DelegationId": "delegation",
        "PermitId": "permit",
        "PolicyName": "policy",
        "RoleName": "role",
        "EvidenceId": "evidence",
        "CheckRunId": "check_run",
        "HoldId": "hold",
        "ErasureId": "erasure",
        "EndpointId": "endpoint",
        "ServerKeyId": "server_key",
        "RecordId": "record",
        "FreezeId": "freeze",
        "SwitchId": "switch",
        "DrillId": "drill",
        "TriggerName": "trigger",
        "FiringId": "firing",
        "ProposalId": "proposal",
        "DatasetName": "dataset",
        "SliName": "sli",
        "LocalStopId": "local_stop",
        "ServicenowId": "servicenow_change",
        "TargetName": "target",
        "EventName": "event",
        "ComponentName": "component",
    }
)
"""Field type → subject kind: what an entry is found under."""

_WORD: Final = re.compile(r"[A-Z][a-z0-9]*")
_TYPE_NAME: Final = re.compile(r"[A-Za-z_]+")


@dataclasses.dataclass(frozen=True)  # no slots: what is derived is derived once
class Kind:
    """One type of fact: its class, where it belongs, how much it matters when done."""

    fact: type[Any]
    family: Family
    severity: Severity

    @cached_property
    def type(self) -> str:
        """Return the type as entries write it: `ModelOwnerChanged` is `model.owner_changed`."""
        name = self.fact.__name__.replace("UseCase", "Usecase")  # one noun, as on the routes
        first, *rest = _WORD.findall(name)
        return f"{first.lower()}.{'_'.join(word.lower() for word in rest)}"

    @cached_property
    def field_names(self) -> tuple[str, ...]:
        """Return the names of the fact's fields."""
        return tuple(field.name for field in dataclasses.fields(self.fact))

    @cached_property
    def subject_fields(self) -> tuple[tuple[str, str], ...]:
        """Return (field, subject kind) for each field that names a subject."""
        return tuple(
            (field.name, SUBJECT_KINDS[word])
            for field in dataclasses.fields(self.fact)
            for word in _TYPE_NAME.findall(str(field.type))
            if word in SUBJECT_KINDS
        )


def fields_of(fact: Fact, kind: Kind) -> dict[str, Any]:
    """Return a fact's fields as entries write them; what is None is left out."""
    return {
        name: plain(value)
        for name in kind.field_names
        if (value := getattr(fact, name)) is not None
    }


def subjects_of(fact: Fact, kind: Kind) -> set[tuple[str, str]]:
    """Return (kind, id) of every subject that a fact's fields name."""
    found = set()
    for name, subject in kind.subject_fields:
        value = getattr(fact, name)
        for item in value if isinstance(value, tuple) else (value,):
            if item is not None:
                found.add((subject, str(item)))
    return found


def plain(value: object) -> Any:  # noqa: ANN401, PLR0911  # any JSON value; one line a type
    """Return a field's value as entries write it: enums and decimals as text, times in the one form."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict | MappingProxyType):
        return {key: plain(item) for key, item in value.items() if item is not None}
    return value  # the canonical walk refuses what is left, and names its path
