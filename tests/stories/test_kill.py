"""From one command to every prediction: a model is stopped in one region, seen to be, and let go on (SG-1 to SG-23)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

import modelwarden
from modelwarden.guard.decision import Status
from modelwarden.guard.guard import Guard
from modelwarden.permissions import BuiltInRole
from modelwarden.warden.warden import open_warden
from tests.guard.hosts import soon
from tests.safeguards.fleet import guard_token
from tests.services.own_server import serving

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.client.remote import Remote

PURPOSE = "predicts which customers leave next month"
PEOPLE = {
    "carol": BuiltInRole.ADMIN,
    "dave": BuiltInRole.OPERATOR,
    "erik": BuiltInRole.OPERATOR,
    "olivia": BuiltInRole.DEVELOPER,
}


def statuses(guards: list[Guard], region: str) -> set[Status]:
    """Ask each guard for a prediction in a region."""
    found = set()
    for guard in guards:
        predict = guard.protect(lambda region: 0.4)  # noqa: ARG005
        found.add(predict(region=region).status)
    return found


@pytest.mark.services
def test_a_stop_reaches_every_guard_and_nobody_else(store_url: str, tmp_path: Path) -> None:
    with open_warden(store_url, keys_folder=tmp_path / "keys") as warden:
        for name, role in PEOPLE.items():
            warden.add_user(name, roles=[role])
        olivia = warden.acting_as("olivia")
        olivia.models.register("churn", owner="olivia", business_purpose=PURPOSE)
        secret = guard_token(warden, owner="carol")
        tokens = {name: warden.acting_as(name).tokens.create().secret or "" for name in PEOPLE}
    with ExitStack() as stack:
        address = stack.enter_context(serving(store_url, tmp_path))
        guards = [
            Guard(address, "churn", token=secret, init_wait=20.0, state_dir=tmp_path / f"state{n}")
            for n in range(3)
        ]
        for guard in guards:
            stack.callback(guard.close)
        dave, erik = (
            stack.enter_context(modelwarden.connect(address, token=tokens[name]))
            for name in ("dave", "erik")
        )
        soon(lambda: len(dave.guards.list(model="churn").items) == len(guards))
        assert statuses(guards, "eu") == {Status.OK}
        _stop_and_release(dave, erik, guards)


def _stop_and_release(dave: Remote, erik: Remote, guards: list[Guard]) -> None:
    scope = {"model": "churn", "region": "eu"}
    switch = dave.switches.activate(scope=scope, reason="PSI 0.61 in the last hour")
    soon(lambda: statuses(guards, "eu") == {Status.BLOCKED})
    assert statuses(guards, "us") == {Status.OK}
    soon(lambda: dave.switches.confirmations(switch.id).confirmed == len(guards))
    dave.switches.request_release(switch.id, notes="retrained on the third quarter")
    assert statuses(guards, "EU ") == {Status.BLOCKED}
    erik.switches.confirm_release(switch.id, notes="checked")
    soon(lambda: statuses(guards, "eu") == {Status.OK})
