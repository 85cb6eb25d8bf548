"""What changes while it is read gets no fingerprint (LN-6).

The change happens inside the progress callback, that is, in the middle of the reading; no thread
has to win a race for these tests to mean something.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import ChangedWhileHashing
from modelwarden.fingerprints.artifact import fingerprint, unchanged
from modelwarden.fingerprints.file import Algorithm, StatKey, fingerprint_file
from modelwarden.fingerprints.folder import fingerprint_folder
from modelwarden.fingerprints.hashing import LEAF_BYTES
from modelwarden.fingerprints.source import TICK_NS, Source, opened_root, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SIZE: Final = 6 * LEAF_BYTES


def overwrite(path: Path) -> None:
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(SIZE - 10)
        file.write(b"poison")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the change time still tells


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def swap(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(bytes(SIZE))
    other.rename(path)


CHANGES: Final[Mapping[str, Callable[[Path], None]]] = {
    "grown": grow,
    "overwritten": overwrite,
    "removed": lambda path: path.unlink(),
    "swapped for an equal file": swap,
    "swapped for a link": lambda path: (
        path.rename(path.with_name("away")),
        path.symlink_to("away"),
    ),
    "truncated": lambda path: os.truncate(path, LEAF_BYTES),
}


def once(change: Callable[[], None]) -> Callable[[int, int], None]:
    """Return a progress callback that makes one change, at its first call."""
    waiting = [change]
    return lambda _done, _total: waiting.pop()() if waiting else None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "weights"
    path.parent.mkdir()
    path.write_bytes(bytes(SIZE))
    return path


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("algorithm", [Algorithm.SHA256, Algorithm.TREE])
def test_file_that_changes_gets_no_fingerprint(
    change: str, algorithm: Algorithm, path: Path
) -> None:
    progress = once(lambda: CHANGES[change](path))
    with pytest.raises(ChangedWhileHashing) as caught:
        fingerprint_file(path, algorithm=algorithm, progress=progress)
    assert (caught.value.code, caught.value.status) == ("changed_while_hashing", 409)


@pytest.mark.parametrize("change", CHANGES)
def test_file_that_changes_under_both_digests_gets_none(change: str, path: Path) -> None:
    progress = once(lambda: CHANGES[change](path))
    with pytest.raises(ChangedWhileHashing):
        fingerprint_file(path, algorithm=Algorithm.TREE, sha256_too=True, progress=progress)


@pytest.mark.parametrize("change", CHANGES)
def test_folder_with_a_file_that_changes_gets_no_fingerprint(change: str, path: Path) -> None:
    (path.parent / "small").write_bytes(b"small")
    progress = once(lambda: CHANGES[change](path))
    with pytest.raises(ChangedWhileHashing):
        fingerprint_folder(path.parent, progress=progress)


def replace_by_pipe(folder: Path) -> None:
    (folder / "a").unlink()
    os.mkfifo(folder / "a")


def replace_by_outside(folder: Path) -> None:
    (folder / "sub").rename(folder.parent / "moved")
    (folder / "sub").symlink_to(folder.parent / "moved")


FOLDER_CHANGES: Final[Mapping[str, Callable[[Path], None]]] = {
    "file added": lambda folder: (folder / "new").touch(),
    "file added below": lambda folder: (folder / "sub" / "new").touch(),
    "file removed": lambda folder: (folder / "a").unlink(),
    "file renamed": lambda folder: (folder / "a").rename(folder / "b"),
    "file swapped for a pipe": replace_by_pipe,
    "folder removed": lambda folder: (folder / "sub").rename(folder.parent / "moved"),
    "folder swapped for a link": replace_by_outside,
    "link added": lambda folder: (folder / "link").symlink_to("a"),
    "whole folder swapped": lambda folder: (folder.rename(folder.with_name("x")), folder.mkdir()),
}


@pytest.mark.parametrize("change", FOLDER_CHANGES)
def test_folder_whose_listing_changes_gets_no_fingerprint(change: str, path: Path) -> None:
    folder = path.parent
    (folder / "sub").mkdir()
    for name in ["a", "sub/c"]:
        (folder / name).write_bytes(b"abc")
    progress = once(lambda: FOLDER_CHANGES[change](folder))
    with pytest.raises(ChangedWhileHashing):
        fingerprint_folder(folder, progress=progress)


def test_link_that_leads_elsewhere_afterwards_gets_no_fingerprint(path: Path) -> None:
    link = path.parent / "link"
    link.symlink_to("weights")

    def lead_elsewhere() -> None:
        link.unlink()
        link.symlink_to("link")

    with pytest.raises(ChangedWhileHashing, match="link"):
        fingerprint_folder(path.parent, symlinks="record", progress=once(lead_elsewhere))


def test_ignored_file_may_change_meanwhile(path: Path) -> None:
    progress = once((path.parent / "today.log").touch)
    seen = fingerprint_folder(path.parent, ignore=["*.log"], progress=progress)
    assert [file.path.name for file in seen.files] == ["weights"]


@pytest.mark.timeout(20)
def test_pipe_in_the_place_of_a_listed_file_does_not_block(path: Path) -> None:
    with opened_root(path.parent) as root:
        source = Source(root=root, path=path.name, stat=StatKey.of(path))
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(ChangedWhileHashing), source.opened():
            pass


def test_reading_waits_until_a_write_would_give_a_newer_time(tmp_path: Path) -> None:
    (tmp_path / "fresh").touch()
    fresh = StatKey.of(tmp_path / "fresh")
    settle([fresh])
    assert time.time_ns() - fresh.ctime_ns >= TICK_NS


def test_write_within_one_tick_of_the_clock_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    for _ in range(20):
        path.write_bytes(b"good")
        seen = fingerprint(path)
        path.write_bytes(b"evil")
        assert not unchanged(seen)
