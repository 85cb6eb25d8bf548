"""What a guard keeps on disk is private, whole, and never goes back (SG-17, SG-18, SG-21)."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from modelwarden.guard.snapshot import Floor
from modelwarden.guard.state import StateFolder, read_private, replace_private

if TYPE_CHECKING:
    from pathlib import Path


def folder(path: Path, model: str = "churn", source: str = "https://one") -> StateFolder:
    return StateFolder(path / "state", source=source, environment="production", model=model)


def files(path: Path, ending: str) -> list[Path]:
    return sorted((path / "state").glob(f"*{ending}"))


def test_what_is_kept_is_found_again_and_is_nobody_elses(tmp_path: Path) -> None:
    assert (folder(tmp_path).snapshot(), folder(tmp_path).floor(), folder(tmp_path).keys()) == (
        None,
        Floor(),
        None,
    )
    folder(tmp_path).keep(b"wire", Floor(2, 7))
    folder(tmp_path).keep_keys(["pem"], [{}])
    assert (folder(tmp_path).snapshot(), folder(tmp_path).floor()) == (b"wire", Floor(2, 7))
    assert folder(tmp_path).keys() == {"keys": ["pem"], "handovers": [{}]}
    for path in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert folder(tmp_path, "other").snapshot() is None
    assert folder(tmp_path, source="https://two").snapshot() is None
    assert folder(tmp_path, source="https://two").keys() is None


def test_a_floor_is_only_raised(tmp_path: Path) -> None:
    folder(tmp_path).keep(b"newer", Floor(1, 9))
    for older in (Floor(1, 8), Floor(0, 99)):
        folder(tmp_path).keep(b"older", older)
        assert (folder(tmp_path).snapshot(), folder(tmp_path).floor()) == (b"newer", Floor(1, 9))
    folder(tmp_path).keep(b"again", Floor(1, 9))
    folder(tmp_path).keep(b"next", Floor(2, 1))
    assert (folder(tmp_path).snapshot(), folder(tmp_path).floor()) == (b"next", Floor(2, 1))


def test_a_damaged_floor_is_told_and_written_anew(tmp_path: Path) -> None:
    folder(tmp_path).keep(b"wire", Floor(1, 9))
    for damage in (b"{", b"[]", b'{"epoch":1}'):
        replace_private(files(tmp_path, ".floor.json")[0], damage)
        with pytest.raises(ValueError):  # noqa: PT011 - of JSON or of ours
            folder(tmp_path).floor()
    folder(tmp_path).keep(b"wire", Floor(1, 10))
    assert folder(tmp_path).floor() == Floor(1, 10)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_read(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_private(path, b"x")
    path.chmod(mode)
    with pytest.raises(PermissionError):
        read_private(path, 10)


def test_a_link_or_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_private(path, b"x" * 11)
    with pytest.raises(ValueError, match="larger"):
        read_private(path, 10)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OSError):  # noqa: PT011 - ELOOP
        read_private(tmp_path / "link", 100)


def test_a_failed_replacement_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    (path / "x").touch()
    with pytest.raises(OSError):  # noqa: PT011 - a folder is in the way
        replace_private(path, b"x")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("dies", [False, True])
def test_a_child_that_is_forked_while_its_parent_writes_keeps_no_lock(
    tmp_path: Path, *, dies: bool
) -> None:
    folder = StateFolder(tmp_path, source="s", environment="production", model="churn")
    read, write = os.pipe()
    parent = os.fork()
    if not parent:
        with folder._locked():
            child = os.fork()
            if not child:
                folder.after_fork()
                os.write(write, f"{os.getpid()}\n".encode())
                signal.pause()
            os.write(write, b".")
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    os.close(write)
    said = b""
    while said.count(b"\n") + said.count(b".") < 2:
        said += os.read(read, 100)
    os.waitpid(parent, 0)
    try:
        with (next(tmp_path.glob("*.lock"))).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(int(said.replace(b".", b"")), signal.SIGKILL)
        os.close(read)
