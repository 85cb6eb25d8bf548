"""Writes wait for a required sink that is too far behind; what stops harm does not (LG-51)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SinkBehind
from modelwarden.sinks.opening import follower_name
from modelwarden.sinks.pressure import Pressure
from modelwarden.store.follower import Follower
from tests.store.deeds import define, submitted
from tests.store.test_follower import Seen

if TYPE_CHECKING:
    from modelwarden.warden.warden import Warden


class Ahead:
    """A clock that is some seconds ahead of the real one."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


def test_writes_are_held_back_and_go_on_once_the_sink_has_caught_up(warden: Warden) -> None:
    submitted(warden, define("one"))
    pressure = Pressure(["archive"], warden.store, Ahead(120))
    pressure.look()
    with pytest.raises(SinkBehind, match="archive is 2 entries"):
        submitted(warden, define("two"))
    Follower(follower_name("archive"), warden.store, Seen()).follow_once()
    pressure.look()
    submitted(warden, define("two"))


def test_a_sink_that_is_a_little_behind_holds_nothing_back(warden: Warden) -> None:
    submitted(warden, define("one"))
    Pressure(["archive"], warden.store, Ahead(30)).look()
    submitted(warden, define("two"))
    assert warden.store.writer.held is None


def test_what_was_held_back_changed_nothing_and_revocations_work(warden: Warden) -> None:
    warden.add_user("ada", roles=["admin"])
    token = warden.acting_as("ada").tokens.create()
    size = warden.audit.checkpoint().size
    Pressure(["archive"], warden.store, Ahead(120)).look()
    with pytest.raises(SinkBehind):
        warden.add_user("bob")
    assert warden.audit.checkpoint().size == size
    warden.acting_as("ada").tokens.revoke(token.id)
    assert warden.audit.checkpoint().size == size + 1
