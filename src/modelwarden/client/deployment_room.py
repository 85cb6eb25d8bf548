"""The remote SDK's room of deployments. The server hashes the artifact, since it is the one to vouch for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.client.transport import path
from modelwarden.values.answers import DeploymentAnswer, GateAnswer, LiveAnswer
from modelwarden.values.pages import Listing, Page
from modelwarden.values.rollouts import EmergencyAnswer, PromotionAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modelwarden.client.calls import Calls


class Deployments:
    """Versions going live, and coming back."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def start(  # noqa: PLR0913  # the fields of a deployment
        self,
        model: str,
        version: str,
        *,
        environment: str = "production",
        strategy: str | None = None,
        notes: str | None = None,
        reference: str | None = None,
        target: str | None = None,
    ) -> DeploymentAnswer:
        """Take a version live, if the gate allows: the artifact is hashed now, everything else is weighed inside.

        Raises:
            GateRefused: `reasons` holds the code of every condition that does not hold.
            NotPermitted, VersionNotFound, StrategyUnknown, DeploymentInProgress, ReferenceExists, ValueInvalid.
        """
        body = {
            "environment": environment,
            "strategy": strategy,
            "notes": notes,
            "reference": reference,
            "target": target,
        }
        where = path("models", model, "versions", version, "deploy")
        return self._calls.write(DeploymentAnswer, where, body)

    def rollback(
        self, model: str, *, reason: str, environment: str = "production", to: str | None = None
    ) -> DeploymentAnswer:
        """Make the version that was live before live again. Raises NothingToRollBackTo, ArtifactMismatch."""
        body = {"reason": reason, "environment": environment, "to": to}
        return self._calls.write(DeploymentAnswer, path("models", model, "rollback"), body)

    def record(  # the fields of a deployment
        self,
        model: str,
        version: str,
        *,
        environment: str = "production",
        at: datetime | None = None,
        notes: str | None = None,
        reference: str | None = None,
    ) -> DeploymentAnswer:
        """Note a deployment made elsewhere; without a valid approval it is recorded as a bypass (RL-36a)."""
        body = {
            "model": model,
            "version": version,
            "environment": environment,
            "at": at,
            "notes": notes,
            "reference": reference,
        }
        return self._calls.write(DeploymentAnswer, path("deployments", "record"), body)

    def promote(
        self,
        model: str,
        version: str,
        *,
        through: Sequence[str] = ("staging", "production"),
        auto_approve: bool = False,
    ) -> PromotionAnswer:
        """Take a version through environments, as far as the gate allows; nothing is approved by it (RL-39).

        Raises:
            GateRefused: not even the first step could be taken.
            AutoApproveUnsupported, NotPermitted, VersionNotFound, ValueInvalid, DeploymentInProgress.
        """
        body = {
            "model": model,
            "version": version,
            "through": list(through),
            "auto_approve": auto_approve,
        }
        return self._calls.write(PromotionAnswer, path("deployments", "promote"), body)

    def emergency(self, model: str, version: str, *, reason: str, ticket: str) -> EmergencyAnswer:
        """Take a version to production before people have agreed; `ticket` is a reference without spaces (RL-44).

        Where somebody else signs first, `deployment` is None and `waits` says so: ask again once they signed.

        Raises:
            GateRefused: `reasons` holds the code of every condition that no emergency passes over.
            EmergencyNotNeeded, NothingToRollBackTo, JustificationMissing, LentCredential, NotPermitted.
            VersionNotFound, DeploymentInProgress, ValueInvalid.
        """
        where = path("models", model, "versions", version, "emergency")
        return self._calls.write(EmergencyAnswer, where, {"reason": reason, "ticket": ticket})

    def advance(self, deployment: str) -> DeploymentAnswer:
        """Take the next step, if its time has passed, its conditions hold and the gate allows.

        Raises:
            StepHeld: `reasons` say what it waits for.
            GateRefused, NotFound, NotPermitted, NotInProgress.
        """
        where = path("deployments", deployment, "advance")
        return self._calls.write(DeploymentAnswer, where, {})

    def abort(self, deployment: str, *, reason: str) -> DeploymentAnswer:
        """End an unfinished deployment; what was live has all the traffic again. Raises NotFound, NotInProgress."""
        where = path("deployments", deployment, "abort")
        return self._calls.write(DeploymentAnswer, where, {"reason": reason})

    def review(self, deployment: str, *, outcome: str, findings: str) -> DeploymentAnswer:
        """Say what a look back found: `as_expected`, `issues` or `revert`, as somebody who had no part in it (RL-41).

        Raises SelfReview, ReviewNotDue, NotFound, NotPermitted, ValueInvalid.
        """
        where = path("deployments", deployment, "review")
        body = {"outcome": outcome, "findings": findings}
        return self._calls.write(DeploymentAnswer, where, body)

    def show(self, deployment: str) -> DeploymentAnswer:
        """Return a deployment. Raises NotFound."""
        return self._calls.read(DeploymentAnswer, path("deployments", deployment))

    def list(
        self,
        *,
        model: str | None = None,
        environment: str | None = None,
        state: str | None = None,
        kind: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Listing[DeploymentAnswer]:
        """Return a page of deployments, newest first."""
        filters = {
            "model": model,
            "environment": environment,
            "state": state,
            "kind": kind,
        }
        page = Page(limit=limit, cursor=cursor)
        return self._calls.page(DeploymentAnswer, path("deployments"), page, filters)

    def gate(self, model: str, version: str, *, environment: str = "production") -> GateAnswer:
        """Return what the gate would say now, hashing the artifact for it. Raises VersionNotFound."""
        where = path("models", model, "versions", version, "gate")
        return self._calls.read(GateAnswer, where, {"environment": environment})

    def live(
        self, model: str, *, environment: str = "production", as_of: datetime | None = None
    ) -> LiveAnswer:
        """Return what is live, or was at a moment, and the artifact that has to be running. Raises ModelNotFound."""
        query = {"environment": environment, "as_of": as_of}
        return self._calls.read(LiveAnswer, path("models", model, "live"), query)

    def lock_file(self, request: str) -> bytes:
        """Return `release.lock.json`, which the pull request of a release has to hold (RL-47). Raises NotFound."""
        return self._calls.fetch(path("approvals", request, "lock")).content

    def release_file(self, request: str) -> bytes:
        """Return `release.intoto.jsonl`: the people's envelopes, then the gate's own word (RL-27)."""
        return self._calls.fetch(path("approvals", request, "release")).content
