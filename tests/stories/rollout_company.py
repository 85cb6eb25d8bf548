"""A company on a real database whose model goes live in steps: two versions, their approvals, a policy, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modelwarden.guard.fallback import Default
from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from modelwarden.ledger.keys import SigningKey
from modelwarden.permissions import BuiltInRole
from modelwarden.warden.warden import open_warden
from tests.safeguards.fleet import guard_token

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.warden.warden import Warden

PURPOSE: Final = "predicts which customers leave next month"
WHY: Final = "the third-quarter retraining, evaluated on the hold-out set"
PEOPLE: Final = {
    "carol": BuiltInRole.ADMIN,
    "bob": BuiltInRole.APPROVER,
    "dave": BuiltInRole.OPERATOR,
    "olivia": BuiltInRole.DEVELOPER,
}
HEAD: Final = "schema: modelwarden.policy/v1\nname: gradual\napprovals: {humans: 1}\n"


def founded(url: str, folder: Path, policy: str) -> dict[str, str]:
    """Found the company, let 1.0.0 go live and get 1.1.0 approved; return the tokens of dave and of the guards."""
    with open_warden(url, keys_folder=folder / "keys") as warden:
        for name, role in PEOPLE.items():
            warden.add_user(name, roles=[role])
        carol, bob = warden.acting_as("carol"), warden.acting_as("bob")
        key = SigningKey.generate()
        carol.keys.confirm(bob.keys.enrol(key).id)
        olivia = warden.acting_as("olivia")
        olivia.models.register("churn", owner="olivia", business_purpose=PURPOSE)
        carol.policies.publish(HEAD + policy)
        carol.policies.assign("gradual", model="churn")
        for label in ("1.0.0", "1.1.0"):
            approve(warden, folder, label, key)
        warden.acting_as("dave").deployments.start("churn", "1.0.0")
        mine = warden.acting_as("dave").tokens.create().secret or ""
        return {"dave": mine, "guards": guard_token(warden, owner="carol")}


def approve(warden: Warden, folder: Path, label: str, key: SigningKey) -> None:
    artifact = folder / "models" / f"{label}.bin"
    artifact.parent.mkdir(exist_ok=True)
    artifact.write_bytes(label.encode() * 100)
    olivia, bob = warden.acting_as("olivia"), warden.acting_as("bob")
    olivia.versions.register("churn", label, artifact=str(artifact))
    asked = olivia.approvals.request("churn", label, justification=WHY)
    bob.approvals.approve(asked.id, key=key)


def guarding(address: str, token: str, folder: Path, **versions: Callable[..., Any]) -> Guard:
    """Return a guard that has these versions loaded, each from the artifact that was registered; `_` is a dot."""
    guard = Guard(
        address, "churn", token=token, init_wait=20.0, state_dir=folder / "guard", pace=Pace(report_s=0.5),
        fallback=[Default(0.0)],
    )  # fmt: skip
    for name, function in versions.items():
        label = name.removeprefix("v").replace("_", ".")
        guard.version(label, function, artifact=folder / "models" / f"{label}.bin")
    return guard
