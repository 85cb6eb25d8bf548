"""A company whose deployments are followed by a webhook target: a real receiver, and what it says to the real door."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import httpx

from modelwarden.deployments import actions as deployments
from modelwarden.notify.address import Egress
from modelwarden.notify.post import Line
from modelwarden.notify.telling import TellTargets
from modelwarden.notify.webhook import signed_headers
from modelwarden.reactions.rollouts import KeepRollouts
from tests.approvals.org import Org
from tests.deployments.fleet import govern

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.deployments.rollout import Deployment
    from modelwarden.values.answers import DeploymentAnswer
    from tests.notify.receiver import Receiver

ALLOWED: Final = ("127.0.0.0/8",)
TARGET: Final = "targets: [{endpoint: shop, within: PT5M}]"
FOLLOWED: Final = f"rollout: {{{TARGET}}}\n"


class Followed:
    """1.0.0 is live; the policy lets `shop` follow from now on. `url` is where the API is served, once it is."""

    def __init__(self, folder: Path, receiver: Receiver, *rollout: str) -> None:
        self.org = Org(folder, endpoint_allow=ALLOWED)
        self.receiver = receiver
        self.secret = self.add("shop")
        self.url = ""
        self.org.approved()
        self.org.deploy()
        self.old = self.live()
        govern(self.org, *(rollout or (FOLLOWED,)))
        self.org.register("1.1.0")
        self.restart()

    def add(self, name: str) -> str:
        """Add a webhook endpoint that no news goes to, and return its secret."""
        notify = self.org.warden.acting_as("root").notify
        made = notify.add(name, self.receiver.url, types=["review.recorded"])
        assert made.secret is not None
        return made.secret

    def restart(self) -> None:
        """Forget everything that is not in the database."""
        self.telling = TellTargets(
            self.org.warden, Line(Egress(ALLOWED), deadline_s=2.0), first_s=0
        )
        warden = self.org.warden
        self.keeping = KeepRollouts(warden, settings=warden.settings, every_s=0.0)

    def start(self, label: str = "1.1.0", **launch: object) -> Deployment:
        self.org.approved(label)
        return self.org.deploy(label, **launch)

    def turn(self) -> None:
        """Let a second pass: what is due is sent, or given up; then deployments are taken on."""
        self.telling.idle()
        self.keeping.idle()

    def show(self, deployment: Deployment) -> DeploymentAnswer:
        return self.org.warden.acting_as("alice").deployments.show(deployment.id)

    def live(self) -> Deployment | None:
        found: Deployment | None = self.org.see("alice", deployments.live, "churn")
        return found

    def said(self, asked: dict[str, Any], **other: object) -> bytes:
        """Return what a target answers to a message."""
        told = {"type": "target.acknowledged"} | {
            name: asked[name] for name in ("deployment", "step", "sha256")
        }
        return json.dumps(told | other).encode()

    def signed(self, body: bytes, *, secret: str = "", message: str = "1") -> dict[str, str]:
        now = self.org.clock.now()
        return signed_headers([secret or self.secret], message, body, now=now)

    def send(
        self, body: bytes, headers: dict[str, str], *, target: str = "shop"
    ) -> tuple[int, dict[str, Any]]:
        path = f"/api/governance/integrations/targets/{target}/acknowledge"
        given = {"content-type": "application/json"} | headers
        answer = httpx.post(self.url + path, content=body, headers=given, timeout=30)
        return answer.status_code, answer.json()

    def acknowledge(self, **other: object) -> tuple[int, dict[str, Any]]:
        """Answer the newest message as the target."""
        body = self.said(self.receiver.requests[-1].told, **other)
        return self.send(body, self.signed(body))
