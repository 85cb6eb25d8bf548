"""A release and its pull request at GitHub, over HTTP: what lets it go live, and what denies (RL-47, RL-48, RL-62)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from starlette.responses import JSONResponse, Response

from modelwarden.deployments.rollout import DeploymentState
from tests.deployments.github.conftest import NUMBERS, STRANGER

if TYPE_CHECKING:
    from tests.deployments.github.conftest import House

ALICE, BOB, CAROL = NUMBERS["alice"], NUMBERS["bob"], NUMBERS["carol"]


def test_a_reviewed_pull_request_lets_the_release_go_live(house: House) -> None:
    pull = house.opened()
    house.stub.review(pull, BOB)
    assert house.deploy() is DeploymentState.LIVE


def test_without_a_pull_request_nothing_goes_live(house: House) -> None:
    error = house.refused()
    assert error.reasons == ("external_missing",)
    assert "no pull request is marked" in str(error)


def test_a_merged_one_counts_and_a_closed_one_does_not(house: House) -> None:
    pull = house.opened()
    house.stub.review(pull, BOB)
    pull.state = "closed"
    assert house.refused().reasons == ("external_missing",)
    pull.merged_at = "2026-11-20T11:00:00Z"
    assert house.deploy() is DeploymentState.LIVE


def test_a_request_for_changes_denies_by_its_own_code(house: House) -> None:
    pull = house.opened()
    house.stub.review(pull, BOB)
    house.stub.review(pull, CAROL, "CHANGES_REQUESTED")
    assert house.refused().reasons == ("external_changes_requested",)


def test_every_page_is_read(house: House) -> None:
    house.stub.page_size = 2
    pull = house.opened()
    for _ in range(5):
        house.stub.review(pull, STRANGER, "COMMENTED")
    house.stub.review(pull, BOB)
    house.stub.review(pull, CAROL, "CHANGES_REQUESTED")
    assert house.refused().reasons == ("external_changes_requested",)


def test_a_next_page_at_another_place_is_not_followed(house: House) -> None:
    house.stub.page_size = 1
    house.stub.elsewhere = "http://127.0.0.1:1/repos/acme/releases/pulls?page=2"
    pull = house.opened()
    for _ in range(3):
        house.stub.review(pull, BOB)
    error = house.refused()
    assert error.reasons == ("external_missing",)
    assert "another place" in str(error)


def test_what_did_not_change_is_asked_for_by_its_etag_and_still_counts(house: House) -> None:
    pull = house.opened()
    assert house.refused().reasons == ("external_missing",)
    before = len(house.stub.calls)
    assert house.refused().reasons == ("external_missing",)
    assert {status for _, _, status in house.stub.calls[before:]} == {304}
    house.stub.review(pull, BOB)
    assert house.deploy() is DeploymentState.LIVE


def test_a_dismissal_behind_a_kept_etag_is_seen(house: House) -> None:
    pull = house.opened()
    given = house.stub.review(pull, BOB)
    house.stub.review(pull, CAROL, "CHANGES_REQUESTED")
    assert house.refused().reasons == ("external_changes_requested",)
    given["state"] = pull.reviews[1]["state"] = "DISMISSED"
    assert house.refused().reasons == ("external_missing",)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"retry-after": "120"}),
        (403, {"retry-after": "120"}),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795176120"}),
        (429, {}),
    ],
)
def test_github_is_left_alone_for_as_long_as_it_asks(
    house: House, status: int, headers: dict[str, str]
) -> None:
    pull = house.opened()
    house.stub.review(pull, BOB)
    house.stub.refusal = Response("slow down", status, headers)
    assert "asks to wait" in str(house.refused())
    house.stub.refusal = None
    before = len(house.stub.calls)
    assert "asks to wait" in str(house.refused())
    assert len(house.stub.calls) == before
    house.org.clock.advance(seconds=121)
    assert house.deploy() is DeploymentState.LIVE


@pytest.mark.parametrize(
    "reply",
    [
        Response("oops", 500),
        Response("<html>", 200),
        JSONResponse([], 200),
        JSONResponse({"message": "moved"}, 200),
        JSONResponse([{"number": "x"}], 200),
        Response("", 301, {"location": "http://127.0.0.1:1/"}),
        Response(b"[" * 100_000, 200),
    ],
)
def test_an_answer_that_is_not_understood_denies(house: House, reply: Response) -> None:
    house.stub.refusal = reply
    assert house.refused().reasons == ("external_missing",)


def test_a_token_is_used_until_it_ends_and_one_withdrawn_is_replaced(house: House) -> None:
    pull = house.opened()
    house.refused()
    house.refused()
    assert len(house.stub.tokens) == 1
    house.stub.tokens.clear()
    house.refused()
    assert len(house.stub.tokens) == 1
    house.org.clock.advance(minutes=56)
    house.stub.now += timedelta(minutes=56)
    house.stub.review(pull, BOB)
    assert house.deploy() is DeploymentState.LIVE
    assert len(house.stub.tokens) == 2


def test_neither_key_nor_token_is_in_any_log_or_message(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house.opened()
    said = [str(house.refused())]
    house.stub.refusal = Response("no", 500)
    said.append(str(house.refused()))
    secrets = [*house.stub.tokens, house.stub.pem.splitlines()[1]]
    assert secrets[:-1]
    for secret in secrets:
        assert secret not in caplog.text
        assert not any(secret in words for words in said)
