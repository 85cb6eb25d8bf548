"""What reporters send over HTTP: a recorder's own bytes, a guard's calls, and whatever else arrives at the route."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Default
from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from modelwarden.guard.recorder import Recorder
from tests.api import town as towns
from tests.guard.hosts import soon
from tests.safeguards.fleet import ROOT, bearer, guard_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.api.town import Town

PURPOSE = "predicts which customers leave next month"
ONE = "00000000000000a1"
SOON = Pace(slots_s=0.1, report_s=0.2)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.town(tmp_path_factory.mktemp("town")) as made:
        for model in ("churn", "fraud"):
            body = {"name": model, "owner": "alice", "business_purpose": PURPOSE}
            assert made.call("alice", "POST", "/models", body).status_code == 201
        definition = {"resource_type": "model", "resource": "churn", "thresholds": ["0.25"]}
        assert made.call("dave", "PUT", "/sla/slis/latency", definition).status_code == 200
        yield made


@pytest.fixture(scope="module")
def token(town: Town) -> str:
    return guard_token(town.warden, owner="carol", permissions=("sla.record", "model.read"))


def whole(town: Town, name: str) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    path = f"/sla/slis/{name}/slots"
    answer = town.http.get(
        f"{ROOT}{path}", params={"until": until, "step": "5m"}, headers=bearer(town.tokens["dave"])
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["whole"]
    return found


def post(town: Town, token: str, data: bytes, kind: str = "application/json") -> httpx.Response:
    headers = bearer(token, **{"Content-Type": kind})
    return town.http.post(f"{ROOT}/sla/slots", content=data, headers=headers)


def test_a_recorder_reports_to_a_server(town: Town, token: str, tmp_path: Path) -> None:
    recorder = Recorder(
        town.url, sli="latency", thresholds=("0.25",), token=token, spool=tmp_path, flush_s=3600
    )
    for latency in (0.1, 0.2, 0.3):
        recorder.record(latency)
    recorder.record(0.4, error=True)
    assert recorder.flush()
    recorder.close()
    found = whole(town, "latency")
    assert (found["total"], found["errors"], found["bad"]) == (4, 1, {"0.25": 2})
    assert abs(found["p50_s"] - 0.2) <= 0.2 * 0.010831
    assert recorder.dropped == 0


def test_what_is_no_report_is_refused_by_its_code(town: Town, token: str) -> None:
    good = {"schema": 1, "instance": ONE, "parts": [], "closing": False}
    for data, status, code in (
        (b"", 422, "slot_invalid"),
        (b"[]", 422, "slot_invalid"),
        (b"\xff\xfe", 422, "slot_invalid"),
        (json.dumps(good | {"more": 1}).encode(), 422, "slot_invalid"),
        (json.dumps(good | {"parts": [{}]}).encode(), 422, "slot_invalid"),
        (b"[" * 10_000, 422, "slot_invalid"),
        (b"x" * 65_537, 413, "body_too_large"),
        (b"x" * 10_000_000, 413, "body_too_large"),
    ):
        answer = post(town, token, data)
        assert (answer.status_code, answer.json()["code"]) == (status, code), data[:20]
    assert post(town, token, b"{}", kind="text/plain").status_code == 415
    assert post(town, token, json.dumps(good).encode()).status_code == 204
    assert town.http.post(f"{ROOT}/sla/slots", content=b"{}").status_code == 401


def test_a_guard_tells_how_its_calls_end(town: Town, tmp_path: Path) -> None:
    token = guard_token(town.warden, owner="carol")
    body = {"scope": {"model": "churn", "region": "eu"}, "reason": "PSI 0.61"}
    assert town.call("dave", "POST", "/kill-switches", body).status_code == 201
    guard = Guard(
        town.url, "churn", token=token, state_dir=tmp_path, pace=SOON, init_wait=10.0,
        fallback=(),
    )  # fmt: skip

    @guard.protect(low=0.0, high=1.0, fallback=())
    def predict(value: float, *, region: str) -> float:
        del region
        return 1 / value if value <= 0 else value

    def failing(value: float, *, region: str) -> float:
        raise ValueError(value, region)

    falls = guard.protect(failing, fallback=[Default(0.5)])
    raises = guard.protect(failing, fallback=())
    for value in (0.1, 0.2, 1.7):
        predict(value, region="us")
    soon(lambda: predict(0.1, region="eu").status is Status.BLOCKED)
    blocked = guard.status()["counts"]["blocked"]  # type: ignore[index]
    answered = guard.status()["counts"]["ok"] + guard.status()["counts"]["clipped"]  # type: ignore[index]
    falls(1.0, region="us")
    for _ in range(2):
        with pytest.raises(ValueError, match="1"):
            raises(1.0, region="us")
    guard.remember("c-1", 0.4)
    total = answered + blocked + 1 + 2
    soon(lambda: whole(town, "guard:churn")["total"] == total)
    found = whole(town, "guard:churn")
    assert (found["blocked"], found["fallbacks"], found["errors"]) == (blocked, 1, 2)
    assert 0 < found["timed"] <= total - blocked
    guard.close()
    assert list((tmp_path / "slots").iterdir()) == []


def test_a_forked_guard_counts_for_itself(town: Town, tmp_path: Path) -> None:
    token = guard_token(town.warden, owner="carol", model="fraud")
    guard = Guard(town.url, "fraud", token=token, state_dir=tmp_path, pace=SOON, init_wait=10.0)
    predict = guard.protect(lambda value: value)
    for _ in range(5):
        predict(1.0)
    child = os.fork()
    if not child:
        for _ in range(7):
            predict(1.0)
        guard.close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
    guard.close()
    soon(lambda: whole(town, "guard:fraud")["total"] == 12)
