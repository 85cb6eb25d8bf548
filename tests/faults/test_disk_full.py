"""A full disk fails every waiting change with "try again", loses nothing that was answered, and passes (LG-12)."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from modelwarden.errors import LedgerUnavailable
from modelwarden.warden.warden import open_warden
from tests.faults.processes import ROOT, check, receipts
from tests.store.deeds import ME, define, held, stored_roles, submitted, verified

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelwarden.store.change import Change
    from modelwarden.warden.warden import Warden

PAGES = "PRAGMA page_count"


def _filling(room: int) -> Callable[[Change], None]:
    """Return an action after which the file grows by so many pages at most, until the connection is another."""

    def act(change: Change) -> None:
        pages = change.connection.exec_driver_sql(PAGES).scalar_one() + room
        change.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        define(f"filled {room}")(change)

    return act


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
    kept = {f"before{n}" for n in range(5)}
    for name in sorted(kept):
        submitted(warden, define(name))
    for again in range(2):
        with held(warden, name=f"holder{again}"):
            acts = (_filling(12), *(_heavy(f"heavy{n}") for n in range(10)))
            futures = [warden.submit(ME, act) for act in acts]
        errors = [future.exception(30) for future in futures]
        assert {type(error) for error in errors} == {LedgerUnavailable}
        assert "disk is full" in str(errors[0])
        kept |= {f"holder{again}"}
        assert set(stored_roles(warden)) == kept
    answers = [submitted(warden, _heavy(f"heavy{n}")) for n in range(10)]
    assert set(stored_roles(warden)) == kept | {f"heavy{n}" for n in range(10)}
    assert [answer.receipt.seq for answer in answers] == list(range(8, 18))
    assert verified(warden, state=True).problems == ()


def test_wherever_in_a_batch_the_disk_fills_all_of_it_is_answered_or_none(
    sqlite_warden: Warden,
) -> None:
    warden = sqlite_warden
    kept, ends = set(), set()
    for room in range(0, 60, 4):
        with held(warden, name=f"holder{room}"):
            acts = (_filling(room), _heavy(f"heavy{room}"), define(f"last{room}"))
            futures = [warden.submit(ME, act) for act in acts]
        kept.add(f"holder{room}")
        errors = {type(future.exception(30)) for future in futures}
        assert errors in ({LedgerUnavailable}, {type(None)})
        ends |= errors
        if type(None) in errors:
            kept |= {f"filled {room}", f"heavy{room}", f"last{room}"}
        assert set(stored_roles(warden)) == kept
    assert ends == {LedgerUnavailable, type(None)}
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
