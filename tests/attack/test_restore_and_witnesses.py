"""A backup that is behind what witnesses saw is not restored, though guard file and database are gone (LG-46)."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import RestoreNeedsLedger, RestoreRefused, SettingInvalid
from modelwarden.ledger.checkpoint import Checkpoint, sign_note
from modelwarden.ledger.keys import LogKey, new_seed
from modelwarden.warden import upkeep
from tests import tables
from tests.audit.sample import populate, sign
from tests.client.scripted import Said, Scripted
from tests.faults.test_restore import back_up, opened, settings_in
from tests.sinks.laptop import Laptop, laptop, listening
from tests.sinks.test_witnessing import asking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.store.restore import Restored


class House:
    """A backup of yesterday, an export of today, and neither database nor guard file."""

    def __init__(self, folder: Path) -> None:
        self.folder, plain = folder, settings_in(folder, tables.fresh(folder))
        self.settings = replace(plain, ledger_witness_policy=folder / "witnesses.policy")
        self.said: list[str] = []
        with opened(plain) as warden:
            populate(warden)
            self.backup = back_up(warden, folder / "yesterday.backup")
            warden.add_user("late")
            sign(warden)
            self.size = warden.audit.checkpoint().size
            self.key = warden.store.around.keyring.log_key
            with (
                laptop(folder / "laptop", self.key.verifier) as seen,
                listening(seen) as url,
                asking(warden, url, seen.signer.verifier) as asked,
            ):
                assert asked.ask()
            warden.audit.export(folder / "export")
        for path in (*folder.glob("warden.db*"), *folder.glob("guard*")):
            path.unlink()

    @contextmanager
    def witness(self) -> Iterator[Laptop]:
        """Let the witness listen again, where the policy says."""
        with laptop(self.folder / "laptop", self.key.verifier) as seen, listening(seen) as url:
            self.policy(seen.policy(url))
            yield seen

    def policy(self, text: str) -> None:
        (self.folder / "witnesses.policy").write_text(text)

    def restore(self, *ledgers: Path) -> Restored:
        copies = [str(path) for path in ledgers]
        return upkeep.restore(self.backup, self.settings, ledgers=copies, tell=self.said.append)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def _witness_at(house: House, url: str) -> str:
    with laptop(house.folder / "laptop", house.key.verifier) as seen:
        return seen.policy(url)


def test_what_a_witness_saw_is_asked_for_and_a_copy_gives_it(house: House) -> None:
    with house.witness():
        with pytest.raises(RestoreNeedsLedger, match=f"the witness W knows {house.size}: "):
            house.restore()
        assert not (house.folder / "warden.db").exists()
        done = house.restore(house.folder / "export")
    assert (done.size, house.said) == (house.size, [])


def test_a_witness_that_is_gone_keeps_nobody_from_restoring_and_is_named(house: House) -> None:
    with house.witness():
        pass
    assert house.restore().size < house.size
    (said,) = house.said
    assert said.startswith("the witness W could not be asked: http://127.0.0.1:")


def test_a_witness_without_an_address_is_named(house: House) -> None:
    house.policy(_witness_at(house, "").replace(" \n", "\n"))
    house.restore()
    assert house.said == ["the witness W was not asked: the policy names no address for it"]


@pytest.mark.parametrize("status", [404, 500])
def test_a_witness_that_knows_nothing_is_named(house: House, status: int) -> None:
    with Scripted(Said(status=status)) as server:
        house.policy(_witness_at(house, server.url))
        house.restore()
    (said,) = house.said
    assert ("knows nothing" if status == 404 else f"answers {status}") in said


def test_a_larger_checkpoint_by_another_key_does_not_count_and_is_named(house: House) -> None:
    stranger = LogKey(house.key.name, new_seed())
    forged = sign_note(Checkpoint(house.key.name, 10**9, bytes(32)), stranger)
    with Scripted(Said(status=200, body=forged)) as server:
        house.policy(_witness_at(house, server.url))
        house.restore()
    (said,) = house.said
    assert "shows a checkpoint that does not count" in said


def test_another_past_that_our_key_signed_is_refused(house: House) -> None:
    forked = sign_note(Checkpoint(house.key.name, 3, bytes(32)), house.key)
    with Scripted(Said(status=200, body=forked)) as server:
        house.policy(_witness_at(house, server.url))
        with pytest.raises(RestoreRefused, match="first 3 entries of the backup are not those"):
            house.restore()


def test_a_policy_that_cannot_be_read_stops_before_anything_is_touched(house: House) -> None:
    house.policy("nonsense\n")
    with pytest.raises(SettingInvalid):
        house.restore()
    assert not (house.folder / "warden.db").exists()
