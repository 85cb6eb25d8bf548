"""What guards get over HTTP: a snapshot, its stream, its keys; and what they say of themselves."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from modelwarden.guard.snapshot import Floor
from tests.api import town as towns
from tests.safeguards.fleet import (
    ROOT,
    bearer,
    fetched,
    guard_token,
    head_of,
    listening,
    pinned,
    post,
    report,
    stop,
    taken,
    two_models,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.api.town import Town

PATIENCE_S = 20


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.town(tmp_path_factory.mktemp("town")) as made:
        yield two_models(made)


@pytest.fixture(scope="module")
def token(town: Town) -> str:
    return guard_token(town.warden, owner="carol")


def until(found: Any, wanted: Any) -> Any:  # noqa: ANN401 - whatever is asked
    """Ask until the answer is as wanted, or patience ends, and return the last one."""
    ends = time.monotonic() + PATIENCE_S
    while not wanted(value := found()) and time.monotonic() < ends:
        time.sleep(0.05)
    return value


def test_a_guard_accepts_what_the_server_sends(town: Town, token: str) -> None:
    _, entry = stop(town)
    keys = pinned(town.http, token)
    answer = until(partial(fetched, town.http, token), lambda a: str(entry) in a.headers["etag"])
    assert answer.headers["content-type"] == "application/json"
    snapshot = taken(answer.content, keys)
    assert snapshot.head.at == Floor(1, entry)
    assert answer.headers["etag"] == f'"1.{entry}"'


def test_who_has_the_body_gets_a_head_alone(town: Town, token: str) -> None:
    first = fetched(town.http, token)
    again = fetched(town.http, token, have=head_of(first.content)["body_sha256"])
    assert set(again.json()) == {"head"}
    assert head_of(again.content)["body_sha256"] == head_of(first.content)["body_sha256"]


def test_a_long_poll_answers_as_soon_as_the_snapshot_changes(town: Town, token: str) -> None:
    have = head_of(fetched(town.http, token).content)["body_sha256"]

    async def poll() -> tuple[httpx.Response, int]:
        waiting = asyncio.ensure_future(
            asyncio.to_thread(fetched, town.http, token, have=have, wait=25)
        )
        await asyncio.sleep(0.3)
        assert not waiting.done()
        _, entry = await asyncio.to_thread(stop, town)
        return await waiting, entry

    answer, entry = asyncio.run(poll())
    assert head_of(answer.content)["generation"] == entry
    assert set(answer.json()) == {"head", "body"}


def test_a_long_poll_without_news_ends_with_a_head(town: Town, token: str) -> None:
    have = head_of(fetched(town.http, token).content)["body_sha256"]
    answer = fetched(town.http, token, have=have, wait=1)
    assert (answer.status_code, set(answer.json())) == (200, {"head"})


def test_a_stream_begins_with_the_snapshot_and_brings_each_change(town: Town, token: str) -> None:
    keys = pinned(town.http, token)

    async def follow() -> None:
        async with listening(town.url, token) as listener:
            first = await asyncio.wait_for(listener.next(), PATIENCE_S)
            _, entry = await asyncio.to_thread(stop, town)
            second = await asyncio.wait_for(listener.next(), PATIENCE_S)
        assert [first.name, second.name] == ["snapshot", "snapshot"]
        assert second.id == f"1.{entry}"
        held = taken(first.data, keys)
        assert taken(second.data, keys, floor=held.head.at).head.at.generation == entry

    asyncio.run(follow())


def test_a_stream_that_goes_on_begins_with_a_head(town: Town, token: str) -> None:
    seen = fetched(town.http, token).headers["etag"].strip('"')

    async def follow() -> None:
        async with listening(town.url, token, seen=seen) as listener:
            assert (await asyncio.wait_for(listener.next(), PATIENCE_S)).name == "head"
        async with listening(town.url, token, seen="1.0") as listener:
            assert (await asyncio.wait_for(listener.next(), PATIENCE_S)).name == "snapshot"

    asyncio.run(follow())


def test_another_models_switch_disturbs_nobody(town: Town, token: str) -> None:
    async def follow() -> None:
        async with listening(town.url, token) as listener:
            await asyncio.wait_for(listener.next(), PATIENCE_S)
            await asyncio.to_thread(stop, town, model="fraud")
            _, entry = await asyncio.to_thread(stop, town)
            event = await asyncio.wait_for(listener.next("snapshot"), PATIENCE_S)
        assert event.id == f"1.{entry}"

    asyncio.run(follow())


def test_a_report_shows_the_guard_and_confirms_the_switch(town: Town, token: str) -> None:
    switch, entry = stop(town)
    answer = until(partial(fetched, town.http, token), lambda a: str(entry) in a.headers["etag"])
    body = report(
        head_of(answer.content),
        versions=[{"label": "1.4.0", "sha256": "ab" * 32}],
        counts={"blocked": 3},
    )
    assert post(town, token, body).status_code == 204

    def shown() -> list[dict[str, Any]]:
        items = town.call("dave", "GET", "/guards?model=churn").json()["items"]
        return [each for each in items if each["instance"] == body["instance"]]

    (guard,) = until(shown, bool)
    assert (guard["status"], guard["generation"], guard["pid"]) == ("live", entry, 311)
    assert guard["versions"] == {"1.4.0": "ab" * 32}
    where = f"/kill-switches/{switch}/confirmations"
    found = until(
        lambda: town.call("dave", "GET", where).json(), lambda f: f["state"] == "confirmed"
    )
    assert (found["confirmed"], found["expected"], found["entry"]) == (1, 1, entry)
    assert town.call("dave", "GET", f"/kill-switches/{switch}").json()["applied"] == "1 of 1"
    told = town.call("erin", "GET", f"/audit-log?subject=switch:{switch}&type=switch.confirmed")
    (item,) = told.json()["items"]
    assert item["entry"]["fact"]["confirmed"] == 1
    body["state"] = "gone"
    assert post(town, token, body).status_code == 204
    assert until(shown, lambda found: not found) == []


def test_reports_are_read_strictly(town: Town, token: str) -> None:
    head = head_of(fetched(town.http, token).content)
    for wrong in (
        {"instance": "web-1"}, {"instance": str(uuid4()).upper()}, {"state": "fine"}, {"pid": -1},
        {"source": "rumour"}, {"generation": "7"}, {"host": "a\nb"}, {"host": "h" * 200},
        {"environment": "moon"}, {"unknown": 1}, {"counts": {"a": 1.5}}, {"applied_ms": -1},
        {"generation": head["generation"] + 10_000}, {"epoch": 2},
        {"counts": {f"c{n}": n for n in range(65)}}, {"versions": [{"label": "1", "sha256": "x"}]},
    ):  # fmt: skip
        answer = post(town, token, report(head, **wrong))
        assert (answer.status_code, answer.json()["status"]) == (422, 422), wrong


def test_what_is_asked_for_is_read_strictly(town: Town, token: str) -> None:
    for query in ({"wait": 26}, {"wait": -1}, {"environment": "moon"}, {"more": 1}):
        assert fetched(town.http, token, **query).status_code == 422, query
    assert fetched(town.http, token, model="a" * 129).status_code == 422


def test_a_fleet_on_one_token_has_a_bucket_for_each_instance(tmp_path: Any) -> None:  # noqa: ANN401
    with towns.town(tmp_path, read_rate=50, write_rate=10) as made:
        token = guard_token(made.warden, owner="carol")
        where = f"{ROOT}/snapshot/keys"

        def call(name: str) -> int:
            headers = bearer(token, **{"Modelwarden-Instance": name})
            return made.http.get(where, headers=headers).status_code

        assert {call("a") for _ in range(10)} == {200}
        assert 429 in {call("a") for _ in range(10)}
        assert call("b") == 200
