"""`@require_approval`: nothing runs that the gate does not allow, and it runs on the very bytes that were approved."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import (
    ArtifactMismatch,
    GateRefused,
    NotPermitted,
    ValueInvalid,
    WardenError,
)
from modelwarden.integrations.decorators import ApprovalType, governance_audit, require_approval
from tests.approvals.org import Org

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from modelwarden.warden.rooms import Rooms


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """1.0.0 is approved, 2.0.0 is not."""
    company = Org(tmp_path_factory.mktemp("company"))
    company.approved("1.0.0")
    company.register("2.0.0")
    company.warden.add_user("olga", roles=["operator"])
    root = company.warden.acting_as("root")
    root.roles.define("recorder", permissions=["audit.append"])
    root.roles.grant("dave", "recorder", reason="his program records what it did")
    yield company
    company.warden.close()


@pytest.fixture
def rooms(org: Org) -> Rooms:
    """dave, who may deploy and record."""
    return org.warden.acting_as("dave")


def outcomes(org: Org) -> list[str]:
    found = org.warden.acting_as("root").audit.search(component="require_approval", limit=100)
    return [each.entry["fact"]["event"].removeprefix("APPROVED_CALL_") for each in found.items]


def test_it_runs_on_a_private_copy_that_goes_afterwards(org: Org, rooms: Rooms) -> None:
    source = org.folder / "1.0.0.bin"

    @require_approval("release", model="churn", version="1.0.0", rooms=rooms)
    def serve(artifact: Path, *, twice: bool = False) -> tuple[Path, bytes, bool]:
        assert artifact != source
        assert artifact.parent.stat().st_mode & 0o777 == 0o700
        return artifact, artifact.read_bytes(), twice

    copy, data, twice = serve(source, twice=True)
    assert (data, twice) == (source.read_bytes(), True)
    assert not copy.parent.exists()


def test_what_is_not_approved_does_not_run(org: Org, rooms: Rooms) -> None:
    ran: list[Path] = []

    @require_approval(
        ApprovalType.MODEL_DEPLOYMENT,
        model=lambda *_args, **_more: "churn",
        version=lambda _artifact, label: label,
        environment="production",
        rooms=rooms,
    )
    def serve(artifact: Path, label: str) -> str:
        ran.append(artifact)
        return label

    with pytest.raises(GateRefused) as refused:
        serve(org.folder / "2.0.0.bin", "2.0.0")
    assert "not_approved" in refused.value.reasons
    with pytest.raises(ArtifactMismatch):  # the approved version's name on other bytes
        serve(org.folder / "2.0.0.bin", "1.0.0")
    with pytest.raises(WardenError):
        serve(org.folder / "1.0.0.bin", "9.9.9")
    assert ran == []
    assert serve(org.folder / "1.0.0.bin", "1.0.0") == "1.0.0"


def test_a_path_swapped_while_it_runs_changes_nothing(org: Org, rooms: Rooms) -> None:
    """Under the caller's path lies something else as soon as the function has begun."""
    path = org.folder / "served.bin"
    good = (org.folder / "1.0.0.bin").read_bytes()
    path.write_bytes(good)

    @require_approval("release", model="churn", version="1.0.0", artifact=path, rooms=rooms)
    def serve(*, artifact: Path) -> bytes:
        other = org.folder / "evil.bin"
        other.write_bytes(b"evil")
        other.replace(path)
        return artifact.read_bytes()

    assert serve() == good
    with pytest.raises(ArtifactMismatch):
        serve()


def test_links_and_special_files_are_refused(org: Org, rooms: Rooms, tmp_path: Path) -> None:
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    (folder / "model.bin").symlink_to(org.folder / "1.0.0.bin")
    os.mkfifo(pipe)

    @require_approval("release", model="churn", version="1.0.0", rooms=rooms)
    def serve(artifact: str | Path | None) -> None:
        raise AssertionError(artifact)

    for given in (folder, pipe, tmp_path / "none", "", "\0", None, 7):
        with pytest.raises(WardenError):
            serve(given)  # type: ignore[arg-type]


def test_async_functions_and_generators_keep_their_copy_until_they_end(
    org: Org, rooms: Rooms
) -> None:
    path, seen = org.folder / "1.0.0.bin", []
    guarded = require_approval("release", model="churn", version="1.0.0", rooms=rooms)

    @guarded
    async def awaited(artifact: Path) -> bytes:
        await asyncio.sleep(0)
        return await asyncio.to_thread(artifact.read_bytes)

    @guarded
    def generator(artifact: Path) -> Iterator[bytes]:
        seen.append(artifact)
        yield artifact.read_bytes()
        yield artifact.read_bytes()

    @guarded
    async def stream(artifact: Path) -> AsyncIterator[bytes]:
        seen.append(artifact)
        yield await asyncio.to_thread(artifact.read_bytes)

    async def whole() -> list[bytes]:
        return [each async for each in stream(path)]

    good = path.read_bytes()
    assert asyncio.run(awaited(path)) == good
    assert list(generator(path)) == [good, good]
    left = generator(path)
    assert next(left) == good
    left.close()
    assert asyncio.run(whole()) == [good]
    assert not any(copy.parent.exists() for copy in seen)


def test_outcomes_are_on_record_and_a_call_that_cannot_be_recorded_does_not_run(org: Org) -> None:
    def call(name: str) -> Callable[[Path], None]:
        rooms = org.warden.acting_as(name)

        @require_approval("release", model="churn", version="1.0.0", rooms=rooms)
        def serve(artifact: Path) -> None:
            raise RuntimeError(artifact.name)

        return serve

    before = len(outcomes(org))
    with pytest.raises(RuntimeError):
        call("dave")(org.folder / "1.0.0.bin")
    with pytest.raises(ArtifactMismatch):
        call("dave")(org.folder / "2.0.0.bin")
    assert outcomes(org)[: len(outcomes(org)) - before] == ["REFUSED", "FAILED", "BEGUN"]
    with pytest.raises(NotPermitted):  # may deploy, and record nothing
        call("olga")(org.folder / "1.0.0.bin")


def test_without_a_control_plane_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELWARDEN_URL", raising=False)

    @require_approval("release", model="churn", version="1.0.0")
    def serve(artifact: str) -> None:
        raise AssertionError(artifact)

    with pytest.raises(ValueInvalid, match="MODELWARDEN_URL"):
        serve(__file__)


def test_it_says_at_once_what_it_can_not_do() -> None:
    with pytest.raises(ValueInvalid):
        require_approval("access", model="churn", version="1")
    with pytest.raises(TypeError, match="no argument 'artifact'"):
        require_approval("release", model="churn", version="1")(lambda: None)
    assert callable(governance_audit)
