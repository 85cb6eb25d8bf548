"""The ledger on the command line: on the database, on a server's, and on files alone."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk, Ran

NOWHERE = {"MODELWARDEN_URL": "none"}


@pytest.fixture(scope="module", autouse=True)
def _model(desk: Desk) -> None:
    words = ("--purpose", "predicts which customers leave next month")
    desk.done("alice", "models", "register", "churn", *words)
    desk.done("alice", "versions", "register", "churn@1")


@pytest.fixture(scope="module")
def export(desk: Desk) -> Path:
    place = desk.folder / "export"
    made = desk.run("audit", "export", "-o", str(place), "--json")
    assert made.code == 0, made
    return place


@pytest.fixture(scope="module")
def pinned(desk: Desk) -> str:
    return desk.run("audit", "keys").out.strip()


def verified(desk: Desk, *words: str) -> Ran:
    return desk.run("audit", "verify", *words, "--json", env=dict(NOWHERE))


def test_entries_are_searched_and_shown(desk: Desk) -> None:
    found = desk.run("audit", "search", "--subject", "model:churn", "--json").json["items"]
    assert [one["entry"]["type"] for one in found] == ["version.registered", "model.registered"]
    listed = desk.run("audit", "search", "--subject", "model:churn", "--limit", "1")
    assert "version.registered" in listed.out
    assert "more: --cursor" in listed.out
    seq = str(found[1]["seq"])
    assert desk.run("audit", "show", seq, "--json").json == found[1]
    assert "model.registered" in desk.run("audit", "show", seq).out
    assert len(desk.done("alice", "audit", "history", "churn")["items"]) == 2
    assert len(desk.done("alice", "audit", "history", "churn@1")["items"]) == 1


def test_who_acts_needs_the_permission(desk: Desk) -> None:
    assert desk.refused("alice", "audit", "verify").error["code"] == "not_permitted"
    assert desk.done("frank", "audit", "verify", "--first", "1", "--last", "3")["first"] == 1


def test_the_database_verifies(desk: Desk) -> None:
    found = desk.run("audit", "verify", "--strict", "--state", "--json")
    assert (found.code, found.json["ok"], found.json["problems"]) == (0, True, [])


def test_an_export_verifies_on_its_files_with_a_pinned_key(
    desk: Desk, export: Path, pinned: str
) -> None:
    found = verified(desk, "--export", str(export), "--checkpoint-key", pinned, "--strict")
    assert (found.code, found.json["signer"]) == (0, pinned)


def test_without_a_key_it_is_known_no_better(desk: Desk, export: Path) -> None:
    found = verified(desk, "--export", str(export))
    assert (found.code, found.json["ok"], found.json["signer"]) == (3, True, None)


def test_one_changed_byte_fails_and_is_named(
    desk: Desk, export: Path, pinned: str, tmp_path: Path
) -> None:
    forged = tmp_path / "forged"
    forged.mkdir()
    for path in export.rglob("*"):
        if path.is_file():
            (forged / path.relative_to(export)).parent.mkdir(parents=True, exist_ok=True)
            data = path.read_bytes()
            changed = data.replace(b"model.registered", b"model.registerex")
            (forged / path.relative_to(export)).write_bytes(changed)
    found = verified(desk, "--export", str(forged), "--checkpoint-key", pinned)
    assert found.code == 1
    assert "entry_altered" in {one["code"] for one in found.json["problems"]}


def test_what_is_no_export_is_unreadable(desk: Desk) -> None:
    other = desk.folder / "no-export.zip"
    other.write_bytes(b"PK")
    assert verified(desk, "--export", str(other)).code == 5
    assert verified(desk, "--export", str(other), "--first", "2").code == 2


def test_an_export_is_one_file_too(desk: Desk, pinned: str) -> None:
    place = desk.folder / "part.zip"
    words = ("--first", "2", "--last", "5", "--zip")
    assert desk.run("audit", "export", "-o", str(place), *words).code == 0
    found = verified(desk, "--export", str(place), "--checkpoint-key", pinned)
    assert (found.code, found.json["first"], found.json["last"]) == (0, 2, 5)
    again = desk.run("audit", "export", "-o", str(place))
    assert (again.code, "value_invalid" in again.err) == (1, True)


def test_a_receipt_is_shown_with_its_proof(desk: Desk) -> None:
    given = desk.run("audit", "receipt", "1", "--wait", "20", "--json")
    assert (given.code, given.json["seq"], given.json["status"]) == (0, 1, "checkpointed")
    shown = desk.run("audit", "receipt", "1")
    assert (given.json["entry_hash"] in shown.out, given.json["proof"] in shown.out) == (True, True)
    assert desk.run("audit", "receipt", "1", "--wait", "26").code == 1
    assert desk.refused("alice", "audit", "receipt", "1").error["code"] == "not_permitted"
    assert desk.refused("frank", "audit", "receipt", "99999").error["code"] == "not_found"


def test_proofs_are_printed_and_written(desk: Desk) -> None:
    shown = desk.run("audit", "prove", "1")
    assert shown.out.startswith("c2sp.org/tlog-proof@v1\nindex 1\n")
    assert desk.run("audit", "prove", "1", "-o", str(desk.folder / "proofs")).code == 0
    line = json.loads((desk.folder / "proofs" / "1.json").read_text("utf-8"))
    assert line["seq"] == 1
    assert (desk.folder / "proofs" / "1.tlog-proof").read_text("utf-8").startswith("c2sp.org")
    assert desk.run("audit", "prove", "1", "--json").json["line"].startswith('{"seq":1,')
    assert desk.run("audit", "consistency", "1").out.startswith("old 1\n")
    written = desk.folder / "1.consistency"
    assert desk.run("audit", "consistency", "1", "-o", str(written)).code == 0
    assert written.read_text("utf-8").startswith("old 1\n")


def test_a_proof_and_a_bundle_verify_without_a_server(
    desk: Desk, pinned: str, tmp_path: Path
) -> None:
    assert desk.run("audit", "prove", "2", "-o", str(tmp_path / "pair")).code == 0
    for name in ("bundle", "bundle.zip"):
        place = tmp_path / name
        assert desk.run("audit", "prove", "2", "--bundle", str(place)).code == 0
        assert place.is_dir() == (name == "bundle")
    assert desk.run("audit", "search", "--type", "ledger.exported", "--json").json["items"] != []
    for name in ("pair", "bundle", "bundle.zip"):
        found = verified(desk, "--proof", str(tmp_path / name), "--checkpoint-key", pinned)
        assert (found.code, found.json["first"], found.json["last"]) == (0, 2, 2)
        assert verified(desk, "--proof", str(tmp_path / name)).code == 3
    both = ("--proof", str(tmp_path / "pair"), "--export", str(tmp_path / "bundle"))
    assert verified(desk, *both).code == 2
    assert verified(desk, "--proof", str(tmp_path)).code == 5
    assert desk.run("audit", "prove", "2", "--bundle", "x", "-o", "y").code == 2


def test_a_verification_reads_as_a_report_of_numbered_steps(desk: Desk) -> None:
    found = desk.run("audit", "verify", "--jobs", "1")
    lines = [line.split() for line in found.out.splitlines()]
    assert [line[0] for line in lines[1:13]] == [str(number) for number in range(1, 13)]
    assert (lines[1][1], lines[3][1], lines[11][1]) == ("given", "proved", "not_checked")
    assert found.out.splitlines()[-1].startswith("ok: entries 0 to ")
    steps = desk.run("audit", "verify", "--strict", "--state", "--json").json["steps"]
    assert {step["status"] for step in steps[1:]} == {"proved"}


def test_entries_of_a_time_are_verified_and_exported(desk: Desk, tmp_path: Path) -> None:
    day = desk.run("audit", "show", "1", "--json").json["entry"]["at"][:10]
    found = desk.run("audit", "verify", "--since", day, "--json")
    assert (found.code, found.json["first"]) == (0, 0)
    nothing = desk.run("audit", "verify", "--until", "2001-01-01")
    assert (nothing.code, "filter_invalid" in nothing.err) == (1, True)
    place = tmp_path / "day"
    assert desk.run("audit", "export", "-o", str(place), "--since", day).code == 0
    assert verified(desk, "--export", str(place)).json["first"] == 0


def test_an_index_that_was_damaged_is_built_anew(desk: Desk) -> None:
    with contextlib.closing(sqlite3.connect(desk.url.partition(":///")[2])) as database:
        database.execute("DELETE FROM ledger_subjects")
        database.commit()
    assert desk.run("audit", "verify", "--strict").code == 1
    done = desk.run("audit", "reindex", "--json")
    assert (done.code, done.json["entries"] > 5) == (0, True)
    assert desk.run("audit", "verify", "--strict").code == 0
    there = {"MODELWARDEN_URL": "http://127.0.0.1:1"}
    assert desk.run("audit", "reindex", env=dict(there)).code == 2


def test_a_checkpoint_is_a_signed_note(desk: Desk, pinned: str) -> None:
    note = desk.run("audit", "checkpoint").out
    assert note.splitlines()[0] == pinned.partition("+")[0]
    assert desk.run("audit", "checkpoint", "--json").json["note"].startswith(note.splitlines()[0])
    assert desk.run("audit", "keys", "--json").json == [pinned]


def test_this_build_computes_the_published_vectors(desk: Desk) -> None:
    found = verified(desk, "--vectors")
    assert (found.code, found.json["ok"]) == (0, True)
