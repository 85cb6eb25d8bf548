"""A machine stops by itself and people make a switch of it; a restore forgets a kill, and a guard does not."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

import modelwarden
from modelwarden.audit import actions
from modelwarden.config import Settings
from modelwarden.guard.decision import Status
from modelwarden.guard.guard import Guard
from modelwarden.permissions import BuiltInRole
from modelwarden.values.system import system
from modelwarden.warden import upkeep
from modelwarden.warden.warden import Warden
from tests.guard.hosts import soon
from tests.safeguards.fleet import guard_token
from tests.services.own_server import serving
from tests.stories.test_kill import PURPOSE, statuses

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.client.remote import Remote

PEOPLE = {
    "carol": BuiltInRole.ADMIN,
    "dave": BuiltInRole.OPERATOR,
    "olivia": BuiltInRole.DEVELOPER,
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        url=f"sqlite:///{tmp_path}/warden.db",
        keys_folder=tmp_path / "keys",
        ledger_guard_file=tmp_path / "warden.guard",
    )


@pytest.fixture
def tokens(settings: Settings) -> dict[str, str]:
    with Warden(settings) as warden:
        for name, role in PEOPLE.items():
            warden.add_user(name, roles=[role])
        warden.acting_as("olivia").models.register(
            "churn", owner="olivia", business_purpose=PURPOSE
        )
        found = {name: warden.acting_as(name).tokens.create().secret or "" for name in PEOPLE}
        found["guard"] = guard_token(warden, owner="carol")
    return found


def guarding(stack: ExitStack, address: str, token: str, folder: Path) -> Guard:
    guard = Guard(
        address,
        "churn",
        token=token,
        init_wait=20.0,
        state_dir=folder / "state",
        stop_file=folder / "STOP",
    )
    stack.callback(guard.close)
    return guard


def standing(dave: Remote) -> list[str]:
    return [each.id for each in dave.local_stops.list(standing=True).items]


@pytest.mark.services
def test_a_stop_file_is_seen_and_adopted(
    settings: Settings, tokens: dict[str, str], tmp_path: Path
) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(serving(settings.url, tmp_path))
        guard = guarding(stack, address, tokens["guard"], tmp_path)
        dave = stack.enter_context(modelwarden.connect(address, token=tokens["dave"]))
        (tmp_path / "STOP").write_text('{"region": "EU", "action": "allow"}')
        soon(lambda: statuses([guard], "eu") == {Status.BLOCKED})
        soon(lambda: len(standing(dave)) == 1)
        (stop,) = dave.local_stops.list().items
        assert (stop.kind, stop.scope) == ("file", {"model": ["churn"], "region": ["eu"]})
        adopted = dave.local_stops.adopt(stop.id, reason="the feed of eu is late")
        (tmp_path / "STOP").unlink()
        soon(lambda: dave.local_stops.show(stop.id).ended_at is not None)
        assert statuses([guard], "eu") == {Status.BLOCKED}
        assert dave.switches.show(str(adopted.adopted_as)).state == "active"


@pytest.mark.services
def test_a_kill_that_a_restore_forgot_stays_until_a_person_drops_it(
    settings: Settings, tokens: dict[str, str], tmp_path: Path
) -> None:
    with Warden(settings) as warden:
        backup = upkeep.backup(warden, tmp_path / "monday").path
    with ExitStack() as stack:
        address = stack.enter_context(serving(settings.url, tmp_path))
        guard = guarding(stack, address, tokens["guard"], tmp_path)
        dave = stack.enter_context(modelwarden.connect(address, token=tokens["dave"]))
        switch = dave.switches.activate({"model": "churn", "region": "eu"}, reason="PSI 0.61")
        soon(lambda: statuses([guard], "eu") == {Status.BLOCKED})
        soon(lambda: dave.switches.confirmations(switch.id).state == "confirmed")
    with Warden(settings) as warden:
        warden.sign()
        copy = partial(actions.prepare_export, output=tmp_path / "copy")
        warden.view(system("tester"), copy).release()
    for path in tmp_path.glob("warden.db*"):
        path.unlink()
    upkeep.restore(backup, settings, ledgers=[str(tmp_path / "copy")], tell=[].append)
    with ExitStack() as stack:
        stack.enter_context(serving(settings.url, tmp_path, address=address))
        guard = guarding(stack, address, tokens["guard"], tmp_path)
        dave = stack.enter_context(modelwarden.connect(address, token=tokens["dave"]))
        assert dave.switches.active().items == ()
        soon(lambda: len(standing(dave)) == 1)
        assert statuses([guard], "eu") == {Status.BLOCKED}
        (stop,) = dave.local_stops.list(standing=True).items
        assert (stop.kind, stop.switch) == ("carried", switch.id)
        dave.local_stops.drop(stop.id, notes="the feed was right again on Tuesday")
        soon(lambda: statuses([guard], "eu") == {Status.OK})
