"""Who tries to keep a stop from guards, to confirm for others, or to hold up everybody: over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import NoPinnedKey, SnapshotRejected
from modelwarden.ledger.keys import SigningKey
from modelwarden.safeguards.snapshots.body import Topic, signed
from tests.api import town as towns
from tests.safeguards.fleet import (
    ROOT,
    Event,
    Listener,
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

PATIENCE_S = 30
SUBSCRIBERS = 200
CHURN = Topic("production", "churn")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.town(tmp_path_factory.mktemp("town")) as made:
        yield two_models(made)


@pytest.fixture(scope="module")
def token(town: Town) -> str:
    return guard_token(town.warden, owner="carol")


def confirmations(town: Town, switch: str) -> dict[str, Any]:
    found: dict[str, Any] = town.call(
        "dave", "GET", f"/kill-switches/{switch}/confirmations"
    ).json()
    return found


def settled(town: Town, switch: str, wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - a test
    ends = time.monotonic() + PATIENCE_S
    while not wanted(found := confirmations(town, switch)) and time.monotonic() < ends:
        time.sleep(0.1)
    return found


def test_a_guards_token_holds_and_reports_for_its_own_models_alone(town: Town, token: str) -> None:
    own = head_of(fetched(town.http, token).content)
    for path in ("snapshot", "snapshot/stream"):
        answer = town.http.get(f"{ROOT}/{path}", params={"model": "fraud"}, headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    switch, _ = stop(town, model="fraud")
    for name in ("fraud", "elsewhere"):
        answer = post(town, token, report({**own, "model": name}))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert confirmations(town, switch)["expected"] == 0
    assert town.call("dave", "GET", "/guards?model=fraud").json()["items"] == []


def test_who_may_only_read_confirms_nothing_and_people_hold_no_guards_rights(town: Town) -> None:
    reader = guard_token(town.warden, owner="carol", permissions=["guard.read"])
    head = head_of(fetched(town.http, reader).content)
    assert post(town, reader, report(head)).status_code == 403
    for name in ("dave", "carol", "alice"):
        assert town.call(name, "GET", "/snapshot?model=churn").status_code == 403
    assert town.call(None, "GET", "/snapshot?model=churn").status_code == 401
    assert town.call(None, "POST", "/snapshot/applied", report(head)).status_code == 401


def test_nobody_confirms_in_the_name_of_another_tokens_guard(town: Town, token: str) -> None:
    """It reports under the same instance, with the generation that the silent guard lacks."""
    before = head_of(fetched(town.http, token).content)
    silent = report(before)
    assert post(town, token, silent).status_code == 204
    switch, entry = stop(town)
    other = guard_token(town.warden, owner="carol")
    forged = report({**before, "generation": entry}, instance=silent["instance"])
    assert post(town, other, forged).status_code == 204
    found = settled(town, switch, lambda f: f["confirmed"] == 1)
    standings = {(g["instance"], g["standing"]) for g in found["guards"]}
    assert (silent["instance"], "waiting") in standings
    assert found["state"] == "open"
    post(town, token, {**silent, "state": "gone"})
    post(town, other, {**forged, "state": "gone"})


def test_no_guard_confirms_what_is_yet_to_come(town: Town, token: str) -> None:
    head = head_of(fetched(town.http, token).content)
    for claim in ({"generation": 2**53 - 1}, {"epoch": 2, "generation": 0}):
        answer = post(town, token, report(head, **claim))
        assert (answer.status_code, answer.json()["code"]) == (422, "value_invalid")


def test_a_snapshot_that_is_sent_again_after_a_newer_one_is_not_taken(
    town: Town, token: str
) -> None:
    keys, old = pinned(town.http, token), fetched(town.http, token)
    _, entry = stop(town)
    new = newer(town, token, entry)
    held = taken(new.content, keys)
    with pytest.raises(SnapshotRejected, match="older"):
        taken(old.content, keys, floor=held.head.at)


def test_what_the_server_did_not_sign_or_put_together_is_not_taken(town: Town, token: str) -> None:
    keys, answer = pinned(town.http, token), fetched(town.http, token)
    snapshot = json.loads(answer.content)
    theirs = guard_token(town.warden, owner="carol", model="fraud")
    other = json.loads(fetched(town.http, theirs, model="fraud").content)
    mixed = json.dumps({"head": snapshot["head"], "body": other["body"]}).encode()
    with pytest.raises(SnapshotRejected, match="body_digest"):
        taken(mixed, keys)
    with pytest.raises(SnapshotRejected, match="other_model"):
        taken(json.dumps(other).encode(), keys)
    held = town.warden.snapshots.held(CHURN)
    assert held is not None
    forged = signed(
        held.topic, held.at, held.body, key=SigningKey.generate(), now=town.warden.clock.now()
    )
    with pytest.raises(NoPinnedKey):
        taken(forged.whole, keys)


def test_a_token_that_is_revoked_gets_no_stream(town: Town) -> None:
    mine = guard_token(town.warden, owner="carol")
    account = town.warden.authenticate(mine).actor
    assert fetched(town.http, mine).status_code == 200
    assert (
        town.call(
            "carol", "POST", f"/users/{account}/deactivate", {"reason": "it leaked"}
        ).status_code
        == 200
    )
    for path in ("snapshot", "snapshot/stream"):
        answer = town.http.get(f"{ROOT}/{path}", params={"model": "churn"}, headers=bearer(mine))
        assert answer.status_code in {401, 403}


def test_two_hundred_guards_get_a_stop_and_confirm_it(town: Town, token: str) -> None:
    heartbeat = head_of(fetched(town.http, token).content)
    sent = [report(heartbeat, pid=number) for number in range(SUBSCRIBERS)]
    for body in sent:
        assert post(town, token, body).status_code == 204

    async def follow() -> tuple[str, int, list[Event]]:
        async with contextlib.AsyncExitStack() as stack:
            opening = [listening(town.url, token) for _ in range(SUBSCRIBERS)]
            listeners = [await stack.enter_async_context(each) for each in opening]
            await asyncio.gather(*(each.next("snapshot") for each in listeners))
            switch, entry = await asyncio.to_thread(stop, town)
            events = await asyncio.gather(*(each.next("snapshot") for each in listeners))
            return switch, entry, list(events)

    switch, entry, events = asyncio.run(asyncio.wait_for(follow(), 2 * PATIENCE_S))
    assert {event.id for event in events} == {f"1.{entry}"}
    assert len({event.data for event in events}) == 1
    late = sent[-1]
    for body in sent[:-1]:
        assert post(town, token, {**body, "generation": entry}).status_code == 204
    found = settled(town, switch, lambda f: f["confirmed"] == SUBSCRIBERS - 1)
    assert found["guards"][0]["instance"] == late["instance"]
    assert (found["state"], found["expected"]) == ("open", SUBSCRIBERS)
    assert post(town, token, {**late, "generation": entry}).status_code == 204
    found = settled(town, switch, lambda f: f["state"] == "confirmed")
    assert (found["state"], found["confirmed"]) == ("confirmed", SUBSCRIBERS)


def test_who_takes_nothing_is_dropped_and_delays_nobody(town: Town, token: str) -> None:
    """The stuck one's socket takes a few kilobytes and is never read again."""
    fill(town)
    with stuck(town, token):

        async def follow() -> None:
            async with listening(town.url, token) as listener:
                await asyncio.wait_for(listener.next("snapshot"), PATIENCE_S)
                for _ in range(12):
                    _, entry = await asyncio.to_thread(stop, town)
                    await asyncio.wait_for(reached(listener, entry), PATIENCE_S)

        asyncio.run(follow())
        channel = town.app.state.host.streams._channels[CHURN]
        ends = time.monotonic() + PATIENCE_S
        while channel.subscribers and time.monotonic() < ends:
            time.sleep(0.05)
        assert not channel.subscribers


async def reached(listener: Listener, entry: int) -> None:
    while (await listener.next("snapshot")).id != f"1.{entry}":
        pass


def newer(town: Town, token: str, entry: int) -> httpx.Response:
    ends = time.monotonic() + PATIENCE_S
    while True:
        answer = fetched(town.http, token)
        if head_of(answer.content)["generation"] >= entry or time.monotonic() > ends:
            return answer
        time.sleep(0.02)


def fill(town: Town) -> None:
    """Make the snapshot large: half a megabyte more than sockets buffer on the way."""
    segments = [f"{number:04}-" + "s" * 190 for number in range(1_000)]
    for part in range(4):
        stop(town, segment=segments, region=f"r{part}")


@contextlib.contextmanager
def stuck(town: Town, token: str) -> Iterator[socket.socket]:
    host, port = town.url.removeprefix("http://").split(":")
    with socket.socket() as mine:
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        mine.connect((host, int(port)))
        lines = f"Host: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        mine.sendall(f"GET {ROOT}/snapshot/stream?model=churn HTTP/1.1\r\n{lines}".encode())
        assert mine.recv(12).startswith(b"HTTP/1.1 200")
        try:
            yield mine
        finally:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
