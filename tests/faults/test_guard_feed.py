"""A server that is down, silent, slow, cut, corrupt or turned back: the last good snapshot holds (SG-17, SG-21)."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.guard.feed import Pace
from modelwarden.guard.guard import Guard
from tests.guard.hosts import BLOCK_ALL, QUICK, from_file, guarding, put, soon
from tests.services.snapshot_server import SnapshotServer, signed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def unanswered(server: SnapshotServer, folder: Path, **options: Any) -> Iterator[Guard]:  # noqa: ANN401
    """Give a guard that the server does not answer until it closes, when its last counts would wait for seconds."""
    server.behaviour.silent = True
    with guarding(server, folder, **options) as guard:
        try:
            yield guard
        finally:
            server.behaviour.silent = False


def generation(guard: Guard) -> object:
    return guard.status()["generation"]


def kept(server: SnapshotServer, folder: Path, **fields: Any) -> None:  # noqa: ANN401
    """Let a guard run once, so that its state folder holds what the server sends."""
    server.serve(**fields)
    with guarding(server, folder) as guard:
        assert generation(guard) == fields["generation"]


def spoilt(wire: bytes, kind: str) -> bytes:
    value = json.loads(wire)
    if kind == "body":
        data = bytearray(base64.b64decode(value["body"]))
        data[len(data) // 2] ^= 1
        value["body"] = base64.b64encode(bytes(data)).decode()
    elif kind == "signature":
        value["head"]["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    else:
        return wire[: len(wire) // 2]
    return json.dumps(value).encode()


@pytest.mark.parametrize("kind", ["body", "signature", "half"])
def test_a_corrupt_snapshot_is_refused_reported_and_followed_by_a_good_one(
    kind: str, tmp_path: Path
) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[BLOCK_ALL], generation=1)
        with guarding(server, tmp_path) as guard:
            server.serve(spoilt(signed(server.key, switches=[], generation=2), kind))
            soon(lambda: any(report["rejected"] for report in server.reports))
            assert guard.check().diverts
            assert generation(guard) == 1
            server.serve(switches=[], generation=3)
            soon(lambda: not guard.check().diverts)
            soon(lambda: server.reports[-1]["rejected"] is None)


def test_an_older_generation_and_an_older_epoch_are_refused_after_a_restart_too(
    tmp_path: Path,
) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[BLOCK_ALL], epoch=2, generation=5)
        with guarding(server, tmp_path) as guard:
            assert generation(guard) == 5
            for epoch, older in ((2, 4), (1, 99)):
                server.serve(switches=[], epoch=epoch, generation=older)
                soon(lambda: guard.status()["rejected"] == "older")
                assert guard.check().diverts
                server.serve(switches=[BLOCK_ALL], epoch=2, generation=5, age_s=-1)
                soon(lambda: guard.status()["rejected"] is None)
        server.serve(switches=[], epoch=1, generation=99)
        with guarding(server, tmp_path, init_wait=0) as guard:  # what is refused ends no wait
            soon(lambda: guard.status()["rejected"] == "older")
            assert (generation(guard), guard.check().diverts) == (5, True)
            server.serve(switches=[], epoch=3, generation=1)
            soon(lambda: generation(guard) == 1)
            assert guard.check().diverts  # what a later epoch does not know is carried on (SG-17)


def test_a_stream_cut_in_the_middle_of_an_event_changes_nothing_and_is_taken_up_again(
    tmp_path: Path,
) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[], generation=1)
        with guarding(server, tmp_path) as guard:
            soon(lambda: generation(guard) == 1)
            server.behaviour.cut_after = 400
            server.serve(switches=[BLOCK_ALL], generation=2)
            opened = len(server.last_ids)
            soon(lambda: len(server.last_ids) > opened + 2)
            assert generation(guard) == 1
            assert not guard.check().diverts
            server.behaviour.cut_after = None
            soon(lambda: guard.check().diverts)


def test_a_server_that_goes_away_changes_nothing_and_its_return_is_seen(tmp_path: Path) -> None:
    server = SnapshotServer()
    with server.running():
        port = server.port
        server.serve(switches=[BLOCK_ALL], generation=1)
        guard = Guard(server.url, "churn", state_dir=tmp_path / "state", pace=QUICK, init_wait=5.0)
        soon(lambda: generation(guard) == 1)
    try:
        soon(lambda: guard.status()["red"])
        assert guard.check().diverts
        server.serve(switches=[], generation=2)
        with server.running(port):
            soon(lambda: not guard.check().diverts)
            soon(lambda: guard.status()["red"] is None)
    finally:
        guard.close()


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_start_without_the_server_serves_what_was_kept(how: str, tmp_path: Path) -> None:
    server = SnapshotServer()
    with server.running():
        kept(server, tmp_path, switches=[BLOCK_ALL], generation=1)
        if how == "silent":
            _serves_what_was_kept(server, tmp_path)
    if how == "refused":
        _serves_what_was_kept(server, tmp_path)


def _serves_what_was_kept(server: SnapshotServer, folder: Path) -> None:
    with unanswered(server, folder, init_wait=0.2) as guard:
        assert guard.protect(lambda: 0.4)().switches == ("swi_all",)
        assert guard.status()["source"] == "persisted"


def test_a_refused_connection_ends_the_wait_of_a_start(tmp_path: Path) -> None:
    server = SnapshotServer()
    with server.running():
        pass
    with guarding(server, tmp_path, init_wait=3_600.0) as guard:
        assert guard.state == "none"


def test_a_silent_server_does_not_settle_a_start(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        slow = Pace(silence_s=60.0, answer_s=60.0)
        with unanswered(server, tmp_path, init_wait=0.05, pace=slow) as guard:
            assert not guard._parts.feed.settled.is_set()
            assert guard.state == "none"


def test_the_first_call_waits_for_what_is_on_disk(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        kept(server, tmp_path, switches=[BLOCK_ALL], generation=1)
        for _ in range(5):
            with unanswered(server, tmp_path, init_wait=0) as guard:
                assert guard.protect(lambda: 0.4)().switches == ("swi_all",)


def test_what_was_kept_and_then_changed_is_not_served(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        kept(server, tmp_path, switches=[BLOCK_ALL], generation=2)
        path = next((tmp_path / "state").glob("*.snapshot.json"))
        for wire in (
            spoilt(path.read_bytes(), "body"),
            b"",
            signed(server.key, switches=[], generation=1),  # put back
            signed(SnapshotServer().key, switches=[], generation=3),
        ):
            path.write_bytes(wire)
            with unanswered(server, tmp_path, init_wait=0) as guard:
                assert (
                    guard.protect(lambda: 0.4)().value == 0.4
                )  # static, and nothing that it may trust
                assert (guard.state, generation(guard)) == ("none", 0)
            with unanswered(server, tmp_path, init_wait=0, fail="closed") as guard:
                assert guard.protect(lambda: 0.4)().reasons[0] == "no_snapshot"


def test_a_first_start_without_the_server_serves_the_bootstrap(tmp_path: Path) -> None:
    server = SnapshotServer()
    (tmp_path / "bootstrap.json").write_bytes(
        signed(server.key, switches=[BLOCK_ALL], generation=1)
    )
    with server.running():
        options = {
            "bootstrap": tmp_path / "bootstrap.json",
            "keys": server.key.public.pem,
            "init_wait": 0,
        }
        with unanswered(server, tmp_path, **options) as guard:
            assert guard.protect(lambda: 0.4)().switches == ("swi_all",)
            assert guard.status()["source"] == "file"


def test_a_state_folder_that_cannot_be_written_costs_nothing_but_memory(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way", encoding="ascii")
    with SnapshotServer().running() as server:
        server.serve(switches=[BLOCK_ALL], generation=1)
        with guarding(server, tmp_path) as guard:
            assert guard.check().diverts
            server.serve(switches=[], generation=2)
            soon(lambda: not guard.check().diverts)


def test_a_slow_server_does_not_hold_up_a_prediction(tmp_path: Path) -> None:
    slow = Pace(silence_s=60.0, answer_s=60.0)
    with (
        SnapshotServer().running() as server,
        unanswered(server, tmp_path, pace=slow, init_wait=0) as guard,
    ):
        predict = guard.protect(lambda: 0.4, returns="value")
        assert [predict() for _ in range(1_000)] == [0.4] * 1_000


def test_a_file_that_disappears_or_breaks_changes_nothing(tmp_path: Path) -> None:
    with from_file(tmp_path, body={"switches": [BLOCK_ALL], "generation": 1}) as guard:
        path = tmp_path / "snapshot.json"
        path.unlink()
        soon(lambda: guard.status()["red"])
        assert guard.check().diverts
        path.write_bytes(b"{")
        soon(lambda: guard.status()["rejected"] == "malformed")
        assert guard.check().diverts
        put(guard, tmp_path, switches=[], generation=2)
        assert not guard.check().diverts


def test_what_is_closed_holds_its_last_snapshot(tmp_path: Path) -> None:
    with SnapshotServer().running() as server:
        server.serve(switches=[BLOCK_ALL], generation=1)
        with guarding(server, tmp_path) as guard:
            predict = guard.protect(lambda: 0.4)
        assert predict().switches == ("swi_all",)
