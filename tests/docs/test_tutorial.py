"""The tutorial runs from its first line to its last, and so do the lines of the README."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from typing import TYPE_CHECKING, Final

import pytest

from tests.docs.pages import Block, blocks, run_group, run_page, shell_lines, unmatched
from tests.house.source import ROOT
from tests.services.mlflow_server import QUIET

if TYPE_CHECKING:
    from pathlib import Path

TUTORIAL: Final = ROOT / "docs" / "tutorial" / "index.md"
README: Final = ROOT / "README.md"


@pytest.mark.timeout(300)
def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    run_page(TUTORIAL, tmp_path)


@pytest.mark.whole
@pytest.mark.timeout(300)
def test_four_eyes_run_as_they_stand(tmp_path: Path) -> None:
    run_page(TUTORIAL.with_name("four-eyes.md"), tmp_path)


@pytest.mark.whole
@pytest.mark.services
@pytest.mark.timeout(500)
def test_ten_minutes_with_mlflow_run_as_they_stand(tmp_path: Path) -> None:
    try:
        run_page(TUTORIAL.with_name("mlflow.md"), tmp_path, environment=QUIET)
    finally:
        for each in tmp_path.glob("*.pid"):  # a page that fails half way leaves them running
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(each.read_text()), signal.SIGTERM)


def test_every_block_of_the_tutorial_is_run_or_is_what_one_prints() -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    fences = re.findall(r"^```(\w+)$", text, re.MULTILINE)
    known = blocks(text)
    assert len(fences) == len(known) + sum(1 for block in known if block.expected)


def test_the_ten_lines_of_the_readme_run(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(b"a model")
    lines = [b for b in blocks(README.read_text(encoding="utf-8")) if b.kind == "python"]
    assert len(lines) == 1
    assert len([line for line in lines[0].code.splitlines() if line.strip()]) <= 14
    run_group("python", lines, tmp_path, {})


def test_a_page_that_says_another_thing_is_seen(tmp_path: Path) -> None:
    for code, expected in (("print(1)", ("2",)), ("raise SystemExit(1)", ())):
        block = Block(kind="python", code=code, line=7, expected=expected)
        with pytest.raises(AssertionError, match="line 7"):
            run_group("python", [block], tmp_path, {})


def test_a_command_ends_with_the_code_that_stands_behind_it(tmp_path: Path) -> None:
    assert list(shell_lines("a\nb   # exit code 3")) == [
        "a",
        "code=0; b || code=$?; test $code = 3",
    ]
    good = Block(kind="console", code="sh -c 'exit 3'    # exit code 3", line=1)
    run_group("console", [good], tmp_path, {})
    with pytest.raises(AssertionError):
        run_group("console", [Block(kind="console", code="false", line=1)], tmp_path, {})


def test_dots_stand_for_anything_and_order_counts() -> None:
    assert unmatched(("a … c", "d"), ["x", "a  b c", "d"]) is None
    assert unmatched(("d", "a … c"), ["a b c", "d"]) == "a … c"
    assert unmatched(("ok",), ["not ok"]) == "ok"
