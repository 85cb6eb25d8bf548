"""A server that is put back, or replaced, can't tell a client another past than the one that the client saw."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from modelwarden.client.held import held_to_memory
from modelwarden.client.remembered import Memory
from modelwarden.warden.warden import Warden, open_warden
from tests.audit.sample import populate

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.values.answers import VerificationAnswer

URL = "https://ledger.example"


def asked(warden: Warden, folder: Path) -> VerificationAnswer:
    """Verify as a remote client does; the room in this process shows what a server would."""
    return held_to_memory(warden.audit, warden.audit.verify(), url=URL, memory=Memory(folder))


def codes(found: VerificationAnswer) -> set[str]:
    return {problem.code for problem in found.problems}


def tenth(found: VerificationAnswer) -> str:
    return next(step.status for step in found.steps if step.number == 10)


def test_a_ledger_that_grows_stays_the_one_that_is_known(
    sqlite_warden: Warden, tmp_path: Path
) -> None:
    for _ in range(3):
        found = asked(sqlite_warden, tmp_path / "state")
        assert (found.ok, tenth(found)) == (True, "proved")
        sqlite_warden.add_user(f"user-{found.size}")


def test_a_ledger_that_was_put_back_is_found_though_its_guard_file_was_too(tmp_path: Path) -> None:
    place = tmp_path / "house"
    place.mkdir()
    with open_warden(f"sqlite:///{place}/warden.db") as warden:
        populate(warden)
    shutil.copytree(place, tmp_path / "old")
    with open_warden(f"sqlite:///{place}/warden.db") as warden:
        for n in range(5):
            warden.add_user(f"later-{n}")
        assert asked(warden, tmp_path / "state").ok
    with open_warden(f"sqlite:///{tmp_path}/old/warden.db") as warden:
        put_back = asked(warden, tmp_path / "state")
        assert (put_back.ok, codes(put_back), tenth(put_back)) == (False, {"rolled_back"}, "failed")
        for n in range(20):  # it grows past what was known: another past all the same
            warden.add_user(f"other-{n}")
        assert codes(asked(warden, tmp_path / "state")) == {"rolled_back"}


def test_another_ledger_at_the_same_address_is_found(sqlite_warden: Warden, tmp_path: Path) -> None:
    assert asked(sqlite_warden, tmp_path / "state").ok
    with open_warden("sqlite://") as other:
        assert codes(asked(other, tmp_path / "state")) == {"checkpoint_invalid"}


def test_a_memory_that_cannot_be_used_is_told(sqlite_warden: Warden, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "checkpoints.json").write_text("[")
    found = asked(sqlite_warden, state)
    assert found.ok
    assert [text for text in found.not_checked if text.startswith("remembered checkpoint")] != []
    assert tenth(found) == "not_checked"
