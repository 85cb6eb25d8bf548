"""The tour as a person runs it: a process, a folder, real servers; exit code 1 when something does not hold."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.tour import story
from modelwarden.tour.folder import MARKER, prepare

if TYPE_CHECKING:
    from pathlib import Path

STEPS = [
    "data", "models", "set-up", "people", "register", "refusals", "approval", "deployment",
    "scoring", "second-version", "rollback", "stop", "altered-ledger", "export",
]  # fmt: skip
REFUSALS = [
    "permit_needed", "self_approval", "self_grant", "not_approved", "already_decided",
    "staging_missing", "artifact_mismatch", "rolled_back_since", "owner_release",
]  # fmt: skip


def modelwarden(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MODELWARDEN_")}
    return subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "modelwarden", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


@pytest.mark.timeout(420)
def test_the_whole_story_holds_and_says_so_as_json(tmp_path: Path) -> None:
    done = modelwarden("tour", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert set(told) == {"ok", "seconds", "steps"}
    assert told["ok"]
    steps = {step["name"]: step for step in told["steps"]}
    assert list(steps) == STEPS
    assert all(
        set(step) == {"name", "ok", "entries", "evidence", "seconds"} for step in steps.values()
    )
    _check_refusals(steps)
    _check_proofs(steps)
    _check_files(tmp_path / "modelwarden-tour")
    again = modelwarden("tour", folder=tmp_path)
    assert again.returncode == 2
    assert "--again" in again.stderr


def test_a_step_that_does_not_hold_ends_the_tour(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "tour", again=False)
    (folder / "data").write_text("in the way")
    outcome = story.run(folder, story.Nobody())
    assert not outcome.ok
    assert [step.name for step in outcome.steps] == ["data"]
    assert "FileExistsError" in outcome.steps[0].evidence["failure"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = modelwarden("demo", "--folder", ".", "--again", folder=tmp_path)
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_without_the_extra_it_says_what_to_install_and_makes_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None; from modelwarden.cli.main import main; main()"
    )
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", code, "tour"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "pip install 'modelwarden[demo]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def _check_refusals(steps: dict[str, Any]) -> None:
    refused = [one for step in steps.values() for one in step["evidence"].get("refused", ())]
    assert [one["rule"] for one in refused] == REFUSALS
    entries = [one["entry"] for one in refused if one["rule"] != "already_decided"]
    assert all(isinstance(entry, int) for entry in entries)
    own = [number for step in steps.values() for number in step["entries"]]
    assert own == list(range(len(own)))
    assert set(entries) <= set(own)


def _check_proofs(steps: dict[str, Any]) -> None:
    proof = {name: step["evidence"] for name, step in steps.items()}
    models = proof["models"]["models"]
    assert models["1.0.0"]["roc_auc"] == "0.720"
    assert models["1.0.0"]["parity_difference_colour"] == "0.145"
    assert float(models["2.0.0"]["parity_difference_colour"]) < 0.145
    assert proof["approval"]["signers"] == ["ben", "noor"]
    assert proof["approval"]["altered"]
    assert proof["scoring"]["sha256"] == proof["register"]["sha256"] == proof["rollback"]["sha256"]
    assert proof["second-version"]["sha256"] != proof["register"]["sha256"]
    _check_stop(proof["stop"])
    altered = proof["altered-ledger"]
    assert altered["named"] == [altered["altered"]]
    assert proof["export"]["entries"] == altered_size(steps)


def _check_stop(proof: dict[str, Any]) -> None:
    east, west = proof["answers"]["east"], proof["answers"]["west"]
    assert (proof["region"], proof["confirmed"]) == ("east", "1 of 1")
    assert float(proof["psi"]) > 0.5
    assert (east["status"], east["step"], east["switches"]) == (
        "last_known_good", "last_known_good", [proof["switch"]],
    )  # fmt: skip
    assert datetime.fromisoformat(proof["made"]) < datetime.fromisoformat(proof["lkg_before"])
    assert (west["status"], west["switches"]) == ("ok", [])
    assert (proof["again"]["status"], proof["released_by"]) == ("ok", "noor")


def altered_size(steps: dict[str, Any]) -> int:
    """Return the size at the export: everything before its own entry."""
    return int(steps["export"]["entries"][0])


def _check_files(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert {MARKER, "warden.db", "keys", "export", "release.intoto.jsonl", "log.vkey"} <= names
    assert not list(folder.glob("warden.db-wal"))
    for key in (folder / "keys").iterdir():
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    lines = (folder / "release.intoto.jsonl").read_bytes().splitlines()
    assert len(lines) == 3
    checked = modelwarden(
        "approvals", "verify", "release.intoto.jsonl", "--trust", "keys.json",
        "--artifact", "models/arrest-release-1.0.0.json", folder=folder,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
