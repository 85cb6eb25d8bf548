"""An implementation of C2SP's formats that is not ours, Tessera's fsck, accepts our static logs, and no damaged one."""

from __future__ import annotations

import os
import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from modelwarden.api.app import create_app
from modelwarden.ledger.checkpoint import Checkpoint, sign_note
from modelwarden.ledger.merkle import tree_root
from modelwarden.warden.warden import open_warden
from tests.conformance.places import served
from tests.services import tiles_oracle
from tests.sinks import logs

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden
    from tests.services.tiles_oracle import Oracle

pytestmark = [pytest.mark.services, pytest.mark.whole]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    reason = tiles_oracle.reason_for_none()
    if reason is None:
        try:
            return tiles_oracle.built(tmp_path_factory.mktemp("oracle"))
        except subprocess.CalledProcessError as error:
            reason = f"Tessera's fsck could not be built: {error.stderr}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _complaint(oracle: Oracle, warden: Warden, folder: Path) -> str | None:
    return oracle.complaint(warden.audit.keys()[0], f"file://{folder}")


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 3_000])
def test_a_log_of_any_size_passes(
    oracle: Oracle, sqlite_warden: Warden, tmp_path: Path, size: int
) -> None:
    logs.grow(sqlite_warden, size)
    logs.follow(sqlite_warden, f"tiles://{tmp_path}/log")
    assert _complaint(oracle, sqlite_warden, tmp_path / "log") is None


@pytest.mark.timeout(300)  # 66,000 entries, checked at each of eleven sizes
def test_a_log_passes_at_every_size_that_it_grows_through(
    oracle: Oracle, sqlite_warden: Warden, tmp_path: Path
) -> None:
    for size in (1, 2, 250, 256, 300, 512, 513, 65_535, 65_536, 65_537, 66_000):
        logs.grow(sqlite_warden, size)
        logs.follow(sqlite_warden, f"tiles://{tmp_path}/log")
        assert _complaint(oracle, sqlite_warden, tmp_path / "log") is None
    assert (tmp_path / "log/tile/2/000.p/1").exists()


def test_an_empty_log_passes(oracle: Oracle, sqlite_warden: Warden, tmp_path: Path) -> None:
    keyring = sqlite_warden.store.around.keyring
    empty = sign_note(Checkpoint(keyring.origin, 0, tree_root([])), keyring.log_key)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "checkpoint").write_bytes(empty)
    assert _complaint(oracle, sqlite_warden, tmp_path / "log") is None


def test_a_changed_byte_fails(oracle: Oracle, sqlite_warden: Warden, tmp_path: Path) -> None:
    chance = random.Random(11)  # noqa: S311  # a seed, so that a failure comes again
    logs.grow(sqlite_warden, 700)
    logs.follow(sqlite_warden, f"tiles://{tmp_path}/log")
    names = [path.relative_to(tmp_path / "log") for path in logs.files(tmp_path / "log")]
    names = [name for name in names if name.parts[0] in {"tile", "checkpoint"}]
    assert len(names) == 8
    for name in names:
        path = tmp_path / "log" / name
        kept = path.read_bytes()
        logs.flip(path, chance.randrange(len(kept)))
        assert _complaint(oracle, sqlite_warden, tmp_path / "log") is not None
        path.write_bytes(kept)
    assert _complaint(oracle, sqlite_warden, tmp_path / "log") is None


def test_another_key_fails(oracle: Oracle, sqlite_warden: Warden, tmp_path: Path) -> None:
    logs.follow(sqlite_warden, f"tiles://{tmp_path}/log")
    with open_warden(f"sqlite:///{tmp_path}/other.db") as other:
        assert _complaint(oracle, other, tmp_path / "log") is not None


def test_what_is_served_over_http_passes_and_takes_a_token(oracle: Oracle, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/warden.db"
    with open_warden(url, embedded=True) as warden:
        warden.add_user("frank", roles=["auditor"])
        token = warden.acting_as("frank").tokens.create().secret
        logs.grow(warden, 600)
        (key,) = warden.audit.keys()
    assert token is not None
    with open_warden(url, embedded=False, read_rate=0) as warden, served(create_app(warden)) as at:
        place = f"{at}/api/governance/audit-log/tiles/"
        assert oracle.complaint(key, place, token) is None
        assert oracle.complaint(key, place) is not None
    with (
        open_warden(url, embedded=False, read_rate=0, ledger_public_tiles=True) as warden,
        served(create_app(warden)) as at,
    ):
        assert oracle.complaint(key, f"{at}/api/governance/audit-log/tiles/") is None


def test_a_mirror_passes(oracle: Oracle, sqlite_warden: Warden, tmp_path: Path) -> None:
    for size in (300, 600):
        logs.grow(sqlite_warden, size)
        sqlite_warden.audit.tiles(tmp_path / "mirror")
        assert _complaint(oracle, sqlite_warden, tmp_path / "mirror") is None
