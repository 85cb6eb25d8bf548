"""Scheduled backups reach every target whole, are read back, and are tried; what fails is told (AC-87)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.errors import BackupInvalid, SettingInvalid
from modelwarden.warden import upkeep
from modelwarden.warden.backup_targets import NAME, FolderTarget, open_targets
from modelwarden.warden.backups import Backups, interval
from modelwarden.warden.warden import open_warden
from tests.access.company import HeldClock
from tests.faults.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.warden.warden import Warden

BUCKET = "backups"
REGION = "eu-west-1"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start an S3 server on the loopback; give its endpoint and a client."""
    import boto3  # noqa: PLC0415  # slow to import, only where a server is wanted
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://127.0.0.1:{1}".format(*server.get_host_and_port())
    client = boto3.session.Session().client("s3", region_name=REGION, endpoint_url=endpoint)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield endpoint, client
    client.close()
    server.stop()


class House:
    """A warden without a schedule of its own thread's, whose backups are made when a test says so."""

    def __init__(self, folder: Path, *targets: str, keep: int = 3) -> None:
        self.clock = HeldClock()
        self.warden = open_warden(
            f"sqlite:///{folder}/warden.db",
            clock=self.clock,
            backup_targets=targets,
            backup_keep=keep,
        )
        self.backups = Backups(self.warden)
        self.backups._every = interval("24h")

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [dict(each.entry["fact"]) for each in self.warden.audit.search(type=kind).items]

    def pass_time(self, **by: float) -> None:
        self.clock.advance(**by)
        self.backups._look_at = 0.0
        self.backups.idle()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_goes_to_a_folder_and_to_a_bucket_and_is_drilled(
    tmp_path: Path, bucket: tuple[str, Any]
) -> None:
    endpoint, client = bucket
    s3 = f"s3://{BUCKET}/west?region={REGION}&endpoint={endpoint}"
    house = House(tmp_path, f"file://{tmp_path}/backups", s3)
    house.backups.idle()
    (name,) = names(tmp_path / "backups")
    assert NAME.fullmatch(name)
    found = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [item["Key"] for item in found] == [f"west/{name}"]
    assert {fact["target"] for fact in house.told("backup.copied")} == {"file", "s3"}
    assert len({fact["sha256"] for fact in house.told("backup.copied")}) == 1
    house.pass_time(minutes=1)
    (drilled,) = house.told("restore.drilled")
    assert drilled["size"] > 0
    assert "cause" not in drilled
    house.pass_time(hours=23)
    assert len(names(tmp_path / "backups")) == 1
    house.pass_time(hours=2)
    assert len(names(tmp_path / "backups")) == 2
    house.warden.close()


def test_only_the_newest_stay(tmp_path: Path) -> None:
    house = House(tmp_path, f"file://{tmp_path}/backups", keep=2)
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "notes.txt").write_text("not ours")
    for _ in range(4):
        house.pass_time(hours=25)
    kept = [name for name in names(tmp_path / "backups") if NAME.fullmatch(name)]
    assert len(kept) == 2
    assert (tmp_path / "backups" / "notes.txt").exists()
    assert len(house.told("backup.copied")) == 4
    house.warden.close()


def test_one_target_that_fails_keeps_no_other_from_having_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    house = House(tmp_path, f"file://{tmp_path}/file/x?name=broken", f"file://{tmp_path}/good")
    house.backups.idle()
    assert len(names(tmp_path / "good")) == 1
    assert [fact["target"] for fact in house.told("backup.copied")] == ["file"]
    (failed,) = house.told("backup.failed")
    assert failed == {"target": "broken", "cause": "backup_target_unusable"}
    (tmp_path / "file").unlink()
    house.pass_time(minutes=11)
    assert len(names(tmp_path / "file" / "x")) == 1
    house.warden.close()


class Lying(FolderTarget):
    """A target that gives back other bytes than it took."""

    def parts(self, name: str) -> Iterator[bytes]:
        yield from super().parts(name)
        yield b"x"


def test_what_comes_back_different_is_told(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.backups._targets = (Lying("lying", tmp_path / "backups"),)  # type: ignore[misc]  # a test's
    house.backups.idle()
    assert house.told("backup.copied") == []
    assert house.told("backup.failed") == [{"target": "lying", "cause": "backup_target_unusable"}]
    house.warden.close()


def test_a_drill_finds_a_backup_that_was_damaged(tmp_path: Path) -> None:
    house = House(tmp_path, f"file://{tmp_path}/backups")
    house.backups.make()
    (path,) = (tmp_path / "backups").iterdir()
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(bytes(data))
    done = upkeep.drill(house.warden, None)
    assert done.cause == BackupInvalid.code
    (told,) = house.warden.audit.search(type="restore.drilled").items
    assert (told.entry["outcome"], told.entry["severity"]) == ("failed", "WARNING")
    (part, is_overdue, said) = house.backups.findings()[1]
    assert (part, is_overdue, said) == ("restore drill", True, "last: never")
    house.warden.close()


def test_a_backup_under_an_older_encryption_key_opens_while_its_file_is_kept(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, f"file://{tmp_path}/backups")
    house.warden.add_user("root", roles=["admin"])
    house.backups.make()
    house.warden.acting_as("root").server_keys.rotate("encryption")
    assert upkeep.drill(house.warden, None).cause is None
    (tmp_path / "warden.keys" / "encryption.key").rename(tmp_path / "away")
    assert upkeep.drill(house.warden, None).cause == BackupInvalid.code
    house.warden.close()


KILLED = """
import sys
from pathlib import Path
from modelwarden.warden.backup_targets import FolderTarget
target = FolderTarget("x", Path(sys.argv[2]))
print("begin", flush=True)
while True:
    target.put(Path(sys.argv[1]), "20261120T111940-000000Z.1.mwbackup")
"""


def test_killed_while_copying_nothing_half_stands_under_the_name(tmp_path: Path) -> None:
    source, folder = tmp_path / "big", tmp_path / "backups"
    source.write_bytes(b"0123456789abcdef" * 2_000_000)
    for delay in (0.0, 0.01, 0.03, 0.1):
        shutil.rmtree(folder, ignore_errors=True)
        with subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-c", KILLED, str(source), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay)
            child.kill()
        target = FolderTarget("x", folder)
        assert all((folder / name).stat().st_size == 32_000_000 for name in target.names())
    target.put(source, "20261120T111940-000001Z.1.mwbackup")
    assert [name for name in names(folder) if name.endswith(".new")] == []


@pytest.mark.parametrize("text", ["", "24", "h", "0h", "1.5h", "24 h", "-1h", "1w"])
def test_a_schedule_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(SettingInvalid):
        interval(text)


@pytest.mark.parametrize(
    "targets",
    [
        ["ftp://host/x"],
        ["file:///x?region=1"],
        ["s3://key:secret@bucket/x"],
        ["file:///x", "file:///y"],
    ],
)
def test_a_target_of_another_form_is_refused(targets: list[str]) -> None:
    with pytest.raises(SettingInvalid):
        open_targets(targets)


def test_a_schedule_without_a_target_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"backup\.targets"):
        open_warden(f"sqlite:///{tmp_path}/warden.db", backup_schedule="24h")


def test_a_scheduled_backup_is_made_by_itself(tmp_path: Path) -> None:
    warden: Warden = open_warden(
        f"sqlite:///{tmp_path}/warden.db",
        backup_schedule="24h",
        backup_targets=[f"file://{tmp_path}/backups"],
    )
    deadline = time.monotonic() + 60
    while not warden.audit.search(type="backup.copied").items:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    warden.close()
    assert len(names(tmp_path / "backups")) == 1
