"""Each example runs as it stands, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from modelwarden.ledger.keys import SigningKey
from modelwarden.tour.processes import Server
from modelwarden.warden.warden import open_warden
from tests.house.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES: Final = ROOT / "examples"


def run(name: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("MODELWARDEN_")}
    return subprocess.run(  # noqa: S603  # our own examples
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        env=own | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    found = Server(folder)
    try:
        yield found
    finally:
        found.stop()


def test_every_example_is_run_here_or_in_test_scoring() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    scoring = {"score_with_fastapi.py", "score_with_wsgi.py"}
    assert names == {"release.py", "load_what_is_live.py", "keep_the_evidence.py", *scoring}


def test_a_release_goes_live_and_two_attempts_are_refused(tmp_path: Path) -> None:
    done = run("release.py", str(tmp_path))
    assert done.returncode == 0, done.stderr
    early, alice, live = done.stdout.splitlines()
    assert early.startswith("too early: not_approved")
    assert alice.startswith("not alice: not_permitted, entry ")
    assert live.startswith("live: 1.0.0, sha256 ")


def test_a_ledger_is_verified_and_exported(tmp_path: Path) -> None:
    assert run("release.py", str(tmp_path)).returncode == 0
    url = f"sqlite:///{tmp_path / 'warden.db'}"
    with open_warden(url) as warden:
        warden.add_user("erin", roles=["auditor"])
    done = run("keep_the_evidence.py", url, "erin", str(tmp_path / "export"))
    assert done.returncode == 0, done.stderr
    key = done.stdout.split("'")[1]
    checked = subprocess.run(  # noqa: S603  # the export's own verifier
        [sys.executable, str(tmp_path / "export" / "verify.py"), "--key", key],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stdout
    assert "ok: all hashes fit" in checked.stdout


def test_only_the_bytes_that_are_live_are_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "house"
    (folder / "models").mkdir(parents=True)
    file = folder / "models" / "churn.bin"
    file.write_bytes(b"the model")
    token = _released(folder, file)
    with server(folder) as running:
        settings = {"MODELWARDEN_URL": running.url, "MODELWARDEN_TOKEN": token}
        done = run("load_what_is_live.py", "churn", str(file), **settings)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("churn@1.0.0, live since ")
        file.write_bytes(b"the mode1")
        done = run("load_what_is_live.py", "churn", str(file), **settings)
        assert done.returncode == 1
        assert "is not what is live: 1.0.0" in done.stderr


def _released(folder: Path, file: Path) -> str:
    with open_warden(f"sqlite:///{folder / 'warden.db'}") as warden:
        for name, role in (("root", "admin"), ("alice", "developer"), ("dave", "operator")):
            warden.add_user(name, roles=[role])
        warden.add_user("bob", roles=["approver"])
        root, alice = warden.acting_as("root"), warden.acting_as("alice")
        root.policies.assign("builtin/basic")
        alice.models.register(
            "churn", owner="alice", business_purpose="predicts who leaves next month"
        )
        alice.versions.register("churn", "1.0.0", artifact=file)
        why = "evaluated on the hold-out set of the third quarter"
        request = alice.approvals.request("churn", "1.0.0", justification=why)
        bob, key = warden.acting_as("bob"), SigningKey.generate()
        root.keys.confirm(bob.keys.enrol(key).id)
        bob.approvals.approve(request.id, key=key)
        warden.acting_as("dave").deployments.start("churn", "1.0.0")
        return warden.acting_as("dave").tokens.create(days=1).secret or ""
