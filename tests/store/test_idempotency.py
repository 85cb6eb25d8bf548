"""A key stands for one request for 24 hours, and for the entry that its action recorded (AC-72)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import SelfGrant
from modelwarden.store import idempotency
from modelwarden.warden.warden import Warden, open_warden
from tests.store.deeds import ME, define, refuse, submitted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modelwarden.store.change import Change
    from modelwarden.store.idempotency import Kept
    from modelwarden.store.receipt import Answer

SCOPE = "usr_x POST /models key-1"


@dataclass
class Clock:
    time: datetime = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def warden(store_url: str, tmp_path: Path, clock: Clock) -> Iterator[Warden]:
    with open_warden(store_url, keys_folder=tmp_path / "keys", clock=clock) as opened:
        yield opened


def _do(warden: Warden, name: str, *, digest: str = "d1") -> Answer:
    def act(change: Change) -> None:
        idempotency.keep(change, SCOPE, request_digest=digest, answer=name)
        define(name)(change)
        define(f"{name}.2")(change)

    return submitted(warden, act)


def _find(warden: Warden) -> Kept | None:
    return warden.view(ME, lambda view: idempotency.find(view, SCOPE))  # type: ignore[arg-type]


def test_a_key_is_found_with_its_digest_answer_and_entry(warden: Warden) -> None:
    answer = _do(warden, "one")
    assert _find(warden) == idempotency.Kept("d1", "one", answer.receipt.seq)


def test_an_unknown_key_is_none(warden: Warden) -> None:
    assert _find(warden) is None


def test_a_key_is_kept_for_24_hours(warden: Warden, clock: Clock) -> None:
    _do(warden, "one")
    clock.time += timedelta(hours=24) - timedelta(microseconds=1)
    assert _find(warden) is not None
    clock.time += timedelta(microseconds=1)
    assert _find(warden) is None


def test_a_key_of_yesterday_may_be_used_again(warden: Warden, clock: Clock) -> None:
    _do(warden, "one")
    clock.time += timedelta(hours=25)
    answer = _do(warden, "again", digest="d2")
    assert _find(warden) == idempotency.Kept("d2", "again", answer.receipt.seq)


def test_old_keys_are_dropped(warden: Warden, clock: Clock) -> None:
    _do(warden, "one")
    clock.time += timedelta(hours=25)
    warden.telemetry(ME, idempotency.forget_old)
    clock.time -= timedelta(hours=25)
    assert _find(warden) is None


def test_a_refused_action_keeps_no_key(warden: Warden) -> None:
    def act(change: Change) -> None:
        idempotency.keep(change, SCOPE, request_digest="d1", answer="x")
        refuse(change)

    with pytest.raises(SelfGrant):
        warden.change(ME, act)
    assert _find(warden) is None
