"""Keys are made once, readable by their owner alone, and fit the database beside which they lie (AC-80, LG-63)."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import KeyUnusable
from modelwarden.store import keyring
from modelwarden.warden.warden import open_warden

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN = "ledger.example/keys"
FILES = ("encryption.key", "log.key", "pepper.key", "server.pem")


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    keyring.create(tmp_path / "keys", ORIGIN)
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == list(FILES)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_keys_are_read_back(tmp_path: Path) -> None:
    made = keyring.create(tmp_path, ORIGIN)
    read = keyring.load(tmp_path)
    assert (read.origin, read.pepper, read.key_id) == (ORIGIN, made.pepper, made.key_id)
    assert read.log_key.vkey == made.log_key.vkey
    assert read.server_key.keyid == made.server_key.keyid


@pytest.mark.parametrize("name", FILES)
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, name: str) -> None:
    keyring.create(tmp_path, ORIGIN)
    (tmp_path / name).chmod(0o644)
    with pytest.raises(KeyUnusable, match=name):
        keyring.load(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_key_is_named(tmp_path: Path, name: str) -> None:
    keyring.create(tmp_path, ORIGIN)
    (tmp_path / name).unlink()
    with pytest.raises(KeyUnusable, match=name):
        keyring.load(tmp_path)


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    made = keyring.create(tmp_path, ORIGIN)
    with pytest.raises(KeyUnusable):
        keyring.create(tmp_path, ORIGIN)
    assert keyring.load_or_create(tmp_path, "other.example/x").pepper == made.pepper


def test_keys_of_another_ledger_do_not_open_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    open_warden(url, keys_folder=tmp_path / "own").close()
    keyring.create(tmp_path / "other", ORIGIN)
    with pytest.raises(KeyUnusable, match="point to the right folder"):
        open_warden(url, keys_folder=tmp_path / "other")


def test_a_database_whose_keys_are_gone_gets_no_new_ones(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    open_warden(url, keys_folder=tmp_path / "own").close()
    with pytest.raises(KeyUnusable):
        open_warden(url, keys_folder=tmp_path / "nowhere")


def test_a_keyring_finds_what_json_can_carry(tmp_path: Path) -> None:
    keys = keyring.create(tmp_path, ORIGIN)
    assert keys.look_up("handle", "\ud800") != keys.look_up("handle", "\udfff")
    assert keys.look_up("handle", "alice") != keys.look_up("email", "alice")


def test_a_keyring_does_not_show_its_secrets(tmp_path: Path) -> None:
    keys = keyring.create(tmp_path, ORIGIN)
    shown = repr(keys)
    for secret in (keys.pepper, keys.encryption_key):
        assert repr(secret)[2:-1] not in shown
