"""A backup that forgets what was stopped, or that something was let go on: it stays stopped until a person decides."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from modelwarden.audit import actions
from modelwarden.config import Settings
from modelwarden.errors import NotFound, ObjectBehind
from modelwarden.reactions.safeguards import KeepTime
from modelwarden.registry.lifecycle import Environment
from modelwarden.safeguards import queries
from modelwarden.values.system import system
from modelwarden.warden import upkeep
from modelwarden.warden.warden import Warden
from tests.safeguards.desk import PURPOSE, WHY

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.values.switches import SwitchAnswer

NOTES = "the feed is right again"
ME = system("tester")


def stop(warden: Warden, region: str) -> SwitchAnswer:
    return warden.acting_as("dave").switches.activate(
        {"model": "churn", "region": region}, reason=WHY
    )


def release(warden: Warden, switch: str) -> None:
    warden.acting_as("dave").switches.request_release(switch, notes=NOTES)
    warden.acting_as("erin").switches.confirm_release(switch, notes=NOTES)


def live(warden: Warden) -> list[str]:
    found = warden.view(
        ME, lambda view: queries.live_switches(view, Environment.PRODUCTION, "churn")
    )
    return [each.id for each in found]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        url=f"sqlite:///{tmp_path}/warden.db",
        keys_folder=tmp_path / "keys",
        ledger_guard_file=tmp_path / "guard",
    )


def test_what_was_released_since_is_in_force_again_and_moves_only_once_accepted(
    settings: Settings, tmp_path: Path
) -> None:
    with Warden(settings) as warden:
        for name, role in (("ada", "admin"), ("dave", "operator"), ("erin", "operator")):
            warden.add_user(name, roles=[role])
        warden.add_user("olivia", roles=["developer"])
        warden.acting_as("olivia").models.register(
            "churn", owner="olivia", business_purpose=PURPOSE
        )
        stays, goes = stop(warden, "eu"), stop(warden, "us")
        backup = upkeep.backup(warden, tmp_path / "monday").path
        release(warden, goes.id)
        later = stop(warden, "br")
        warden.sign()
        copy = partial(actions.prepare_export, output=tmp_path / "copy")
        warden.view(ME, copy).release()
    for path in tmp_path.glob("warden.db*"):
        path.unlink()
    upkeep.restore(backup, settings, ledgers=[str(tmp_path / "copy")], tell=[].append)
    with Warden(settings) as warden:
        assert live(warden) == [stays.id, goes.id]
        dave = warden.acting_as("dave").switches
        assert dave.check({"model": "churn", "region": "us"}).action == "block"
        with pytest.raises(NotFound):
            dave.show(later.id)
        with pytest.raises(ObjectBehind):
            dave.request_release(goes.id, notes=NOTES)
        KeepTime(warden).idle()
        again = stop(warden, "us")
        assert (again.repeated, again.id != goes.id) == (False, True)
        assert stop(warden, "eu").id == stays.id
        upkeep.accept(warden, "switch", goes.id)
        release(warden, goes.id)
        release(warden, again.id)
        assert live(warden) == [stays.id]
        warden.sign()
        whole = partial(actions.verify_database, strict=True, state=True)
        assert warden.view(ME, whole).problems == ()
