"""The tour's folder: nobody's files are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import TourFolderTaken
from modelwarden.tour.folder import MARKER, prepare

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_folder_is_made_and_marked(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "a" / "tour", again=False)
    assert [path.name for path in folder.iterdir()] == [MARKER]


def test_an_earlier_tour_is_removed_only_when_asked(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "tour", again=False)
    (folder / "warden.db").write_bytes(b"x")
    with pytest.raises(TourFolderTaken, match="--again"):
        prepare(folder, again=False)
    assert (folder / "warden.db").exists()
    prepare(folder, again=True)
    assert not (folder / "warden.db").exists()


def test_a_folder_that_no_tour_made_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for again in (False, True):
        with pytest.raises(TourFolderTaken, match="no tour made"):
            prepare(tmp_path, again=again)
    assert (tmp_path / "thesis.txt").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    real = prepare(tmp_path / "real", again=False)
    (tmp_path / "link").symlink_to(real)
    with pytest.raises(TourFolderTaken, match="not a plain folder"):
        prepare(tmp_path / "link", again=True)
    assert (real / MARKER).exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(TourFolderTaken):
        prepare(tmp_path / "file", again=True)
