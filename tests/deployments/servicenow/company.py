"""A company that asks for changes in ServiceNow: its people there, and one look of the reaction at a time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.access.identities.mapping import map_identity
from modelwarden.approvals import actions as approvals
from modelwarden.approvals.external import Asked
from modelwarden.deployments import actions as deployments
from modelwarden.deployments.servicenow.change import Rules
from modelwarden.deployments.servicenow.source import NAME, PLAINLY, ServiceNow, Ways
from modelwarden.reactions.servicenow import KeepChanges
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.ids import ModelName, RequestId, VersionName
from tests.approvals.org import WHY
from tests.deployments.fleet import govern

if TYPE_CHECKING:
    from modelwarden.approvals.external import ExternalEvidence
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.deployments.servicenow.instance import Instance
    from tests.approvals.org import Org
    from tests.services.servicenow_stub import ServiceNow as Stub

REQUIRED: Final = "{humans: 2, external: {servicenow: required}}"


class Company:
    """alice, erin and dave have accounts there; the policy wants a change approved for production."""

    def __init__(
        self,
        org: Org,
        stub: Stub,
        instance: Instance,
        *,
        rules: Rules | None = None,
        ways: Ways = PLAINLY,
    ) -> None:
        self.org, self.stub = org, stub
        self.users = {name: stub.user(name) for name in ("alice", "erin", "dave", "mallory")}
        self.source = ServiceNow(
            org.warden, instance, rules=rules or Rules(), url=stub.url, ways=ways
        )
        self.reaction = KeepChanges(org.warden, self.source, every_s=0.0)
        for name in ("alice", "erin", "dave"):
            self.map(name)
        govern(org, asks=REQUIRED)

    def map(self, name: str) -> None:
        """Say whose an account there is, as two approvers permit."""
        mapped = {"issuer": self.stub.url, "subject": self.users[name]}
        ask = partial(approvals.request_access, payload={"user": name} | mapped, justification=WHY)
        request = self.org.do("root", ask, "identity.map")
        self.org.approve("bob", request.id)
        self.org.approve("carol", request.id)
        self.org.do("root", map_identity, name, **mapped)

    def look(self) -> None:
        """Let a minute pass."""
        self.reaction.idle()

    def ready(self, *, by: str = "erin") -> dict[str, str]:
        """Get a request approved here, and its change opened, planned and approved there."""
        self.org.approved()
        self.look()
        change = self.stub.only_change()
        self.stub.plan(change, now=self.org.clock.now())
        if by:
            self.stub.answer(change, self.users[by])
        return change

    def evidence(self, request: RequestId | None) -> ExternalEvidence:
        return self.source.evidence(
            Asked(
                system=NAME,
                environment=Environment.PRODUCTION,
                model=ModelName("churn"),
                version=VersionName("churn@1.0.0"),
                request=request,
            )
        )

    def prepared(self) -> deployments.Prepared:
        candidate = self.org.see("dave", deployments.candidate, "churn", "1.0.0")
        return deployments.hashed(candidate, self.org.warden.settings, {NAME: self.source})

    def deploy(self) -> Deployment:
        start = partial(deployments.start, prepared=self.prepared())
        found: Deployment = self.org.do("dave", start, "churn", "1.0.0")
        return found
