"""A process is killed while it sends: every entry arrives, in order, and a repeat has the same id and bytes (NO-1)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelwarden.warden.warden import open_warden
from tests.notify.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def started(url: str, keys: Path, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.endpoint_child", url, str(keys), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603  # our own program


@pytest.mark.parametrize("after", [1, 7, 23])
def test_what_a_killed_process_did_not_send_the_next_one_does(
    store_url: str, tmp_path: Path, receiver: Receiver, after: int
) -> None:
    keys = tmp_path / "keys"
    with open_warden(store_url, keys_folder=keys, endpoint_allow=("127.0.0.0/8",)) as warden:
        warden.add_user("root", roles=["admin"])
        warden.sending.close()
        warden.acting_as("root").notify.add("ops", receiver.url, types=["user.added"])
        first = int(warden.audit.search(limit=1).items[0].seq)
    receiver.answers.extend(["hang"] if after == 1 else [])
    child = started(store_url, keys, 40)
    try:
        assert receiver.wait(lambda: len(receiver.requests) >= after)
    finally:
        child.kill()
        child.wait()
    receiver.released.set()
    with open_warden(store_url, keys_folder=keys, endpoint_allow=("127.0.0.0/8",)) as warden:
        warden.add_user("last")
        found = [
            each.seq
            for each in warden.audit.search(type="user.added", limit=500).items
            if each.seq > first
        ]
        assert receiver.wait(lambda: str(found[0]) in receiver.ids)
        assert warden.audit.verify(state=True).problems == ()
    check(receiver, sorted(found))


def check(receiver: Receiver, wanted: list[int]) -> None:
    """Compare what came, repeats dropped, with what happened."""
    got: dict[int, bytes] = {}
    for each in receiver.news:
        assert got.setdefault(int(each.id), each.body) == each.body
    assert list(got) == wanted
    repeats = len(receiver.news) - len(got)
    assert repeats <= 2  # the one under way, and the one whose row of the log was lost
