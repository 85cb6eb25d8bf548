"""The command line as a process: exit codes, streams, and who acts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Desk

if TYPE_CHECKING:
    from pathlib import Path


def run(*words: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith("MODELWARDEN")
    }
    return subprocess.run(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-m", "modelwarden", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env=clean | env,
    )


def test_done_is_0_and_the_answer_is_json(desk: Desk) -> None:
    done = run(
        "users", "me", "--as", "alice", "--json", folder=desk.folder, MODELWARDEN_URL=desk.url
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["handle"] == "alice"


def test_refused_is_1_with_rule_role_and_entry(desk: Desk) -> None:
    done = run("users", "add", "eve", "--as", "alice", folder=desk.folder, MODELWARDEN_URL=desk.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "[not_permitted]" in done.stderr
    assert "It comes with the role admin" in done.stderr
    assert "recorded as entry " in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("models", "list"),
        ("models", "no-such-verb"),
        ("versions", "show", "churn"),
        ("versions", "register", "churn@1", "--metric", "auc", "--as", "alice"),
        ("approvals", "request", "-j", "x", "--type", "access"),
        ("keys", "revoke", "k", "--cause", "lost", "--since", "yesterday"),
    ],
)
def test_usage_is_2(desk: Desk, words: tuple[str, ...]) -> None:
    done = desk.run(*words)
    assert (done.code, done.out) == (2, "")


def test_unreachable_is_5(desk: Desk) -> None:
    there = {"MODELWARDEN_URL": "http://127.0.0.1:1", "MODELWARDEN_TOKEN": "mwp_x"}
    done = run("keys", "enrol", "bob.pem", "--json", folder=desk.folder, **there)
    assert done.returncode == 5
    assert json.loads(done.stderr)["error"]["code"] == "unreachable"


def test_against_a_server_nobody_is_vouched_for(desk: Desk) -> None:
    there = {"MODELWARDEN_URL": "http://127.0.0.1:1"}
    vouched = desk.run("users", "me", "--as", "alice", env=dict(there))
    assert (vouched.code, "--as is for a database URL" in vouched.err) == (2, True)
    nobody = desk.run("users", "me", env=dict(there))
    assert (nobody.code, "MODELWARDEN_TOKEN" in nobody.err) == (2, True)


def test_an_unknown_setting_is_5_and_named(desk: Desk) -> None:
    done = desk.run("users", "me", "--as", "alice", env={"MODELWARDEN_COLOUR": "red"})
    assert (done.code, "colour" in done.err) == (5, True)


def test_a_fresh_database_takes_its_first_person_from_this_process(tmp_path: Path) -> None:
    new = Desk(folder=tmp_path, url=f"sqlite:///{tmp_path / 'new.db'}")
    added = new.run("users", "add", "alice", "--role", "developer", "--json")
    assert (added.code, added.json["roles"]) == (0, ["developer"])
    before = new.run("--json", "--as", "alice", "users", "me")
    assert before.json["handle"] == "alice"
    assert new.run("users", "me", env={"MODELWARDEN_AS": "alice"}).code == 0


def test_settings_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "mw.yaml").write_text(
        f"url: sqlite:///{tmp_path}/here.db\nkeys: {{folder: {tmp_path}/k}}"
    )
    new = Desk(folder=tmp_path, url="")
    there = {"MODELWARDEN_URL": None, "MODELWARDEN_CONFIG": str(tmp_path / "mw.yaml")}
    assert new.run("init", env=there).code == 0
    assert (tmp_path / "k" / "log.key").exists()
    assert (tmp_path / "here.db").exists()


def test_the_version_and_help_are_quick_to_ask(tmp_path: Path) -> None:
    assert run("--version", folder=tmp_path).stdout.startswith("modelwarden ")
    shown = run("--help", folder=tmp_path)
    assert shown.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_completion_is_offered(tmp_path: Path) -> None:
    shown = run(
        folder=tmp_path,
        _MODELWARDEN_COMPLETE="complete_bash",
        COMP_WORDS="modelwarden ver",
        COMP_CWORD="1",
        _TYPER_COMPLETE_ARGS="modelwarden ver",
    )
    assert "versions" in shown.stdout
