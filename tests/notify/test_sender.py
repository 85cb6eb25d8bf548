"""One endpoint is told everything it subscribed to, in order; what it does not take is tried, given up, and told of."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.notify.delivery import DELAYS
from modelwarden.notify.webhook import verify_webhook

if TYPE_CHECKING:
    from tests.notify.desk import Desk
    from tests.notify.receiver import Received, Receiver


def words(numbers: list[int]) -> list[str]:
    return [str(number) for number in numbers]


def checked(got: Received, *secrets: str | None, desk: Desk) -> dict[str, object]:
    return verify_webhook(
        got.headers, got.body, [each or "" for each in secrets], now=desk.clock.time
    )


def tire_out(desk: Desk, name: str = "ops", *, most: int = 9) -> None:
    """Let the clock run through the whole schedule."""
    for pause in (timedelta(0), *DELAYS)[:most]:
        desk.clock.time += 1.3 * pause
        desk.turn(name)


def test_everything_arrives_once_in_order_and_signed(any_desk: Desk, receiver: Receiver) -> None:
    made = any_desk.add("ops", receiver.url, types=["user.added"])
    numbers = any_desk.happen(250)
    any_desk.turn()
    assert receiver.ids == words(numbers)
    first = checked(receiver.news[0], made.secret, desk=any_desk)
    assert first == {
        "v": 1,
        "ledger": any_desk.company.warden.store.around.keyring.origin,
        "seq": numbers[0],
        "type": "user.added",
        "at": "2026-11-20T12:00:00.000000Z",
        "severity": "INFO",
        "outcome": "done",
        "actor": "system:process",
        "about": first["about"],
        "fact": first["fact"],
    }
    assert any_desk.waiting() == []
    assert any_desk.log()[:2] == [(numbers[0], 1, "delivered"), (numbers[1], 1, "delivered")]


def test_only_what_was_subscribed_to_arrives(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["role.*"], severity="warning")
    root = desk.company.acting("root")
    desk.happen(3)
    root.roles.define("reader", permissions=["model.read"])
    desk.turn()
    kinds = {each.told["type"] for each in receiver.news}
    severities = {each.told["severity"] for each in receiver.news}
    assert kinds <= {"role.defined", "role.granted"}
    assert severities <= {"WARNING", "HIGH", "CRITICAL"}


def test_a_scope_confines_to_what_it_names(desk: Desk, receiver: Receiver) -> None:
    alice = desk.company.join("alice", "developer")
    desk.add("ops", receiver.url, subjects=["model:churn"])
    for name in ("other", "churn"):
        alice.models.register(name, owner="alice", business_purpose="to find out what happens")
    desk.turn()
    assert [each.told["fact"]["model"] for each in receiver.news] == ["churn"]


def test_what_fails_is_tried_again_and_nothing_overtakes_it(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    first, second = desk.happen(2)
    receiver.answers.extend([500, "drop", "hang"])
    desk.turn(times=3)
    assert receiver.ids == words([first])
    desk.clock.advance(seconds=13)
    desk.turn(times=2)
    assert receiver.ids == words([first, first])
    desk.clock.advance(seconds=40)
    desk.turn()
    desk.clock.advance(seconds=150)
    desk.turn()
    assert receiver.ids == words([first, first, first, first, second])
    assert len({each.body for each in receiver.news[:4]}) == 1
    assert desk.log() == [
        (first, 1, "failed"),
        (first, 2, "failed"),
        (first, 3, "failed"),
        (first, 4, "delivered"),
        (second, 1, "delivered"),
    ]
    assert desk.show().state == "active"


def test_retry_after_is_honoured_over_a_restart(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    (first,) = desk.happen()
    receiver.answers.append((429, {"Retry-After": "600"}))
    desk.turn()
    desk.clock.advance(seconds=599)
    desk.restart()
    desk.turn()
    assert len(receiver.news) == 1
    desk.clock.advance(seconds=2)
    desk.turn()
    assert receiver.ids == words([first, first])


def test_a_restart_goes_on_with_the_same_try(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    (first,) = desk.happen()
    receiver.always = 503
    for pause in (0, 13, 40):
        desk.clock.advance(seconds=pause)
        desk.turn()
        desk.restart()
    assert desk.log() == [(first, n, "failed") for n in (1, 2, 3)]


def test_what_the_log_calls_delivered_is_not_sent_again(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    numbers = desk.happen(3)
    follower, _ = desk._served("ops")
    follower.follow_once()  # dies before its position is saved
    assert receiver.ids == words(numbers)
    desk.restart()
    (fourth,) = desk.happen()
    desk.turn()
    assert receiver.ids == words([*numbers, fourth])


def test_after_the_last_try_it_is_abandoned_told_and_passed_over(
    any_desk: Desk, receiver: Receiver
) -> None:
    desk = any_desk
    made = desk.add("ops", receiver.url, types=["user.added"])
    first, second = desk.happen(2)
    receiver.always = 500
    tire_out(desk)
    assert receiver.ids == words([first] * 9)
    assert [desk.log()[n] for n in (0, 7, 8)] == [
        (first, 1, "failed"),
        (first, 8, "failed"),
        (first, 9, "abandoned"),
    ]
    assert desk.log(abandoned=True) == [(first, 9, "abandoned")]
    (fact,) = desk.company.facts("delivery.abandoned")
    assert (fact["endpoint"], fact["first"], fact["attempts"], fact["status"]) == (
        made.id,
        first,
        9,
        500,
    )
    assert desk.show().state == "down"
    assert desk.show().next_seq == second
    desk.restart()
    desk.turn()
    assert receiver.ids == words([first] * 9)


def test_an_endpoint_never_hears_that_its_own_news_was_abandoned(
    desk: Desk, receiver: Receiver
) -> None:
    desk.add("ops", receiver.url, types=["user.added", "incident"])
    desk.happen()
    receiver.always = 404
    tire_out(desk, most=3)
    assert desk.show().state == "down"
    receiver.always = 200
    desk.clock.advance(minutes=31)
    desk.turn()
    assert desk.show().state == "active"
    assert [each.told["type"] for each in receiver.news[3:]] == ["endpoint.recovered"]


def test_another_endpoint_does_hear_it(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", "http://127.0.0.1:1/", types=["user.added"])
    desk.add("pager", receiver.url, types=["incident"], severity="HIGH")
    desk.happen()
    tire_out(desk)
    desk.turn("pager")
    assert [each.told["type"] for each in receiver.news] == ["endpoint.down", "delivery.abandoned"]
    assert receiver.news[1].told["fact"]["problem"] == "unreachable"


def test_a_receiver_that_turns_messages_down_loses_one_and_not_all(
    desk: Desk, receiver: Receiver
) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    first, second = desk.happen(2)
    receiver.always = 401
    tire_out(desk)
    assert receiver.ids == words([first] * 3)
    receiver.always = 200
    desk.clock.advance(minutes=31)
    desk.turn()
    assert desk.log()[-1][2] == "delivered"
    assert desk.show().state == "active"
    assert desk.waiting() == []
    assert second not in [row[0] for row in desk.log(abandoned=True)]


def test_what_is_old_after_a_recovery_comes_as_one_message(
    any_desk: Desk, receiver: Receiver
) -> None:
    desk = any_desk
    made = desk.add("ops", receiver.url, types=["user.added"])
    (first,) = desk.happen()
    receiver.always = 404
    tire_out(desk, most=3)
    old = desk.happen(150)
    desk.clock.advance(hours=30)
    desk.turn()  # a probe fails
    fresh = desk.happen(2)
    receiver.always = 200
    receiver.answers.extend([200, 500])  # the probe is answered, the digest fails once
    desk.clock.advance(minutes=31)
    desk.turn(times=2)
    desk.restart()
    desk.clock.advance(seconds=13)
    desk.turn(times=2)
    assert receiver.ids[3:] == [
        f"{old[0]}-{old[-1]}",
        f"{old[0]}-{old[-1]}",
        *words(fresh),
    ]
    digest = checked(receiver.news[4], made.secret, desk=desk)
    assert (digest["type"], digest["count"], digest["first"], digest["last"]) == (
        "digest",
        150,
        old[0],
        old[-1],
    )
    assert digest["types"] == [{"count": 150, "type": "user.added"}]
    assert receiver.news[3].body == receiver.news[4].body
    assert desk.waiting() == []
    assert first not in old


def test_a_down_endpoint_is_asked_each_half_hour_and_ends_after_a_week(
    desk: Desk, receiver: Receiver
) -> None:
    made = desk.add("ops", receiver.url, types=["user.added"])
    desk.happen()
    receiver.always = 404
    tire_out(desk, most=3)
    receiver.always = 503
    for _ in range(4):
        desk.clock.advance(minutes=16)
        desk.turn(times=2)
    pings = [each for each in receiver.requests if each.id.startswith("ping-")]
    assert len(pings) == 2
    assert pings[0].told["type"] == "ping"
    desk.clock.advance(days=7)
    desk.turn()
    assert (desk.show().state, desk.show().cause) == ("disabled", "down_too_long")
    assert desk.company.facts("endpoint.disabled") == [
        {"endpoint": made.id, "cause": "down_too_long"}
    ]


def test_gone_disables_at_once_and_nothing_is_lost(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    first, second = desk.happen(2)
    receiver.answers.append(410)
    desk.turn(times=3)
    assert (desk.show().state, desk.show().cause) == ("disabled", "gone")
    assert receiver.ids == words([first])
    desk.notify.enable("ops")
    desk.turn()
    assert receiver.ids == words([first, first, second])


def test_a_replay_sends_again_under_the_same_ids(any_desk: Desk, receiver: Receiver) -> None:
    desk = any_desk
    desk.add("ops", receiver.url, types=["user.added"])
    numbers = desk.happen(3)
    receiver.always = 400
    tire_out(desk, most=3)
    receiver.always = 200
    desk.clock.advance(minutes=31)
    desk.turn()
    assert receiver.ids[3:] == words(numbers[1:])
    desk.notify.replay("ops", first=numbers[0])
    desk.turn()
    assert receiver.ids[5:] == words(numbers)
    assert receiver.news[5].body == receiver.news[0].body
    assert desk.company.facts("endpoint.replayed")[0]["first"] == numbers[0]


def test_a_replay_reaches_back_to_the_first_entry_singly(desk: Desk, receiver: Receiver) -> None:
    desk.clock.advance(days=3)
    desk.add("ops", receiver.url)
    desk.notify.replay("ops", first=0)
    desk.turn()
    assert receiver.ids == words(list(range(len(desk.company.entries()))))
    assert receiver.news[0].told["type"] == "ledger.started"


def test_while_a_secret_changes_both_sign(desk: Desk, receiver: Receiver) -> None:
    old = desk.add("ops", receiver.url, types=["user.added"]).secret
    new = desk.notify.rotate_secret("ops", overlap_minutes=60).secret
    desk.happen()
    desk.turn()
    for secret in (old, new):
        checked(receiver.news[-1], secret, desk=desk)
    desk.clock.advance(minutes=61)
    desk.happen()
    desk.turn()
    checked(receiver.news[-1], new, desk=desk)
    with pytest.raises(Exception, match="none of the secrets"):
        checked(receiver.news[-1], old, desk=desk)


def test_a_changed_endpoint_that_was_down_is_asked_at_once(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", "http://127.0.0.1:1/", types=["user.added"])
    desk.happen()
    tire_out(desk)
    (waits,) = desk.happen()
    assert desk.show().state == "down"
    desk.notify.update("ops", url=receiver.url)
    desk.turn()
    assert desk.show().state == "active"
    assert receiver.ids == words([waits])


def test_a_clock_that_goes_back_holds_nothing_up(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    (first,) = desk.happen()
    receiver.answers.append(500)
    desk.turn()
    desk.clock.advance(hours=-1)
    desk.turn()
    assert receiver.ids == words([first, first])


def test_a_narrower_subscription_holds_for_what_waits_too(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    desk.happen(2)
    receiver.answers.append(500)
    desk.turn()
    desk.notify.update("ops", types=["ledger"])
    desk.clock.advance(minutes=1)
    desk.turn()
    assert len(receiver.news) == 1
    assert desk.waiting() == []


def test_an_endpoint_holds_no_more_than_it_can(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    numbers = desk.happen(230)
    receiver.answers.append(500)
    desk.turn(times=3)
    follower, sender = desk._served("ops")
    assert sender.room() == 0
    assert follower._at is not None
    assert follower._at.next_seq <= numbers[0] + 100
    desk.clock.advance(seconds=13)
    desk.turn()
    assert receiver.ids[1:] == words(numbers)


def test_what_happens_while_it_is_disabled_is_not_skipped(desk: Desk, receiver: Receiver) -> None:
    desk.add("ops", receiver.url, types=["user.added"])
    desk.turn()
    desk.notify.disable("ops")
    numbers = desk.happen(2)
    desk.turn()  # by a follower that was not stopped yet
    desk.notify.enable("ops")
    desk.turn()
    assert receiver.ids == words(numbers)
