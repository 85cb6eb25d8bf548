"""Folders: the manifest, its order, what is ignored, and a second implementation that agrees."""

from __future__ import annotations

import hashlib
import json
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modelwarden.errors import Unreadable, ValueInvalid
from modelwarden.fingerprints.file import Algorithm
from modelwarden.fingerprints.folder import fingerprint_folder
from modelwarden.fingerprints.hashing import WHOLE_FILE_BYTES
from tests.fingerprints import naive

NAMES = st.text("abAB.é한√_ -\\\n\"'*[~", min_size=1, max_size=4).map(
    lambda name: unicodedata.normalize("NFC", name)
)
PATHS = st.lists(NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=4).map(
    "/".join
)
TREES = st.dictionaries(PATHS, st.binary(max_size=40), max_size=8)
PATTERNS = st.lists(
    st.sampled_from(["*.a", "b*", "*/a", "a/*", "a/b", "[aB]", "é", "?", "*b/a*", "A"]), max_size=3
)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def is_tree(files: dict[str, bytes]) -> bool:
    return not any(other.startswith(path + "/") for path in files for other in files)


@settings(max_examples=120, deadline=None)
@given(files=TREES.filter(is_tree), ignore=PATTERNS)
def test_naive_implementation_agrees(files: dict[str, bytes], ignore: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = write(Path(place), files)
        seen = fingerprint_folder(folder, ignore=ignore)
        assert str(seen.fingerprint) == naive.mw_dir(folder, ignore=ignore)
        assert seen.manifest == naive.manifest(folder, ignore=ignore)


@settings(max_examples=60, deadline=None)
@given(before=TREES.filter(is_tree), after=TREES.filter(is_tree), data=st.data())
def test_other_content_or_names_give_another_fingerprint(
    before: dict[str, bytes], after: dict[str, bytes], data: st.DataObject
) -> None:
    if before and data.draw(st.booleans()):
        path = data.draw(st.sampled_from(sorted(before)))
        after = before | {path: before[path] + b"\0"}
    assume(before != after)
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
        one, other = (
            fingerprint_folder(write(Path(place), files)).fingerprint
            for place, files in [(a, before), (b, after)]
        )
    assert one != other


def test_empty_folders_modes_and_times_do_not_count(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"a": b"1", "b/c": b"2"})
    other = write(tmp_path / "other", {"b/c": b"2", "a": b"1"})
    (other / "empty" / "empty").mkdir(parents=True)
    (other / "a").chmod(0o600)
    assert fingerprint_folder(one).fingerprint == fingerprint_folder(other).fingerprint


def test_manifest_is_what_sha256sum_would_check(tmp_path: Path) -> None:
    seen = fingerprint_folder(write(tmp_path, {"b": b"22", "a/c": b"1"}))
    lines = [json.loads(line) for line in seen.manifest.splitlines()]
    assert lines[0] == {"ignore": [], "symlinks": "refuse", "v": 1}
    assert [(line["path"], line["size"]) for line in lines[1:]] == [("a/c", 1), ("b", 2)]
    assert seen.manifest_sha256.hex == hashlib.sha256(seen.manifest).hexdigest()
    assert [file.path for file in seen.files] == [tmp_path / "a" / "c", tmp_path / "b"]
    assert [path for path, _ in seen.stats] == ["a/c", "b"]
    assert seen.size_bytes == 3


def test_large_file_stands_as_a_tree_and_has_plain_sha256_beside_it(tmp_path: Path) -> None:
    write(tmp_path, {"small": b"abc"})
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(WHOLE_FILE_BYTES + 1)
    told: list[int] = []
    small, large = fingerprint_folder(
        tmp_path, sha256_too=True, progress=lambda done, _: told.append(done)
    ).files
    assert small.fingerprint == small.sha256
    assert large.fingerprint.algorithm is Algorithm.TREE
    assert str(large.sha256) == naive.plain(bytes(WHOLE_FILE_BYTES + 1))
    assert told[-1] == WHOLE_FILE_BYTES + 4
    assert fingerprint_folder(tmp_path).files[1].sha256 is None


def test_more_files_than_wait_in_the_pool_are_all_read(tmp_path: Path) -> None:
    files = {f"{number % 7}/{number}": str(number).encode() for number in range(1500)}
    seen = fingerprint_folder(write(tmp_path, files))
    assert str(seen.fingerprint) == naive.mw_dir(tmp_path)
    assert len(seen.files) == 1500


def test_patterns_are_unique_and_sorted_by_bytes(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"1"})
    patterns = ["~", "z*", "é", "A*", "z*"]
    seen = fingerprint_folder(tmp_path, ignore=patterns)
    header = json.loads(seen.manifest.splitlines()[0])
    assert header["ignore"] == ["A*", "z*", "~", "é"]
    assert seen.fingerprint == fingerprint_folder(tmp_path, ignore=patterns[::-1]).fingerprint
    assert seen.fingerprint != fingerprint_folder(tmp_path).fingerprint


def test_case_twins_among_files_and_folders_give_a_warning(tmp_path: Path) -> None:
    write(tmp_path, {"A/x": b"", "a/y": b"", "c/straße": b"", "c/STRASSE": b"", "d/x": b""})
    assert fingerprint_folder(tmp_path).warnings == (
        "names that differ in case only: 'A', 'a'",
        "names that differ in case only: 'c/STRASSE', 'c/straße'",
    )
    assert fingerprint_folder(tmp_path, ignore=["a", "STRASSE"]).warnings == ()


def test_link_to_the_folder_itself_is_resolved(tmp_path: Path) -> None:
    folder = write(tmp_path / "v2", {"a": b"1"})
    (tmp_path / "current").symlink_to("v2")
    assert fingerprint_folder(tmp_path / "current") == fingerprint_folder(folder)


def test_folder_deeper_than_the_longest_path_is_read(tmp_path: Path) -> None:
    inner = write(tmp_path / "in", {"file": b"abc"})
    for _ in range(25):  # from the inside out: no path is ever longer than the system allows
        outer = tmp_path / "out"
        outer.mkdir()
        inner = inner.rename(outer / ("d" * 200))
        inner = outer.rename(tmp_path / "next").rename(tmp_path / "in")
    (file,) = fingerprint_folder(inner).files
    assert (file.size_bytes, len(str(file.path)) > 5000) == (3, True)


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_no_folder_is_unreadable(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreadable):
        fingerprint_folder(tmp_path / name)


def test_pattern_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueInvalid, match="UTF-8"):
        fingerprint_folder(tmp_path, ignore=["\udcff"])


def test_unknown_way_with_links_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueInvalid, match="refuse or record"):
        fingerprint_folder(tmp_path, symlinks="follow")  # type: ignore[arg-type]
