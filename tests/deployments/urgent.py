"""An emergency at a company: 1.0.0 is live and bad, 1.1.0 stands ready, and dave may act before people have agreed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.approvals import actions as approvals
from modelwarden.deployments import actions as deployments
from modelwarden.reactions.emergencies import KeepEmergencies
from tests.approvals.org import WHY

if TYPE_CHECKING:
    from modelwarden.deployments.actions import Deployment, EmergencyChange
    from tests.approvals.org import Org

ROLE: Final = "firefighter"
REASON: Final = "it answers with negative prices, and the version before does too"
TICKET: Final = "INC-4711"


def permitted(org: Org, action: str, payload: dict[str, object]) -> None:
    """Let two approvers allow one sensitive action of root's."""
    ask = partial(approvals.request_access, payload=payload, justification=WHY)
    request = org.do("root", ask, action)
    org.approve("bob", request.id)
    org.approve("carol", request.id)


def authorise(org: Org, *names: str) -> None:
    """Authorise people beforehand, as two others agreed (AC-21)."""
    root = org.warden.acting_as("root")
    fields: dict[str, object] = {"role": ROLE, "permissions": ["deploy.emergency"], "includes": []}
    permitted(org, "role.define", fields)
    root.roles.define(ROLE, permissions=["deploy.emergency"])
    for name in names:
        permitted(org, "role.grant", {"user": name, "role": ROLE, "scope": {}})
        root.roles.grant(name, role=ROLE)


def burning(org: Org, *names: str, label: str = "1.1.0") -> None:
    """Let 1.0.0 be live, register another version, and authorise people; dave unless named."""
    org.approved()
    org.deploy()
    org.register(label)
    authorise(org, *(names or ("dave",)))


def urgent(
    org: Org,
    label: str = "1.1.0",
    *,
    by: str = "dave",
    reason: str = REASON,
    ticket: str = TICKET,
) -> EmergencyChange:
    candidate = org.see(by, deployments.candidate, "churn", label)
    prepared = deployments.hashed(candidate, org.warden.settings)
    act = partial(deployments.emergency, prepared=prepared, reason=reason, ticket=ticket)
    found: EmergencyChange = org.do(by, act, "churn", label)
    return found


def made(org: Org, label: str = "1.1.0", *, by: str = "dave") -> Deployment:
    """Make an emergency change that goes live at once."""
    found = urgent(org, label, by=by).deployment
    assert found is not None
    return found


def settle(org: Org) -> None:
    """Let the reaction look once, as a process does that has just begun to lead."""
    KeepEmergencies(org.warden, settings=org.warden.settings).idle()
