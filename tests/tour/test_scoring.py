"""The scoring server serves the bytes that are live, or nothing; over a real warden and a real socket."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.contract import probability
from modelwarden.ledger.keys import SigningKey
from modelwarden.tour.logistic import Logistic
from modelwarden.tour.scoring import Scorer, serving
from modelwarden.warden.warden import open_warden
from tests.guard.hosts import BLOCK_ALL, FALL_EU, from_file, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.guard.guard import Guard
    from modelwarden.warden.warden import Warden

CASE = {"age": 30, "checks": 1}
WHY = "the yearly retraining, evaluated on the hold-out set"


class Shop:
    """A warden with one model whose versions go live without a wait."""

    def __init__(self, folder: Path, warden: Warden, guard: Guard) -> None:
        self.folder, self.warden = folder, warden
        for name, role in (("root", "admin"), ("alice", "developer"), ("dave", "operator")):
            warden.add_user(name, roles=[role])
        warden.add_user("bob", roles=["approver"])
        warden.acting_as("root").policies.assign("builtin/basic")
        self.key = SigningKey.generate()
        enrolled = warden.acting_as("bob").keys.enrol(self.key)
        warden.acting_as("root").keys.confirm(enrolled.id)
        warden.acting_as("alice").models.register(
            "churn", owner="alice", business_purpose="advises whether somebody can be released"
        )
        self.guard = guard
        self.scorer = Scorer(warden.acting_as("dave").deployments, "churn", guard)

    def file(self, version: str) -> Path:
        return self.folder / f"{version}.json"

    def release(self, version: str, intercept: float, *, weight: float = 0.0) -> None:
        model = Logistic(
            features=("age", "checks"), weights=(weight, 0.0), intercept=intercept, threshold=0.5
        )
        self.file(version).write_bytes(model.to_bytes())
        alice = self.warden.acting_as("alice")
        alice.versions.register("churn", version, artifact=self.file(version))
        request = alice.approvals.request("churn", version, justification=WHY)
        self.warden.acting_as("bob").approvals.approve(request.id, key=self.key)
        self.warden.acting_as("dave").deployments.start("churn", version)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with (
        from_file(tmp_path, outputs=probability()) as guard,
        open_warden(f"sqlite:///{tmp_path / 'warden.db'}") as warden,
    ):
        yield Shop(tmp_path, warden, guard)


def test_nothing_is_served_before_something_is_live(shop: Shop) -> None:
    status, answer = shop.scorer.score(CASE)
    assert (status, answer) == (503, {"error": "nothing was loaded yet"})
    shop.scorer.refresh()
    assert shop.scorer.score(CASE) == (503, {"error": "nothing of churn is live in production"})


def test_the_version_that_is_live_answers_and_says_so(shop: Shop) -> None:
    shop.release("1.0.0", 1.0)
    shop.scorer.refresh()
    status, answer = shop.scorer.score(CASE)
    live = shop.warden.acting_as("dave").deployments.live("churn")
    assert status == 200
    assert answer["version"] == "1.0.0"
    assert answer["sha256"] == live.sha256
    assert answer["release"]


def test_a_deployment_and_a_rollback_are_taken_up(shop: Shop) -> None:
    shop.release("1.0.0", 1.0)
    shop.scorer.refresh()
    shop.release("2.0.0", -1.0)
    shop.scorer.refresh()
    assert shop.scorer.score(CASE)[1]["version"] == "2.0.0"
    assert not shop.scorer.score(CASE)[1]["release"]
    shop.warden.acting_as("dave").deployments.rollback("churn", reason="a drill")
    shop.scorer.refresh()
    assert shop.scorer.score(CASE)[1]["version"] == "1.0.0"


def test_other_bytes_than_the_live_ones_are_not_served(shop: Shop) -> None:
    shop.release("1.0.0", 1.0)
    swapped = shop.file("1.0.0").read_bytes().replace(b"1.0", b"9.0", 1)
    shop.file("1.0.0").write_bytes(swapped)
    shop.scorer.refresh()
    status, answer = shop.scorer.score(CASE)
    assert status == 503
    assert answer["error"].startswith("artifact_mismatch: 1.0.0 has to be ")


def test_a_missing_artifact_is_not_served(shop: Shop) -> None:
    shop.release("1.0.0", 1.0)
    shop.file("1.0.0").unlink()
    shop.scorer.refresh()
    assert "can't be read" in shop.scorer.score(CASE)[1]["error"]


def test_a_scorer_that_may_not_read_serves_nothing(shop: Shop) -> None:
    shop.release("1.0.0", 1.0)
    shop.warden.add_user("erin")
    scorer = Scorer(shop.warden.acting_as("erin").deployments, "churn", shop.guard)
    scorer.refresh()
    assert "does not say what is live" in scorer.score(CASE)[1]["error"]


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"age": 30},
        {"age": "old", "checks": 1},
        {"age": None, "checks": 1},
        {"age": "nan", "checks": 1},
        {"age": 30, "checks": float("-inf")},
        {"age": 10**400, "checks": 1},
    ],
    ids=["nothing", "too-little", "words", "null", "nan", "infinite", "huge"],
)
def test_a_case_without_numbers_is_refused(shop: Shop, case: dict[str, Any]) -> None:
    shop.release("1.0.0", 1.0)
    shop.scorer.refresh()
    told = {"error": "case: expected numbers for age, checks"}
    assert shop.scorer.score(case) == (422, told)
    assert shop.scorer.score_batch({"rows": [CASE, case]}) == (422, told)


@pytest.mark.parametrize("word", [{"key": 7}, {"region": ["eu"]}], ids=["key", "region"])
def test_a_key_or_region_that_is_no_text_is_refused(shop: Shop, word: dict[str, Any]) -> None:
    shop.release("1.0.0", 1.0)
    shop.scorer.refresh()
    assert shop.scorer.score(CASE | word)[0] == 422
    assert shop.scorer.score_batch({"rows": [CASE | word]})[0] == 422


@pytest.mark.parametrize("rows", [None, [], {}, [1], "rows"], ids=str)
def test_a_batch_without_cases_is_refused(shop: Shop, rows: object) -> None:
    shop.release("1.0.0", 1.0)
    shop.scorer.refresh()
    assert shop.scorer.score_batch({"rows": rows})[0] == 422


def test_a_switch_on_a_region_lets_what_was_answered_before_stand_in(shop: Shop) -> None:
    shop.release("1.0.0", 1.0)
    shop.scorer.refresh()
    rows = [CASE | {"key": region, "region": region} for region in ("eu", "us")]
    told = shop.scorer.score_batch({"rows": rows})[1]
    assert told["status"] == ["ok", "ok"]
    later = FALL_EU | {"lkg_before": "2999-01-01T00:00:00.000000Z"}
    put(shop.guard, shop.folder, switches=[later], generation=1841)
    status, answer = shop.scorer.score(rows[0])
    assert (status, answer["status"], answer["step"]) == (200, "last_known_good", "last_known_good")
    assert answer["probability"] == round(told["probability"][0], 4)
    assert (answer["version"], answer["switches"]) == ("1.0.0", ["swi_fall"])
    assert answer["age_s"] >= 0
    assert shop.scorer.score(rows[1])[1]["status"] == "ok"
    status, answer = shop.scorer.score(rows[0] | {"key": "nobody"})
    assert (status, answer["status"]) == (503, "blocked")
    assert "probability" not in answer
    batch = shop.scorer.score_batch({"rows": [*rows, rows[0] | {"key": "nobody"}]})[1]
    assert batch["status"] == ["last_known_good", "ok", "blocked"]
    assert batch["probability"] == [*told["probability"], None]


def test_numbers_far_out_are_answered_and_open_no_breaker(shop: Shop) -> None:
    shop.release("1.0.0", 1.0, weight=1.0)
    shop.scorer.refresh()
    for age in (1e300, -1e300) * 30:
        status, answer = shop.scorer.score(CASE | {"age": age})
        assert (status, answer["probability"]) == (200, float(age > 0))
    assert shop.scorer.score(CASE)[1]["status"] == "ok"


def test_another_version_answers_for_what_the_one_before_remembered(shop: Shop) -> None:
    shop.release("1.0.0", 1.0)
    shop.scorer.refresh()
    case = CASE | {"key": "c-1"}
    before = shop.scorer.score(case)[1]
    shop.release("2.0.0", -1.0)
    shop.scorer.refresh()
    later = BLOCK_ALL | {
        "action": "fallback", "fallback": "chain", "lkg_before": "2999-01-01T00:00:00.000000Z",
    }  # fmt: skip
    put(shop.guard, shop.folder, switches=[later], generation=1841)
    answer = shop.scorer.score(case)[1]
    assert (answer["version"], answer["sha256"]) == ("1.0.0", None)
    assert answer["probability"] == before["probability"]


def test_over_http_bad_requests_get_an_answer(shop: Shop) -> None:
    shop.release("1.0.0", 1.0)
    shop.scorer.refresh()
    server = serving(shop.scorer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        assert _post(f"{url}/score", json.dumps(CASE).encode())[0] == 200
        assert _post(f"{url}/score/batch", json.dumps({"rows": [CASE]}).encode())[0] == 200
        assert _post(f"{url}/score", b"[1]")[0] == 400
        assert _post(f"{url}/score", b"{")[0] == 400
        assert _post(f"{url}/other", b"{}")[0] == 400
        assert _post(f"{url}/score", b" " * 70_000)[0] == 400
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _post(url: str, data: bytes) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=data, method="POST")  # noqa: S310  # loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
