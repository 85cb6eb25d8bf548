"""Files: two algorithms, any number of threads, one read, bounded memory (LN-1 to LN-9)."""

from __future__ import annotations

import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from modelwarden.errors import FingerprintInvalid, Unreadable
from modelwarden.fingerprints.file import (
    Algorithm,
    Comparison,
    Fingerprint,
    StatKey,
    compare,
    fingerprint_file,
)
from modelwarden.fingerprints.hashing import IN_FLIGHT_BYTES, LEAF_BYTES, WHOLE_FILE_BYTES
from tests.fingerprints import naive

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
EDGES = [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 3 * LEAF_BYTES, 5 * LEAF_BYTES + 7]


def test_text_form_is_read_back() -> None:
    text = f"mw-dir-v1:{ABC}"
    assert str(Fingerprint.parse(text)) == text
    assert Fingerprint.parse(text) == Fingerprint(algorithm=Algorithm.DIRECTORY, hex=ABC)


@pytest.mark.parametrize(
    "text",
    [
        "", "sha256", ABC, f"sha256{ABC}", f"md5:{ABC[:32]}", f"sha256:{ABC.upper()}",
        f"sha256:{ABC[:-1]}", f"sha256:{ABC}0", f"sha256: {ABC}", f"sha256:{ABC}\n",
        f"SHA256:{ABC}", f"mw-tree-v2:{ABC}", f":{ABC}",
    ],
)  # fmt: skip
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(FingerprintInvalid) as caught:
        Fingerprint.parse(text)
    assert caught.value.code == "fingerprint_invalid"


def test_two_algorithms_are_incomparable() -> None:
    plain = Fingerprint.parse(f"sha256:{ABC}")
    assert compare(plain, Fingerprint.parse(f"sha256:{ABC}")) is Comparison.EQUAL
    assert compare(plain, Fingerprint.parse(f"sha256:{'0' * 64}")) is Comparison.DIFFERENT
    assert compare(plain, Fingerprint.parse(f"mw-tree-v1:{ABC}")) is Comparison.INCOMPARABLE


def test_small_file_is_plain_sha256(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"abc")
    seen = fingerprint_file(path)
    assert (str(seen.fingerprint), seen.sha256) == (f"sha256:{ABC}", seen.fingerprint)
    assert (seen.path, seen.size_bytes, seen.stat) == (path, 3, StatKey.of(path))


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("threads", [1, 3])
def test_naive_implementation_agrees_at_edges(size: int, threads: int, tmp_path: Path) -> None:
    data = os.urandom(1021) * (size // 1021 + 1)
    data = data[:size]
    path = tmp_path / "file"
    path.write_bytes(data)
    tree = fingerprint_file(path, algorithm=Algorithm.TREE, threads=threads)
    both = fingerprint_file(path, algorithm=Algorithm.TREE, sha256_too=True, threads=threads)
    plain = fingerprint_file(path, algorithm=Algorithm.SHA256, threads=threads)
    assert str(tree.fingerprint) == str(both.fingerprint) == naive.mw_tree(data)
    assert str(plain.fingerprint) == str(both.sha256) == naive.plain(data)
    assert tree.sha256 is None


@pytest.mark.parametrize(
    ("size", "algorithm"),
    [(WHOLE_FILE_BYTES, Algorithm.SHA256), (WHOLE_FILE_BYTES + 1, Algorithm.TREE)],
)
def test_size_rule_begins_above_64_mib(size: int, algorithm: Algorithm, tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
    assert fingerprint_file(path).fingerprint.algorithm is algorithm


def test_70_mib_get_both_digests_from_one_read_and_in_bounded_memory(tmp_path: Path) -> None:
    path, size = tmp_path / "weights", 70 * 2**20 + 3
    data = (os.urandom(2**20 + 1) * 71)[:size]
    path.write_bytes(data)
    read: list[int] = []
    tracemalloc.start()
    seen = fingerprint_file(path, sha256_too=True, progress=lambda done, _: read.append(done))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(seen.fingerprint) == naive.mw_tree(data)
    assert str(seen.sha256) == naive.plain(data)
    assert read[-1] == size
    assert peak < IN_FLIGHT_BYTES + 2**20


def test_progress_only_grows_and_ends_at_the_size(tmp_path: Path) -> None:
    path, size = tmp_path / "file", 9 * LEAF_BYTES + 1
    path.write_bytes(bytes(size))
    told: list[tuple[int, int]] = []
    fingerprint_file(
        path,
        algorithm=Algorithm.TREE,
        progress=lambda done, total: told.append((done, total)),
        threads=4,
    )
    assert told == sorted(told)
    assert told[-1] == (size, size)
    assert len(told) == 10


class Enough(Exception):
    """The user pressed a key."""


@pytest.mark.parametrize("sha256_too", [False, True])
def test_what_progress_raises_ends_the_work(*, sha256_too: bool, tmp_path: Path) -> None:
    def stop(done: int, _: int) -> None:
        if done > LEAF_BYTES:
            raise Enough

    path = tmp_path / "file"
    path.write_bytes(bytes(8 * LEAF_BYTES))
    with pytest.raises(Enough):
        fingerprint_file(path, algorithm=Algorithm.TREE, sha256_too=sha256_too, progress=stop)
    assert [t.name for t in threading.enumerate() if t.name.startswith("fingerprint")] == []


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(2 * LEAF_BYTES))
    before = descriptors()
    fingerprint_file(path, algorithm=Algorithm.TREE)
    assert descriptors() == before


def test_link_to_a_file_is_resolved_first(tmp_path: Path) -> None:
    (tmp_path / "v2").write_bytes(b"abc")
    (tmp_path / "current").symlink_to("v2")
    seen = fingerprint_file(tmp_path / "current")
    assert (seen.path, seen.fingerprint.hex) == (tmp_path / "v2", ABC)


@pytest.mark.parametrize("name", ["missing", "folder", "pipe", "loop", "zero\0byte", "file/below"])
def test_what_is_no_file_is_unreadable(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(Unreadable):
        fingerprint_file(tmp_path / name)


def test_algorithm_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FingerprintInvalid):
        fingerprint_file(tmp_path / "file", algorithm=Algorithm.DIRECTORY)
