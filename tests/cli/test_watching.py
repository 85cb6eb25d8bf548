"""Watching a ledger and being a witness, as typed: what is said, and the exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.sinks.test_watch import KEY, entries, publish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk, Ran


def watched(desk: Desk, folder: Path, *words: str) -> Ran:
    place = ("audit", "watch", str(folder / "tiles"), "--key", KEY.vkey)
    return desk.run(*place, "--state", str(folder / "state"), *words)


def test_one_round_of_watching_ends_with_its_code(desk: Desk, tmp_path: Path) -> None:
    assert watched(desk, tmp_path, "--once").code == 5
    (tmp_path / "tiles").mkdir()
    publish(tmp_path / "tiles", entries(3))
    assert watched(desk, tmp_path, "--once").code == 0
    publish(tmp_path / "tiles", entries(9))
    grown = watched(desk, tmp_path, "--once", "--json")
    assert (grown.code, grown.json["entries_checked"], grown.err) == (0, 6, "")
    publish(tmp_path / "tiles", entries(12, fork=2))
    forked = watched(desk, tmp_path, "--once", "--json")
    assert (forked.code, forked.json["found"], forked.json["size"]) == (1, "fork", 12)
    assert forked.err.startswith("FORK: ledger.example/test, size 12")


def test_watching_ends_by_itself_on_a_fork(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "tiles").mkdir()
    publish(tmp_path / "tiles", entries(9))
    watched(desk, tmp_path, "--once")
    publish(tmp_path / "tiles", entries(9, fork=2))
    assert watched(desk, tmp_path, "--every", "1s").code == 1


@pytest.mark.parametrize("length", ["", "5", "0s", "1.5m", "-1s", "5 m"])
def test_a_length_of_time_has_a_unit(desk: Desk, tmp_path: Path, length: str) -> None:
    assert watched(desk, tmp_path, "--once", "--stall", length).code == 2


def test_a_witness_key_is_made_once(desk: Desk, tmp_path: Path) -> None:
    files = ("--keys", str(tmp_path / "w.key"), "--state", str(tmp_path / "w.json"))
    made = desk.run("witness", "keygen", *files, "--name", "audit.example/w1", "--json")
    assert made.json["vkey"].startswith("audit.example/w1+")
    assert json.loads((tmp_path / "w.json").read_bytes())["logs"] == {}
    again = desk.run("witness", "keygen", *files, "--json")
    assert (again.code, again.error["code"]) == (5, "witness_unusable")


def test_a_witness_is_not_served_without_a_ledgers_key(desk: Desk, tmp_path: Path) -> None:
    files = ("--keys", str(tmp_path / "w.key"), "--state", str(tmp_path / "w.json"))
    assert desk.run("witness", "serve", *files).code == 2
    bad = desk.run("witness", "serve", *files, "--log", "x", "--json")
    assert (bad.code, bad.error["code"]) == (1, "key_invalid")
    assert not (tmp_path / "w.key").exists()
