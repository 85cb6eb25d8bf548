"""Typed ids: prefixed, random, ordered by time of creation.

An id is opaque text such as `req_01JD3V6Q…`; only its prefix may be read. The rest is a ULID (48 bits of milliseconds,
80 random bits, Crockford base 32), so that new rows land at the right edge of an index.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, NewType

if TYPE_CHECKING:
    from datetime import datetime

ActorId = NewType("ActorId", str)
PersonId = NewType("PersonId", str)
ChangeId = NewType("ChangeId", str)
TextId = NewType("TextId", str)
TokenId = NewType("TokenId", str)
KeyId = NewType("KeyId", str)
BindingId = NewType("BindingId", str)
IdentityId = NewType("IdentityId", str)
PermitId = NewType("PermitId", str)
GroupName = NewType("GroupName", str)
DelegationId = NewType("DelegationId", str)
RequestId = NewType("RequestId", str)
DecisionId = NewType("DecisionId", str)
DeploymentId = NewType("DeploymentId", str)
MetricId = NewType("MetricId", str)
HoldId = NewType("HoldId", str)
ErasureId = NewType("ErasureId", str)
EndpointId = NewType("EndpointId", str)
DeliveryId = NewType("DeliveryId", str)
ServerKeyId = NewType("ServerKeyId", str)
"""`<purpose>:<id>`: one of the server's own keys."""
RecordId = NewType("RecordId", str)
FreezeId = NewType("FreezeId", str)
SwitchId = NewType("SwitchId", str)
DrillId = NewType("DrillId", str)
LocalStopId = NewType("LocalStopId", str)
InstanceId = NewType("InstanceId", str)
"""A UUID that a guard drew for itself."""
TriggerName = NewType("TriggerName", str)
FiringId = NewType("FiringId", str)
ProposalId = NewType("ProposalId", str)
ServicenowId = NewType("ServicenowId", str)
TargetName = NewType("TargetName", str)
TargetStepId = NewType("TargetStepId", str)
"""A `sys_id`: 32 hex digits that a ServiceNow instance drew for a row."""
DatasetName = NewType("DatasetName", str)
EvidenceId = NewType("EvidenceId", str)
CheckRunId = NewType("CheckRunId", str)

SliName = NewType("SliName", str)
"""The name of what is measured, as `churn-latency`, or `guard:churn` for what guards of a model count."""

ModelName = NewType("ModelName", str)
UseCaseName = NewType("UseCaseName", str)
Label = NewType("Label", str)
"""The label of a version, unique in its model."""
VersionName = NewType("VersionName", str)
"""`model@label`, as entries and lists name a version."""
RoleName = NewType("RoleName", str)
PolicyName = NewType("PolicyName", str)
Digest = NewType("Digest", str)
"""SHA-256 as 64 lowercase hex digits."""
Commitment = NewType("Commitment", str)
"""Salted digest of an erasable text, 64 lowercase hex digits (LG-60)."""
RecordRef = NewType("RecordRef", str)
"""What another system calls its record, unique for each actor (LG-56)."""
EventName = NewType("EventName", str)
"""The type of another system's record, in capitals: no type of ours looks so."""
ComponentName = NewType("ComponentName", str)
"""Which part of another system recorded something."""
FingerprintText = NewType("FingerprintText", str)
"""`<algorithm>:<64 hex>` (LN-1)."""

MODEL_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
HANDLE: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
TAG: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
REFERENCE: Final = re.compile(r"[!-~]{1,128}")
INSTANCE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A UUID as guards write it."""
HEX_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE: Final = 32


def new_id(prefix: str, now: datetime) -> str:
    """Return a fresh id with this prefix, ordered by `now` to the millisecond."""
    number = int(now.timestamp() * 1000) << 80 | int.from_bytes(os.urandom(10))
    digits = []
    for _ in range(26):
        number, digit = divmod(number, _BASE)
        digits.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(digits))}"


def version_name(model: ModelName, label: Label) -> VersionName:
    """Return how entries and lists name this version."""
    return VersionName(f"{model}@{label}")
