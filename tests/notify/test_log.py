"""The log of deliveries is fixed a day at a time and deleted after ninety days; a changed row is named (LG-9)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from modelwarden.errors import WardenError
from tests.notify.test_sender import tire_out

if TYPE_CHECKING:
    from modelwarden.values.answers import VerificationAnswer
    from tests.notify.desk import Desk
    from tests.notify.receiver import Receiver


ADDED: Final = """INSERT INTO deliveries
    SELECT id || 'x', endpoint, round, first, last, attempt, outcome, status, problem, duration_ms, body_sha256, at,
    next_at FROM deliveries"""


def keep_up(desk: Desk) -> None:
    sending = desk.company.warden.sending
    sending._closing.clear()
    sending.keep_up()


def sql(desk: Desk, statement: str) -> int:
    with desk.company.warden.store.database.writing() as connection:
        return connection.exec_driver_sql(statement).rowcount


def checked(desk: Desk) -> VerificationAnswer:
    return desk.company.acting("root").audit.verify(state=True)


def test_a_day_is_sealed_an_hour_after_its_end(any_desk: Desk, receiver: Receiver) -> None:
    desk = any_desk
    desk.add("ops", receiver.url, types=["user.added"])
    desk.happen(3)
    desk.turn()
    desk.clock.advance(hours=12, minutes=59)
    keep_up(desk)
    assert desk.company.facts("delivery.day_sealed") == []
    desk.clock.advance(minutes=2)
    for _ in range(2):
        keep_up(desk)
    (fact,) = desk.company.facts("delivery.day_sealed")
    assert (fact["day"], fact["rows"]) == ("2026-11-20T00:00:00.000000Z", 3)
    assert desk.company.last()["actor"]["id"] == "system:sealer"
    assert checked(desk).problems == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deliveries SET outcome = 'failed'",
        "UPDATE deliveries SET problem = 'unreachable'",
        "DELETE FROM deliveries WHERE attempt = 1",
        ADDED,
    ],
)
def test_a_sealed_row_that_was_changed_is_named(
    any_desk: Desk, receiver: Receiver, statement: str
) -> None:
    desk = any_desk
    desk.add("ops", receiver.url, types=["user.added"])
    desk.happen()
    desk.turn()
    desk.clock.advance(days=2)
    keep_up(desk)
    assert sql(desk, statement) == 1
    (problem,) = checked(desk).problems
    assert problem.code == "evidence_mismatch"
    assert "2026-11-20" in problem.detail


def test_no_row_is_added_to_a_sealed_day(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    desk.happen()
    desk.turn()
    desk.clock.advance(days=2)
    keep_up(desk)
    desk.clock.advance(days=-2)
    (late,) = desk.happen()
    desk.turn()
    assert receiver.ids[-1] == str(late)
    assert late not in [row[0] for row in desk.log()]
    assert checked(desk).problems == ()


def test_rows_go_after_ninety_days_and_that_is_told(any_desk: Desk, receiver: Receiver) -> None:
    desk = any_desk
    desk.add("ops", receiver.url, types=["user.added"])
    desk.happen(2)
    desk.turn()
    desk.clock.advance(days=89)
    desk.happen()
    desk.turn()
    keep_up(desk)
    assert len(desk.log()) == 3
    desk.clock.advance(days=2)
    for _ in range(2):
        keep_up(desk)
    assert len(desk.log()) == 1
    (fact,) = desk.company.facts("delivery.log_pruned")
    assert fact["rows"] == 2
    assert len(desk.company.facts("delivery.day_sealed")) == 2
    assert checked(desk).problems == ()


def test_the_fact_of_an_abandoned_message_pins_its_tries(desk: Desk, receiver: Receiver) -> None:
    from modelwarden.store.delivery_log import rows_digest  # noqa: PLC0415

    desk.add("ops", receiver.url, types=["user.added"])
    desk.happen()
    receiver.always = 404
    tire_out(desk, most=3)
    (fact,) = desk.company.facts("delivery.abandoned")
    with desk.company.warden.store.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM deliveries ORDER BY attempt").all()
    assert fact["log"] == rows_digest(list(rows))
    assert len(rows) == 3


def test_bodies_are_in_no_table(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    desk.happen()
    receiver.always = "flood"
    desk.turn()
    found = desk.notify.deliveries("ops").items[0]
    assert (found.status, len(found.body_sha256), found.duration_ms >= 0) == (200, 64, True)
    assert found.at == desk.clock.time
    assert found.next_at is None
    with pytest.raises(WardenError):
        desk.notify.deliveries("ops", cursor="not a cursor")
    assert desk.notify.deliveries("ops", limit=1).items == (found,)
    assert timedelta(0) == found.at - desk.clock.time
