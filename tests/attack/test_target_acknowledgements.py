"""A target's word: forged, reflected, replayed, late, for another step, of another target, twice at once (RL-40)."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modelwarden.api.app import create_app
from modelwarden.notify.webhook import new_secret, signed_headers
from tests.api.town import served
from tests.deployments.following import Followed
from tests.notify.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFUSED = (401, "webhook_invalid")
OTHER = "0" * 64


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    with receiving() as receiver:
        found = Followed(tmp_path, receiver)
        with served(create_app(found.org.warden)) as found.url:
            yield found
        found.org.warden.close()


def sent(followed: Followed, body: bytes, headers: dict[str, str], **to: str) -> tuple[int, str]:
    status, answer = followed.send(body, headers, **to)
    return status, answer.get("code", answer.get("state"))


def test_only_the_targets_own_fresh_word_about_its_own_step_counts(followed: Followed) -> None:
    begun = followed.start()
    followed.add("edge")
    followed.turn()
    asked = followed.receiver.requests[-1]
    body, now = followed.said(asked.told), followed.org.clock.now()
    good = followed.signed(body)
    assert sent(followed, body, {}) == REFUSED
    assert sent(followed, body, signed_headers([new_secret()], "1", body, now=now)) == REFUSED
    assert sent(followed, body + b" ", good) == REFUSED
    for minutes in (-6, 6):
        then = now + timedelta(minutes=minutes)
        assert (
            sent(followed, body, signed_headers([followed.secret], "1", body, now=then)) == REFUSED
        )
    assert sent(followed, body, good | {"webhook-id": "2"}) == REFUSED
    assert sent(followed, asked.body, dict(asked.headers)) == REFUSED  # our own message, given back
    for target in ("edge", "nowhere", "Shop", "%2e%2e"):  # another one's door
        assert sent(followed, body, good, target=target) == REFUSED
    assert followed.show(begun).targets[0].state == "waiting"
    assert sent(followed, body, good) == (200, "acknowledged")


@pytest.mark.parametrize(
    "other",
    [
        {"type": "target.asked"},
        {"type": None},
        {"step": True},
        {"step": "1"},
        {"step": 1.0},
        {"step": float("nan")},
        {"step": -1},
        {"step": 10**400},
        {"deployment": "dep_1"},
        {"deployment": ["x"]},
        {"deployment": "dep_01M7WD7TGEV2C85MV1XP81BZRY.1.shop"},
        {"sha256": "A" * 64},
        {"sha256": None},
        {"sha256": "0" * 63},
    ],
)
def test_words_of_another_form_are_refused(followed: Followed, other: dict[str, object]) -> None:
    begun = followed.start()
    followed.turn()
    body = followed.said(followed.receiver.requests[-1].told, **other)
    assert sent(followed, body, followed.signed(body)) == REFUSED
    assert followed.show(begun).targets[0].state == "waiting"


@pytest.mark.parametrize("body", [b"[" * 4_000, b"[]", b"null", b"\xff", b"", b'{"step": 1e999}'])
def test_bytes_that_are_no_object_are_refused(followed: Followed, body: bytes) -> None:
    assert sent(followed, body, followed.signed(body)) == REFUSED


def test_a_body_without_end_is_refused(followed: Followed) -> None:
    body = b" " * 5_000
    assert sent(followed, body, followed.signed(body)) == (413, "body_too_large")


def test_a_word_about_another_step_or_deployment_moves_nothing(followed: Followed) -> None:
    begun = followed.start()
    followed.turn()
    asked = followed.receiver.requests[-1].told
    for other in ({"step": 2}, {"step": 0}, {"deployment": followed.old.id}):  # type: ignore[union-attr]
        body = followed.said(asked, **other)
        assert sent(followed, body, followed.signed(body)) == (404, "not_found")
    assert followed.show(begun).targets[0].state == "waiting"


def test_a_word_sent_again_moves_nothing_and_it_can_not_be_taken_back(followed: Followed) -> None:
    begun = followed.start()
    followed.turn()
    asked = followed.receiver.requests[-1].told
    body = followed.said(asked)
    again = followed.signed(body)
    assert sent(followed, body, again) == (200, "acknowledged")
    assert sent(followed, body, again) == (200, "acknowledged")
    other = followed.said(asked, sha256=OTHER)
    assert sent(followed, other, followed.signed(other)) == (409, "already_acknowledged")
    followed.turn()
    assert followed.show(begun).state == "live"
    assert sent(followed, other, followed.signed(other)) == (409, "already_acknowledged")
    told = followed.org.warden.audit.search(type="target.acknowledged").items
    assert len(told) == 1


def test_a_word_about_an_earlier_deployment_is_none_about_the_next(followed: Followed) -> None:
    begun = followed.start()
    followed.turn()
    old = followed.said(followed.receiver.requests[-1].told)
    assert sent(followed, old, followed.signed(old)) == (200, "acknowledged")
    followed.turn()
    followed.org.register("1.2.0")
    later = followed.start("1.2.0")
    followed.turn()
    assert sent(followed, old, followed.signed(old)) == (200, "acknowledged")  # of then
    assert followed.show(later).targets[0].state == "waiting"
    assert followed.show(begun).state == "live"


def test_while_a_secret_is_replaced_both_sign_and_afterwards_the_new_one(
    followed: Followed,
) -> None:
    followed.start()
    followed.turn()
    asked = followed.receiver.requests[-1].told
    body, old = followed.said(asked), followed.secret
    rooms = followed.org.warden.acting_as("root")
    fresh = rooms.notify.rotate_secret("shop", overlap_minutes=2).secret
    assert fresh is not None
    followed.org.clock.advance(minutes=3)
    assert sent(followed, body, followed.signed(body, secret=old)) == REFUSED
    assert sent(followed, body, followed.signed(body, secret=fresh)) == (200, "acknowledged")


def test_of_two_words_at_once_one_is_heard(followed: Followed) -> None:
    begun = followed.start()
    followed.turn()
    asked = followed.receiver.requests[-1].told
    bodies = [followed.said(asked), followed.said(asked, sha256=OTHER)] * 4
    heard: list[tuple[int, Any]] = []
    callers = [
        threading.Thread(
            target=lambda body=body: heard.append(sent(followed, body, followed.signed(body)))
        )
        for body in bodies
    ]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    state = followed.show(begun).targets[0].state
    assert sorted(heard) == sorted([(200, state)] * 4 + [(409, "already_acknowledged")] * 4)
    settled = ("target.acknowledged", "target.failed")
    assert sum(len(followed.org.warden.audit.search(type=kind).items) for kind in settled) == 1


def test_the_answer_shows_no_secret(followed: Followed) -> None:
    followed.start()
    followed.turn()
    body = followed.said(followed.receiver.requests[-1].told)
    _, answer = followed.send(body, followed.signed(body))
    assert followed.secret not in json.dumps(answer)
    assert "secret-in-the-path" not in json.dumps(answer)
