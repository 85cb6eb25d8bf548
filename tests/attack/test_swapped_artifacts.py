"""Somebody changes the files of an approved version: before they are hashed, after, and while they are loaded.

The last line of each attack is the same: what ran, or was let pass, is what people signed, or nothing.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from modelwarden.deployments import actions as deployments
from modelwarden.errors import ArtifactMismatch, ArtifactUnreadable, GateRefused
from modelwarden.integrations.decorators import require_approval
from tests.approvals.org import Org

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVIL = b"\xff" * 64
"""As long as the approved one."""


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    company = Org(tmp_path_factory.mktemp("company"))
    company.approved("1.0.0")
    root = company.warden.acting_as("root")
    root.roles.define("recorder", permissions=["audit.append"])
    root.roles.grant("dave", "recorder", reason="his program records what it did")
    yield company
    company.warden.close()


@pytest.fixture
def path(org: Org) -> Iterator[Path]:
    """Return the approved artifact; it is put back afterwards."""
    place = org.folder / "1.0.0.bin"
    good = place.read_bytes()
    yield place
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.write_bytes(good)


def in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(EVIL)


def in_place_with_its_times(path: Path) -> None:
    before = path.stat()
    in_place(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def one_byte_with_its_times(path: Path) -> None:
    before, last = path.stat(), path.read_bytes()[-1]
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def by_another_name(path: Path) -> None:
    other = path.with_suffix(".link")
    other.hardlink_to(path)
    in_place_with_its_times(other)
    other.unlink()


def another_file_in_its_place(path: Path) -> None:
    before, other = path.stat(), path.with_suffix(".evil")
    other.write_bytes(EVIL)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def a_hard_link_in_its_place(path: Path) -> None:
    other = path.with_suffix(".evil")
    other.write_bytes(EVIL)
    path.unlink()
    path.hardlink_to(other)


def a_link_in_its_place(path: Path) -> None:
    other = path.with_suffix(".evil")
    other.write_bytes(EVIL)
    path.unlink()
    path.symlink_to(other)


def a_folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "model.bin").write_bytes(EVIL)


def longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def gone(path: Path) -> None:
    path.unlink()


ATTACKS = pytest.mark.parametrize(
    "attack",
    [
        in_place, in_place_with_its_times, one_byte_with_its_times, by_another_name,
        another_file_in_its_place, a_hard_link_in_its_place, a_link_in_its_place,
        a_folder_in_its_place, longer, gone,
    ],
    ids=lambda attack: attack.__name__,
)  # fmt: skip


@ATTACKS
def test_before_it_is_hashed(org: Org, path: Path, attack: Callable[[Path], None]) -> None:
    attack(path)
    with pytest.raises(GateRefused) as refused:
        org.deploy("1.0.0")
    assert set(refused.value.reasons) <= {"artifact_mismatch", "artifact_unreadable"}
    assert refused.value.reasons


@ATTACKS
def test_between_hash_and_gate(org: Org, path: Path, attack: Callable[[Path], None]) -> None:
    candidate = org.see("dave", deployments.candidate, "churn", "1.0.0")
    prepared = deployments.hashed(candidate, org.warden.settings)
    attack(path)
    with pytest.raises(GateRefused) as refused:
        org.do(
            "dave",
            deployments.start,
            "churn",
            "1.0.0",
            prepared=prepared,
            launch=deployments.Launch(),
        )
    assert refused.value.reasons == ("artifact_unreadable",)


@ATTACKS
def test_between_gate_and_load(org: Org, path: Path, attack: Callable[[Path], None]) -> None:
    """The function has begun: what lies under the path by now is nothing to it."""
    good = path.read_bytes()
    rooms = org.warden.acting_as("dave")

    @require_approval("release", model="churn", version="1.0.0", rooms=rooms)
    def load(artifact: Path) -> bytes:
        attack(path)
        return artifact.read_bytes()

    assert load(path) == good


@ATTACKS
def test_before_it_is_loaded_elsewhere(
    org: Org, path: Path, tmp_path: Path, attack: Callable[[Path], None]
) -> None:
    """The gate reads its own copy and allows; what the loader was given is another file."""
    given = tmp_path / "given.bin"
    given.write_bytes(path.read_bytes())
    attack(given)

    @require_approval("release", model="churn", version="1.0.0", rooms=org.warden.acting_as("dave"))
    def load(artifact: Path) -> None:
        raise AssertionError(artifact)

    with pytest.raises((ArtifactMismatch, ArtifactUnreadable)):
        load(given)
