"""What guards of a company's model report, without guards; and the reaction to time, one look at a time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from modelwarden.approvals import actions as approvals
from modelwarden.policies.document import parse
from modelwarden.reactions.rollouts import KeepRollouts
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards.fleet.instance import Instance, LoadedVersion, VersionCount
from modelwarden.safeguards.fleet.reports import keep
from modelwarden.safeguards.routes.queries import find_route
from modelwarden.values.ids import ModelName
from tests.approvals.org import SYSTEM, WHY

if TYPE_CHECKING:
    from modelwarden.deployments.rollout import Deployment
    from modelwarden.safeguards.routes.route import RouteTable
    from tests.approvals.org import Org

HEAD: Final = "schema: modelwarden.policy/v1\nname: gradual\n"
STEPS: Final = (
    "rollout: {strategy: canary,"
    " steps: [{traffic: 5, bake: PT1H}, {traffic: 50, bake: PT1H}, {traffic: 100}]}\n"
)
SPIKE: Final = "rollback_when: {any: [{metric: error_rate, above_baseline: 0.01, for: PT5M, min_samples: 500}]}\n"


def govern(org: Org, *lines: str, asks: str = "{humans: 2}") -> None:
    """Publish a policy and assign it, with the approvals that both take."""
    root = org.warden.acting_as("root")
    text = f"{HEAD}approvals: {asks}\n{''.join(lines)}"
    for action, payload in (
        ("policy.publish", {"policy": "gradual", "hash": parse(text).hash}),
        ("policy.assign", {"policy": "gradual", "model": "churn"}),
    ):
        ask = partial(approvals.request_access, payload=payload, justification=WHY)
        request = org.do("root", ask, action)
        org.approve("bob", request.id)
        org.approve("carol", request.id)
        if action == "policy.publish":
            root.policies.publish(text)
        else:
            root.policies.assign("gradual", model="churn")


def stepped(org: Org, label: str = "1.1.0", **launch: object) -> Deployment:
    """Let 1.0.0 go live, then start another version."""
    org.approved()
    org.deploy()
    org.register(label)
    org.approved(label)
    return org.deploy(label, **launch)


def route(org: Org, environment: str = "production") -> RouteTable:
    found = org.warden.view(
        SYSTEM, lambda view: find_route(view, Environment(environment), ModelName("churn"))
    )
    assert found is not None
    return found


def look(org: Org) -> None:
    """Let the reaction to time look once, as a process does that has just begun to lead."""
    KeepRollouts(org.warden, settings=org.warden.settings).idle()


class Worker:
    """One guard, by what it reports: totals that only grow."""

    def __init__(self, org: Org, number: int, *loaded: str, sha256: str | None = None) -> None:
        self.org, self.number, self.loaded, self.sha256 = org, number, loaded, sha256
        self.totals: dict[str, VersionCount] = {}

    def report(self, **added: tuple[int, int]) -> None:
        """Say that it lives, and how many further calls of versions there were, and failed; `_` stands for a dot."""
        for name, (calls, failed) in added.items():
            label = name.removeprefix("v").replace("_", ".")
            before = self.totals.get(label, VersionCount(label, 0, 0, 0, 0))
            self.totals[label] = before._replace(
                calls=before.calls + calls,
                failed=before.failed + failed,
                busy_ms=before.busy_ms + calls,
            )
        now = self.org.clock.now()
        instance = Instance(
            environment="production", model="churn", actor="act_guards",
            instance=f"00000000-0000-4000-8000-{self.number:012d}", host="web", pid=1, epoch=1, generation=1,
            applied_at=now, applied_ms=1, first_heard_at=now, heard_at=now, source="stream", state="fresh", age_s=0,
            versions=tuple(LoadedVersion(label, self.sha256) for label in self.loaded), counts={}, rejected=None,
            by_version=tuple(self.totals.values()),
        )  # fmt: skip
        self.org.warden.telemetry(SYSTEM, partial(keep, found=[instance]))
