"""Somebody with root rights edits a copy in a folder: whatever byte, file or line it is, verification names it."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import Unreadable
from modelwarden.ledger.entry import Stored, chain, line, parse_line
from modelwarden.ledger.merkle import leaf_hash
from modelwarden.sinks.worm_folder import folder_of
from tests.sinks import logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.ledger.result import Result
    from modelwarden.warden.warden import Warden

TRIES = 8
"""Bytes of each file that are changed, drawn by a seed."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "copy"
    logs.loosen(tmp_path / "copy")


@pytest.fixture
def worm(sqlite_warden: Warden, place: Path) -> str:
    """Carry three days into a WORM folder."""
    logs.grow_days(sqlite_warden, 30, 31, 32, each=6)
    logs.follow(sqlite_warden, f"worm://{place}?immutable=false")
    return f"worm://{place}"


@pytest.fixture
def tiles(sqlite_warden: Warden, place: Path) -> str:
    """Carry a few hundred entries into a static log, in some steps."""
    for size in (100, 300, 610, 625, 640):
        logs.grow(sqlite_warden, size)
        logs.follow(sqlite_warden, f"tiles://{place}")
    return f"tiles://{place}"


def _told(result: Result) -> set[str]:
    return {problem.code for problem in result.problems}


def _changed_bytes(warden: Warden, place: Path, address: str) -> list[str]:
    """Change bytes of every file, one at a time; return those that nobody noticed."""
    chance, unseen = random.Random(3), list[str]()  # noqa: S311  # a seed, so that a failure comes again
    for path in logs.files(place):
        kept = path.read_bytes()
        for _ in range(TRIES):
            where, by = chance.randrange(len(kept)), 1 << chance.randrange(8)
            logs.flip(path, where, by=by)
            if logs.verified_alone(warden, address).ok:
                unseen.append(f"{path.relative_to(place)} byte {where} ^ {by}")
            path.write_bytes(kept)
    assert logs.verified(warden, address).problems == ()
    return unseen


def test_a_changed_byte_of_any_file_of_a_worm_folder_is_found(
    sqlite_warden: Warden, place: Path, worm: str
) -> None:
    assert _changed_bytes(sqlite_warden, place, worm) == []


def test_a_changed_byte_of_any_file_of_a_static_log_is_found(
    sqlite_warden: Warden, place: Path, tiles: str
) -> None:
    assert _changed_bytes(sqlite_warden, place, tiles) == []


def test_a_removed_file_of_a_worm_folder_is_found(
    sqlite_warden: Warden, place: Path, worm: str
) -> None:
    for path in logs.files(place):
        logs.loosen(path.parent)
        kept = path.read_bytes()
        path.unlink()
        found = logs.verified(sqlite_warden, worm)
        assert found.ok == (path.name == "checkpoint"), path  # the ledger's own is remembered
        path.write_bytes(kept)


def test_a_removed_file_of_a_static_log_is_found(
    sqlite_warden: Warden, place: Path, tiles: str
) -> None:
    for path in logs.files(place):
        kept = path.read_bytes()
        path.unlink()
        found = logs.verified(sqlite_warden, tiles)
        may_go = path.parent.name == "checkpoints" or path.name in {
            "1",
            "98",
            "113",
        }  # from older sizes
        assert found.ok == may_go, path
        path.write_bytes(kept)


@pytest.mark.parametrize("seq", [8, 16])
def test_an_altered_body_in_a_worm_folder_names_one_entry(
    sqlite_warden: Warden, place: Path, worm: str, seq: int
) -> None:
    _edit(place, seq, b"test.grew", b"test.grow")
    found = logs.verified(sqlite_warden, worm)
    assert ("entry_altered", seq) in {(problem.code, problem.seq) for problem in found.problems}
    assert _told(found) <= {"entry_altered", "seal_invalid"}


def test_an_altered_body_in_a_static_log_names_one_entry(
    sqlite_warden: Warden, place: Path, tiles: str
) -> None:
    path = place / "tile/entries/001"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"n":300}', b'"n":301}'))
    found = logs.verified(sqlite_warden, tiles)
    assert [(problem.code, problem.seq) for problem in found.problems] == [("entry_altered", 300)]


def test_a_sealed_file_that_root_wrote_anew_with_its_seal_is_found(
    sqlite_warden: Warden, place: Path, worm: str
) -> None:
    """Root recomputes hashes, chain, file and seal; the checkpoints still tell of other entries."""
    logs.loosen(place)
    before = None
    for path in sorted(place.rglob("*.jsonl"), key=lambda each: each.name):
        written = []
        for data in path.read_bytes().splitlines(keepends=True):
            known = parse_line(data)
            body = known.stored.body.replace(b'"n":8}', b'"n":9}')
            before = before or known.previous_hash
            after = chain(before, leaf_hash(body))
            written.append(line(Stored(known.stored.seq, body, leaf_hash(body), after), before))
            before = after
        path.write_bytes(b"".join(written))
    for path in place.rglob("*.seal.json"):
        path.unlink()
    assert {"root_mismatch", "seal_invalid"} <= _told(logs.verified(sqlite_warden, worm))


def test_lines_in_another_order_and_lines_twice_are_found(
    sqlite_warden: Warden, place: Path, worm: str
) -> None:
    path = max(place.rglob("*.jsonl"), key=lambda each: each.name)
    logs.loosen(place)
    lines = path.read_bytes().splitlines(keepends=True)
    for wrong in (
        [lines[1], lines[0], *lines[2:]],
        [*lines[:3], lines[0], *lines[3:]],
        [*lines, lines[2]],
        [lines[0], *lines[2:]],
        lines[:-1],
    ):
        path.write_bytes(b"".join(wrong))
        assert not logs.verified(sqlite_warden, worm).ok
    path.write_bytes(b"".join(lines))
    assert logs.verified(sqlite_warden, worm).ok


def test_links_and_devices_are_not_followed(sqlite_warden: Warden, place: Path, worm: str) -> None:
    logs.loosen(place)
    sealed = min(place.rglob("*.jsonl"), key=lambda each: each.name)
    sealed.rename(sealed.with_suffix(".kept"))
    sealed.symlink_to(sealed.with_suffix(".kept"))
    with pytest.raises(Unreadable, match="can't be read"):
        logs.verified(sqlite_warden, worm)
    sealed.unlink()
    os.mkfifo(sealed)
    with pytest.raises(Unreadable, match="no ordinary file"):
        logs.verified(sqlite_warden, worm)


def test_a_checkpoint_of_less_than_before_does_not_hide_what_was_cut_off(
    sqlite_warden: Warden, place: Path, tiles: str
) -> None:
    """The log is put back to an older state, with the older checkpoint: a remembered one tells."""
    (place / "checkpoint").write_bytes((place / "checkpoints/300").read_bytes())
    for path in place.glob("checkpoints/6*"):
        path.unlink()
    assert "entry_missing" in _told(logs.verified(sqlite_warden, tiles))


def test_rubbish_in_a_worm_folder_is_named_or_left_alone(
    sqlite_warden: Warden, place: Path, worm: str
) -> None:
    logs.loosen(place)
    folder = folder_of(place, sqlite_warden.store.around.keyring.origin)
    (folder / "2026/12/2026-12-20.notes.txt").write_text("mine")
    (folder / "2026/13").mkdir()
    (folder / "2026/13/9999-99-99.00000000000000000000.jsonl").write_text("x")
    assert logs.verified(sqlite_warden, worm).problems == ()
    (folder / "2026/12" / f"2026-12-31.{99:020d}.jsonl").write_bytes(b"\xff" * 200_000)
    assert not logs.verified(sqlite_warden, worm).ok


def _edit(place: Path, seq: int, old: bytes, new: bytes) -> None:
    logs.loosen(place)
    for path in place.rglob("*.jsonl"):
        lines = path.read_bytes().splitlines(keepends=True)
        changed = [
            data.replace(old, new) if data.startswith(b'{"seq":%d,' % seq) else data
            for data in lines
        ]
        path.write_bytes(b"".join(changed))
