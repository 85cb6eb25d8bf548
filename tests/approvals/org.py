"""A company in one temporary database: people with roles and keys, and a model with versions to release."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modelwarden.approvals import actions as approvals
from modelwarden.approvals.actions import Answer, Ballot
from modelwarden.approvals.statement import PAYLOAD_TYPE
from modelwarden.deployments import actions as deployments
from modelwarden.ledger.dsse import seal
from modelwarden.ledger.entry import commit_text
from modelwarden.ledger.keys import SigningKey
from modelwarden.registry.lifecycle import Environment
from modelwarden.values.ids import ActorId, Commitment, PersonId
from modelwarden.values.principal import ActorKind, Principal, Via
from modelwarden.warden.warden import Warden, open_warden
from tests import tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.approvals.case import Dossier
    from modelwarden.approvals.request import ApprovalRequest
    from modelwarden.deployments.rollout import Deployment

WHY: Final = "the third-quarter retraining, evaluated on the hold-out set"
START: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
SYSTEM: Final = Principal(
    actor=ActorId("system:follower"),
    kind=ActorKind.SYSTEM,
    person=PersonId("system:follower"),
    via=Via.SYSTEM,
)


class HeldClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


class Org:
    """alice builds, owns and registers; bob and carol approve; dave operates; root administers.

    erin is nobody yet: a third approver takes a permit, since two approvers end bootstrap mode.
    """

    def __init__(
        self, folder: Path, *, policy: str = "builtin/moderate@1", **settings: object
    ) -> None:
        self.folder = folder
        self.clock = HeldClock()
        self._open = partial(
            open_warden, tables.fresh(folder), clock=self.clock, default_policy=policy, **settings
        )
        self.warden = self._opened()
        self.keys: dict[str, SigningKey] = {}
        roles = {"root": ["admin"], "alice": ["developer"], "dave": ["operator"], "erin": []}
        for name in ("root", "alice", "dave", "erin", "bob", "carol"):
            self.warden.add_user(name, roles=roles.get(name, ["approver"]))
        for name in ("bob", "carol"):
            self.enrol(name)
        alice = self.warden.acting_as("alice")
        alice.models.register(
            "churn", owner="alice", business_purpose="predicts which customers leave next month"
        )
        self.register("1.0.0")

    def _opened(self) -> Warden:
        warden = self._open()
        for follower in warden.followers:
            follower.close()  # what the reactions would do, the tests do
        return warden

    def reopened(self) -> Warden:
        """Stop the process and start it anew."""
        self.warden.close()
        self.warden = self._opened()
        return self.warden

    def enrol(self, name: str) -> SigningKey:
        key = SigningKey.generate()
        answer = self.warden.acting_as(name).keys.enrol(key)
        self.warden.acting_as("root").keys.confirm(answer.id)
        self.keys[name] = key
        return key

    def register(self, label: str, **given: object) -> Path:
        path = self.folder / f"{label}.bin"
        path.write_bytes(os.urandom(64))
        self.warden.acting_as("alice").versions.register(
            "churn", label, artifact=str(path), metrics={"roc_auc": "0.81"}, **given
        )
        return path

    def who(self, name: str) -> Principal:
        return self.warden.acting_as(name).users._bound.principal

    def do(self, name: str, action: Callable[..., Any], *given: object, **named: object) -> Any:  # noqa: ANN401  # whatever the action answers
        self.clock.advance(seconds=0.001)
        return self.warden.change(self.who(name), lambda change: action(change, *given, **named))

    def see(self, name: str, action: Callable[..., Any], *given: object, **named: object) -> Any:  # noqa: ANN401  # whatever the action answers
        return self.warden.view(self.who(name), lambda view: action(view, *given, **named))

    def system(self, action: Callable[..., Any], *given: object, **named: object) -> Any:  # noqa: ANN401  # whatever the action answers
        return self.warden.change(SYSTEM, lambda change: action(change, *given, **named))

    def request(
        self, label: str = "1.0.0", *, environment: str = "production", by: str = "alice"
    ) -> ApprovalRequest:
        place = Environment(environment)
        ask = partial(approvals.request, justification=WHY, environment=place)
        found: ApprovalRequest = self.do(by, ask, "churn", label)
        return found

    def ballot(
        self, name: str, request: str, *, answer: str = "approve", comment: str | None = None
    ) -> Ballot:
        salt = os.urandom(32)
        digest = None if comment is None else Commitment(commit_text(salt, comment).hex())
        data = self.see(
            name, approvals.statement, request, answer=Answer(answer), comment_digest=digest
        )
        envelope = seal(PAYLOAD_TYPE, data, self.keys[name]).to_line()
        return Ballot(comment=comment, comment_salt=salt, envelope=envelope)

    def approve(self, name: str, request: str, *, comment: str | None = None) -> Dossier:
        ballot = self.ballot(name, request, comment=comment)
        found: Dossier = self.do(name, approvals.approve, request, ballot)
        return found

    def reject(self, name: str, request: str, *, comment: str) -> Dossier:
        ballot = self.ballot(name, request, answer="reject", comment=comment)
        found: Dossier = self.do(name, approvals.reject, request, ballot)
        return found

    def approved(self, label: str = "1.0.0") -> ApprovalRequest:
        request = self.request(label)
        self.approve("bob", request.id)
        return self.approve("carol", request.id).request

    def deploy(self, label: str = "1.0.0", *, by: str = "dave", **launch: object) -> Deployment:
        candidate = self.see(by, deployments.candidate, "churn", label)
        prepared = deployments.hashed(candidate, self.warden.settings)
        wanted = deployments.Launch(**launch)  # type: ignore[arg-type]
        found: Deployment = self.do(
            by, deployments.start, "churn", label, prepared=prepared, launch=wanted
        )
        return found

    def roll_back(self, *, by: str = "dave", to: str | None = None) -> Deployment:
        candidate = self.see(
            by, deployments.candidate_before, "churn", environment=Environment.PRODUCTION, to=to
        )
        prepared = deployments.hashed(candidate, self.warden.settings)
        found: Deployment = self.do(
            by, deployments.rollback, "churn", reason="worse than before", prepared=prepared
        )
        return found

    def status(self, label: str = "1.0.0") -> str:
        return self.warden.acting_as("alice").versions.show("churn", label).status
