"""What the host of a database runs: init, doctor, backup and restore, serve."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from modelwarden.cli.doctor import masked
from tests.cli.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = {"MODELWARDEN_URL": "sqlite:///warden.db"}


def fresh(folder: Path) -> Desk:
    """Return a desk before an empty folder."""
    folder.mkdir(exist_ok=True)
    return Desk(folder=folder, url=f"sqlite:///{folder / 'warden.db'}")


def test_init_begins_a_ledger_once(tmp_path: Path) -> None:
    desk = fresh(tmp_path)
    first, again = desk.run("init", "--json"), desk.run("init", "--json")
    assert first.code == again.code == 0
    assert first.json["origin"].startswith("modelwarden.local/")
    assert first.out == again.out
    assert desk.run("migrate").code == 0


def test_the_doctor_looks_at_every_part(desk: Desk) -> None:
    found = desk.run("doctor", "--json")
    assert found.code == 0
    parts = {one["part"]: one["status"] for one in found.json["findings"]}
    assert parts["database"] == parts["ledger"] == parts["key server.pem"] == "ok"
    assert parts["ledger.guard_file"] == "advice"
    assert list(found.json) == ["findings", "settings"]
    assert "default_policy" not in found.json["settings"]
    whole = desk.run("doctor", "--all", "--json").json["settings"]
    assert whole["default_policy"] == "builtin/moderate@1"
    assert found.json["settings"].items() <= whole.items()
    other = {"MODELWARDEN_DEFAULT_POLICY": "builtin/strict@3"}
    changed = desk.run("doctor", "--json", env=other).json["settings"]
    assert changed["default_policy"] == "builtin/strict@3"


def test_the_doctor_tells_people_what_it_found_before_the_settings(desk: Desk) -> None:
    lines = desk.run("doctor").out.splitlines()
    at = lines.index("settings")
    assert any(line.startswith("database") for line in lines[:at])
    assert any(line.startswith("url") for line in lines[at:])
    assert lines[-1].endswith("more are at their default: --all")
    assert len(lines) < len(desk.run("doctor", "--all").out.splitlines())


def test_the_doctor_says_what_is_wrong(desk: Desk) -> None:
    key = desk.folder / "warden.keys" / "server.pem"
    key.chmod(0o644)
    found = desk.run("doctor", "--json")
    key.chmod(0o600)
    assert found.code == 1
    wrong = [one for one in found.json["findings"] if one["status"] == "wrong"]
    assert {one["part"] for one in wrong} == {"database", "key server.pem"}


def test_the_doctor_says_that_the_key_for_texts_is_missing(tmp_path: Path) -> None:
    desk = fresh(tmp_path)
    assert desk.run("init").code == 0
    (tmp_path / "warden.keys" / "encryption.key").unlink()
    found = desk.run("doctor", "--json")
    assert found.code == 1
    wrong = {
        one["part"]: one["detail"] for one in found.json["findings"] if one["status"] == "wrong"
    }
    assert (list(wrong), "keys folder" in wrong["keys"]) == (["keys"], True)


def test_the_doctor_tries_every_sink(tmp_path: Path) -> None:
    desk = fresh(tmp_path)
    assert desk.run("init").code == 0
    (tmp_path / "taken").write_text("a file")
    sinks = f"worm://{tmp_path}/worm tiles://{tmp_path}/taken"
    found = desk.run("doctor", "--json", env={"MODELWARDEN_SINKS": sinks})
    assert found.code == 1
    parts = [one for one in found.json["findings"] if one["part"].startswith("sink ")]
    told = {(one["part"], one["status"]) for one in parts if "folder" in one["detail"]}
    assert told == {("sink worm", "ok"), ("sink tiles", "wrong")}


def test_a_password_is_never_shown() -> None:
    shown = masked("postgresql://mw:secret@db.example.org:5432/mw?sslmode=require")
    assert shown == "postgresql://mw:***@db.example.org:5432/mw?sslmode=require"
    assert masked("sqlite:///warden.db") == "sqlite:///warden.db"


def test_a_new_ledger_begins_only_once_the_old_origin_is_typed(tmp_path: Path) -> None:
    desk, file = fresh(tmp_path), str(tmp_path / "one.backup")
    origin = desk.run("init", "--json").json["origin"]
    assert desk.run("backup", file).code == 0
    (tmp_path / "warden.db").unlink()
    words = ("restore", file, "--as-new-ledger")
    refused = desk.run(*words, "--confirm", "yes")
    assert (refused.code, "value_invalid" in refused.err) == (1, True)
    assert desk.run(*words, "--confirm", origin, "--with-unsigned").code == 2
    assert desk.run("restore", file, "--confirm", origin).code == 2
    assert not (tmp_path / "warden.db").exists()
    done = desk.run(*words, "--confirm", origin, "--json")
    assert (done.code, done.json["predecessor"]) == (0, origin)
    assert done.json["origin"] == desk.run("init", "--json").json["origin"] != origin
    assert desk.run("audit", "verify", "--export", done.json["archive"]).code in {0, 3}
    unlock = desk.run("audit", "unlock-texts", "--reason", "none was erased", "--as", "nobody")
    assert unlock.code == 1


def test_a_backup_comes_back_where_all_else_is_lost(tmp_path: Path) -> None:
    desk, file = fresh(tmp_path), str(tmp_path / "one.backup")
    desk.run("users", "add", "alice")
    assert desk.run("backup", file).code == 0
    assert desk.run("backup", file).code == 1
    elsewhere = fresh(tmp_path / "elsewhere")  # what was kept apart is left
    shutil.copytree(tmp_path / "warden.keys", elsewhere.folder / "warden.keys")
    assert elsewhere.run("restore", file).code == 0
    assert elsewhere.done("alice", "users", "me")["handle"] == "alice"


def test_a_fresh_backup_comes_back_beside_its_guard_file(tmp_path: Path) -> None:
    desk, file = fresh(tmp_path), str(tmp_path / "one.backup")
    desk.run("users", "add", "alice")
    desk.run("backup", file)
    for lost in tmp_path.glob("warden.db*"):
        lost.unlink()
    assert desk.run("restore", file).code == 0
    assert desk.done("alice", "users", "me")["handle"] == "alice"


def test_a_backup_that_is_behind_is_refused(tmp_path: Path) -> None:
    desk, file = fresh(tmp_path), str(tmp_path / "one.backup")
    desk.run("users", "add", "alice")
    desk.run("backup", file)
    desk.run("users", "add", "bob")
    behind = desk.run("restore", file)
    assert (behind.code, "[restore_needs_ledger]" in behind.err) == (5, True)
    assert desk.done("bob", "users", "me")["handle"] == "bob"


@pytest.mark.parametrize("words", [("init",), ("migrate",), ("backup", "x"), ("serve",)])
def test_a_server_is_no_database(desk: Desk, words: tuple[str, ...]) -> None:
    there = {"MODELWARDEN_URL": "http://127.0.0.1:1", "MODELWARDEN_TOKEN": "mwp_x"}
    ran = desk.run(*words, env=dict(there))
    assert (
        ran.code,
        "set MODELWARDEN_URL to a database URL" in " ".join(ran.err.replace("│", "").split()),
    ) == (
        2,
        True,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--host", "::"),
        ("--workers", "2"),
        ("--host", "::", "--behind-proxy", "everyone"),
    ],
)
def test_an_unsafe_server_does_not_start(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = fresh(tmp_path).run("serve", *words)
    assert (ran.code, "[setting_invalid]" in ran.err) == (5, True)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found: int = free.getsockname()[1]
        return found


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Start a server on an empty database."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("MODELWARDEN")}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own code
        [sys.executable, "-m", "modelwarden", "serve", "--port", str(port)],
        cwd=tmp_path,
        env=clean | HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def _ready(address: str, process: subprocess.Popen[str]) -> bool:
    for _ in range(300):
        if process.poll() is not None:
            return False
        try:
            if httpx.get(f"{address}/api/governance/ready").status_code == 200:
                return True
        except httpx.HTTPError:
            time.sleep(0.1)
    return False


def test_a_fresh_server_is_set_up_used_and_stopped_from_the_command_line(
    desk: Desk, server: subprocess.Popen[str], port: int
) -> None:
    address = f"http://127.0.0.1:{port}"
    assert _ready(address, server)
    assert server.stdout is not None
    assert server.stdout.readline() == f"Modelwarden serves {address}\n"
    secret = server.stdout.readline().strip().partition("secret=")[2]
    made = httpx.post(
        f"{address}/api/governance/auth/set-up", json={"secret": secret, "handle": "root"}
    ).json()
    there = {"MODELWARDEN_URL": address, "MODELWARDEN_TOKEN": made["secret"]}
    me = desk.run("users", "me", "--json", env=dict(there))
    assert (me.code, me.json["handle"]) == (0, "root")
    added = desk.run("users", "add", "alice", "--role", "developer", "--json", env=dict(there))
    assert added.json["roles"] == ["developer"]
    looked = desk.run("doctor", "--json", env=dict(there))
    assert (looked.code, looked.json["findings"][0]["status"]) == (0, "ok")
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    gone = desk.run("users", "me", env=dict(there))
    assert (gone.code, "[unreachable]" in gone.err) == (5, True)


def test_help_shows_a_flag_as_one(desk: Desk) -> None:
    help_of = desk.run("doctor", "--help")
    assert help_of.code == 0
    assert "--json" in help_of.out
    assert "<bool>" not in help_of.out
