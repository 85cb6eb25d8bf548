"""Runs the code of a page as a reader would: block after block, in one folder, and compares what it prints.

A fence marked `python` or `console` is run; one marked `text` right below it is what has to be printed, in order, where
`…` stands for anything. Neighbouring Python blocks share their names, neighbouring console blocks their shell. A
command that ends with `# exit code N` has to end so.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FENCE: Final = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT_CODE: Final = re.compile(r"\s+# exit code (\d+)$")
MARK: Final = "::: end of block :::"
RUN: Final = frozenset({"python", "console"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One piece of code, the line where it stands, and what it prints."""

    kind: str
    code: str
    line: int
    expected: tuple[str, ...] = ()


def blocks(text: str) -> list[Block]:
    """Return the runnable blocks of a page with what they have to print."""
    found: list[Block] = []
    end = 0
    for fence in FENCE.finditer(text):
        kind, code = fence[1], fence[2]
        if kind in RUN:
            line = text.count("\n", 0, fence.start()) + 1
            found.append(Block(kind=kind, code=code, line=line))
        elif kind == "text" and found and not text[end : fence.start()].strip():
            last = found[-1]
            lines = tuple(line for line in code.splitlines() if line.strip())
            found[-1] = Block(kind=last.kind, code=last.code, line=last.line, expected=lines)
        end = fence.end()
    return found


def run_page(page: Path, folder: Path, *, environment: Mapping[str, str] | None = None) -> None:
    """Run a page in a folder. Raises AssertionError, which names the block."""
    every = blocks(page.read_text(encoding="utf-8"))
    assert every, f"{page.name} holds nothing to run"
    for kind, group in groupby(every, key=lambda block: block.kind):
        run_group(kind, list(group), folder, environment or {})


def run_group(kind: str, group: list[Block], folder: Path, environment: Mapping[str, str]) -> None:
    """Run neighbouring blocks of one kind in one process."""
    if kind == "python":
        command = [sys.executable, "-X", "utf8", "-c", python_script(group)]
    else:
        command = ["bash", "-c", shell_script(group)]
    done = subprocess.run(  # noqa: S603 - the code of our own pages
        command,
        cwd=folder,
        env=clean_environment() | dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=240,
    )
    printed = done.stdout.split(f"{MARK}\n")
    for number, block in enumerate(group):
        assert number < len(printed) - 1, f"the block at line {block.line} failed:\n{printed[-1]}"
        missing = unmatched(block.expected, printed[number].splitlines())
        assert missing is None, f"line {block.line}: {missing!r} is not in:\n{printed[number]}"


def python_script(group: list[Block]) -> str:
    return "\n".join(f"{block.code}\nprint({MARK!r}, flush=True)" for block in group)


def shell_script(group: list[Block]) -> str:
    lines = ["set -eu -o pipefail"]
    for block in group:
        lines += shell_lines(block.code)
        lines.append(f"echo {MARK!r}")
    return "\n".join(lines)


def shell_lines(code: str) -> Iterator[str]:
    """Yield the lines; a command with an exit code of its own must end with just that."""
    for command in re.split(r"(?<!\\)\n", code):
        wanted = EXIT_CODE.search(command)
        if wanted is None:
            yield command
        else:
            plain = command[: wanted.start()]
            yield f"code=0; {plain} || code=$?; test $code = {wanted[1]}"


def unmatched(expected: tuple[str, ...], printed: list[str]) -> str | None:
    """Return the first expected line that does not follow, or None."""
    lines = iter(" ".join(line.split()) for line in printed)
    for wanted in expected:
        pattern = ".*".join(re.escape(" ".join(part.split())) for part in wanted.split("…"))
        loose = re.sub(r"(\\ )?\.\*(\\ )?", ".*", pattern)
        if not any(
            re.fullmatch(f".*{loose}.*" if "…" in wanted else loose, line) for line in lines
        ):
            return wanted
    return None


def clean_environment() -> dict[str, str]:
    """Return the environment without our settings, with the commands of this one first."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("MODELWARDEN_")
    }
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return kept
