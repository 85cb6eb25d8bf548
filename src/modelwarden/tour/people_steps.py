"""Setting up: a fresh warden, its policy, people with keys, and the first thing that nobody can do alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelwarden.tour import cast
from modelwarden.tour.cast import ADMIN, COLLEAGUES, FIRST, OPERATOR, OWNER, SCORER, SECOND, WATCH

if TYPE_CHECKING:
    from modelwarden.tour.scene import Scene
    from modelwarden.tour.telling import Telling

POLICY: Final = """\
schema: modelwarden.policy/v1
name: tour
approvals:
  humans: 2
  seats:
    - {any: 2, of: [{role: approver}]}
  void_on: [artifact, datasets, metrics, policy]
  expires_after: P30D
  signature: personal
  separate_deployer: true
rollout:
  strategy: direct
  needs: {staging: PT1S}
"""
WHY_A_THIRD: Final = (
    "Mira approves for other teams while we are short of approvers; never her own models."
)


def set_up(scene: Scene, telling: Telling) -> None:
    """Open a fresh warden and publish the policy that will govern."""
    warden = scene.warden
    warden.add_user(ADMIN, roles=["admin"])
    ada = scene.acting_as(ADMIN)
    (scene.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    policy = ada.policies.publish(POLICY)
    ada.policies.assign("tour")
    for role, permissions in cast.CUSTOM.items():
        ada.roles.define(role, permissions=permissions)
    (scene.folder / "log.vkey").write_text(f"{ada.audit.keys()[0]}\n", encoding="utf-8")
    telling.say(
        "An empty folder becomes a warden: one SQLite file, the server's own keys beside it, and a ledger whose first"
        " entry names those keys. Its public key goes to log.vkey on this first day, for whoever verifies later. The"
        " administrator, ada, publishes the policy for everything that follows."
    )
    telling.sheet(
        ("the policy asks", "so that"),
        (
            ("two approvers, with their own keys", "no single person releases a model"),
            (
                "staging first, here for one second",
                "production never sees a version first; the tour shortens the wait",
            ),
            ("a deployer who approved nothing", "whoever agrees does not pull the lever"),
            ("a new vote when anything signed changes", "a signature means these bytes"),
        ),
    )
    telling.prove(policy=policy.name, version=policy.version, hash=policy.hash)


def add_people(scene: Scene, telling: Telling) -> None:
    """Add everybody, with keys that somebody else confirms; the third approver already takes two others."""
    ada = scene.acting_as(ADMIN)
    for person in COLLEAGUES:
        scene.warden.add_user(person.name, roles=person.roles)
    for account in (SCORER, WATCH):
        ada.service_accounts.add(account, owner=OPERATOR)
        ada.roles.grant(account, account)
    keyids = _enrol(scene)
    rows: list[tuple[str, ...]] = [(ADMIN, "admin", "sets up people and policy", "")]
    for person in COLLEAGUES:
        key = keyids.get(person.name)
        rows.append(
            (person.name, ", ".join(person.roles), person.part, f"{key[:12]}…" if key else "")
        )
    telling.sheet(("who", "role", "what they do", "key"), rows)
    telling.say(
        "Everybody is invented. Each signer draws an Ed25519 key, proves to hold it, and ada confirms it. The private"
        " halves are files in keys/ that their owner alone may read; the warden keeps the public halves."
    )
    telling.refused(
        lambda: ada.roles.grant(OWNER, "approver"),
        who=ADMIN,
        tried="makes mira an approver too",
        rule="permit_needed",
        instead="two approvers agree to exactly this grant, once",
    )
    _grant_together(scene)
    telling.say(
        "With two approvers in place, set-up is over: ada now needs their permit for a third. ben and noor sign it, and"
        " the same call passes. So mira may approve; what she may approve is the next question."
    )
    telling.prove(people=[ADMIN, *(person.name for person in COLLEAGUES)], keys=keyids)


def _enrol(scene: Scene) -> dict[str, str]:
    ada, folder = scene.acting_as(ADMIN), scene.folder / "keys"
    confirmed = []
    for name in cast.SIGNING:
        scene.keys[name] = cast.new_key(folder, name)
        rooms = scene.acting_as(name)
        key = ada.keys.confirm(rooms.keys.enrol(scene.keys[name]).id)
        confirmed.append((key, rooms.users.me().person))
    server = scene.warden.store.around.keyring.server_key.public
    trusted = cast.trust_file(confirmed, server)
    (scene.folder / "keys.json").write_text(trusted, encoding="utf-8")
    return {key.user: key.id for key, _ in confirmed}


def _grant_together(scene: Scene) -> None:
    ada = scene.acting_as(ADMIN)
    request = ada.approvals.request_access(
        "role.grant",
        payload={"user": OWNER, "role": "approver", "scope": {}},
        justification=WHY_A_THIRD,
    )
    for name in (FIRST, SECOND):
        scene.acting_as(name).approvals.approve(request.id, key=scene.keys[name])
    ada.roles.grant(OWNER, "approver")
