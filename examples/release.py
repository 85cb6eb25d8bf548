"""A release from registration to production, in one process: two people sign, and who may not is refused.

    python examples/release.py [FOLDER]

Without a folder, everything happens in a temporary one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import modelwarden
from modelwarden.errors import GateRefused, NotPermitted

PEOPLE = {
    "root": ["admin"],
    "alice": ["developer"],
    "bob": ["approver"],
    "carol": ["approver"],
    "dave": ["operator"],
}


def release(folder: Path) -> str:
    """Release a model in a fresh warden, and return what is live in the end."""
    artifact = folder / "churn.bin"
    artifact.write_bytes(b"any file or folder is an artifact")
    with modelwarden.open(f"sqlite:///{folder / 'warden.db'}") as warden:
        for name, roles in PEOPLE.items():
            warden.add_user(name, roles=roles)
        root, alice, bob, carol, dave = (warden.acting_as(name) for name in PEOPLE)

        alice.models.register(
            "churn", owner="alice", business_purpose="Predict who leaves, so that we call in time."
        )
        alice.versions.register("churn", "1.0.0", artifact=artifact, metrics={"roc_auc": "0.81"})
        request = alice.approvals.request(
            "churn", "1.0.0", justification="The first version, evaluated on the third quarter."
        )

        try:
            dave.deployments.start("churn", "1.0.0")
        except GateRefused as refusal:
            print(f"too early: {', '.join(refusal.reasons)}, entry {refusal.entry}")
        try:
            alice.approvals.approve(request.id)
        except NotPermitted as refusal:
            print(f"not alice: {refusal.code}, entry {refusal.entry}")

        for approver in (bob, carol):
            key = modelwarden.SigningKey.generate()  # stays with the approver
            root.keys.confirm(approver.keys.enrol(key).id)
            approver.approvals.approve(request.id, comment="Looked at the errors.", key=key)

        dave.deployments.start("churn", "1.0.0", notes="First release.")
        live = dave.deployments.live("churn")
        print(f"live: {live.version}, sha256 {live.sha256}")
        return live.version or ""


if __name__ == "__main__":
    if len(sys.argv) > 1:
        release(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            release(Path(temporary))
