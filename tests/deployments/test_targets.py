"""A webhook target is told of each step, waited for, and decides whether the deployment goes on (RL-40)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.api.app import create_app
from modelwarden.approvals import actions as approvals
from modelwarden.deployments import actions as deployments
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.errors import StepHeld, ValueInvalid
from modelwarden.notify.webhook import verify_webhook
from tests.api.town import served
from tests.approvals.org import WHY
from tests.deployments.fleet import route
from tests.deployments.following import TARGET, Followed
from tests.deployments.test_actions import bodies, types
from tests.deployments.test_steps import abort, advance
from tests.deployments.urgent import authorise, made
from tests.notify.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.approvals.org import Org
    from tests.notify.receiver import Receiver

OTHER = "0" * 64
CANARY = f"rollout: {{strategy: canary, {TARGET}, steps: [{{traffic: 5, bake: PT1H}}, {{traffic: 100}}]}}\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def followed(tmp_path: Path, receiver: Receiver) -> Iterator[Followed]:
    yield from serving(tmp_path, receiver)


@pytest.fixture
def canary(tmp_path: Path, receiver: Receiver) -> Iterator[Followed]:
    yield from serving(tmp_path, receiver, CANARY)


def serving(folder: Path, receiver: Receiver, *rollout: str) -> Iterator[Followed]:
    found = Followed(folder, receiver, *rollout)
    with served(create_app(found.org.warden)) as url:
        found.url = url
        yield found
    found.org.warden.close()


def states(followed: Followed, deployment: object) -> list[tuple[int, str]]:
    return [(one.step, one.state) for one in followed.show(deployment).targets]  # type: ignore[arg-type]


def test_a_deployment_goes_live_when_its_target_says_that_it_serves_those_bytes(
    followed: Followed, receiver: Receiver
) -> None:
    begun = followed.start()
    assert (begun.state, begun.traffic) == (DeploymentState.IN_PROGRESS, 100)
    assert types(followed.org, 3) == ["step.advanced", "route.moved", "target.asked"]
    followed.turn()
    (sent,) = receiver.requests
    told = verify_webhook(sent.headers, sent.body, followed.secret, now=followed.org.clock.now())
    assert sent.id == f"{begun.id}.1.shop"
    assert (told["version"], told["traffic"], told["sha256"]) == (
        "churn@1.1.0",
        100,
        begun.artifact_sha256,
    )
    assert followed.show(begun).waits[0].code == "target_waiting"
    status, answer = followed.acknowledge()
    assert (status, answer["state"], answer["reported"]) == (200, "acknowledged", told["sha256"])
    followed.turn()
    assert followed.show(begun).state == "live"
    assert len(receiver.requests) == 1


def test_an_emergency_waits_for_what_its_target_serves_too(
    followed: Followed, receiver: Receiver
) -> None:
    authorise(followed.org, "dave")
    begun = made(followed.org)
    assert begun.state is DeploymentState.IN_PROGRESS
    followed.turn()
    assert receiver.requests[-1].told["version"] == "churn@1.1.0"
    followed.acknowledge()
    followed.turn()
    assert followed.show(begun).state == "live"


def test_each_step_is_waited_for_beside_its_time(canary: Followed, receiver: Receiver) -> None:
    begun = canary.start()
    canary.turn()
    assert canary.acknowledge()[0] == 200
    canary.turn()
    assert canary.show(begun).traffic == 5  # its hour has not passed
    canary.org.clock.advance(hours=1)
    canary.turn()
    assert canary.show(begun).traffic == 100
    canary.turn()
    assert [one.id for one in receiver.requests] == [f"{begun.id}.{n}.shop" for n in (1, 2)]
    with pytest.raises(StepHeld) as held:
        advance(canary.org, begun)
    assert held.value.reasons == ("target_waiting",)
    canary.acknowledge()
    assert advance(canary.org, begun).state is DeploymentState.LIVE
    assert states(canary, begun) == [(1, "acknowledged"), (2, "acknowledged")]


def test_another_fingerprint_fails_the_deployment_and_restores_the_routes(
    canary: Followed, receiver: Receiver
) -> None:
    begun = canary.start()
    canary.turn()
    assert route(canary.org).as_body()["shares"] == {"1.1.0": 500}
    status, answer = canary.acknowledge(sha256=OTHER)
    assert (status, answer["state"], answer["reported"]) == (200, "failed", OTHER)
    shown = canary.show(begun)
    assert (shown.state, shown.traffic) == ("failed", 0)
    assert route(canary.org).as_body()["shares"] == {}
    assert canary.live() == canary.old
    assert types(canary.org, 4) == [
        "target.failed", "deployment.failed", "route.moved", "target.asked",
    ]  # fmt: skip
    failed = bodies(canary.org, 4)[0]["fact"]
    assert (failed["cause"], failed["reported"]) == ("wrong_fingerprint", OTHER)
    canary.turn()
    back = receiver.requests[-1].told
    assert (back["step"], back["version"], back["traffic"]) == (0, "churn@1.0.0", 100)
    assert canary.acknowledge()[1]["state"] == "acknowledged"
    assert states(canary, begun) == [(1, "failed"), (0, "acknowledged")]


def test_silence_fails_the_deployment_when_the_time_is_over(
    followed: Followed, receiver: Receiver
) -> None:
    begun = followed.start()
    followed.turn()
    followed.org.clock.advance(minutes=4, seconds=59)
    followed.turn()
    assert followed.show(begun).state == "in_progress"
    followed.org.clock.advance(seconds=1)
    asked = receiver.requests[-1].told
    late = followed.said(asked)
    assert followed.send(late, followed.signed(late))[1]["code"] == "acknowledgement_late"
    followed.turn()
    assert followed.show(begun).state == "failed"
    assert followed.send(late, followed.signed(late))[1]["code"] == "already_acknowledged"
    assert followed.live() == followed.old


def test_a_target_that_never_says_that_it_went_back_is_told_of_and_moves_nothing(
    followed: Followed,
) -> None:
    begun = followed.start()
    followed.turn()
    abort(followed.org, begun)
    assert states(followed, begun) == [(1, "void"), (0, "waiting")]
    followed.org.clock.advance(minutes=11)
    followed.turn()
    assert types(followed.org, 1) == ["target.failed"]
    assert states(followed, begun) == [(1, "void"), (0, "failed")]
    assert followed.show(begun).state == "aborted"
    assert followed.live() == followed.old


def test_what_was_asked_before_an_abort_is_answered_in_vain(
    followed: Followed, receiver: Receiver
) -> None:
    begun = followed.start()
    followed.turn()
    asked = receiver.requests[-1].told
    abort(followed.org, begun)
    body = followed.said(asked)
    assert followed.send(body, followed.signed(body))[1]["code"] == "not_in_progress"


def test_a_rollback_takes_the_target_along(followed: Followed, receiver: Receiver) -> None:
    begun = followed.start()
    followed.turn()
    followed.acknowledge()
    followed.turn()
    rooms = followed.org.warden.acting_as("dave")
    back = rooms.deployments.rollback("churn", reason="it is slower")
    followed.turn()
    told = receiver.requests[-1].told
    assert (told["deployment"], told["step"], told["version"]) == (back.id, 0, "churn@1.0.0")
    assert followed.acknowledge()[1]["state"] == "acknowledged"
    assert states(followed, begun) == [(1, "acknowledged")]


def test_the_first_release_of_a_model_waits_for_its_target(
    tmp_path: Path, receiver: Receiver
) -> None:
    found = Followed(tmp_path, receiver)
    with served(create_app(found.org.warden)) as found.url:
        alice = found.org.warden.acting_as("alice")
        alice.models.register("risk", owner="alice", business_purpose="rates what a loan may cost")
        path = tmp_path / "risk.bin"
        path.write_bytes(b"a model")
        alice.versions.register("risk", "1", artifact=str(path))
        alice_asks = alice.approvals.request("risk", "1", justification="It is the first of them.")
        for name in ("bob", "carol"):
            found.org.approve(name, alice_asks.id)
        dave = found.org.warden.acting_as("dave")
        begun = dave.deployments.start("risk", "1", target="shop")
        assert (begun.state, begun.traffic) == ("in_progress", 100)
        found.turn()
        found.acknowledge()
        found.turn()
        assert dave.deployments.show(begun.id).state == "live"
    found.org.warden.close()


def test_a_deployment_names_a_target_of_its_own_beside_the_policys(
    followed: Followed, receiver: Receiver
) -> None:
    secret = followed.add("edge")
    begun = followed.start(target="edge")
    followed.turn()
    assert {one.told["target"] for one in receiver.requests} == {"shop", "edge"}
    edge = next(one for one in receiver.requests if one.told["target"] == "edge")
    body = followed.said(edge.told)
    assert followed.send(body, followed.signed(body, secret=secret), target="edge")[0] == 200
    followed.turn()
    assert [one.code for one in followed.show(begun).waits] == ["target_waiting"]


def test_a_target_that_does_not_exist_fails_at_once(followed: Followed) -> None:
    begun = followed.start(target="nowhere")
    followed.turn()
    assert followed.show(begun).state == "failed"
    causes = [one["fact"].get("cause") for one in bodies(followed.org, 6)]
    assert "target_unknown" in causes


@pytest.mark.parametrize("name", ["", "Shop", "a b", "../x", "x" * 65])
def test_a_name_that_is_none_is_refused(followed: Followed, name: str) -> None:
    with pytest.raises(ValueInvalid, match="target"):
        followed.start(target=name)


def test_a_message_is_sent_until_it_arrives_and_after_a_restart_once_more(
    followed: Followed, receiver: Receiver
) -> None:
    receiver.answers.extend([500, "drop", 200])
    begun = followed.start()
    for _ in range(5):
        followed.turn()
    assert len(receiver.requests) == 3
    followed.restart()
    followed.turn()
    first, *others = receiver.requests
    assert {(one.id, one.body) for one in others} == {(first.id, first.body)}
    assert followed.acknowledge()[0] == 200
    followed.restart()
    followed.turn()
    assert len(receiver.requests) == 4
    assert followed.show(begun).state == "live"


@pytest.mark.parametrize("word", ["hang", "drip", "flood", "heads", "garbage"])
def test_a_receiver_that_misbehaves_costs_its_own_deployment(
    followed: Followed, receiver: Receiver, word: str
) -> None:
    receiver.always = word
    begun = followed.start()
    followed.turn()
    followed.org.clock.advance(minutes=5)
    followed.turn()
    assert followed.show(begun).state == "failed"
    assert followed.live() == followed.old


def test_a_disabled_endpoint_gets_nothing_and_says_nothing(
    followed: Followed, receiver: Receiver
) -> None:
    begun = followed.start()
    followed.turn()
    followed.org.warden.acting_as("root").notify.disable("shop")
    assert followed.acknowledge()[1]["code"] == "webhook_invalid"
    followed.restart()
    followed.turn()
    assert len(receiver.requests) == 1
    assert followed.show(begun).state == "in_progress"


def test_nothing_is_sent_for_an_owner_who_may_not_read_deployments_any_more(
    tmp_path: Path, receiver: Receiver
) -> None:
    followed = Followed(tmp_path, receiver)
    followed.org.warden.add_user("ivy")
    ask = partial(
        approvals.request_access,
        payload={"user": "ivy", "role": "admin", "scope": {}},
        justification=WHY,
    )
    request = followed.org.do("root", ask, "role.grant")
    followed.org.approve("bob", request.id)
    followed.org.approve("carol", request.id)
    followed.org.warden.acting_as("root").roles.grant("ivy", "admin")
    rooms = followed.org.warden.acting_as("ivy")
    rooms.notify.add("edge", receiver.url, types=["review.recorded"])
    begun = followed.start(target="edge")
    followed.org.warden.acting_as("root").users.suspend("ivy", reason="they left the company")
    followed.turn()
    assert [one.told["target"] for one in receiver.requests] == ["shop"]
    assert {one.target for one in followed.show(begun).targets} == {"edge", "shop"}
    followed.org.warden.close()


def test_who_answers_and_gives_up_is_the_program(followed: Followed) -> None:
    begun = followed.start()
    step = f"{begun.id}.1.shop"
    with pytest.raises(Exception, match="time does this"):
        followed.org.do("root", deployments.acknowledge, step, reported=begun.artifact_sha256)
    assert followed.show(begun).state == "in_progress"


def test_without_a_target_nothing_is_asked(org: Org) -> None:
    org.approved()
    assert org.deploy().state is DeploymentState.LIVE
    assert "target.asked" not in types(org, 5)
