"""Somebody uses what guards report to let a model go on, or to have a switch made that they want."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

import modelwarden
from modelwarden.errors import NotFound, NotPermitted
from tests.api import town as towns
from tests.guard.hosts import soon
from tests.guard.wire import BLOCK_EU
from tests.safeguards.fleet import ROOT, bearer, guard_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.api.town import Town

PURPOSE = "predicts which customers leave next month"
SINCE = "2026-11-20T11:19:40Z"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.town(tmp_path_factory.mktemp("town")) as made:
        for model in ("churn", "fraud"):
            body = {"name": model, "owner": "alice", "business_purpose": PURPOSE}
            assert made.call("alice", "POST", "/models", body).status_code == 201
        yield made


@pytest.fixture(scope="module")
def token(town: Town) -> str:
    return guard_token(town.warden, owner="carol")


def said(town: Town, token: str, *stops: object, model: str = "churn") -> httpx.Response:
    body = {
        "instance": str(uuid4()), "host": f"web-{uuid4()}", "pid": 1, "model": model, "epoch": 1, "generation": 1,
        "source": "stream", "state": "fresh", "local_stops": list(stops),
    }  # fmt: skip
    return town.http.post(f"{ROOT}/snapshot/applied", json=body, headers=bearer(token))


def carried(**rule: Any) -> dict[str, Any]:  # noqa: ANN401
    made = BLOCK_EU | {"id": f"swi_{uuid4().hex}"} | rule
    del made["held"]
    return {"scope": made["scope"], "since": SINCE, "carried": True, "rule": made}


def standing(town: Town) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.call(
        "dave", "GET", "/local-stops?standing=true&limit=200"
    ).json()["items"]
    return found


def test_a_guard_s_token_neither_drops_nor_adopts(town: Town, token: str) -> None:
    stop = carried()
    assert said(town, token, stop).status_code == 204
    soon(lambda: [each for each in standing(town) if each["switch"] == stop["rule"]["id"]])
    (found,) = [each for each in standing(town) if each["switch"] == stop["rule"]["id"]]
    with closing(modelwarden.connect(town.url, token=token)) as guard:
        for act in (
            lambda: guard.local_stops.drop(found["id"], notes="let it go on"),
            lambda: guard.local_stops.adopt(found["id"], reason="let it go on"),
        ):
            with pytest.raises((NotPermitted, NotFound)):
                act()
    assert found["id"] in {each["id"] for each in standing(town)}


@pytest.mark.parametrize(
    "stop",
    [
        {
            "scope": {},
            "since": SINCE,
            "rule": {"id": "swi_x' OR 1=1", "scope": {}, "action": "block"},
        },
        {"scope": {}, "since": SINCE, "rule": {"scope": {}, "action": "block"}},
        {"scope": {}, "since": "yesterday"},
        {"scope": {f"d{n}": "x" for n in range(40)}, "since": SINCE},
        {"scope": {}, "since": SINCE, "state": "dropped"},
        {"scope": "everything", "since": SINCE},
    ],
    ids=["id", "no-id", "since", "dimensions", "extra", "words"],
)
def test_what_is_no_report_of_a_stop_is_refused(town: Town, token: str, stop: Any) -> None:  # noqa: ANN401
    assert said(town, token, stop).status_code == 422


def test_a_report_has_twenty_stops_at_most_and_of_ones_own_models(town: Town, token: str) -> None:
    many = [{"scope": {"segment": f"s{n}"}, "since": SINCE} for n in range(21)]
    assert said(town, token, *many).status_code == 422
    assert said(town, token, many[0], model="fraud").status_code == 403


def test_a_stop_of_the_future_is_not_older_than_now(town: Town, token: str) -> None:
    stop = {"scope": {"segment": "later"}, "since": "2199-01-01T00:00:00Z"}
    assert said(town, token, stop).status_code == 204
    soon(lambda: [each for each in standing(town) if each["scope"].get("segment") == ["later"]])
    (found,) = [each for each in standing(town) if each["scope"].get("segment") == ["later"]]
    assert found["since"] <= found["seen_at"]
