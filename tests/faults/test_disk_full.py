"""A full disk fails every waiting change with "try again", loses nothing that was answered, and passes (LG-12)."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from modelwarden.errors import LedgerUnavailable
from modelwarden.warden.warden import open_warden
from tests.faults.processes import ROOT, check, receipts
from tests.store.deeds import ME, define, held, stored_roles, submitted, verified

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from modelwarden.store.change import Change
    from modelwarden.warden.warden import Warden

ROOM_PAGES = 12


class Disk:
    """Lets the database file grow to so many pages and no further, until there is space again."""

    def __init__(self, warden: Warden) -> None:
        self._database = warden.store.database
        self._limit: int | None = None
        event.listen(self._database._write_engine, "begin", self._apply)

    def fill(self, room: int) -> None:
        with self._database.reading() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        self._limit = pages + room

    def free(self) -> None:
        self._limit = None

    def _apply(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {self._limit or 2**30}")


def _heavy(name: str) -> Callable[[Change], None]:
    def act(change: Change) -> None:
        for n in range(20):
            change.text(f"{name} {n} " + "x" * 2_000)
        define(name)(change)

    return act


def test_every_waiting_change_fails_and_writing_goes_on_once_there_is_space(
    sqlite_warden: Warden,
) -> None:
    warden = sqlite_warden
    answered = {f"before{n}": submitted(warden, define(f"before{n}")) for n in range(5)}
    disk = Disk(warden)
    with held(warden):
        futures = [warden.submit(ME, _heavy(f"heavy{n}")) for n in range(10)]
        disk.fill(ROOM_PAGES)
    errors = [future.exception(30) for future in futures]
    assert {type(error) for error in errors} == {LedgerUnavailable}
    assert {error.status for error in errors if isinstance(error, LedgerUnavailable)} == {503}
    assert "disk is full" in str(errors[0])
    kept = set(answered) | {"holder"}
    assert set(stored_roles(warden)) == kept
    with pytest.raises(LedgerUnavailable):
        submitted(warden, _heavy("still full"))
    disk.free()
    again = [submitted(warden, _heavy(f"heavy{n}")) for n in range(10)]
    assert set(stored_roles(warden)) == kept | {f"heavy{n}" for n in range(10)}
    assert [answer.receipt.seq for answer in again] == list(range(7, 17))
    assert verified(warden, state=True).problems == ()


def test_a_disk_that_fills_while_sealing_fails_the_batch_alone(sqlite_warden: Warden) -> None:
    warden = sqlite_warden
    disk = Disk(warden)
    answered, failed = 0, 0
    disk.fill(2)
    for n in range(200):
        try:
            submitted(warden, define(f"role{n}"))
            answered += 1
        except LedgerUnavailable:
            failed += 1
            disk.free()
            submitted(warden, define(f"again{n}"))
            answered += 1
            disk.fill(2)
    assert failed > 0
    assert len(stored_roles(warden)) == answered
    assert verified(warden, state=True).problems == ()


LIMITED = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from modelwarden.warden.warden import open_warden
from tests.faults.child import write
folder = Path(sys.argv[1])
with open_warden(f"sqlite:///{folder}/warden.db", keys_folder=folder / "keys") as warden:
    write(warden, "before", 20)
    size = max(path.stat().st_size for path in folder.glob("warden.db*"))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30_000, hard))
    write(warden, "full", 40)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    write(warden, "after", 20)
"""


def test_a_file_that_may_not_grow_is_survived_too(tmp_path: Path) -> None:
    open_warden(f"sqlite:///{tmp_path}/warden.db", keys_folder=tmp_path / "keys").close()
    child = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
    )
    lines = child.stdout.splitlines(keepends=True)
    answered = receipts(lines)
    names = {role.split(".")[0] for _, role in answered.values()}
    assert any(line.startswith("!") for line in lines)
    assert sum(role.startswith("after.") for _, role in answered.values()) == 20
    assert {"before", "after"} <= names
    check(f"sqlite:///{tmp_path}/warden.db", tmp_path / "keys", answered)
