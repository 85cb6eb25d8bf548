"""An ensemble whose members lie apart, over a real server: its guard counts it, and a trigger fires (SG-45)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

import modelwarden
from modelwarden.guard.decision import Decision, Status
from modelwarden.guard.fallback import Default
from modelwarden.guard.guard import Guard
from modelwarden.permissions import BuiltInRole
from modelwarden.reactions.triggers import JudgeTriggers
from modelwarden.warden.warden import open_warden
from tests.guard.hosts import QUICK, soon
from tests.safeguards.fleet import guard_token
from tests.services.own_server import serving

if TYPE_CHECKING:
    from pathlib import Path

    from modelwarden.client.remote import Remote
    from modelwarden.values.triggers import FiringAnswer

PURPOSE = "predicts which customers leave next month"
ROWS = 400


@dataclass
class Later:
    """A clock that stands just behind the end of an hour, when what guards counted in it is judged."""

    ends: datetime

    def now(self) -> datetime:
        return self.ends + timedelta(seconds=30)


def hours(begun: datetime) -> list[datetime]:
    """Return the end of the hour in which the test began, and of that in which it is now, if it is another."""
    ends = {
        at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        for at in (begun, datetime.now(UTC))
    }
    return sorted(ends)


def reported(dave: Remote) -> None:
    """Wait until the server has written a report that was made after now."""
    since, heard = datetime.now(UTC), set[datetime]()

    def written() -> bool:
        heard.update(one.heard_at for one in dave.guards.list(model="churn").items)
        return sum(at > since for at in heard) > 1  # the first may have been on its way

    soon(written)


def fired(url: str, folder: Path, begun: datetime) -> list[FiringAnswer]:
    found: list[FiringAnswer] = []
    for ends in hours(begun):
        with open_warden(url, keys_folder=folder / "keys", clock=Later(ends)) as warden:
            JudgeTriggers(warden, every_s=0.0).idle()
            found = list(warden.acting_as("dave").triggers.firings("apart").items)
    return found


@pytest.mark.services
@pytest.mark.parametrize("cause", ["members", "drill"])
def test_a_trigger_on_disagreement_fires(store_url: str, tmp_path: Path, cause: str) -> None:
    begun = datetime.now(UTC)
    environment = "production" if cause == "members" else "staging"
    with open_warden(store_url, keys_folder=tmp_path / "keys") as warden:
        warden.add_user("carol", roles=[BuiltInRole.ADMIN])
        warden.add_user("dave", roles=[BuiltInRole.OPERATOR])
        warden.add_user("olivia", roles=[BuiltInRole.DEVELOPER])
        olivia = warden.acting_as("olivia")
        olivia.models.register("churn", owner="olivia", business_purpose=PURPOSE)
        secret = guard_token(warden, owner="carol")
        token = warden.acting_as("dave").tokens.create().secret or ""
        warden.acting_as("dave").triggers.set(
            "apart", model="churn", environment=environment, signal="disagreement", window_s=3_600, n_min=100,
            consecutive=1,
        )  # fmt: skip
    with serving(store_url, tmp_path) as address, modelwarden.connect(address, token=token) as dave:
        guard = Guard(
            address, "churn", environment=environment, token=secret, init_wait=20.0, pace=QUICK,
            state_dir=tmp_path / "state", fallback=[Default(0.5)],
        )  # fmt: skip
        try:
            reported(dave)  # an instance's first report is where its counts begin
            agreeing = {"a": np.full(ROWS, 0.4), "b": np.full(ROWS, 0.41)}
            assert not isinstance(guard.ensemble(agreeing, limit=0.1), Decision)
            members = {"a": 0.1, "b": 0.9} if cause == "members" else {"a": 0.4, "b": 0.41}
            if cause == "drill":
                dave.drills.run("disagree", {"model": "churn"}, share="1")
                soon(lambda: guard.ensemble(members, limit=0.1).status is not Status.OK)
            for _ in range(ROWS):
                found = guard.ensemble(members, limit=0.1)
                assert isinstance(found, Decision)
                assert (found.value, found.reasons) == (0.5, ("disagreement",))
                assert found.drill is (cause == "drill")
            signals = guard.status()["signals"]
            assert isinstance(signals, list)
            assert [each["signal"] for each in signals] == ["disagreement"]
            reported(dave)
        finally:
            guard.close()
    (firing,) = fired(store_url, tmp_path, begun)
    assert (firing.signal, firing.base) == ("disagreement", "SEV3")
    assert float(firing.value) > 0.4
