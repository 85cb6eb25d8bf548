"""Two processes on one database at once: one sequence without gaps, one chain, nothing lost (LG-10, LG-13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.warden.warden import open_warden
from tests.faults import processes
from tests.store.deeds import bodies

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

EACH = 60


def _finished(children: list[subprocess.Popen[str]]) -> list[str]:
    lines: list[str] = []
    for child in children:
        out, err = child.communicate(timeout=100)
        assert child.returncode == 0, err
        lines += out.splitlines(keepends=True)
    return lines


def test_two_processes_that_write_at_once_share_one_chain(store_url: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    open_warden(store_url, keys_folder=keys).close()
    children = [
        processes.started(store_url, keys, name, count=EACH, threads=3) for name in ("one", "two")
    ]
    lines = _finished(children)
    answered = processes.receipts(lines)
    assert not [line for line in lines if line.startswith("!")]
    assert len(answered) == 2 * 3 * EACH
    assert processes.check(store_url, keys, answered) == 2 * 3 * EACH + 2


def test_processes_that_begin_an_empty_database_at_once_begin_one_ledger(
    bare_url: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    children = [
        processes.started(bare_url, keys, f"child{n}", count=2, threads=1) for n in range(3)
    ]
    answered = processes.receipts(_finished(children))
    assert len(answered) == 6
    with open_warden(bare_url, keys_folder=keys) as warden:
        begun = [body for body in bodies(warden) if body["type"] == "ledger.started"]
    assert len(begun) == 1
    processes.check(bare_url, keys, answered)
