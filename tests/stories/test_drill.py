"""A drill over a real server: guards in staging are struck, until a real stop comes, which goes first (SG-53)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import modelwarden
from modelwarden.guard.decision import Status
from modelwarden.guard.fallback import Default
from modelwarden.guard.guard import Guard
from modelwarden.permissions import BuiltInRole
from modelwarden.warden.warden import open_warden
from tests.guard.hosts import soon
from tests.safeguards.fleet import guard_token
from tests.services.own_server import serving

if TYPE_CHECKING:
    from pathlib import Path

PURPOSE = "predicts which customers leave next month"


def score(customer: str) -> float:
    _ = customer
    return 0.4


@pytest.mark.services
def test_a_drill_strikes_guards_in_staging_until_something_real_comes(
    store_url: str, tmp_path: Path
) -> None:
    with open_warden(store_url, keys_folder=tmp_path / "keys") as warden:
        warden.add_user("carol", roles=[BuiltInRole.ADMIN])
        warden.add_user("dave", roles=[BuiltInRole.OPERATOR])
        warden.add_user("olivia", roles=[BuiltInRole.DEVELOPER])
        olivia = warden.acting_as("olivia")
        olivia.models.register("churn", owner="olivia", business_purpose=PURPOSE)
        secret = guard_token(warden, owner="carol")
        token = warden.acting_as("dave").tokens.create().secret or ""
    with serving(store_url, tmp_path) as address, modelwarden.connect(address, token=token) as dave:
        places = {
            name: Guard(
                address, "churn", environment=name, token=secret, init_wait=20.0,
                state_dir=tmp_path / name, fallback=[Default(0.1)],
            )
            for name in ("staging", "production")
        }  # fmt: skip
        try:
            staged, live = (
                guard.protect(score, key="customer", low=0.0, high=1.0, breaker=None)
                for guard in places.values()
            )
            drill = dave.drills.run("nan", {"model": "churn"}, share="0.5")
            soon(lambda: any(staged(f"c-{number}").drill for number in range(40)))
            found = {number: staged(f"c-{number}") for number in range(40)}
            struck = {number for number, each in found.items() if each.drill}
            assert 0 < len(struck) < len(found)
            assert {found[number].status for number in struck} == {Status.DEFAULT}
            assert {found[number].status for number in set(found) - struck} == {Status.OK}
            assert not any(live(f"c-{number}").drill for number in range(40))
            dave.switches.activate(
                {"model": "churn", "region": "eu"}, reason="it is real", environment="staging"
            )
            soon(lambda: not any(staged(f"c-{number}").drill for number in range(40)))
            soon(lambda: dave.drills.show(drill.id).cause == "switch")
        finally:
            for guard in places.values():
                guard.close()
