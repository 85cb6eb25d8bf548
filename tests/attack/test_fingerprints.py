"""A writer to the folder tries to get other bytes read, or names that lie (LN-11, RL-4)."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    ChangedWhileHashing,
    PathNotPortable,
    SpecialFile,
    SymlinkEscapes,
    Unreadable,
)
from modelwarden.fingerprints.artifact import fingerprint, within
from modelwarden.fingerprints.file import fingerprint_file, resolved_file
from modelwarden.fingerprints.folder import fingerprint_folder, resolved_folder
from modelwarden.fingerprints.listing import Rules

if TYPE_CHECKING:
    from collections.abc import Iterator

INSIDE, OUTSIDE = b"inside", b"outside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an artifact root with `model/weights`, beside an `outside/weights` that is none."""
    for folder, data in [("root/model", INSIDE), ("outside", OUTSIDE)]:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "weights").write_bytes(data)
    return tmp_path / "root"


@pytest.mark.parametrize(
    "path",
    [
        "../outside/weights", "model/../../outside/weights", "link/weights", "chain/weights",
        "../outside/missing", "link/missing", "../root-too/weights", "/", "/dev/zero", "", "..",
        "zero\0byte",
    ],
)  # fmt: skip
def test_nothing_outside_the_roots_is_read_or_told_apart(path: str, root: Path) -> None:
    (root / "link").symlink_to(root.parent / "outside")
    (root / "chain").symlink_to("link")
    (root.parent / "root-too").mkdir()
    (root.parent / "root-too" / "weights").touch()
    asked = root / path if path else root.parent
    assert within(asked, [root]) is None
    with pytest.raises(Unreadable) as caught:
        fingerprint(asked, roots=[root])
    expected = f"{str(asked)!r} is not below a folder that may be read (artifacts.roots)"
    assert str(caught.value) == expected


def test_folder_swapped_for_a_link_after_it_was_resolved_is_not_followed(root: Path) -> None:
    place = within(root / "model" / "weights", [root])
    assert place is not None
    (root / "model").rename(root / "away")
    (root / "model").symlink_to(root.parent / "outside")
    with pytest.raises(ChangedWhileHashing):
        resolved_file(place)
    with pytest.raises(Unreadable):
        resolved_folder(place.parent, rules=Rules())


def test_file_swapped_for_a_link_after_it_was_resolved_is_not_followed(root: Path) -> None:
    place = root / "model" / "weights"
    place.unlink()
    place.symlink_to(root.parent / "outside" / "weights")
    with pytest.raises(Unreadable):
        resolved_file(place)


@pytest.fixture
def swapping(root: Path) -> Iterator[None]:
    """Swap `model` for a link to the outside and back, all the time."""
    over = threading.Event()
    link, real, away = root / "link", root / "model", root / "away"

    def swap() -> None:
        while not over.is_set():
            link.symlink_to(root.parent / "outside")
            real.rename(away)
            link.rename(real)
            real.unlink()
            away.rename(real)

    thread = threading.Thread(target=swap)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("swapping")
@pytest.mark.parametrize("asked", ["model", "model/weights"])
def test_no_race_of_links_gets_outside_bytes_read(asked: str, root: Path) -> None:
    sizes: set[int] = set()
    for _ in range(400):
        with suppress(ChangedWhileHashing, Unreadable):
            sizes.add(fingerprint(root / asked, roots=[root]).size_bytes)
    assert sizes <= {len(INSIDE)}


@pytest.mark.parametrize("kind", ["pipe", "socket", "link"])
def test_special_files_are_refused(kind: str, root: Path) -> None:
    path = root / "model" / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("weights")
    else:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))
    with pytest.raises(SpecialFile, match=f"model/{kind}"):
        fingerprint_folder(root)
    assert len(fingerprint_folder(root, ignore=[kind]).files) == 1


@pytest.mark.parametrize(
    "name",
    [b"e\xcc\x81", b"\xff", b"latin-\xe9", b"\xed\xa0\x80", b"sub/e\xcc\x81/file"],
    ids=["not NFC", "a stray byte", "Latin-1", "a surrogate", "a folder not NFC"],
)
def test_names_that_other_systems_read_differently_are_refused(name: bytes, root: Path) -> None:
    path = root / "model" / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with pytest.raises(PathNotPortable):
        fingerprint_folder(root)
    assert len(fingerprint_folder(root, ignore=["model/[!w]*"]).files) == 1


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd", "..", "../outside", "../root/weights", "sub/../../weights",
        "sub/up/../weights", "./../x", "sub/../..",
    ],
)  # fmt: skip
def test_links_that_lead_out_are_refused(target: str, root: Path) -> None:
    folder = root / "model"
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to("..")  # stays inside, as written and as resolved
    fingerprint_folder(folder, symlinks="record")
    (folder / "link").symlink_to(target)
    with pytest.raises(SymlinkEscapes, match="link"):
        fingerprint_folder(folder, symlinks="record")


def test_target_that_is_not_utf8_is_refused(root: Path) -> None:
    (root / "link").symlink_to(os.fsdecode(b"\xff"))
    with pytest.raises(PathNotPortable):
        fingerprint_folder(root, symlinks="record")


def test_recorded_link_is_never_followed(root: Path) -> None:
    (root / "link").symlink_to("model/weights")
    (root / "loop").symlink_to("loop")
    seen = fingerprint_folder(root, symlinks="record")
    assert [file.path.name for file in seen.files] == ["weights"]
    assert [name for name, _ in seen.stats] == ["link", "loop", "model/weights"]


def test_name_can_not_pose_as_another_line_of_the_manifest(root: Path) -> None:
    digest = f"sha256:{sha256(b'').hexdigest()}"
    forged = f'a","size":0,"type":"file"}}\n{{"digest":"{digest}","path":"b'
    (root / forged).touch()
    seen = fingerprint_folder(root)
    assert len(seen.manifest.splitlines()) == 3
    assert seen.stats[0][0] == forged


def test_file_that_hides_its_size_is_refused() -> None:
    with pytest.raises(ChangedWhileHashing):
        fingerprint_file(Path("/proc/self/status"))


def test_sparse_file_of_a_terabyte_does_not_fill_memory(root: Path) -> None:
    path = root / "huge"
    with path.open("wb") as file:
        file.truncate(2**40)

    def stop(done: int, total: int) -> None:
        if done > 2**27:
            raise KeyboardInterrupt(total)

    with pytest.raises(KeyboardInterrupt, match=str(2**40)):
        fingerprint_file(path, sha256_too=True, progress=stop)
