"""A company whose approvers sign with their own keys, under policies that ask for so many of them.

What the benchmarks of a release begin with; everything in it was made by the program's own actions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from modelwarden.ledger.keys import SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from modelwarden.warden.rooms import Rooms
    from modelwarden.warden.warden import Warden

ADMIN: Final = "root"
BUILDER: Final = "alice"
OPERATOR: Final = "dave"
WHY: Final = "The retraining of this quarter, evaluated on the hold-out set."
PURPOSE: Final = "predicts which customers leave next month"
ENOUGH: Final = 2
"""Approvers who end the setting up: each further one takes a permit that these agree to."""


class Company:
    """root administers, alice builds, dave operates, and some approve, each with an own key."""

    def __init__(self, warden: Warden, *, approvers: int) -> None:
        self.warden: Final = warden
        self.approvers: Final = tuple(f"approver-{number}" for number in range(approvers))
        self.keys: Final[dict[str, SigningKey]] = {}
        for name, role in ((ADMIN, "admin"), (BUILDER, "developer"), (OPERATOR, "operator")):
            warden.add_user(name, roles=[role])

    def acting_as(self, name: str) -> Rooms:
        return self.warden.acting_as(name)

    def govern(self, documents: Iterable[str], *, model: str) -> None:
        """Register a model that the first of these policies is assigned to; the others choose it themselves."""
        root, alice = self.acting_as(ADMIN), self.acting_as(BUILDER)
        alice.models.register(model, owner=BUILDER, business_purpose=PURPOSE)
        names = [root.policies.publish(document).name for document in documents]
        root.policies.assign(names[0], model=model)

    def seat_approvers(self) -> None:
        """Add the approvers. Publishing a policy takes a permit from now on."""
        root = self.acting_as(ADMIN)
        for name in self.approvers[:ENOUGH]:
            self.warden.add_user(name, roles=["approver"])
            self._enrol(name)
        for name in self.approvers[ENOUGH:]:
            self.warden.add_user(name)
            payload = {"user": name, "role": "approver", "scope": {}}
            asked = root.approvals.request_access("role.grant", payload=payload, justification=WHY)
            for other in self.approvers[:ENOUGH]:
                self.approve(other, asked.id)
            root.roles.grant(name, "approver")
            self._enrol(name)

    def register(self, model: str, version: str, *, artifact: Path) -> None:
        self.acting_as(BUILDER).versions.register(model, version, artifact=str(artifact))

    def ask(self, model: str, version: str) -> str:
        """Ask whether a version may go to production, and return the question's id."""
        asked = self.acting_as(BUILDER).approvals.request(model, version, justification=WHY)
        return asked.id

    def approve(self, name: str, request: str) -> None:
        self.acting_as(name).approvals.approve(request, key=self.keys[name])

    def _enrol(self, name: str) -> None:
        self.keys[name] = SigningKey.generate()
        key = self.acting_as(name).keys.enrol(self.keys[name])
        self.acting_as(ADMIN).keys.confirm(key.id)

    def token(self, name: str) -> str:
        secret = self.acting_as(name).tokens.create().secret
        if secret is None:
            raise RuntimeError("a new token has a secret")
        return secret


def policy(
    name: str, *, people: int, checks: Sequence[Mapping[str, object]] = (), model: str | None = None
) -> str:
    """Return a policy that wants signatures of so many approvers; with a model it says itself that it governs that."""
    scope = {} if model is None else {"applies_to": {"field": "model.name", "eq": model}}
    approvals = {
        "humans": people,
        "seats": [{"any": people, "of": [{"role": "approver"}]}],
        "expires_after": "P30D",
        "signature": "personal",
    }
    document = {"schema": "modelwarden.policy/v1", "name": name} | scope
    rest = {"approvals": approvals, "checks": list(checks), "rollout": {"strategy": "direct"}}
    return json.dumps(document | rest)
