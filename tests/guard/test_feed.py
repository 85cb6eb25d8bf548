"""Snapshots reach a guard over a real socket, by whatever way the server does (SG-20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import NoPinnedKey, ValueInvalid
from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from modelwarden.guard.stream import Way
from modelwarden.ledger.keys import SigningKey
from tests.guard.hosts import BLOCK_ALL, QUICK, guarding, soon
from tests.services.snapshot_server import SnapshotServer, handover, head_alone, signed

if TYPE_CHECKING:
    from pathlib import Path


def is_blocked(guard: Guard) -> bool:
    return guard.check().diverts


def test_a_stream_brings_the_snapshot_and_each_change(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        with guarding(server, tmp_path, token="mwg_1") as guard:  # noqa: S106
            assert (guard.status()["generation"], guard.state, is_blocked(guard)) == (
                1,
                "fresh",
                False,
            )
            server.serve(switches=[BLOCK_ALL], generation=2)
            soon(lambda: is_blocked(guard))
            server.serve(switches=[], generation=3)
            soon(lambda: not is_blocked(guard))
        assert server.tokens == {"Bearer mwg_1"}
        assert "snapshot" not in server.asked


def test_the_last_id_is_sent_when_a_stream_is_opened_again(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[], epoch=3, generation=7)
        with guarding(server, tmp_path):
            pass
        with guarding(server, tmp_path) as guard:
            assert guard.status()["generation"] == 7
            soon(lambda: len(server.last_ids) > 1)
        assert server.last_ids[:2] == [None, "3.7"]


def test_a_head_alone_makes_the_same_snapshot_younger_and_changes_no_rule(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(generation=1, age_s=1_000)
        with guarding(server, tmp_path) as guard:
            held = guard._parts.holder.held
            assert guard.status()["age_s"] > 900
            server.serve(head_alone(signed(server.key, generation=1, age_s=10)))
            soon(lambda: guard.status()["age_s"] < 900)
            assert guard._parts.holder.held.rules is held.rules


def test_a_head_over_a_body_that_is_not_held_makes_the_guard_ask_for_it(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        with guarding(server, tmp_path) as guard:
            whole = signed(server.key, switches=[BLOCK_ALL], generation=2)
            server.behaviour.polls = True
            server.serve(head_alone(whole))
            soon(lambda: guard.status()["rejected"] == "body_missing")
            server.serve(whole)
            soon(lambda: is_blocked(guard))
            assert "snapshot" in server.asked


def test_without_streams_long_polls_bring_news_at_once(tmp_path: Path) -> None:
    slow = Pace(long_poll_s=60.0, poll_s=600.0, first_back_off_s=0.02, most_back_off_s=0.05)
    with SnapshotServer().running() as server:
        server.behaviour.streams = False
        server.serve(switches=[], generation=1)
        with guarding(server, tmp_path, pace=slow) as guard:
            soon(lambda: guard.status()["generation"] == 1)
            assert guard._parts.feed._source.way is Way.LONG_POLL  # type: ignore[attr-defined]
            soon(lambda: server.asked.count("snapshot") > 1)  # the one that waits
            server.serve(switches=[BLOCK_ALL], generation=2)
            soon(lambda: is_blocked(guard))
            assert guard.status()["source"] == "poll"


def test_a_stream_that_says_nothing_is_left_for_polls_and_tried_again(tmp_path: Path) -> None:
    pace = Pace(
        silence_s=0.2, long_poll_s=0.1, answer_s=0.3, poll_s=0.05, first_back_off_s=0.01,
        most_back_off_s=0.02, lowered_s=0.5,
    )  # fmt: skip
    with SnapshotServer().running() as server:
        server.behaviour.silent = True
        server.serve(switches=[], generation=1)
        with guarding(
            server, tmp_path, pace=pace, keys=server.key.public.pem, init_wait=0
        ) as guard:
            source = guard._parts.feed._source
            soon(lambda: source.way is Way.POLL)  # type: ignore[attr-defined]
            server.behaviour.silent = False
            soon(lambda: guard.status()["source"] == "stream" or source.way is Way.STREAM)  # type: ignore[attr-defined]
            server.serve(switches=[BLOCK_ALL], generation=2)
            soon(lambda: is_blocked(guard))


@pytest.mark.parametrize("way", ["beats", "trickles"])
def test_a_stream_that_falls_silent_is_dropped_and_opened_again(way: str, tmp_path: Path) -> None:
    pace = Pace(silence_s=0.3, first_back_off_s=0.01, most_back_off_s=0.02, answer_s=1.0)
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        with guarding(server, tmp_path, pace=pace) as guard:
            soon(lambda: guard.status()["generation"] == 1)
            if way == "beats":
                server.behaviour.beats = False
                server.behaviour.beat_s = 60.0
            else:
                server.behaviour.trickles = True
            soon(lambda: len(server.last_ids) > 1)
            assert guard._parts.feed._source.way is Way.STREAM  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_keeps_the_snapshot_and_shows_red(status: int, tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[BLOCK_ALL], generation=1)
        with guarding(server, tmp_path) as guard:
            server.behaviour.status = status
            server.ending.set()  # ends the stream; the next attempt is refused
            soon(lambda: "refuses the token" in str(guard.status()["red"]))
            assert is_blocked(guard)
            assert guard.state == "fresh"


def test_each_swap_is_reported_at_once_with_who_and_what(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        with guarding(server, tmp_path, pace=Pace(report_s=600.0)) as guard:
            soon(lambda: server.heard_of(1))
            server.serve(switches=[BLOCK_ALL], generation=2)
            soon(lambda: server.heard_of(2))
            report = server.heard_of(2)[0]
            assert report["instance"] == guard.status()["instance"]
            said = {
                n: report[n]
                for n in (
                    "model",
                    "environment",
                    "epoch",
                    "generation",
                    "source",
                    "state",
                    "rejected",
                )
            }
            assert said == {
                "model": "churn", "environment": "production", "epoch": 1, "generation": 2, "source": "stream",
                "state": "fresh", "rejected": None,
            }  # fmt: skip
            assert report["applied_ms"] > 0
            assert report["pid"] > 0


def test_heartbeats_go_on_without_news(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(generation=1)
        with guarding(server, tmp_path):
            soon(lambda: len(server.heard_of(1)) > 3)


def test_a_key_is_fetched_once_and_pinned(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        with guarding(server, tmp_path) as guard:
            assert guard.status()["generation"] == 1
            stranger = SigningKey.generate()
            server.keys = [stranger.public.pem]
            server.serve(signed(stranger, switches=[BLOCK_ALL], generation=2))
            soon(lambda: guard.status()["rejected"] == "no_pinned_key")
            assert not is_blocked(guard)
        with guarding(server, tmp_path) as guard:  # and so after a restart
            soon(lambda: guard.status()["rejected"] == "no_pinned_key")
            assert guard.status()["generation"] == 1


def test_a_new_key_counts_once_a_pinned_one_has_signed_it(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        second, third = SigningKey.generate(), SigningKey.generate()
        with guarding(server, tmp_path) as guard:
            assert guard.status()["generation"] == 1
            server.handovers = [handover(third, by=second), handover(second, by=server.key)]
            server.serve(signed(third, switches=[BLOCK_ALL], generation=2))
            soon(lambda: is_blocked(guard))
        server.handovers = []
        with guarding(server, tmp_path) as guard:
            assert (guard.status()["generation"], guard.status()["rejected"]) == (2, None)


def test_a_source_that_could_be_anybody_needs_keys(tmp_path: Path) -> None:
    for source in (
        tmp_path / "snapshot.json",
        f"file://{tmp_path}/s.json",
        "http://warden.example",
    ):
        with pytest.raises(NoPinnedKey):
            Guard(source, "churn", state_dir=tmp_path)


@pytest.mark.parametrize(
    "url", ["ftp://host", "http://", "http://u:p@host", "http://host?x=1", "http://host:x"]
)
def test_an_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueInvalid):
        Guard(url, "churn", state_dir=tmp_path)


def test_the_pace_is_that_of_the_specification() -> None:
    pace = Pace()
    said = (
        pace.silence_s,
        pace.long_poll_s,
        pace.poll_s,
        pace.spread,
        pace.first_back_off_s,
        pace.most_back_off_s,
    )
    assert said == (15.0, 25.0, 5.0, 0.2, 0.25, 10.0)
    assert (pace.file_s, pace.report_s, QUICK.file_s) == (1.0, 5.0, 0.02)
