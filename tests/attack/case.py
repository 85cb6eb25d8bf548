"""A release with every part taken by another person, for those who would play two of them.

olivia owns the model, rita registers the version, tina trained it, quinn asks; xavier and bob may approve.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from modelwarden.ledger.dsse import seal
from modelwarden.ledger.entry import commit_text
from tests.access.company import Company

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from modelwarden.values.answers import RequestAnswer

PARTS = {"owner": "olivia", "registrant": "rita", "trainer": "tina", "requester": "quinn"}
WHY = "the third-quarter retraining is better on every figure that we measure"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


class Case(Company):
    """A company with a model to release."""

    folder: Path

    @classmethod
    def of(cls, url: str, folder: Path) -> Case:
        case = cls.at(url, folder)
        assert isinstance(case, Case)
        case.settle(folder)
        return case

    def settle(self, folder: Path) -> None:
        """Let everybody join, and register the first version."""
        self.folder = folder
        for name in PARTS.values():
            self.join(name, "developer")
        for name in ("xavier", "bob"):  # two approvers end bootstrap mode
            self.join(name, "approver", email=f"{name}@example.org")
            self.enrol(name)
        self.acting("olivia").models.register(
            "churn", owner="olivia", business_purpose="predicts which customers leave next month"
        )
        self.register()

    def register(self, label: str = "1.0.0", *, by: str = "rita") -> Path:
        path = self.folder / f"{label}.bin"
        path.write_bytes(os.urandom(64))
        self.acting(by).versions.register(
            "churn", label, artifact=path, metrics={"roc_auc": "0.81"}, trained_by=["tina"]
        )
        return path

    def request(self, label: str = "1.0.0") -> RequestAnswer:
        return self.acting("quinn").approvals.request("churn", label, justification=WHY)

    def approve(self, name: str, request: str) -> RequestAnswer:
        return self.acting(name).approvals.approve(request, key=self.keys[name])

    def ballot(self, name: str, request: str, *, comment: str = "agreed") -> dict[str, Any]:
        """Return what this person would hand in: an envelope signed now, with its comment and salt."""
        salt = os.urandom(32)
        statement = self.acting(name).approvals.statement(
            request, comment_digest=commit_text(salt, comment).hex()
        )
        envelope = seal(PAYLOAD_TYPE, statement, self.keys[name]).to_line()
        return {"envelope": envelope, "comment": comment, "comment_salt": salt}
