"""The generated pages of the reference are what the code says now."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.house.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT: Final = ROOT / "scripts" / "reference.py"
FOLDER: Final = ROOT / "docs" / "reference"
MADE: Final = "<!-- Made by scripts/reference.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT), str(folder)], check=True, cwd=ROOT, timeout=110
    )
    return folder


def test_every_generated_page_is_up_to_date(made: Path) -> None:
    fresh = {page.name: page.read_text("utf-8") for page in made.iterdir()}
    committed = {name: (FOLDER / name).read_text("utf-8") for name in fresh}
    assert [name for name in fresh if fresh[name] != committed[name]] == [], (
        "run scripts/reference.py"
    )


def test_no_page_claims_to_be_generated_that_is_not(made: Path) -> None:
    claims = {page.name for page in FOLDER.glob("*.md") if MADE in page.read_text("utf-8")}
    assert claims == {page.name for page in made.glob("*.md")}


def test_rows_of_a_table_have_as_many_cells_as_its_head(made: Path) -> None:
    for page in made.iterdir():
        cells = 0
        for line in page.read_text("utf-8").splitlines():
            if not line.startswith("|"):
                cells = 0
                continue
            found = len(re.findall(r"(?<!\\)\|", line))
            assert cells in {0, found}, f"{page.name}: {line}"
            cells = found


def test_the_pages_say_nothing_of_rules_that_readers_do_not_have(made: Path) -> None:
    rule = re.compile(r"\b(?:AC|LG|RL|LN|POL)-\d+")
    found = {p.name: rule.findall(p.read_text("utf-8")) for p in made.iterdir()}
    assert {name: rules for name, rules in found.items() if rules} == {}
