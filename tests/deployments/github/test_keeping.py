"""What the program does at GitHub by itself: it opens, reports, copies and answers (RL-47, RL-49, RL-50)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import Response

from modelwarden.approvals import actions as approvals
from modelwarden.deployments.github import queries
from modelwarden.deployments.rollout import DeploymentState
from modelwarden.ledger.entry import Stored
from modelwarden.store import entries
from tests.deployments.github.conftest import NUMBERS, STRANGER
from tests.services.github_state import ALL, APP, shown_app

if TYPE_CHECKING:
    from tests.deployments.github.conftest import House
    from tests.services.github_state import Pull

ALICE, BOB, CAROL = NUMBERS["alice"], NUMBERS["bob"], NUMBERS["carol"]


def reviewed(house: House, **changed: Any) -> Pull:  # noqa: ANN401  # fields
    house.stub.may = ALL
    pull = house.opened(**changed)
    house.stub.review(pull, BOB)
    return pull


def conclusions(house: House) -> list[tuple[str, str]]:
    return [(each["head_sha"], each["conclusion"]) for each in house.stub.checks]


def test_a_request_gets_its_pull_request_and_each_word_of_the_gate(house: House) -> None:
    house.stub.may = ALL
    keep = house.keeping()
    keep.idle()
    (pull,) = house.stub.pulls
    assert house.stub.files[(pull.head, "release.lock.json")] == house.lock
    assert conclusions(house) == [(pull.head, "failure")]
    assert "external_missing" in house.stub.checks[0]["output"]["title"]
    house.stub.review(pull, BOB)
    keep.idle()
    keep.idle()
    assert conclusions(house) == [(pull.head, "success")]
    assert house.stub.checks[0]["external_id"] == house.request
    assert house.deploy() is DeploymentState.LIVE
    assert [each["number"] for each in house.told("github.pull_opened")] == [1]
    assert [each["conclusion"] for each in house.told("github.gate_reported")] == [
        "failure",
        "success",
    ]


def test_an_earlier_lock_file_on_the_branch_is_replaced(house: House) -> None:
    house.stub.may = ALL
    house.stub.files[("0" * 40, "release.lock.json")] = b"{}\n"
    house.keeping().idle()
    (pull,) = house.stub.pulls
    assert house.stub.files[(pull.head, "release.lock.json")] == house.lock


def test_one_that_people_closed_is_not_opened_again(house: House) -> None:
    pull = reviewed(house, state="closed")
    house.keeping().idle()
    assert house.stub.pulls == [pull]
    assert house.stub.checks == []


def test_an_app_that_may_only_read_writes_nothing_and_copies_what_was_written(house: House) -> None:
    pull = house.opened()
    house.stub.review(pull, BOB, words="Good.")
    house.keeping().idle()
    assert house.stub.checks == []
    assert len(house.stub.pulls) == 1
    assert len(house.told("github.comment_copied")) == 1


def test_an_approval_that_ended_takes_the_success_back(house: House) -> None:
    pull = reviewed(house)
    keep = house.keeping()
    keep.idle()
    assert conclusions(house) == [(pull.head, "success")]
    house.org.clock.advance(days=400)
    house.stub.now += timedelta(days=400)
    house.org.system(approvals.expire_due)
    keep.idle()
    assert conclusions(house) == [(pull.head, "failure")]


def test_a_changed_artifact_takes_the_success_back(house: House) -> None:
    pull = reviewed(house)
    keep = house.keeping()
    keep.idle()
    assert conclusions(house) == [(pull.head, "success")]
    (house.org.folder / "1.0.0.bin").write_bytes(b"something else")
    keep.idle()
    assert conclusions(house) == [(pull.head, "failure")]
    assert "artifact_mismatch" in house.stub.checks[0]["output"]["title"]


def test_a_run_of_another_app_is_no_word_of_ours_and_an_edited_one_is_put_right(
    house: House,
) -> None:
    pull = house.opened()
    house.stub.may = ALL
    forged = {
        "id": 1, "name": "modelwarden/release", "head_sha": pull.head, "external_id": house.request,
        "status": "completed", "conclusion": "success", "app": shown_app(int(APP) + 1), "pull_requests": [],
        "output": {"title": "The gate allows", "summary": ""}, "html_url": None,
    }  # fmt: skip
    house.stub.checks.append(forged)
    keep = house.keeping()
    keep.idle()
    assert [each["conclusion"] for each in house.stub.checks] == ["success", "failure"]
    house.stub.checks[1]["conclusion"] = "success"
    keep.idle()
    assert house.stub.checks[1]["conclusion"] == "failure"


def test_a_push_between_reading_and_the_gates_answer_gets_no_success(house: House) -> None:
    pull = reviewed(house)
    before, moved = house.stub._found, []

    def moving(request: Any) -> Any:  # noqa: ANN401  # JSON
        if request.url.path.endswith("/check-runs") and not moved:
            moved.append(house.stub.push(pull, house.lock, by=ALICE, force=True))
        return before(request)

    house.stub._found = moving  # type: ignore[method-assign]  # the stub's own state, not our code
    keep = house.keeping()
    keep.idle()
    assert moved
    assert (pull.head, "success") not in conclusions(house)
    keep.idle()
    assert (pull.head, "failure") in conclusions(house)


@pytest.mark.parametrize("refusal", [Response("", 502), Response("", 429, {"retry-after": "60"})])
def test_while_github_is_down_nothing_is_said_and_later_all_is(
    house: House, refusal: Response
) -> None:
    pull = reviewed(house)
    house.stub.refusal = refusal
    keep = house.keeping()
    keep.idle()
    assert house.stub.checks == []
    house.stub.refusal = None
    before = len(house.stub.calls)
    keep.idle()
    assert len(house.stub.calls) == before, "it is left alone"
    house.org.clock.advance(seconds=61)
    house.keeping().idle()
    assert conclusions(house) == [(pull.head, "success")]


def test_one_that_is_not_understood_keeps_no_other_waiting(house: House) -> None:
    pull = reviewed(house)
    pull.reviews[0] |= {"submitted_at": "yesterday"}
    house.org.register("1.1.0")
    house.org.approved("1.1.0")
    house.keeping().idle()
    assert len(house.stub.pulls) == 2
    assert conclusions(house)[-1] == (house.stub.pulls[1].head, "failure")
    assert "success" not in {conclusion for _, conclusion in conclusions(house)}


def test_a_round_that_ended_in_the_middle_goes_on_from_there(house: House) -> None:
    house.stub.may = ALL
    keep_round = queries.keep_round
    house.org.warden.telemetry(
        house.org.who("root"),
        lambda view: keep_round(
            view, "acme/releases", after=house.request, begun_at=house.org.clock.now()
        ),
    )
    keep = house.keeping()
    keep.idle()
    assert house.stub.pulls == []
    keep.idle()
    assert len(house.stub.pulls) == 1


def test_what_people_wrote_is_copied_once_and_strangers_words_are_not(house: House) -> None:
    pull = house.opened()
    house.stub.review(pull, BOB, words="Good.\x00\x1b[31m Ship it.")
    house.stub.review(pull, CAROL, "COMMENTED")
    house.stub.review(pull, STRANGER, "COMMENTED", words="Buy now")
    house.stub.review(pull, BOB, "COMMENTED", kind="Bot", words="Beep")
    house.stub.comment(pull, CAROL, "x" * 30_000)
    keep = house.keeping()
    keep.idle()
    keep.idle()

    def read(view: Any) -> list[tuple[str, str]]:  # noqa: ANN401  # a view
        found = queries.comments_of(view, house.request)
        return [(each.person, view.words(each.words)) for each in found]

    bob, carol = (house.org.who(name).person for name in ("bob", "carol"))
    said = dict(house.org.see("root", read))
    assert said == {bob: "Good.[31m Ship it.", carol: "x" * 20_000}
    assert len(house.told("github.comment_copied")) == 2


def test_an_event_is_looked_at_at_once_and_believed_for_nothing(house: House) -> None:
    pull = reviewed(house)
    keep = house.keeping()
    keep._every_s = 1e9
    keep._rounded_at = 0
    said = json.loads(house.stub.reviewed(pull))
    pull.reviews[0]["state"] = "DISMISSED"  # late: it was an approval when it was sent
    house.deliver(json.dumps(said).encode(), "pull_request_review")
    keep.idle()
    assert conclusions(house) == [(pull.head, "failure")]
    calls = len(house.stub.calls)
    keep.idle()
    assert len(house.stub.calls) == calls


def test_an_approval_that_moves_is_told_at_once(house: House) -> None:
    pull = reviewed(house)
    keep = house.keeping()
    keep._every_s = 1e9
    keep._rounded_at = 0
    keep.idle()
    assert house.stub.checks == []
    with house.org.warden.store.database.reading() as connection:
        batch = [Stored(*each) for part in entries.between(connection, 0, 999) for each in part]
    keep(batch, b"")
    keep.idle()
    assert conclusions(house) == [(pull.head, "success")]
