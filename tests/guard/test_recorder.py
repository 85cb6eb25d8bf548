"""The recorder loses nothing it says it has, raises nothing into the host, and never counts anything twice."""

from __future__ import annotations

import math
import signal
import sys
import threading
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from modelwarden.errors import SlotInvalid, SlotTooLate
from modelwarden.guard import slot_report
from modelwarden.guard.lanes import BATCH
from modelwarden.guard.outbox import MAX_BYTES, Outbox, Waiting
from modelwarden.guard.recorder import Recorder
from modelwarden.guard.slots import MAX_NAME
from modelwarden.values.sketch import Sketch
from tests.guard.far_end import FarEnd

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = 29_919_559  # 2026-11-20T11:19Z
HALF_PAST = MINUTE * 60 + 30.0


class Wall:
    """A clock on the wall that a test sets."""

    def __init__(self) -> None:
        self.now = HALF_PAST

    def __call__(self) -> float:
        return self.now

    def to_minute(self, minute: int) -> None:
        self.now = minute * 60 + 30.0


@pytest.fixture
def far() -> FarEnd:
    return FarEnd()


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def recorder(far: FarEnd, wall: Wall) -> Iterator[Recorder]:
    with Recorder(
        far, sli="churn-latency", thresholds=("0.25", "0.5"), flush_s=3600, clock=wall
    ) as recorder:
        yield recorder


@contextmanager
def tight_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def test_what_was_recorded_arrives_split_and_measured(recorder: Recorder, far: FarEnd) -> None:
    for latency in (0.1, 0.25, 0.3, 0.5, 0.6):
        recorder.record(latency)
    recorder.record(0.7, error=True)
    recorder.record_fallback(0.2)
    recorder.record_blocked()
    assert recorder.flush()
    (slot,) = far.slots.values()
    found = slot.counts
    assert (slot.sli, slot.minute, slot.reporters) == (
        "churn-latency",
        MINUTE,
        (recorder.instance,),
    )
    assert (found.total, found.errors, found.fallbacks, found.blocked) == (8, 1, 1, 1)
    assert found.bad == (4, 2)
    assert found.sketch == Sketch.of([0.1, 0.25, 0.3, 0.5, 0.6, 0.7, 0.2])


def test_each_minute_gets_its_own_and_quiet_ones_are_told_as_zero(
    recorder: Recorder, far: FarEnd, wall: Wall
) -> None:
    recorder.record(0.1)
    for minute in (MINUTE + 1, MINUTE + 2, MINUTE + 3):
        wall.to_minute(minute)
        recorder.flush()
    recorder.record(0.2)
    recorder.flush()
    assert {minute: slot.counts.total for minute, slot in far.slots.items()} == {
        MINUTE: 1, MINUTE + 1: 0, MINUTE + 2: 0, MINUTE + 3: 1,
    }  # fmt: skip
    assert [part.number for part in far.parts] == [1, 2, 3, 4]


def test_a_minute_told_in_pieces_adds_up(recorder: Recorder, far: FarEnd, wall: Wall) -> None:
    for _ in range(5):
        recorder.record(0.1)
        recorder.flush()
        recorder.flush()
    wall.to_minute(MINUTE + 1)
    recorder.flush()
    assert [(part.number, part.counts.total) for part in far.parts] == [(n, 1) for n in range(1, 6)]
    assert far.total() == 5


def test_a_full_batch_turns_the_minute_without_the_background(
    recorder: Recorder, far: FarEnd, wall: Wall
) -> None:
    for _ in range(BATCH // 2):
        recorder.record(0.1)
    wall.to_minute(MINUTE + 1)
    for _ in range(BATCH + BATCH // 2):
        recorder.record(0.1)
    recorder.flush()
    assert far.slots[MINUTE].counts.total + far.slots[MINUTE + 1].counts.total == 2 * BATCH
    assert far.slots[MINUTE + 1].counts.total == BATCH


@pytest.mark.parametrize("jump_s", [-3600, -60, 3600, 86_400 * 400, -HALF_PAST, -1e12, 1e15])
def test_a_clock_that_jumps_loses_nothing(
    recorder: Recorder, far: FarEnd, wall: Wall, jump_s: float
) -> None:
    for step in (0, jump_s, 0, 60, jump_s):
        wall.now = HALF_PAST + step
        for _ in range(BATCH + 10):
            recorder.record(0.1)
    recorder.flush()
    assert far.total() == 5 * (BATCH + 10)
    assert all(slot.minute >= 0 for slot in far.slots.values())
    assert [part.number for part in far.parts] == list(range(1, len(list(far.parts)) + 1))
    assert (recorder.dropped, recorder.faults) == (0, 0)


class Angry:
    def __float__(self) -> float:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("latency", "valid"),
    [
        (math.nan, False), (math.inf, False), (-math.inf, False), (-1.0, False), (-5e-324, False),
        (0.0, True), (-0.0, True), (5e-324, True), (1e308, True), (3, True), (10**400, False),
        (None, False), ("fast", False), (Angry(), False), (object(), False), (Decimal("0.1"), True),
        (Fraction(1, 3), True), (np.float64(0.2), True), (np.float32("nan"), False), (1 + 2j, False),
    ],
    ids=lambda value: f"{type(value).__name__} {value!s:.20}" if not isinstance(value, bool) else None,
)  # fmt: skip
def test_a_hostile_latency_counts_and_never_raises(
    recorder: Recorder,
    far: FarEnd,
    latency: Any,
    valid: bool,
) -> None:
    for _ in range(BATCH + 1):
        recorder.record(latency)
    recorder.record_fallback(latency)
    recorder.record_batch([latency, latency])
    recorder.flush()
    (slot,) = far.slots.values()
    assert slot.counts.total == BATCH + 4
    assert slot.counts.invalid == (0 if valid else BATCH + 4)
    assert slot.counts.sketch.count == (BATCH + 4 if valid else 0)
    assert valid or slot.counts.bad == (BATCH + 4,) * 2
    assert recorder.faults == 0


def test_a_batch_counts_as_one_by_one(recorder: Recorder, far: FarEnd, wall: Wall) -> None:
    values = np.concatenate(
        [np.random.default_rng(3).lognormal(-2, 2, 5_000), [np.nan, -1, np.inf, 0, 0.25, 0.5]]
    )
    for given in (values, values.tolist(), values.reshape(2, -1)):
        recorder.record_batch(given)
        recorder.flush()
        wall.to_minute(int(wall.now // 60) + 1)
        recorder.flush()
    for value in values.tolist():
        recorder.record(value)
    recorder.flush()
    first, *others = [slot.counts for slot in far.slots.values()]
    assert first.invalid == 3
    assert others == [first] * 3


@pytest.mark.parametrize(
    "given", [np.array(["a", "b"]), np.array([object(), None]), np.array([]), [], "ab", None, 7]
)
def test_a_batch_of_anything_never_raises(recorder: Recorder, far: FarEnd, given: Any) -> None:
    recorder.record_batch(given)
    recorder.record(0.1)
    assert recorder.flush()
    counted = len(given) if hasattr(given, "__len__") else 0
    assert far.total() == 1 + counted
    assert far.total("invalid") == counted


@pytest.mark.parametrize("batches", [False, True])
def test_eight_racing_threads_lose_nothing(
    far: FarEnd,
    batches: bool,
) -> None:
    each, threads, done = 20_000, 8, threading.Event()
    with Recorder(far, sli="race", thresholds=("0.25",), flush_s=0.05) as recorder:

        def work(number: int) -> None:
            for at in range(each):
                if batches and at % 1000 == 0:
                    recorder.record_batch(np.full(100, 0.3))
                recorder.record(0.1 if at % 2 else 0.3, error=at % 10 == number)

        def flush() -> None:
            while not done.is_set():
                recorder.flush()

        with tight_switching():
            workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
            flusher = threading.Thread(target=flush)
            for thread in (*workers, flusher):
                thread.start()
            for thread in workers:
                thread.join()
            done.set()
            flusher.join()
        recorder.flush()
        extra = threads * each // 1000 * 100 if batches else 0
        assert (recorder.dropped, recorder.faults) == (0, 0)
        assert far.total() == threads * each + extra
        assert far.total("errors") == threads * each // 10
        assert sum(slot.counts.bad[0] for slot in far.slots.values()) == threads * each // 2 + extra
        assert sum(slot.counts.sketch.count for slot in far.slots.values()) == far.total()


def test_threads_that_come_and_go_leave_their_counts_and_no_lanes(
    recorder: Recorder, far: FarEnd
) -> None:
    for _ in range(300):
        thread = threading.Thread(target=recorder.record, args=(0.1,))
        thread.start()
        thread.join()
    recorder.flush()
    assert far.total() == 300


def test_a_signal_handler_may_record(recorder: Recorder, far: FarEnd) -> None:
    handled = 0

    def handle(*_: object) -> None:
        nonlocal handled
        handled += 1
        for _ in range(BATCH):
            recorder.record(0.1)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    recorded = 0
    try:
        while handled < 50:
            recorder.record(0.2)
            recorded += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    recorder.flush()
    assert far.total() == recorded + handled * BATCH


def test_a_far_end_that_hangs_holds_nobody_up(far: FarEnd, wall: Wall) -> None:
    asked, free = threading.Event(), threading.Event()

    def send(data: bytes) -> None:
        asked.set()
        free.wait()
        far(data)

    with Recorder(send, sli="hang", flush_s=3600, clock=wall) as recorder:
        recorder.record(0.1)
        sender = threading.Thread(target=recorder.flush)
        sender.start()
        asked.wait()
        for _ in range(20 * BATCH):  # would wait for ever, if it waited
            recorder.record(0.1)
        free.set()
        sender.join()
        recorder.flush()
        assert far.total() == 20 * BATCH + 1


def test_what_cannot_be_sent_is_sent_later_as_it_was(recorder: Recorder, far: FarEnd) -> None:
    far.failure = ConnectionRefusedError()
    for _ in range(3):
        recorder.record(0.1)
        assert not recorder.flush()
    far.failure = None
    assert recorder.flush()
    assert [part.number for part in far.parts] == [1, 2, 3]
    assert (far.total(), recorder.dropped) == (3, 0)


def test_a_lost_answer_makes_a_repeat_that_counts_once(recorder: Recorder, far: FarEnd) -> None:
    far.answers_lost = True
    for _ in range(4):
        recorder.record(0.1)
        assert not recorder.flush()
    far.answers_lost = False
    recorder.record(0.1)
    assert recorder.flush()
    assert len(list(far.parts)) > 5
    assert (far.total(), recorder.dropped) == (5, 0)


def test_an_interrupt_while_sending_keeps_the_parts(recorder: Recorder, far: FarEnd) -> None:
    far.failure = KeyboardInterrupt()
    recorder.record(0.1)
    with pytest.raises(KeyboardInterrupt):
        recorder.flush()
    far.failure = None
    assert recorder.flush()
    assert far.total() == 1


def test_a_part_that_is_refused_for_good_goes_alone_and_is_told_as_dropped(
    far: FarEnd, wall: Wall
) -> None:
    def send(data: bytes) -> None:
        if any(part.minute == MINUTE for part in slot_report.read(data).parts):
            raise SlotTooLate("48 hours")
        far(data)

    def refuse(_: bytes) -> None:
        raise ConnectionRefusedError

    tries: list[Any] = [send] * 20 + [refuse] * 3

    def next_try(data: bytes) -> None:
        tries.pop()(data)

    wall.to_minute(MINUTE - 1)
    with Recorder(next_try, sli="late", flush_s=3600, clock=wall) as recorder:
        for minute in (MINUTE, MINUTE + 1, MINUTE + 2):
            recorder.record(0.1)
            wall.to_minute(minute)
            assert not recorder.flush()
        assert recorder.flush()
        assert set(far.slots) == {MINUTE - 1, MINUTE + 1}
        assert recorder.dropped == 1
        recorder.record(0.1)
        recorder.flush()
        assert [part.dropped for part in far.parts][-1] == 1


def test_a_long_outage_is_bounded_and_every_lost_attempt_is_told(far: FarEnd, wall: Wall) -> None:
    values = [1e-6 * 1.02**n for n in range(1000)]
    with Recorder(far, sli="outage", flush_s=3600, clock=wall) as recorder:
        far.failure = ConnectionRefusedError()
        minutes = 900
        for minute in range(MINUTE, MINUTE + minutes):
            wall.to_minute(minute)
            recorder.record_batch(values)
            recorder.flush()
            assert recorder._outbox.size_bytes <= MAX_BYTES
        far.failure = None
        assert recorder.flush()
        recorder.record(0.1)
        assert recorder.flush()
        assert recorder.dropped > 0
        assert far.total() + recorder.dropped == minutes * len(values) + 1
        assert sum(slot.dropped for slot in far.slots.values()) == recorder.dropped
        assert max(far.sizes) <= slot_report.MAX_BYTES
        assert max(far.slots) == MINUTE + minutes - 1  # the oldest went first


def test_a_dropped_part_that_told_of_drops_hands_them_on() -> None:
    outbox = Outbox(lambda data: None, instance="0" * 16, max_bytes=10)
    outbox.lose(5)
    outbox.put(Waiting(b"x" * 8, 2, outbox.told()))
    outbox.put(Waiting(b"y" * 8, 1))
    assert (outbox.told(), outbox.told(), outbox.dropped, outbox.size_bytes) == (7, 0, 7, 8)


def test_closing_sends_the_rest_and_signs_off_once(far: FarEnd, wall: Wall) -> None:
    recorder = Recorder(far, sli="end", flush_s=3600, clock=wall)
    recorder.record(0.1)
    recorder.close()
    recorder.close()
    assert [report.closing for report in far.reports] == [False, True]
    assert far.total() == 1
    for _ in range(3 * BATCH):
        recorder.record(0.1)
    assert recorder.dropped == 3 * BATCH
    assert far.total() == 1


def test_closing_without_a_far_end_returns(far: FarEnd, wall: Wall) -> None:
    recorder = Recorder(far, sli="end", flush_s=3600, clock=wall)
    far.failure = ConnectionRefusedError()
    recorder.record(0.1)
    recorder.close()
    assert far.reports == []


@pytest.mark.parametrize("sli", ["", "x" * (MAX_NAME + 1), "a\nb", "\ud800"])
def test_a_bad_name_is_refused_at_once(far: FarEnd, sli: str) -> None:
    with pytest.raises(SlotInvalid, match="sli"):
        Recorder(far, sli=sli)


def test_bad_thresholds_are_refused_at_once(far: FarEnd) -> None:
    with pytest.raises(SlotInvalid, match="thresholds"):
        Recorder(far, sli="x", thresholds=("0.5", "0.25"))


def test_the_background_sends_by_itself(far: FarEnd) -> None:
    arrived = threading.Event()

    def send(data: bytes) -> None:
        far(data)
        if far.total():
            arrived.set()

    with Recorder(send, sli="alone", flush_s=0.01) as recorder:
        recorder.record(0.1)
        assert arrived.wait(60)
    assert far.total() == 1


def test_a_clock_without_a_time_is_a_fault_and_counting_goes_on(
    recorder: Recorder, far: FarEnd, wall: Wall
) -> None:
    wall.now = math.nan
    for _ in range(5 * BATCH + 1):
        recorder.record(0.1)
    recorder.flush()
    assert recorder.faults > 0
    assert {minute: slot.counts.total for minute, slot in far.slots.items()} == {
        MINUTE: 5 * BATCH + 1
    }
