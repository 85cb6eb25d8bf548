"""A deployment at GitHub that waits for our word: which commit, which environment, and what the gate says (RL-49)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import WebhookInvalid
from tests.deployments.github.conftest import NUMBERS
from tests.services.github_state import ALL

if TYPE_CHECKING:
    from tests.deployments.github.conftest import House
    from tests.services.github_state import Pull

ALICE, BOB = NUMBERS["alice"], NUMBERS["bob"]


def reviewed(house: House) -> Pull:
    house.stub.may = ALL
    pull = house.opened()
    house.stub.review(pull, BOB)
    return pull


def wait(house: House, commit: str, environment: str = "production", **changed: Any) -> int:  # noqa: ANN401  # JSON
    run = house.stub.run(commit)
    body = house.stub.waiting(run, environment, **changed)
    house.deliver(body, "deployment_protection_rule")
    return run


def states(house: House) -> list[tuple[int, str]]:
    return [(run, said["state"]) for run, said in house.stub.answered]


def test_what_was_reviewed_may_go_and_is_answered_once(house: House) -> None:
    pull = reviewed(house)
    run = wait(house, pull.head, "Production")
    keep = house.keeping()
    keep.idle()
    keep.idle()
    assert states(house) == [(run, "approved")]
    assert house.stub.answered[0][1]["environment_name"] == "Production"
    assert [each["state"] for each in house.told("github.deployment_answered")] == ["approved"]


def test_the_commit_as_which_it_was_merged_may_go(house: House) -> None:
    pull = reviewed(house)
    pull.state, pull.merged_at, pull.merge_commit = "closed", "2026-11-20T11:00:00Z", "ab" * 20
    house.stub.files[("ab" * 20, "release.lock.json")] = house.lock
    run = wait(house, "ab" * 20)
    house.keeping().idle()
    assert states(house) == [(run, "approved")]


def test_another_commit_with_the_same_lock_file_may_not(house: House) -> None:
    reviewed(house)
    house.stub.files[("cd" * 20, "release.lock.json")] = house.lock
    run = wait(house, "cd" * 20)
    house.keeping().idle()
    assert states(house) == [(run, "rejected")]
    assert "not the one that was reviewed" in house.stub.answered[0][1]["comment"]


def test_the_events_own_commit_is_not_believed(house: House) -> None:
    pull = reviewed(house)
    run = house.stub.run("ef" * 20)  # what would run
    said = {"id": 1, "sha": pull.head, "environment": "production"}  # what the event says
    house.deliver(house.stub.waiting(run, deployment=said), "deployment_protection_rule")
    house.keeping().idle()
    assert states(house) == [(run, "rejected")]


def test_another_environment_no_lock_file_or_a_closed_gate_is_rejected(house: House) -> None:
    pull = reviewed(house)
    elsewhere = wait(house, pull.head, "staging")
    bare = wait(house, "12" * 20)
    house.stub.files[("34" * 20, "release.lock.json")] = b'{"request": ["x"]}'
    odd = wait(house, "34" * 20)
    keep = house.keeping()
    keep.idle()
    assert states(house) == [(elsewhere, "rejected"), (bare, "rejected"), (odd, "rejected")]
    house.stub.review(pull, BOB, "CHANGES_REQUESTED")
    run = wait(house, pull.head)
    keep.idle()
    assert states(house)[-1] == (run, "rejected")
    assert "external_changes_requested" in house.stub.answered[-1][1]["comment"]


def test_bytes_that_were_exchanged_are_rejected(house: House) -> None:
    pull = reviewed(house)
    keep = house.keeping()
    keep.idle()
    (house.org.folder / "1.0.0.bin").write_bytes(b"something else")
    run = wait(house, pull.head)
    keep.idle()
    assert states(house) == [(run, "rejected")]
    assert "artifact_mismatch" in house.stub.answered[0][1]["comment"]


def test_one_that_can_not_be_read_goes_on_to_wait_for_an_hour(house: House) -> None:
    pull = reviewed(house)
    pull.reviews[0]["submitted_at"] = "yesterday"
    run = wait(house, pull.head)
    house.keeping().idle()
    assert states(house) == []
    house.org.clock.advance(hours=2)
    house.stub.now += timedelta(hours=2)
    house.keeping().idle()
    assert states(house) == [(run, "rejected")]


def test_an_answer_goes_to_the_api_alone(house: House) -> None:
    pull = reviewed(house)
    run = house.stub.run(pull.head)
    good = house.stub.callback(run)
    for bad in (
        good.replace("127.0.0.1", "169.254.169.254"),
        good.replace("http://", "http://me@"),
        good.replace("/repos/", "/repos/../../"),
        good.replace("acme/releases", "acme/other"),
        f"{good}/../../../1",
        f"{good}?to=http://x",
        good.replace(str(run), f"{run}%2f.."),
        "file:///etc/passwd",
        "",
        7,
    ):
        body = house.stub.waiting(run) if bad == good else _with(house, run, bad)
        with pytest.raises(WebhookInvalid):
            house.deliver(body, "deployment_protection_rule")
    house.keeping().idle()
    assert states(house) == []


def _with(house: House, run: int, url: object) -> bytes:
    return house.stub.waiting(run, deployment_callback_url=url)
