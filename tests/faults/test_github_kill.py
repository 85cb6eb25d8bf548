"""A process is killed between what GitHub did and our commit: the next one finds it by the marker (RL-62)."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.warden.warden import open_warden
from tests.faults.test_servicenow_kill import ROOT, asked, until
from tests.services.github_state import ALL, APP, INSTALLATION, REPOSITORY
from tests.services.github_stub import github

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.warden.warden import Warden
    from tests.services.github_stub import GitHubStub


@pytest.mark.timeout(300)
@pytest.mark.parametrize("write", ["POST /pulls", "POST /git/refs", "POST /check-runs"])
def test_what_stands_there_is_found_by_the_next_process(
    write: str, store_url: str, tmp_path: Path
) -> None:
    keys, key = tmp_path / "keys", tmp_path / "app.pem"
    with open_warden(store_url, keys_folder=keys) as warden:
        request = asked(warden, tmp_path, system="github")
    with github() as stub:
        key.write_text(stub.pem)
        key.chmod(0o600)
        stub.now, stub.may = datetime.now(UTC) + timedelta(minutes=4), ALL
        stub.stall_after = write.replace(" ", f" /repos/{REPOSITORY}")
        killed_after(stub, [store_url, str(keys), stub.base, str(key)])
        with open_warden(
            store_url,
            keys_folder=keys,
            github_url=stub.base,
            github_repository=REPOSITORY,
            github_app=APP,
            github_installation=INSTALLATION,
            github_key=f"file:{key}",
        ) as warden:
            until(lambda: bool(stub.checks) and reported(warden), patience_s=120)
        assert [pull.ref for pull in stub.pulls] == [f"modelwarden/{request}"]
        assert [each["external_id"] for each in stub.checks] == [request]
        assert stub.faults == []


def reported(warden: Warden) -> bool:
    return bool(warden.audit.search(type="github.pull_opened").items)


def killed_after(stub: GitHubStub, arguments: list[str]) -> None:
    """Let a process write there, and kill it before it hears of it."""
    command = [sys.executable, "-m", "tests.faults.github_child", *arguments]
    child = subprocess.Popen(command, cwd=ROOT)  # noqa: S603  # our own program
    try:
        until(
            lambda: any(f"{verb} {path}" == stub.stall_after for verb, path, _ in stub.calls),
            patience_s=120,
        )
    finally:
        child.kill()
        child.wait()
    stub.stall_after = None
