"""Artifacts: file or folder, the in-toto subject, cheap looks later, and roots (LN-8, RL-4)."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import FingerprintInvalid, Unreadable
from modelwarden.fingerprints.artifact import Artifact, fingerprint, unchanged, within
from modelwarden.fingerprints.file import Algorithm, FileSeen
from modelwarden.fingerprints.folder import FolderSeen
from modelwarden.fingerprints.hashing import WHOLE_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "weights").write_bytes(b"weights")
    (folder / "config").write_bytes(b"{}")
    (folder / "link").symlink_to("config")
    return folder


def test_kind_decides_how_it_is_read(folder: Path) -> None:
    assert isinstance(fingerprint(folder, symlinks="record"), FolderSeen)
    assert isinstance(fingerprint(folder / "config"), FileSeen)


def test_subject_of_a_small_file_is_its_only_fingerprint(folder: Path) -> None:
    artifact = Artifact.of(fingerprint(folder / "config", sha256_too=True))
    assert artifact.subject_sha256 == hashlib.sha256(b"{}").hexdigest()
    assert [str(each) for each in artifact.fingerprints] == [f"sha256:{artifact.subject_sha256}"]
    assert (artifact.size_bytes, artifact.manifest) == (2, None)
    assert [name for name, _ in artifact.stats] == ["config"]


def test_large_file_carries_both_fingerprints(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    with path.open("wb") as file:
        file.truncate(WHOLE_FILE_BYTES + 1)
    artifact = Artifact.of(fingerprint(path, sha256_too=True))
    assert [each.algorithm for each in artifact.fingerprints] == [Algorithm.TREE, Algorithm.SHA256]
    assert artifact.subject_sha256 == artifact.fingerprints[1].hex
    with pytest.raises(FingerprintInvalid):
        Artifact.of(fingerprint(path))


def test_subject_of_a_folder_is_its_manifest(folder: Path) -> None:
    artifact = Artifact.of(fingerprint(folder, symlinks="record"))
    assert artifact.manifest is not None
    assert artifact.subject_sha256 == hashlib.sha256(artifact.manifest).hexdigest()
    assert [each.algorithm for each in artifact.fingerprints] == [Algorithm.DIRECTORY]
    assert (artifact.path, artifact.size_bytes) == (folder, 9)
    assert [name for name, _ in artifact.stats] == ["config", "link", "sub/weights"]


CHANGES: Final[Mapping[str, Callable[[Path], object]]] = {
    "written": lambda f: (f / "config").write_bytes(b"[]"),
    "removed": lambda f: (f / "sub" / "weights").unlink(),
    "added": lambda f: (f / "sub" / "more").touch(),
    "special": lambda f: os.mkfifo(f / "sub" / "pipe"),
    "link": lambda f: ((f / "link").unlink(), (f / "link").symlink_to("sub")),
    "moved": lambda f: f.rename(f.with_name("gone")),
    "swapped": lambda f: (f.rename(f.with_name("gone")), f.symlink_to("gone")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_to_a_folder_is_noticed_without_reading(change: str, folder: Path) -> None:
    seen = fingerprint(folder, symlinks="record")
    assert unchanged(seen)
    CHANGES[change](folder)
    assert not unchanged(seen)


def test_ignored_files_may_come_and_go(folder: Path) -> None:
    seen = fingerprint(folder, ignore=["*.log"], symlinks="record")
    (folder / "today.log").touch()
    assert unchanged(seen)


def test_each_change_to_a_file_is_noticed_without_reading(folder: Path) -> None:
    path = folder / "config"
    seen = fingerprint(path)
    assert unchanged(seen)
    path.rename(folder / "other")
    assert not unchanged(seen)
    path.write_bytes(b"{}")
    assert not unchanged(seen)


def test_path_below_a_root_is_within(folder: Path, tmp_path: Path) -> None:
    assert within(folder / "config", [tmp_path / "other", folder]) == folder / "config"
    assert within(folder / "link", [folder]) == folder / "config"
    assert within(folder / "missing", [folder]) == folder / "missing"
    assert within(folder, [folder]) == folder
    (tmp_path / "root").symlink_to(folder)
    assert within(folder / "config", [tmp_path / "root"]) == folder / "config"


def test_without_roots_nothing_is_within(folder: Path) -> None:
    assert within(folder, []) is None
    with pytest.raises(Unreadable):
        fingerprint(folder / "config", roots=[])


def test_artifact_below_a_root_is_read(folder: Path, tmp_path: Path) -> None:
    seen = fingerprint(tmp_path / "model" / "link", roots=[tmp_path])
    assert (seen.path, seen.size_bytes) == (folder / "config", 2)
