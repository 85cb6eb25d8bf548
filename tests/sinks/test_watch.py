"""A monitor that follows a ledger from outside: what it notices, and that nothing it reads can fool or stop it."""

from __future__ import annotations

import http.server
import json
import os
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwarden.errors import ProofInvalid, SettingInvalid
from modelwarden.ledger.checkpoint import Checkpoint, sign_note
from modelwarden.ledger.keys import LogKey
from modelwarden.ledger.merkle import leaf_hash, tree_root
from modelwarden.sinks.watch import Sighting, Watch
from modelwarden.sinks.watch_source import bodies, open_source, tile_path
from tests.api.town import town
from tests.sinks.laptop import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = LogKey(ORIGIN, bytes(range(32)))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


def entries(size: int, *, fork: int | None = None) -> list[bytes]:
    last = size if fork is None else fork
    return [b'{"n":%d}' % n if n < last else b'{"x":%d}' % n for n in range(size)]


def publish(
    folder: Path, of: list[bytes], *, key: LogKey = KEY, root: bytes | None = None
) -> bytes:
    """Write tiles and a checkpoint as C2SP tlog-tiles has them."""
    leaves = [leaf_hash(body) for body in of]
    _put(folder, "entries", [len(body).to_bytes(2) + body for body in of])
    level, hashes = 0, leaves
    while hashes:
        _put(folder, str(level), hashes)
        full = len(hashes) // 256
        hashes = [tree_root(hashes[n * 256 : (n + 1) * 256]) for n in range(full)]
        level += 1
    note = sign_note(Checkpoint(key.name, len(of), root or tree_root(leaves)), key)
    (folder / "checkpoint").write_bytes(note)
    return note


def _put(folder: Path, kind: str, items: list[bytes]) -> None:
    for number in range(-(-len(items) // 256)):
        part = items[number * 256 : (number + 1) * 256]
        place = folder / tile_path(kind, number, len(part))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"".join(part))


def look(tmp_path: Path, clock: Clock | None = None, *, stall: int | None = None) -> Sighting:
    """Do one round in a process of its own, as `--once` does."""
    patience = None if stall is None else timedelta(seconds=stall)
    source = open_source(str(tmp_path / "tiles"))
    return Watch(
        source, [KEY.verifier], tmp_path / "state", clock=clock or Clock(), stall=patience
    ).look()


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    (tmp_path / "tiles").mkdir()
    return tmp_path / "tiles"


def test_a_ledger_that_grows_is_followed_and_its_new_entries_are_hashed(
    tmp_path: Path, tiles: Path
) -> None:
    seen = []
    for size in (3, 3, 255, 256, 257, 700):
        publish(tiles, entries(size))
        found = look(tmp_path)
        seen.append((found.found, found.size, found.entries_checked))
    assert seen == [
        ("ok", 3, 0), ("ok", 3, 0), ("ok", 255, 252), ("ok", 256, 1), ("ok", 257, 1), ("ok", 700, 443),
    ]  # fmt: skip


def test_an_empty_ledger_is_followed_too(tmp_path: Path, tiles: Path) -> None:
    publish(tiles, [])
    assert look(tmp_path).size == 0
    publish(tiles, entries(5))
    assert look(tmp_path).entries_checked == 5


@pytest.mark.parametrize("size", [300, 420])
def test_a_fork_is_found_and_both_notes_are_kept(tmp_path: Path, tiles: Path, size: int) -> None:
    known = publish(tiles, entries(300))
    look(tmp_path)
    shown = publish(tiles, entries(size, fork=120))
    assert look(tmp_path).found == "fork"
    kept = {path.read_bytes() for path in (tmp_path / "state" / "forks").iterdir()}
    assert kept == {known, shown}
    assert look(tmp_path).found == "fork"  # and again, and what is remembered stays
    publish(tiles, entries(420))
    assert look(tmp_path).found == "ok"


def test_a_ledger_that_shrinks_is_found(tmp_path: Path, tiles: Path) -> None:
    publish(tiles, entries(300))
    look(tmp_path)
    publish(tiles, entries(299))
    assert (look(tmp_path).found, look(tmp_path).size) == ("shrink", 299)
    assert not (tmp_path / "state" / "forks").exists()


def test_a_smaller_ledger_that_is_another_one_leaves_the_proof_of_a_fork(
    tmp_path: Path, tiles: Path
) -> None:
    known = publish(tiles, entries(300))
    look(tmp_path)
    shown = publish(tiles, entries(299, fork=3))
    assert look(tmp_path).found == "shrink"
    kept = {path.read_bytes() for path in (tmp_path / "state" / "forks").iterdir()}
    assert kept == {known, shown}


def test_an_older_checkpoint_played_again_is_found(tmp_path: Path, tiles: Path) -> None:
    old = publish(tiles, entries(30))
    publish(tiles, entries(40))
    look(tmp_path)
    (tiles / "checkpoint").write_bytes(old)
    assert look(tmp_path).found == "shrink"


@pytest.mark.parametrize("key", [LogKey(ORIGIN, bytes(32)), LogKey("other.example", bytes(32))])
def test_a_checkpoint_by_another_key_is_found(tmp_path: Path, tiles: Path, key: LogKey) -> None:
    publish(tiles, entries(3), key=key)
    assert look(tmp_path).found == "bad_signature"
    publish(tiles, entries(3))
    assert look(tmp_path).found == "ok"


@pytest.mark.parametrize(
    "note", [b"", b"\xff\x00", b"hello\n", b"a\n1\nAAAA\n\n\xe2\x80\x94 a b\n"]
)
def test_garbage_for_a_checkpoint_is_found(tmp_path: Path, tiles: Path, note: bytes) -> None:
    publish(tiles, entries(3))
    look(tmp_path)
    (tiles / "checkpoint").write_bytes(note)
    assert look(tmp_path).found == "bad_signature"


def test_entries_that_are_not_those_that_were_signed_are_found(tmp_path: Path, tiles: Path) -> None:
    publish(tiles, entries(300))
    look(tmp_path)
    publish(tiles, entries(310))
    bundle = tiles / tile_path("entries", 1, 54)
    bundle.write_bytes(bundle.read_bytes().replace(b'"n":305', b'"n":999'))
    assert look(tmp_path).found == "entry_altered"
    publish(tiles, entries(310))
    assert look(tmp_path).found == "ok"


@pytest.mark.parametrize("cut", [0, 1, 3, 100])
def test_a_bundle_that_is_cut_is_found(tmp_path: Path, tiles: Path, cut: int) -> None:
    publish(tiles, entries(3))
    look(tmp_path)
    publish(tiles, entries(90))
    bundle = tiles / tile_path("entries", 0, 90)
    bundle.write_bytes(bundle.read_bytes()[:cut])
    assert look(tmp_path).found == "entry_altered"


def test_tiles_that_do_not_give_the_root_are_found_at_first_sight(
    tmp_path: Path, tiles: Path
) -> None:
    publish(tiles, entries(40), root=bytes(32))
    assert look(tmp_path).found == "entry_altered"


def test_tiles_that_are_gone_are_told_and_what_is_remembered_stays(
    tmp_path: Path, tiles: Path
) -> None:
    publish(tiles, entries(3))
    look(tmp_path)
    publish(tiles, entries(90))
    (tiles / tile_path("0", 0, 90)).unlink()
    assert look(tmp_path).found == "unreachable"
    assert (
        json.loads((tmp_path / "state" / "state.json").read_bytes())["note"].split("\n")[1] == "3"
    )


def test_nothing_there_is_told(tmp_path: Path) -> None:
    assert look(tmp_path).found == "unreachable"


def test_a_full_tile_will_do_for_a_partial_one(tmp_path: Path, tiles: Path) -> None:
    publish(tiles, entries(300))
    look(tmp_path)
    for kind in ("0", "entries"):
        publish(tiles, entries(512))
        for path in (tiles / "tile" / kind).rglob("*.p"):
            assert path.is_dir()
    note = sign_note(Checkpoint(ORIGIN, 400, tree_root([leaf_hash(b) for b in entries(400)])), KEY)
    (tiles / "checkpoint").write_bytes(note)
    assert (look(tmp_path).found, look(tmp_path).size) == ("ok", 400)


def test_a_ledger_that_stands_still_is_told_after_a_while(tmp_path: Path, tiles: Path) -> None:
    clock = Clock()
    publish(tiles, entries(3))
    os.utime(tiles / "checkpoint", (clock.at.timestamp(), clock.at.timestamp()))
    look(tmp_path, clock, stall=60)
    clock.at += timedelta(seconds=59)
    assert look(tmp_path, clock, stall=60).found == "ok"
    clock.at += timedelta(seconds=2)
    assert look(tmp_path, clock, stall=60).found == "stall"
    assert look(tmp_path, clock).found == "ok"
    os.utime(tiles / "checkpoint", (clock.at.timestamp(), clock.at.timestamp()))  # published again
    assert look(tmp_path, clock, stall=60).found == "ok"


def test_two_auditors_who_were_shown_two_ledgers_find_it_when_they_compare(tmp_path: Path) -> None:
    for name, fork in (("one", None), ("two", 10)):
        (tmp_path / name / "tiles").mkdir(parents=True)
        publish(tmp_path / name / "tiles", entries(40, fork=fork))
        assert look(tmp_path / name).found == "ok"
    (tmp_path / "two" / "state").rename(tmp_path / "one" / "other")
    source = open_source(str(tmp_path / "one" / "tiles"))
    watch = Watch(source, [KEY.verifier], tmp_path / "one" / "other", clock=Clock())
    assert watch.look().found == "fork"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"note": "x", "grew_at": "", "frontier": null}']
)
def test_a_memory_that_can_not_be_read_is_refused(tmp_path: Path, tiles: Path, data: bytes) -> None:
    publish(tiles, entries(3))
    look(tmp_path)
    (tmp_path / "state" / "state.json").write_bytes(data)
    with pytest.raises(SettingInvalid):
        look(tmp_path)


def test_a_memory_of_another_ledger_is_refused(tmp_path: Path, tiles: Path) -> None:
    publish(tiles, entries(3))
    look(tmp_path)
    other = LogKey("other.example", bytes(32))
    with pytest.raises(SettingInvalid, match="another --state"):
        Watch(open_source(str(tiles)), [other.verifier], tmp_path / "state", clock=Clock())


@given(st.binary(max_size=200))
def test_any_bytes_are_bodies_or_refused(data: bytes) -> None:
    try:
        found = list(bodies(data))
    except ProofInvalid:
        return
    assert b"".join(len(body).to_bytes(2) + body for body in found) == data


def test_tiles_lie_where_the_specification_says() -> None:
    assert tile_path("0", 5, 256) == "tile/0/005"
    assert tile_path("0", 5, 7) == "tile/0/005.p/7"
    assert tile_path("1", 1234067, 256) == "tile/1/x001/x234/067"
    assert tile_path("entries", 1000, 1) == "tile/entries/x001/000.p/1"


# --- over HTTP -------------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def files_over_http(folder: Path) -> Iterator[str]:
    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_tiles_over_http_are_followed(tmp_path: Path, tiles: Path) -> None:
    publish(tiles, entries(300))
    with files_over_http(tiles) as url:
        watch = Watch(open_source(url), [KEY.verifier], tmp_path / "state", clock=Clock())
        assert watch.look().found == "ok"
        publish(tiles, entries(600))
        assert watch.look().entries_checked == 300
        publish(tiles, entries(700, fork=1))
        assert watch.look().found == "fork"
    assert watch.look().found == "unreachable"


def test_a_server_of_ours_is_followed_with_a_token(tmp_path: Path) -> None:
    with town(tmp_path) as place:
        key = place.warden.store.around.keyring.log_key.verifier
        source = open_source(place.url, token=place.tokens["erin"])
        watch = Watch(source, [key], tmp_path / "state", clock=Clock())
        first = watch.look()
        place.call("alice", "POST", "/models", {"name": "watched"})
        second = watch.look()
        assert (first.found, second.found, second.size > first.size) == ("ok", "ok", True)
        stranger = Watch(open_source(place.url), [key], tmp_path / "state", clock=Clock())
        assert stranger.look().found == "unreachable"
