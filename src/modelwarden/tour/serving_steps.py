"""From an approved version to answers: the gate, a real server, a real scoring process, the way back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from modelwarden.tour import release_steps, traffic
from modelwarden.tour.cast import ADMIN, FIRST, OPERATOR, OWNER, SCORER, SECOND
from modelwarden.tour.scene import FIRST_VERSION, MODEL, SECOND_VERSION

if TYPE_CHECKING:
    from modelwarden.tour.scene import Scene
    from modelwarden.tour.telling import Telling
    from modelwarden.values.answers import DeploymentAnswer

STAGING_S: Final = 1.1
"""A little more than what the tour's policy asks for."""
CASES: Final = {
    "24, employed, citizen, no database": {"age": 24, "employed": 1, "citizen": 1, "checks": 0},
    "31, employed, no citizen, one database": {"age": 31, "employed": 1, "citizen": 0, "checks": 1},
    "19, no work, citizen, four databases": {"age": 19, "employed": 0, "citizen": 1, "checks": 4},
}
WHY: Final = "Second version: does without citizenship, which narrows the gap between colours."
REASON: Final = "Drill: the way back is practised before it is needed."


def deploy(scene: Scene, telling: Telling) -> None:
    """Start the server; staging, its time, production: each through the gate."""
    server = scene.start_server()
    otto = scene.connected_as(OPERATOR)
    telling.typed(f"modelwarden serve --port {server.url.rpartition(':')[2]}")
    telling.say(
        "A real server starts on this folder. otto connects with a token; from here on who acts is whom the token"
        " stands for."
    )
    telling.refused(
        lambda: otto.deployments.start(MODEL, FIRST_VERSION),
        who=OPERATOR,
        tried="deploys to production at once",
        rule="staging_missing",
        instead="staging first, since the policy says so",
    )
    made = _through_staging(scene, FIRST_VERSION)
    request = scene.requests[FIRST_VERSION]
    path = scene.folder / "release.intoto.jsonl"
    path.write_bytes(otto.deployments.release_file(request.id))
    release_steps.check_offline(scene, telling)
    telling.sheet(
        ("environment", "version", "strategy", "state"),
        [(one.environment, one.version, one.strategy, one.state) for one in made],
    )
    telling.say(
        "Before each deployment the gate reads the artifact again and weighs approval, signatures, policy and people as"
        " they are now. Its own signed word is the last line of release.intoto.jsonl."
    )
    telling.prove(
        "The release file verifies with the gate's word in it.",
        deployments=[one.id for one in made],
        release="release.intoto.jsonl",
    )


def score(scene: Scene, telling: Telling) -> None:
    """Start the scoring server and ask it."""
    token = scene.acting_as(ADMIN).tokens.create(user=SCORER, days=1)
    scoring = scene.start_scoring(token.secret or "")
    telling.typed(f"python -m modelwarden.tour.scoring {scene.require_server().url} {MODEL}")
    scoring.await_version(FIRST_VERSION, next(iter(CASES.values())))
    answers = {name: scoring.score(case) for name, case in CASES.items()}
    telling.say(
        "A scoring server of its own asks the warden what is live, hashes the artifact itself and serves these bytes or"
        " none. Around each answer stands a guard, which holds the warden's switches. The token reads models,"
        " deployments and switches, reports what the guard counts, and can do nothing else."
    )
    telling.sheet(
        ("case", "probability", "advice", "answered by"),
        [
            (name, f"{one['probability']:.3f}", _advice(one["release"]), one["version"])
            for name, one in answers.items()
        ],
    )
    live = scene.connected_as(OPERATOR).deployments.live(MODEL)
    traffic.answer_well(scene, telling)
    same = {one["sha256"] for one in answers.values()} == {live.sha256}
    telling.expect(same, "the scoring server does not serve the bytes that are live")
    telling.prove(
        f"What answers is what was approved: sha256 {(live.sha256 or '')[:16]}…",
        version=live.version,
        sha256=live.sha256,
        answers=answers,
    )


def second_version(scene: Scene, telling: Telling) -> None:
    """Register and approve the second version; a byte swapped on disk closes the gate until it is put back."""
    mira = scene.connected_as(OWNER)
    release_steps.register_version(scene, mira, SECOND_VERSION)
    request = release_steps.ask(scene, mira, SECOND_VERSION, WHY)
    for name in (FIRST, SECOND):
        state = scene.connected_as(name).approvals.approve(request.id, key=scene.keys[name]).state
    telling.expect(state == "approved", f"two signatures left it {state}")
    telling.say(
        f"mira registers {SECOND_VERSION}; ben and noor sign it, this time through the server, with keys that stay on"
        " their side. Then somebody changes one byte of the approved file on disk."
    )
    artifact = scene.artifact(SECOND_VERSION)
    good = artifact.read_bytes()
    swapped = good.replace(b'"threshold": 0.8', b'"threshold": 0.1')
    telling.expect(_differ_by(good, swapped) == 1, "the swap did not change one byte")
    artifact.write_bytes(swapped)
    otto = scene.connected_as(OPERATOR)
    telling.refused(
        lambda: otto.deployments.start(MODEL, SECOND_VERSION, environment="staging"),
        who=OPERATOR,
        tried="deploys the approved version, not knowing of the swap",
        rule="artifact_mismatch",
        instead="the very bytes that were signed, or a new version",
    )
    artifact.write_bytes(good)
    made = _through_staging(scene, SECOND_VERSION)
    case = next(iter(CASES.values()))
    answer = scene.require_scoring().await_version(SECOND_VERSION, case)
    telling.say("With the byte put back, the gate opens: staging, then production.")
    telling.prove(
        f"The scoring server took up {answer['version']} by itself, and says so in each answer.",
        request=request.id,
        deployments=[one.id for one in made],
        sha256=answer["sha256"],
    )


def roll_back(scene: Scene, telling: Telling) -> None:
    """Go back, and show that going forth again takes a new approval."""
    otto = scene.connected_as(OPERATOR)
    back = otto.deployments.rollback(MODEL, reason=REASON)
    answer = scene.require_scoring().await_version(FIRST_VERSION, next(iter(CASES.values())))
    telling.say(
        f"otto rolls back and gives a reason: “{REASON}” It takes no vote, because it must never wait; the bytes are"
        " compared all the same."
    )
    telling.sheet(
        ("kind", "version", "state", "answered by"),
        [(back.kind, back.version, back.state, answer["version"])],
    )
    telling.refused(
        lambda: otto.deployments.start(MODEL, SECOND_VERSION),
        who=OPERATOR,
        tried=f"puts {SECOND_VERSION} back without asking again",
        rule="rolled_back_since",
        instead="a new approval, given after the rollback",
    )
    live = otto.deployments.live(MODEL)
    telling.expect(live.version == FIRST_VERSION, f"{live.version} is live")
    telling.prove(deployment=back.id, live=live.version, sha256=live.sha256)


def _through_staging(scene: Scene, version: str) -> list[DeploymentAnswer]:
    otto = scene.connected_as(OPERATOR)
    staged = otto.deployments.start(MODEL, version, environment="staging")
    time.sleep(STAGING_S)
    return [staged, otto.deployments.start(MODEL, version)]


def _advice(release: object) -> str:
    return "release" if release else "hold"


def _differ_by(one: bytes, other: bytes) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))
