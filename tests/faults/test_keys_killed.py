"""kill -9, a full disk and many writers while keys are rotated and backups restored: whole before, or whole after."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions
from modelwarden.ledger.checkpoint import note_signers
from modelwarden.ledger.keys import parse_vkey
from modelwarden.store import entries, key_files
from modelwarden.warden.warden import Warden, open_warden
from tests.audit.sample import sign, view
from tests.faults.processes import ROOT
from tests.faults.test_restore_from_copy import House, export
from tests.store.deeds import ME, define, verified

if TYPE_CHECKING:
    from pathlib import Path

ROTATING = """
import os, sys
from pathlib import Path
from modelwarden.warden.warden import open_warden
folder = Path(sys.argv[1])
with open_warden(f"sqlite:///{folder}/warden.db") as warden:
    rooms = warden.acting_as("root")
    for n in range(1000):
        purpose = ("ledger", "decision", "encryption")[n % 3]
        made = rooms.server_keys.rotate(purpose)
        os.write(1, f"{made.id}\\n".encode())
"""

RESTORING = """
import os, resource, signal, sys
from pathlib import Path
from modelwarden.config import Settings
from modelwarden.errors import WardenError
from modelwarden.warden import upkeep
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
settings = Settings(url=f"sqlite:///{folder}/warden.db", keys_folder=folder / "keys",
                    ledger_guard_file=folder / "guard")
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
os.write(1, b"begin\\n")
try:
    upkeep.restore(folder / "monday", settings, ledgers=[str(folder / "copy")], tell=print)
except WardenError as error:
    os.write(1, f"! {error.code} {error}\\n".encode())
else:
    os.write(1, b"done\\n")
"""


def child(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def is_whole(warden: Warden) -> None:
    sign(warden)
    keys = warden.store.around.keyring.log_key.verifier
    with warden.store.database.reading() as connection:
        note = entries.newest_checkpoint(connection)
    assert note is not None
    assert keys in note_signers(note, [keys])
    assert verified(warden, state=True).problems == ()


@pytest.mark.soak
def test_killed_while_keys_are_rotated_what_was_answered_holds(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    with open_warden(url) as warden:
        warden.add_user("root", roles=["admin"])
        warden.add_user("bob", roles=["auditor"])
        sign(warden)
        first = warden.audit.keys()[0]
        words = warden.acting_as("root").users.show("bob").handle
    chance, answered = random.Random(3), list[str]()  # noqa: S311  # a seed: a failure comes again
    for _ in range(3):
        most = chance.randint(1, 12)
        with child(ROTATING, tmp_path) as rotating:
            assert rotating.stdout is not None
            for line in rotating.stdout:
                answered.append(line.strip())
                most -= 1
                if most == 0:
                    rotating.kill()
        with open_warden(url) as warden:
            listed = {key.id: key.status for key in warden.acting_as("root").server_keys.list()}
            assert set(answered) <= set(listed)
            assert list(listed.values()).count("current") == 3
            assert warden.acting_as("root").users.show("bob").handle == words
            is_whole(warden)
    with open_warden(url) as warden:
        export(warden, tmp_path / "copy")
    assert actions.verify_export(tmp_path / "copy", trusted=[first]).problems == ()


def test_a_key_file_that_nothing_names_is_never_used(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    with open_warden(url) as warden:
        warden.add_user("root", roles=["admin"])
        keys = warden.store.around.keyring
    folder = tmp_path / "warden.keys"
    key_files.new_log_key(folder, keys.origin)
    key_files.new_server_key(folder)
    key_files.new_encryption_key(folder)
    with open_warden(url) as warden:
        now = warden.store.around.keyring
        assert (now.log_key.vkey, now.key_id) == (keys.log_key.vkey, keys.key_id)
        assert now.server_key.keyid == keys.server_key.keyid
        is_whole(warden)


def test_keys_are_rotated_while_many_write(store_url: str, tmp_path: Path) -> None:
    with open_warden(store_url, keys_folder=tmp_path / "keys") as warden:
        warden.add_user("root", roles=["admin"])
        warden.add_user("bob", roles=["auditor"])
        sign(warden)
        first = warden.audit.keys()[0]

        def write(name: int) -> None:
            for n in range(6):
                warden.change(ME, define(f"writer{name}.{n}"))

        with ThreadPoolExecutor(64) as pool:
            writing = [pool.submit(write, n) for n in range(64)]
            for purpose in ("ledger", "decision", "encryption", "ledger"):
                warden.acting_as("root").server_keys.rotate(purpose)
                warden.store.signer.sign()
            for each in writing:
                each.result(120)
        is_whole(warden)
        whole = partial(actions.verify_database, strict=True, state=True, trusted=[first])
        assert view(warden, "bob", whole).problems == ()
        export(warden, tmp_path / "copy")
        now = warden.audit.keys()[0]
    for key in (first, now):
        assert actions.verify_export(tmp_path / "copy", trusted=[key]).problems == ()
    assert parse_vkey(first) != parse_vkey(now)


@pytest.mark.soak
def test_killed_at_any_moment_a_restore_leaves_nothing_or_all(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.lose()
    chance = random.Random(5)  # noqa: S311  # a seed, so that a failure comes again
    place, done = tmp_path / "warden.db", 0
    for _ in range(8):
        with child(RESTORING, tmp_path, 0) as restoring:
            assert restoring.stdout is not None
            restoring.stdout.readline()
            time.sleep(chance.uniform(0, 1.2))
            restoring.kill()
            done += "done" in restoring.stdout.read()
        if place.exists():
            with house.opened() as warden:
                is_whole(warden)
            done += 1
            house.lose()
            (tmp_path / "guard").unlink()
    assert house.restore(house.folder / "copy").size == house.size
    with house.opened() as warden:
        is_whole(warden)


@pytest.mark.parametrize("limit", [20_000, 200_000, 420_000])
def test_a_full_disk_refuses_a_restore_and_replaces_nothing(tmp_path: Path, limit: int) -> None:
    house = House(tmp_path)
    house.lose()
    with child(RESTORING, tmp_path, limit) as restoring:
        told, trace = restoring.communicate(timeout=120)
    assert trace == ""
    assert told.splitlines()[-1].startswith("! "), told
    assert not (tmp_path / "warden.db").exists()
    assert list(tmp_path.glob(".restore-*")) == []
    assert house.restore(house.folder / "copy").size == house.size
