"""Exports after rotations: old pins lead to the new key, and nothing that a thief of an old key does is believed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions, layout
from modelwarden.ledger import dsse
from modelwarden.ledger.checkpoint import parse_checkpoint, sign_note
from modelwarden.store import key_files
from modelwarden.warden.warden import open_warden
from tests import tables
from tests.audit.sample import populate, sign
from tests.audit.test_export import alone, export, named, vkey

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.ledger.keys import LogKey


class House:
    """Exports of one ledger, in which the log key was rotated three times and the server key once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with open_warden(tables.fresh(folder)) as warden:
            populate(warden)
            self.keys = [vkey(warden)]
            export(warden, folder / "before")
            carol = warden.acting_as("carol")
            for purpose in ("ledger", "ledger", "decision", "ledger"):
                carol.server_keys.rotate(purpose)
                sign(warden)
                self.keys.append(vkey(warden))
            warden.add_user("later")
            warden.add_user("last")
            sign(warden)
            found = warden.acting_as("bob").audit.search(type="ledger.key_rotated")
            self.rotations = [entry.seq for entry in found.items][::-1]
            newest = warden.audit.checkpoint().size
            export(warden, folder / "all")
            export(warden, folder / "tail", first=newest - 3, last=newest - 1)
            export(warden, folder / "head", first=0, last=4)
            wanted = actions.as_filter({"subject": "model:churn"})
            export(warden, folder / "chosen", wanted=wanted)
        self.first: LogKey = key_files.first_log_key(folder / "warden.keys")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@pytest.mark.parametrize("name", ["before", "all", "tail", "head", "chosen"])
@pytest.mark.parametrize("pinned", [0, 1, -1])
def test_an_export_verifies_by_whichever_key_was_pinned(
    house: House, name: str, pinned: int
) -> None:
    key = house.keys[pinned]
    if name == "before" and pinned:
        pytest.skip("that export is older than the key")
    found = actions.verify_export(house.folder / name, trusted=[key])
    assert found.problems == ()
    code, problems = alone(house.folder / name, "--key", key)
    assert (code, problems) == (0, set())


def copied(house: House, name: str, to: Path) -> Path:
    shutil.copytree(house.folder / name, to / name)
    return to / name


def resigned(folder: Path, key: LogKey) -> None:
    """Let a thief sign the export's checkpoint with one key alone, in every file that holds it."""
    note = (folder / "checkpoint").read_bytes()
    forged = sign_note(parse_checkpoint(note.partition(b"\n\n")[0] + b"\n"), key)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".py":
            path.write_bytes(path.read_bytes().replace(note, forged))


@pytest.mark.parametrize("name", ["all", "tail"])
def test_a_checkpoint_by_a_retired_key_alone_is_refused(
    house: House, name: str, tmp_path: Path
) -> None:
    folder = copied(house, name, tmp_path)
    resigned(folder, house.first)
    for key in (house.keys[0], house.keys[-1]):
        found = actions.verify_export(folder, trusted=[key])
        assert ("checkpoint_invalid", None) in named(found)
        assert ("checkpoint_invalid", -1) in alone(folder, "--key", key)[1]


def test_leaving_the_handover_out_is_noticed(house: House, tmp_path: Path) -> None:
    folder = copied(house, "all", tmp_path)
    first = house.rotations[0]
    (folder / "handovers" / f"{first}.tlog-proof").unlink()
    found = actions.verify_export(folder, trusted=[house.keys[0]])
    assert ("key_not_followed", first) in named(found)
    assert ("key_not_followed", first) in alone(folder, "--key", house.keys[0])[1]


def test_a_handover_of_another_rotation_does_not_do(house: House, tmp_path: Path) -> None:
    folder = copied(house, "all", tmp_path)
    first, second, _ = house.rotations
    place = folder / "handovers"
    shutil.copy(place / f"{second}.tlog-proof", place / f"{first}.tlog-proof")
    found = actions.verify_export(folder, trusted=[house.keys[0]])
    assert ("key_not_followed", first) in named(found)
    assert ("key_not_followed", first) in alone(folder, "--key", house.keys[0])[1]


def test_a_manifest_by_the_older_server_key_is_refused(house: House, tmp_path: Path) -> None:
    folder = copied(house, "tail", tmp_path)
    _, manifest = layout.read_manifest((folder / layout.MANIFEST).read_bytes())
    old = key_files.first_server_key(house.folder / "warden.keys")
    sealed = dsse.seal(layout.PAYLOAD_TYPE, manifest.payload(), old)
    (folder / layout.MANIFEST).write_bytes(sealed.to_line())
    found = actions.verify_export(folder, trusted=[house.keys[-1]])
    assert named(found) == {("manifest_invalid", None)}
    assert alone(folder, "--key", house.keys[-1])[1] == {("manifest_invalid", -1)}


def test_a_rotation_of_the_server_key_that_was_made_up_is_refused(
    house: House, tmp_path: Path
) -> None:
    folder = copied(house, "tail", tmp_path)
    (line,) = [path for path in (folder / "proofs").glob("*.json")
               if b"server.key_rotated" in path.read_bytes()]  # fmt: skip
    line.write_bytes(line.read_bytes().replace(b'"new":"MCow', b'"new":"MCox'))
    found = actions.verify_export(folder, trusted=[house.keys[-1]])
    assert ("manifest_invalid", None) in named(found)
    assert ("manifest_invalid", -1) in alone(folder, "--key", house.keys[-1])[1]
