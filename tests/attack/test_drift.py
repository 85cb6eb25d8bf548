"""Who tries to make drift where there is none, or to hide it: over real sockets."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from modelwarden.safeguards.drift.counted import minute_of
from tests.api import town as towns
from tests.guard.hosts import soon
from tests.safeguards.drifting import REFERENCE, body, elsewhere, flush, like_before
from tests.safeguards.fleet import ROOT, bearer, guard_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.api.town import Town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.town(tmp_path_factory.mktemp("town"), write_rate=0, read_rate=0) as made:
        purpose = "predicts which customers leave next month"
        for model in ("churn", "fraud"):
            new = {"name": model, "owner": "alice", "business_purpose": purpose}
            assert made.call("alice", "POST", "/models", new).status_code == 201
        yield made


@pytest.fixture(scope="module")
def token(town: Town) -> str:
    return guard_token(town.warden, owner="carol")


@pytest.fixture
def version(town: Town) -> str:
    """Return a version of its own for each test, with edges: what another counted is not in it."""
    label = f"v{time.monotonic_ns()}"
    for model in ("churn", "fraud"):
        new = {"version": label, "drift_reference": REFERENCE}
        made = town.call("alice", "POST", f"/models/{model}/versions", new)
        assert made.status_code == 201, made.text
    return label


def now(town: Town) -> int:
    return minute_of(town.warden.clock.now())


def post(town: Town, token: str, said: object) -> httpx.Response:
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    headers = bearer(token) | {"Content-Type": "application/json"}
    return town.http.post(f"{ROOT}/drift", content=content, headers=headers)


def counted(town: Town, version: str, **query: str) -> dict[str | None, int]:
    """Return the rows by region, the minute that runs now among them."""
    from modelwarden.safeguards.drift import queries  # noqa: PLC0415
    from modelwarden.values.system import system  # noqa: PLC0415

    read = partial(
        queries.slots_between, model=query.get("model", "churn"), environment="production",
        version=f"{query.get('model', 'churn')}@{version}", since=0, until=2**31 - 1,
    )  # fmt: skip
    found: dict[str | None, int] = {}
    for slot, cells in town.warden.view(system("test"), read).items():
        found[slot.value or None] = found.get(slot.value or None, 0) + sum(cells[0])
    return found


def test_a_replayed_flush_is_taken_and_changes_nothing(
    town: Town, token: str, version: str
) -> None:
    said = body(flush({"eu": elsewhere()}, minute=now(town)), version=version)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(town, token, said).status_code, range(16)))
    assert answers == [204] * 16
    assert counted(town, version) == {"eu": 1_000}


def test_a_guards_token_counts_for_its_own_models_alone(
    town: Town, token: str, version: str
) -> None:
    said = body(flush({"eu": elsewhere()}, minute=now(town)), version=version, model="fraud")
    answer = post(town, token, said)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    for person in ("alice", "dave", "frank"):
        assert town.call(person, "POST", "/drift", said | {"model": "churn"}).status_code == 403
    assert town.http.post(f"{ROOT}/drift", json=said).status_code == 401
    assert counted(town, version) == counted(town, version, model="fraud") == {}


def test_the_sequence_of_one_sender_says_nothing_of_anothers(
    town: Town, token: str, version: str
) -> None:
    other = guard_token(town.warden, owner="carol")
    said = body(flush({"eu": like_before()}, minute=now(town)), version=version)
    assert [post(town, each, said).status_code for each in (token, other, token, other)] == [
        204
    ] * 4
    assert counted(town, version) == {"eu": 2_000}


@pytest.mark.parametrize(
    "spoiled",
    [
        {"cells": [1.5] + [0] * 12}, {"cells": [True] + [0] * 12}, {"cells": ["1"] + [0] * 12},
        {"cells": [-1] + [0] * 12}, {"cells": [2**53] + [0] * 12}, {"cells": [None] * 13}, {"cells": [0] * 12},
        {"cells": []}, {"cells": {}}, {"cells": [[0]] * 13}, {"feature": "income"}, {"feature": 1}, {"feature": ""},
        {"by": 1}, {"by": "x" * 201}, {"by": ["eu"]}, {"more": 1},
    ],
    ids=lambda spoiled: str(spoiled)[:40],
)  # fmt: skip
def test_counts_that_are_none_are_refused(
    town: Town, token: str, version: str, spoiled: dict[str, Any]
) -> None:
    said = body(flush({"eu": {"age": like_before()["age"]}}, minute=now(town)), version=version)
    said["flush"]["counts"][0] |= spoiled
    answer = post(town, token, said)
    assert answer.status_code in {400, 422}, answer.text
    assert counted(town, version) == {}


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_no_json(town: Town, token: str, version: str, word: str) -> None:
    said = body(flush({"eu": like_before()}, minute=now(town)), version=version)
    spoiled = json.dumps(said).replace("100,", f"{word},", 1)
    assert post(town, token, spoiled.encode()).status_code == 400


def test_a_flush_of_too_many_values_or_too_many_bytes_is_refused(
    town: Town, token: str, version: str
) -> None:
    said = body(flush({"eu": like_before()}, minute=now(town)), version=version)
    entry = said["flush"]["counts"][0]
    said["flush"]["counts"] = [entry | {"by": f"r{at:02}"} for at in range(33)]
    assert post(town, token, said).json()["code"] == "drift_invalid"
    said["flush"]["counts"] = [
        entry | {"by": "x" * 100_000, "feature": f"f{at}"} for at in range(20)
    ]
    assert post(town, token, said).status_code == 413
    said["flush"]["counts"] = [entry] * 2
    assert post(town, token, said).status_code == 422
    assert counted(town, version) == {}


def test_values_of_many_lives_do_not_fill_the_database(
    town: Town, token: str, version: str
) -> None:
    minute = now(town)
    for life in range(6):
        by = {f"r{life}-{at}": like_before(20) for at in range(32)}
        assert post(town, token, body(flush(by, minute=minute), version=version)).status_code == 204
    found = counted(town, version)
    assert len(found) == 65
    assert sum(found.values()) == 6 * 32 * 20


def test_control_characters_and_odd_case_make_no_region_of_their_own(
    town: Town, token: str, version: str
) -> None:
    values = ("eu", " EU ", "\uff25\uff35", "e\u200bu", "e\u0007u", "   ")
    for value in values:
        said = body(flush({value: like_before(100)}, minute=now(town)), version=version)
        assert post(town, token, said).status_code == 204, value
    found = counted(town, version)
    assert found["eu"] == 200
    assert sum(found.values()) == 600
    assert all(value is None or value.isprintable() for value in found)


def test_counts_of_yesterday_or_tomorrow_are_refused(town: Town, token: str, version: str) -> None:
    for minute in (now(town) - 24 * 60 - 5, now(town) + 10):
        said = body(flush({"eu": elsewhere()}, minute=minute), version=version)
        assert post(town, token, said).json()["code"] == "drift_invalid"


def test_counts_among_other_edges_never_meet_these(town: Town, token: str, version: str) -> None:
    said = body(flush({"eu": elsewhere()}, minute=now(town)), version=version)
    said["flush"]["edges"] = "ab" * 32
    assert post(town, token, said).json()["code"] == "drift_invalid"
    assert counted(town, version) == {}


def test_drift_of_a_real_guard_arrives_and_nobody_without_the_model_sees_it(
    town: Town, token: str, version: str, tmp_path: Path
) -> None:
    guard = Guard(
        town.url, "churn", token=token, state_dir=tmp_path, init_wait=20.0, pace=Pace(drift_s=3_600.0)
    )  # fmt: skip
    soon(lambda: guard._parts.holder.held.snapshot is not None)
    rows = 2_000
    guard.batch(
        [0.4] * rows, version=version, context={"region": ["eu"] * 1_000 + ["us"] * 1_000},
        features={"age": [999.0] * 1_000 + [float(at % 100) for at in range(1_000)], "plan": ["pro"] * rows},
    )  # fmt: skip
    guard.close()
    assert counted(town, version) == {"eu": 1_000, "us": 1_000}
    where = f"/drift?model=churn&version={version}"
    assert town.call("frank", "GET", where).status_code == 200
    assert town.call("nobody", "GET", where).status_code in {403, 404}
    assert town.call("frank", "GET", f"{where}&by=region&window=10x").status_code == 422
