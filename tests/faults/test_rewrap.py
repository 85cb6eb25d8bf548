"""Moving texts to a new encryption key survives kill -9 and writers, and both keys open them meanwhile (AC-81)."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import TextsLocked
from modelwarden.store import server_keys
from modelwarden.warden.warden import Warden, open_warden
from tests.faults import processes
from tests.store.deeds import ME, tell, verified

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.store.change import Change
    from modelwarden.values.ids import Commitment

MANY = 1_500
PATIENCE_S = 60.0


def keep(warden: Warden, count: int, name: str = "some") -> dict[Commitment, str]:
    """Keep so many texts and return their commitments with the words."""
    found: dict[Commitment, str] = {}

    def act(change: Change) -> None:
        for n in range(count):
            words = f"the words {name} {n}"
            found[change.text(words)] = words
        tell(change, name)

    warden.change(ME, act)
    return found


def under(warden: Warden) -> dict[str, int]:
    with warden.store.database.reading() as connection:
        return server_keys.texts_under(connection)


def until_moved(warden: Warden, old: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while old in under(warden):
        assert time.monotonic() < deadline, under(warden)
        time.sleep(0.05)


def until_told(warden: Warden) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not warden.audit.search(type="encryption.key_cleared").items:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def read(warden: Warden, words: dict[Commitment, str]) -> dict[Commitment, str | None]:
    return {each: warden.view(ME, lambda view, each=each: view.words(each)) for each in words}


def test_texts_move_in_the_background_and_the_old_file_can_go(
    store_url: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    with open_warden(store_url, keys_folder=keys) as warden:
        warden.add_user("root", roles=["admin"])
        words = keep(warden, 500)
        old = warden.store.around.keyring.key_id
        new = warden.acting_as("root").server_keys.rotate("encryption")
        assert read(warden, words) == words
        until_moved(warden, old)
        until_told(warden)
        assert read(warden, words) == words
        listed = [key for key in warden.acting_as("root").server_keys.list()
                  if key.purpose == "encryption"]  # fmt: skip
        assert [(key.public, key.status) for key in listed] == [
            (old, "cleared"),
            (new.public, "current"),
        ]
        assert verified(warden, state=True).problems == ()
    (keys / "encryption.key").unlink()
    with open_warden(store_url, keys_folder=keys) as warden:
        assert read(warden, words) == words
        assert keep(warden, 1, "later")
        assert set(under(warden)) == {new.public}


@pytest.mark.soak
def test_killed_again_and_again_it_ends_all_the_same(tmp_path: Path) -> None:
    url, keys = f"sqlite:///{tmp_path}/warden.db", tmp_path / "keys"
    with open_warden(url, keys_folder=keys) as warden:
        warden.add_user("root", roles=["admin"])
        words = keep(warden, MANY)
        old = warden.store.around.keyring.key_id
        warden.followers[1].close()
        warden.acting_as("root").server_keys.rotate("encryption")
    chance = random.Random(7)  # noqa: S311  # a seed, so that a failure comes again
    for n in range(4):
        child = processes.started(url, keys, f"run{n}", count=10_000)
        assert child.stdout is not None
        assert child.stderr is not None
        with child:
            for number, _ in enumerate(child.stdout):
                if number == chance.randint(2, 40) or number > 40:
                    child.kill()
                    break
    with open_warden(url, keys_folder=keys) as warden:
        assert read(warden, words) == words
        until_moved(warden, old)
        assert read(warden, words) == words
        assert verified(warden, state=True).problems == ()


def test_without_the_older_key_its_texts_stay_and_are_counted(tmp_path: Path) -> None:
    url, keys = f"sqlite:///{tmp_path}/warden.db", tmp_path / "keys"
    with open_warden(url, keys_folder=keys) as warden:
        warden.add_user("root", roles=["admin"])
        words = keep(warden, 3)
        old = warden.store.around.keyring.key_id
        warden.followers[1].close()
        warden.acting_as("root").server_keys.rotate("encryption")
    (keys / "encryption.key").rename(tmp_path / "away")
    with open_warden(url, keys_folder=keys) as warden:
        with pytest.raises(TextsLocked):
            read(warden, words)
        time.sleep(1.5)
        assert under(warden)[old] >= 3
        (tmp_path / "away").rename(keys / "encryption.key")
        assert read(warden, words) == words
