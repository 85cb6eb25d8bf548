"""A company whose releases are reviewed at a GitHub of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from modelwarden.access import actions as access
from modelwarden.approvals import actions as approvals
from modelwarden.deployments import actions as deployments
from modelwarden.deployments.github.hook import Place
from modelwarden.deployments.github.receiving import Hooks
from modelwarden.deployments.github.site import Installation, Site
from modelwarden.deployments.github.source import GitHub, lock_of
from modelwarden.errors import GateRefused
from modelwarden.reactions.github import KeepPulls
from modelwarden.sinks.fetching import Calls
from modelwarden.values.system import system
from tests.approvals.org import WHY, Org
from tests.deployments.fleet import govern
from tests.services.github_state import APP, INSTALLATION, REPOSITORY, SECRET, Pull
from tests.services.github_stub import GitHubStub, github

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.deployments.rollout import DeploymentState

ISSUER: Final = "https://github.example"
NUMBERS: Final = {"alice": 11, "bob": 12, "carol": 13, "dave": 14}
STRANGER: Final = 99
REQUIRED: Final = "{humans: 2, external: {github: required}}"
STAGING: Final = "environments: {staging: {approvals: {humans: 1}}}\n"


@dataclass
class House:
    """The company, its GitHub, and what they do together."""

    org: Org
    stub: GitHubStub
    source: GitHub
    site: Site
    request: str = ""
    lock: bytes = b""

    def ask(self) -> None:
        """Approve churn@1.0.0 here, and hold what its pull request has to hold."""
        self.request = self.org.approved().id
        self.lock = self.org.see("alice", lock_of, self.request)

    def opened(self, *, by: int = NUMBERS["alice"], **changed: object) -> Pull:
        return self.stub.open(self.request, self.lock, by=by, **changed)

    def keeping(self) -> KeepPulls:
        """Return the reaction, which looks whenever it is told to."""
        return KeepPulls(self.org.warden, self.site, self.source, every_s=0, soonest_s=0)

    def deliver(self, body: bytes, event: str, **changed: str) -> None:
        """Let GitHub deliver an event, past the network."""
        place = Place(self.stub.base, REPOSITORY, INSTALLATION)
        hooks = Hooks(self.org.warden, place, secret=lambda: SECRET)
        hooks.take(self.stub.headers(body, event) | changed, body)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Return what entries of a kind say, oldest first."""
        found = self.org.warden.audit.search(type=kind).items
        return [dict(each.entry["fact"]) for each in sorted(found, key=lambda each: each.seq)]

    def deploy(self) -> DeploymentState:
        candidate = self.org.see("dave", deployments.candidate, "churn", "1.0.0")
        settings, sources = self.org.warden.settings, {"github": self.source}
        prepared = deployments.hashed(candidate, settings, sources)
        start = partial(deployments.start, prepared=prepared)
        state: DeploymentState = self.org.do("dave", start, "churn", "1.0.0").state
        return state

    def refused(self) -> GateRefused:
        with pytest.raises(GateRefused) as caught:
            self.deploy()
        return caught.value

    def map(self, name: str, number: int) -> None:
        """Say whose an account at GitHub is, with the approvals that it takes."""
        user = self.org.who(name).actor
        payload = {"user": user, "issuer": ISSUER, "subject": str(number)}
        ask = partial(approvals.request_access, payload=payload, justification=WHY)
        request = self.org.do("ruth", ask, "identity.map")
        for other in [each for each in ("bob", "carol", "erin") if each != name][:2]:
            self.org.approve(other, request.id)
        act = partial(access.map_identity, issuer=ISSUER, subject=str(number))
        self.org.do("ruth", act, name)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    org = Org(tmp_path)
    with github() as stub:
        stub.now = org.clock.now()
        place = Installation(base=stub.base, app=APP, number=INSTALLATION, key=lambda: stub.pem)
        site = Site(place, Calls(), now=org.clock.now)
        view = partial(org.warden.view, system("github"))
        source = GitHub(site, REPOSITORY, issuer=ISSUER, view=view, now=org.clock.now)
        found = House(org, stub, source, site)
        join(org)
        for name, number in NUMBERS.items():
            found.map(name, number)
        govern(org, STAGING, asks=REQUIRED)
        found.ask()
        yield found
    org.warden.close()
    assert stub.faults == [], "what was asked or answered is not as GitHub publishes it"


def join(org: Org) -> None:
    """Let erin approve, and ruth administer: who serves themselves, or gave an approver the role, is barred."""
    org.warden.add_user("ruth")
    for user, role in (("erin", "approver"), ("ruth", "admin")):
        payload = {"user": user, "role": role, "scope": {}}
        ask = partial(approvals.request_access, payload=payload, justification=WHY)
        request = org.do("root", ask, "role.grant")
        org.approve("bob", request.id)
        org.approve("carol", request.id)
        org.warden.acting_as("root").roles.grant(user, role)
    org.enrol("erin")
