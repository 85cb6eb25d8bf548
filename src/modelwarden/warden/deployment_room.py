"""The embedded SDK's room of deployments."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelwarden.deployments import actions, answers
from modelwarden.deployments.actions import DeploymentKind, DeploymentState, Environment
from modelwarden.values.pages import Listing, Page
from modelwarden.values.words import maybe_named, named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from modelwarden.store.change import View
    from modelwarden.values.answers import DeploymentAnswer, GateAnswer, LiveAnswer
    from modelwarden.values.rollouts import EmergencyAnswer, PromotionAnswer
    from modelwarden.warden.bound import Bound


class Deployments:
    """Versions going live, and coming back."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

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
        place = named(Environment, environment, field="environment")
        launch = actions.Launch(
            environment=place, strategy=strategy, notes=notes, reference=reference, target=target
        )
        action = partial(
            actions.start,
            model=model,
            version=version,
            prepared=self._hashed(model, version),
            launch=launch,
        )
        return self._bound.write(action, answers.deployment_answer)

    def rollback(
        self, model: str, *, reason: str, environment: str = "production", to: str | None = None
    ) -> DeploymentAnswer:
        """Make the version that was live before live again. Raises NothingToRollBackTo, ArtifactMismatch."""
        place = named(Environment, environment, field="environment")
        find = partial(actions.candidate_before, model=model, environment=place, to=to)
        chosen = self._bound.read(find, lambda _view, found: found)
        action = partial(
            actions.rollback,
            model=model,
            reason=reason,
            prepared=actions.hashed(chosen, self._bound.settings, self._bound.sources),
            environment=place,
        )
        return self._bound.write(action, answers.deployment_answer)

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
        place = named(Environment, environment, field="environment")
        made = actions.Made(environment=place, at=at, notes=notes, reference=reference)
        action = partial(actions.record, model=model, version=version, made=made)
        return self._bound.write(action, answers.deployment_answer)

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
        action = partial(
            actions.promote,
            model=model,
            version=version,
            through=[named(Environment, place, field="through") for place in through],
            prepared=self._hashed(model, version),
            auto_approve=auto_approve,
        )
        return self._bound.write(action, answers.promotion_answer)

    def emergency(self, model: str, version: str, *, reason: str, ticket: str) -> EmergencyAnswer:
        """Take a version to production before people have agreed; `ticket` is a reference without spaces (RL-44).

        Where somebody else signs first, `deployment` is None and `waits` says so: ask again once they signed.

        Raises:
            GateRefused: `reasons` holds the code of every condition that no emergency passes over.
            EmergencyNotNeeded, NothingToRollBackTo, JustificationMissing, LentCredential, NotPermitted.
            VersionNotFound, DeploymentInProgress, ValueInvalid.
        """
        action = partial(
            actions.emergency,
            model=model,
            version=version,
            prepared=self._hashed(model, version),
            reason=reason,
            ticket=ticket,
        )
        return self._bound.write(action, answers.emergency_answer)

    def advance(self, deployment: str) -> DeploymentAnswer:
        """Take the next step, if its time has passed, its conditions hold and the gate allows.

        Raises:
            StepHeld: `reasons` say what it waits for.
            GateRefused, NotFound, NotPermitted, NotInProgress.
        """
        find = partial(actions.candidate_of, deployment_id=deployment)
        chosen = self._bound.read(find, lambda _view, found: found)
        action = partial(
            actions.advance,
            deployment_id=deployment,
            prepared=actions.hashed(chosen, self._bound.settings, self._bound.sources),
        )
        return self._bound.write(action, answers.deployment_answer)

    def abort(self, deployment: str, *, reason: str) -> DeploymentAnswer:
        """End an unfinished deployment; what was live has all the traffic again. Raises NotFound, NotInProgress."""
        action = partial(actions.abort, deployment_id=deployment, reason=reason)
        return self._bound.write(action, answers.deployment_answer)

    def review(self, deployment: str, *, outcome: str, findings: str) -> DeploymentAnswer:
        """Say what a look back found: `as_expected`, `issues` or `revert`, as somebody who had no part in it (RL-41).

        Raises SelfReview, ReviewNotDue, NotFound, NotPermitted, ValueInvalid.
        """
        action = partial(
            actions.review,
            deployment_id=deployment,
            outcome=named(actions.ReviewOutcome, outcome, field="outcome"),
            findings=findings,
        )
        return self._bound.write(action, answers.deployment_answer)

    def show(self, deployment: str) -> DeploymentAnswer:
        """Return a deployment. Raises NotFound."""
        action = partial(actions.deployment, deployment_id=deployment)
        return self._bound.read(action, answers.deployment_answer)

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
        action = partial(
            actions.deployments,
            page=Page(limit=limit, cursor=cursor),
            model=model,
            environment=maybe_named(Environment, environment, field="environment"),
            state=maybe_named(DeploymentState, state, field="state"),
            kind=maybe_named(DeploymentKind, kind, field="kind"),
        )
        return self._bound.page(action, answers.deployment_answer)

    def gate(self, model: str, version: str, *, environment: str = "production") -> GateAnswer:
        """Return what the gate would say now, hashing the artifact for it. Raises VersionNotFound."""
        place = named(Environment, environment, field="environment")
        prepared = self._hashed(model, version)

        def read(view: View) -> GateAnswer:
            outlook = actions.gate_answer(
                view, model, version, environment=place, prepared=prepared
            )
            return answers.gate_answer(
                outlook, model=model, version=version, environment=environment
            )

        return self._bound.read(read, lambda _view, answer: answer)

    def live(
        self, model: str, *, environment: str = "production", as_of: datetime | None = None
    ) -> LiveAnswer:
        """Return what is live, or was at a moment, and the artifact that has to be running. Raises ModelNotFound."""
        place = named(Environment, environment, field="environment")

        def read(view: View) -> LiveAnswer:
            found = actions.live(view, model, environment=place, as_of=as_of)
            return answers.live_answer(
                view, found, model=model, environment=environment, as_of=as_of
            )

        return self._bound.read(read, lambda _view, answer: answer)

    def lock_file(self, request: str) -> bytes:
        """Return `release.lock.json`, which the pull request of a release has to hold (RL-47). Raises NotFound."""
        action = partial(actions.lock_file, request_id=request)
        return self._bound.read(action, lambda _view, data: data)

    def release_file(self, request: str) -> bytes:
        """Return `release.intoto.jsonl`: the people's envelopes, then the gate's own word (RL-27)."""
        action = partial(actions.release_file, request_id=request)
        return self._bound.read(action, lambda _view, data: data)

    def _hashed(self, model: str, version: str) -> actions.Prepared:
        find = partial(actions.candidate, model=model, version=version)
        chosen = self._bound.read(find, lambda _view, found: found)
        return actions.hashed(chosen, self._bound.settings, self._bound.sources)
