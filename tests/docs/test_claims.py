"""What the pages name exists: code and tests in the table of promises, commands, error codes, settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest
import typer

from modelwarden import errors
from modelwarden.cli.main import app
from modelwarden.config import load
from tests.house.source import PACKAGE, ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCS: Final = ROOT / "docs"
HONEST: Final = DOCS / "explanation" / "how-it-stays-honest.md"
CODE: Final = re.compile(r"`([^`\n]+)`")
COMMAND: Final = re.compile(
    r"(?<!import )(?<!from )\bmodelwarden ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?([^`\n|#]*)"
)
OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
ANYWHERE: Final = frozenset({"--help", "--json", "--as", "--version"})
PROSE: Final = sorted(
    path
    for path in (*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "SECURITY.md")
    if "decisions" not in path.parts and path.name != "cli.md"
)


def promises() -> list[list[str]]:
    """Return the rows of the table of promises: what is enforced, where, and what attacks it."""
    lines = HONEST.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return rows[2:]


def test_every_promise_names_code_and_a_test_that_exist() -> None:
    rows = promises()
    assert len(rows) >= 10
    for promise, code, attacks in rows:
        modules, tests = CODE.findall(code), CODE.findall(attacks)
        assert modules, promise
        assert tests, promise
        assert [m for m in modules if not (PACKAGE / m).exists()] == [], promise
        assert [t for t in tests if not (ROOT / t).is_file()] == [], promise
        assert [t for t in tests if not t.startswith("tests/")] == [], promise


def commands() -> dict[str, Any]:
    """Return every command by its words: `approvals approve`, or one word where it has no noun."""
    found: dict[str, Any] = {}
    for noun, each in vars(typer.main.get_command(app))["commands"].items():
        verbs = vars(each).get("commands")
        if verbs is None:
            found[noun] = each
        else:
            found |= {f"{noun} {verb}": inner for verb, inner in verbs.items()}
    return found


def wrong_commands(text: str) -> list[str]:
    """Return the commands in a text that do not exist, or take no such option."""
    known = commands()
    nouns = {name.partition(" ")[0] for name in known}
    wrong = []
    for noun, verb, rest in COMMAND.findall(text.replace("\\\n", " ")):
        if noun not in nouns:
            wrong.append(f"{noun} {verb}")
            continue
        name = noun if noun in known else f"{noun} {verb}"
        if name not in known:
            wrong += [name] if verb else []
            continue
        options = {option for p in known[name].params for option in (*p.opts, *p.secondary_opts)}
        given = set(OPTION.findall(rest.partition(" | ")[0].partition("$(")[0]))
        wrong += [f"{name} {option}" for option in sorted(given - options - ANYWHERE)]
    return wrong


@pytest.mark.parametrize("page", PROSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    fences = re.findall(
        r"^```\w+\n(.*?)^```$|`([^`\n]+)`", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert wrong_commands("\n".join(part for pair in fences for part in pair)) == []


def test_a_command_that_does_not_exist_is_seen() -> None:
    text = "modelwarden models sing\nmodelwarden nothing\nmodelwarden models show x --loud"
    assert wrong_commands(text) == ["models sing", "nothing ", "models show --loud"]
    assert wrong_commands("modelwarden models show x --json | python -c '--x'") == []


def test_troubleshooting_names_only_codes_that_exist() -> None:
    text = (DOCS / "how-to" / "troubleshooting.md").read_text("utf-8")
    named = set(re.findall(r"^### `([a-z_]+)`", text, re.MULTILINE))
    known = {each.code for each in vars(errors).values() if hasattr(each, "code")}
    assert len(named) >= 20
    assert sorted(named - known) == []


def test_the_sample_settings_are_settings() -> None:
    sample = ROOT / "deploy" / "modelwarden.yaml"
    settings = load(file=sample, environment={})
    assert settings.url.startswith("postgresql://")
    assert settings.embedded is False
    assert settings.ledger_guard_file is not None
    assert settings.ledger_guard_file.parent != settings.keys_folder


def test_the_reasons_of_the_gate_in_troubleshooting_are_all_there_are() -> None:
    text = (DOCS / "how-to" / "troubleshooting.md").read_text("utf-8")
    part = text.partition("### `gate_refused`")[2].partition("### ")[0]
    named = {
        code
        for row in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE)
        for code in CODE.findall(row)
    }
    files = ("gate.py", "agreed.py")
    gate = "".join((PACKAGE / "approvals" / name).read_text("utf-8") for name in files)
    signed = (PACKAGE / "approvals" / "signatures.py").read_text("utf-8")
    yielded = set(re.findall(r'Reason\("([a-z_]+)"', gate)) | {"policy_changed", "approval_void"}
    assert yielded <= named
    assert [code for code in named if f'"{code}"' not in gate + signed + "signature_invalid"] == []
