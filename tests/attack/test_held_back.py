"""Ten thousand writers while a required sink is behind: each is told so, none hangs, and what stops harm passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelwarden.errors import SinkBehind
from tests.store.deeds import ME, bodies, define, submitted, verified

if TYPE_CHECKING:
    from modelwarden.warden.warden import Warden

MANY = 3_000


def test_thousands_of_waiting_writers_are_all_answered(warden: Warden) -> None:
    warden.add_user("ada", roles=["admin"])
    token = warden.acting_as("ada").tokens.create()
    before = len(bodies(warden))
    warden.store.writer.held = SinkBehind("the required sink archive is behind")
    waiting = [warden.submit(ME, define(f"role{n}")) for n in range(MANY)]
    warden.acting_as("ada").tokens.revoke(token.id)  # it stands behind all of them
    assert {type(each.exception(100)) for each in waiting} == {SinkBehind}
    assert len({id(each.exception()) for each in waiting}) == MANY  # nobody's error is another's
    warden.store.writer.held = None
    submitted(warden, define("after"))
    assert [body["type"] for body in bodies(warden)[before:]] == ["token.revoked", "role.defined"]
    assert verified(warden, state=True).problems == ()
