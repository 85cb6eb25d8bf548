"""The vectors of lineage.md section 3 and some more; a definition never changes (LN-3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelwarden.fingerprints.file import Algorithm, fingerprint_file
from modelwarden.fingerprints.folder import fingerprint_folder
from tests.fingerprints import naive

TEXT = (Path(__file__).parents[1] / "golden" / "fingerprints.json").read_text(encoding="utf-8")
GOLDEN: dict[str, list[dict[str, Any]]] = json.loads(TEXT)
FROM_THE_PAGE = {
    "mw-tree-v1:8700284889d4df3ad509731f1df4573b7e9931a0b31a12d3da58db06a4cadcfd",
    "mw-tree-v1:f8e8615c2cf6a120a04da51e3c2fbd4054c878748a26acf59316d402042090e5",
    "mw-tree-v1:a24f7283daeb23380d9b4f771b62f46b9fb1094f5bb64e879ae2963fdee92e11",
    "mw-dir-v1:74327c499e71008f3b63d66733e9d410fe51876b9fc6c4d160a5def969ab1b2d",
    "sha256:ccce05842f7364a13bfb36b43a92725c421c0b5154331310a795eb007da8fed4",
}


def content(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["repeated_hex"]) * vector["times"]


def build(vector: dict[str, Any], folder: Path) -> Path:
    folder.mkdir()
    for path, file in vector["files"].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content(file))
    for path, target in vector["links"].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(target)
    return folder


@pytest.mark.parametrize("vector", GOLDEN["files"], ids=lambda v: f"{v['id']}-{v['name']}")
def test_a_file_has_its_golden_fingerprint(vector: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content(vector))
    seen = fingerprint_file(path, algorithm=Algorithm(vector["id"]))
    assert str(seen.fingerprint) == vector["fingerprint"]
    again = naive.plain if vector["id"] == "sha256" else naive.mw_tree
    assert again(content(vector)) == vector["fingerprint"]


@pytest.mark.parametrize("vector", GOLDEN["folders"], ids=lambda v: v["name"])
def test_a_folder_has_its_golden_fingerprint(vector: dict[str, Any], tmp_path: Path) -> None:
    folder = build(vector, tmp_path / "folder")
    how = {"ignore": vector["ignore"], "symlinks": vector["symlinks"]}
    seen = fingerprint_folder(folder, **how)
    assert str(seen.fingerprint) == vector["fingerprint"] == naive.mw_dir(folder, **how)
    assert str(seen.manifest_sha256) == vector["manifest_sha256"]
    assert seen.manifest == naive.manifest(folder, **how)


def test_no_vector_of_the_page_is_missing() -> None:
    assert [value for value in sorted(FROM_THE_PAGE) if f'"{value}"' not in TEXT] == []
