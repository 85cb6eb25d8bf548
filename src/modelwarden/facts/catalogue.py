"""All types of fact in one table, and the names under which the source documents know some of them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from modelwarden.facts import (
    access,
    approvals,
    deployments,
    external,
    github,
    keys,
    ledger,
    notify,
    policies,
    privacy,
    registry,
    safeguards,
    servicenow,
    sinks,
    sla,
    targets,
    triggers,
    use_cases,
    witness,
)
from modelwarden.facts.kinds import Family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelwarden.facts.kinds import Kind

KINDS: Final[Mapping[type[Any], Kind]] = MappingProxyType(
    {
        kind.fact: kind
        for room in (
            ledger,
            access,
            registry,
            use_cases,
            policies,
            approvals,
            deployments,
            safeguards,
            triggers,
            sla,
            sinks,
            privacy,
            notify,
            keys,
            witness,
            external,
            servicenow,
            targets,
            github,
        )
        for kind in room.KINDS
    }
)
TYPES: Final[Mapping[str, Kind]] = MappingProxyType({kind.type: kind for kind in KINDS.values()})

URGENT: Final = frozenset(
    {
        "actor.deactivated", "actor.suspended", "deployment.aborted", "deployment.failed", "deployment.rolled_back",
        "rollout.rolled_back", "target.failed", "key.compromised", "key.revoked",
        "drill.stopped", "role.revoked", "switch.activated", "switch.release_refused", "token.revoked",
        "trigger.fired", "severity.classified", "switch.proposed", "proposal.accepted",
    }
) | {kind.type for kind in KINDS.values() if kind.family in {Family.LEDGER, Family.INCIDENT}}  # fmt: skip
"""What may be recorded although a required sink is behind: it stops harm, or is about the ledger itself (LG-51)."""

SOURCE_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "MODEL_REGISTRATION": ("model.registered", "version.registered"),
        "MODEL_APPROVAL": ("approval.decided",),
        "MODEL_DEPLOYMENT": ("deployment.started", "deployment.live", "deployment.recorded"),
        "MODEL_ROLLBACK": ("deployment.rolled_back",),
        "ACCESS_DENIED": ("access.denied",),
        "ROLE_ASSIGNMENT": ("role.granted", "role.revoked"),
        "USER_CREATION": ("user.added",),
    }
)
"""Event types of the source documents → ours; a search understands both (LG-40)."""
