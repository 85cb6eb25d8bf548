"""From registration to an approved version: what is registered, who may not agree, who does."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from modelwarden.approvals.offline import trusted_keys, verify_release
from modelwarden.guard.drift_table import drift_reference
from modelwarden.tour.cast import ADMIN, FIRST, OPERATOR, OWNER, SECOND
from modelwarden.tour.scene import FIRST_VERSION, MODEL

if TYPE_CHECKING:
    from modelwarden.tour.scene import AnyRooms, Scene
    from modelwarden.tour.telling import Telling
    from modelwarden.values.answers import RequestAnswer, VersionAnswer

PURPOSE: Final = (
    "Advise whether someone arrested for a small offence can be released. An officer decides."
)
WHY: Final = (
    "First version. Measured on two later years; the gap between colours is in the figures."
)


def register(scene: Scene, telling: Telling) -> None:
    """Register the model and its first version."""
    mira = scene.acting_as(OWNER)
    model = mira.models.register(
        MODEL, owner=OWNER, business_purpose=PURPOSE, risk_tier=1, type="classifier"
    )
    version = register_version(scene, mira, FIRST_VERSION)
    telling.say(
        f"mira registers {MODEL}, with an owner, a purpose and risk tier 1, then version {FIRST_VERSION}. The artifact"
        " is read and hashed; data, figures and where each feature lay in training stand beside it. A version never"
        " changes: another build is another one."
    )
    telling.sheet(
        ("version", MODEL + "@" + FIRST_VERSION),
        (
            ("status", version.status),
            ("artifact", f"sha256 {(version.sha256 or '')[:32]}…"),
            ("datasets", ", ".join(str(one["name"]) for one in version.datasets)),
            ("figures", ", ".join(f"{name} {value}" for name, value in version.metrics.items())),
        ),
    )
    telling.expect(version.trust == "verified", "the artifact was not read")
    telling.prove(model=model.name, version=version.version, sha256=version.sha256)


def refuse(scene: Scene, telling: Telling) -> None:
    """Ask for the release, and let everybody try what they may not."""
    request = ask(scene, scene.acting_as(OWNER), FIRST_VERSION, WHY)
    telling.say(
        "mira asks for the release. In this process the tour vouches for who acts, and each entry says so; the server"
        " further down takes tokens alone. The rules are checked inside the transaction that would record the decision."
    )
    mira, ada, ben = (scene.acting_as(name) for name in (OWNER, ADMIN, FIRST))
    telling.refused(
        lambda: mira.approvals.approve(request.id, key=scene.keys[OWNER]),
        who=OWNER,
        tried="approves her own model, with the role and a valid key",
        rule="self_approval",
        instead="ben or noor, who had no part in it",
    )
    telling.refused(
        lambda: ada.roles.grant(ADMIN, "approver"),
        who=ADMIN,
        tried="grants herself the role of an approver",
        rule="self_grant",
        instead="nobody, since an administrator never decides releases",
    )
    telling.refused(
        lambda: scene.acting_as(OPERATOR).deployments.start(MODEL, FIRST_VERSION),
        who=OPERATOR,
        tried="deploys before anybody has agreed",
        rule="not_approved",
        instead="otto again, once two people have signed",
    )
    after = ben.approvals.approve(
        request.id, comment="Looked at the gap and at the errors by year.", key=scene.keys[FIRST]
    )
    telling.expect(after.state == "open", f"one signature left the request {after.state}")
    telling.say("ben signs. That is one of two.")
    telling.refused(
        lambda: ben.approvals.approve(request.id, key=scene.keys[FIRST]),
        who=FIRST,
        tried="signs a second time",
        rule="already_decided",
        instead="noor, since two seats take two people",
    )
    telling.prove(request=request.id)


def approve(scene: Scene, telling: Telling) -> None:
    """The second signature; then both are verified on files alone."""
    request = scene.requests[FIRST_VERSION]
    noor = scene.acting_as(SECOND)
    approved = noor.approvals.approve(
        request.id,
        comment="Agreed; a fairer version is to follow.",
        key=scene.keys[SECOND],
    )
    telling.expect(approved.state == "approved", f"two signatures left it {approved.state}")
    telling.say(
        "noor signs too, and the request closes in the same transaction. Each signature is an in-toto statement over"
        " the exact artifact, data, figures and policy: if one of them changes, the approval is void."
    )
    envelopes = noor.approvals.envelopes(request.id)
    path = scene.folder / "release.intoto.jsonl"
    path.write_bytes(envelopes)
    check_offline(scene, telling)
    broken = bytearray(envelopes)
    broken[len(broken) // 4] ^= 1
    findings = _findings(scene, bytes(broken))
    telling.expect(findings, "an altered envelope was not noticed")
    telling.sheet(
        ("signed by", "with key", "seat", "comment"),
        [
            (d.approver, f"{d.keyid[:12]}…", str(d.seat + 1), d.comment or "")
            for d in approved.decisions
        ],
    )
    telling.prove(
        "Verified from release.intoto.jsonl and keys.json alone; with one bit changed it fails.",
        request=request.id,
        state=approved.state,
        signers=[decision.approver for decision in approved.decisions],
        altered=findings,
    )


def register_version(scene: Scene, owner: AnyRooms, version: str) -> VersionAnswer:
    """Register a version as its owner, with all that people will sign."""
    model = scene.models[version]
    return owner.versions.register(
        MODEL,
        version,
        artifact=scene.artifact(version).as_uri(),
        metrics=scene.metrics[version],
        parameters={"features": list(model.features), "threshold": model.threshold},
        datasets=scene.datasets,
        trained_by=[OWNER],
        algorithm="logistic-regression",
        drift_reference=_reference(scene, model.features),
    )


def _reference(scene: Scene, features: tuple[str, ...]) -> dict[str, object]:
    """Return where the training rows lie: edges and counts of each feature, and no row."""
    rows = scene.require_arrests().training
    return drift_reference({name: [row.features[name] for row in rows] for name in features})


def ask(scene: Scene, owner: AnyRooms, version: str, why: str) -> RequestAnswer:
    """Request a release as its owner."""
    request = owner.approvals.request(MODEL, version, justification=why)
    scene.requests[version] = request
    return request


def check_offline(scene: Scene, telling: Telling) -> None:
    """Verify release.intoto.jsonl as an auditor would: no server, no database. Raises TourFailed."""
    data = (scene.folder / "release.intoto.jsonl").read_bytes()
    findings = _findings(scene, data)
    telling.expect(not findings, f"the release file does not hold: {', '.join(findings)}")


def _findings(scene: Scene, data: bytes) -> list[str]:
    artifact = scene.artifact(FIRST_VERSION).read_bytes()
    found = verify_release(
        data,
        trust=trusted_keys((scene.folder / "keys.json").read_text("utf-8")),
        at=datetime.now(UTC),
        artifact_sha256=hashlib.sha256(artifact).hexdigest(),
    )
    return [finding.code for finding in found if not finding.is_note]
