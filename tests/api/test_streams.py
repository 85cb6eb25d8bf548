"""Streams on one event loop: who is slow, who lost the right, and how a server with open streams ends."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from modelwarden.api.streams import QUEUE, Channel, EventStream, Streams, Subscriber
from modelwarden.errors import Unauthenticated
from modelwarden.guard.snapshot import Floor
from modelwarden.guard.sse import EventReader
from modelwarden.ledger.keys import SigningKey
from modelwarden.safeguards.snapshots.body import Topic, signed
from modelwarden.warden.warden import open_warden
from tests.api.test_server import running
from tests.safeguards.fleet import ROOT, guard_token, listening

if TYPE_CHECKING:
    from pathlib import Path

CHURN = Topic("production", "churn")
PATIENCE_S = 30


def test_who_has_no_room_is_dropped_and_all_others_get_the_same_bytes() -> None:
    async def spread() -> None:
        channel, dropped = Channel(), []
        stuck, fine = Subscriber(), Subscriber()
        stuck.cancel = lambda: dropped.append(stuck)
        channel.subscribers.update({stuck, fine})
        sent = [b"event %d" % number for number in range(QUEUE + 3)]
        got = []
        for event in sent:
            channel.put(event)
            got.append(fine.queue.get_nowait())
        assert all(one is other for one, other in zip(got, sent, strict=True))
        assert (dropped, channel.subscribers) == ([stuck], {fine})
        assert stuck.queue.qsize() == QUEUE

    asyncio.run(spread())


def test_a_larger_fleet_is_given_more_time_to_answer() -> None:
    async def spread() -> None:
        channel = Channel()
        several = [Subscriber() for _ in range(42)]
        channel.subscribers.update(several)
        snapshot = signed(
            CHURN, Floor(1, 7), b"{}", key=SigningKey.generate(), now=datetime.now(UTC)
        )
        channel.spread(snapshot, is_new=True)
        (event,) = {each.queue.get_nowait() for each in several}
        reader = EventReader()
        assert event is not None
        (found,) = reader.feed(event)
        assert (found.kind, found.data, found.last_id) == ("snapshot", snapshot.whole, "1.7")
        assert reader.spread_s == 0.084

    asyncio.run(spread())


def test_who_loses_the_right_loses_the_stream(tmp_path: Path) -> None:
    async def listen(streams: Streams) -> list[dict[str, Any]]:
        sent, asked = [], []

        async def recheck() -> None:
            asked.append(1)
            if len(asked) > 1:
                raise Unauthenticated

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        async def send(message: Any) -> None:  # noqa: ANN401
            sent.append(message)

        stream = EventStream(streams, CHURN, seen=None, recheck=recheck, recheck_s=0.05)
        await asyncio.wait_for(stream({}, receive, send), PATIENCE_S)
        assert not streams._channels[CHURN].subscribers
        return sent

    with open_warden(f"sqlite:///{tmp_path}/warden.db") as warden:
        start, *events = asyncio.run(listen(Streams(warden)))
    assert start["status"] == 200
    assert events[0]["body"].startswith(b"event: snapshot")


@pytest.mark.parametrize("stop_by", [signal.SIGTERM, signal.SIGINT])
def test_a_server_with_open_streams_ends_them_and_itself(
    tmp_path: Path, stop_by: signal.Signals
) -> None:
    """It would wait half a minute for them, and then cut them off."""
    with open_warden(f"sqlite:///{tmp_path}/warden.db") as warden:
        warden.add_user("carol", roles=["admin"])
        token = guard_token(warden, owner="carol")
    with running(tmp_path, first=False) as (process, address, _):

        async def follow() -> None:
            async with listening(address, token) as one, listening(address, token) as other:
                for each in (one, other):
                    await asyncio.wait_for(each.next("snapshot"), PATIENCE_S)
                os.kill(process.pid, stop_by)
                for each in (one, other):
                    with pytest.raises(asyncio.IncompleteReadError):
                        await asyncio.wait_for(each.next(), PATIENCE_S)

        asyncio.run(follow())
        process.wait(timeout=PATIENCE_S)
        assert process.returncode in {0, -stop_by}


def test_a_stream_of_an_unbuilt_snapshot_answers_with_a_problem(tmp_path: Path) -> None:
    """The key's file is gone before anybody asked in this process."""
    with open_warden(f"sqlite:///{tmp_path}/warden.db") as warden:
        warden.add_user("carol", roles=["admin"])
        token = guard_token(warden, owner="carol")
        warden.snapshots.make_key()
    for file in tmp_path.rglob("snapshot.*.pem"):
        file.unlink()
    with running(tmp_path, first=False) as (_, address, _):
        headers = {"Authorization": f"Bearer {token}"}
        for path in ("snapshot", "snapshot/stream"):
            where = f"{address}{ROOT}/{path}?model=churn"
            answer = httpx.get(where, headers=headers, timeout=PATIENCE_S)
            assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
