"""The breaker by the book: when it opens, whom it lets try, and that it never holds anyone up."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from modelwarden.errors import ValueInvalid
from modelwarden.guard.breaker import Amiss, Breaker, State, Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock=clock, chance=lambda: 0.5)


def call(breaker: Breaker, clock: Clock, amiss: Amiss | None = None) -> bool:
    ticket = breaker.admit()
    if ticket:
        breaker.done(ticket, clock.now, clock.now, amiss)
    return bool(ticket)


def opened(breaker: Breaker, clock: Clock) -> None:
    for _ in range(20):
        call(breaker, clock, Amiss.FAILED)
    assert breaker.state is State.OPEN


def half_opened(breaker: Breaker, clock: Clock) -> int:
    opened(breaker, clock)
    clock.now += 5
    ticket = breaker.admit()
    assert breaker.state is State.HALF_OPEN
    return ticket


@pytest.mark.parametrize(
    ("how", "least", "took"),
    [(Amiss.FAILED, 10, 0.0), (None, 16, 1.0), (Amiss.BAD, 4, 0.0)],
    ids=["failures", "slow", "bad"],
)
def test_it_opens_at_its_share_of_twenty_calls_and_not_one_below(
    clock: Clock, how: Amiss | None, least: int, took: float
) -> None:
    for amiss, state in ((least - 1, State.CLOSED), (least, State.OPEN)):
        breaker = Breaker(Thresholds(slow_s=took or 1.0), clock=clock)
        clock.now = float(int(clock.now + 20))
        for number in range(20):
            started = clock.now
            ticket = breaker.admit()
            wrong = number < amiss
            breaker.done(ticket, started - took * wrong, started, how if wrong else None)
        assert breaker.state is state


def test_nineteen_failures_decide_nothing_and_a_good_call_makes_it_twenty(
    breaker: Breaker, clock: Clock
) -> None:
    for _ in range(19):
        assert call(breaker, clock, Amiss.FAILED)
    assert breaker.state is State.CLOSED
    call(breaker, clock)
    assert breaker.state is State.OPEN


def test_calls_older_than_ten_seconds_do_not_count(breaker: Breaker, clock: Clock) -> None:
    for _ in range(19):
        call(breaker, clock, Amiss.FAILED)
    clock.now += 10
    call(breaker, clock, Amiss.FAILED)
    assert (breaker.state, breaker.totals().calls) == (State.CLOSED, 1)


def test_the_quiet_time_is_no_longer_than_a_slow_call_and_told_apart_each_time(
    clock: Clock,
) -> None:
    breaker = Breaker(Thresholds(slow_s=0.01), clock=clock)
    assert breaker.quiet_until < clock.now
    seen = []
    for _ in range(3):
        assert call(breaker, clock)
        seen.append(breaker.quiet_until)
        assert clock.now < breaker.quiet_until <= clock.now + 0.01
        clock.now += 0.01
    assert len({id(one) for one in seen}) == 3
    breaker.set(State.FORCED_OPEN)
    assert breaker.quiet_until < clock.now


def test_good_calls_of_each_second_are_counted(breaker: Breaker, clock: Clock) -> None:
    for _ in range(12):
        for _ in range(7):
            call(breaker, clock)
        clock.now += 1
    assert breaker.totals().calls == 7 * 9  # the tenth bucket is the second that just began


def test_it_is_open_for_five_seconds_then_twice_as_long_up_to_five_minutes(
    breaker: Breaker, clock: Clock
) -> None:
    opened(breaker, clock)
    waits = []
    for _ in range(9):
        waits.append(breaker.retry_after_s())
        clock.now += waits[-1] - 0.001
        assert breaker.admit() == 0
        clock.now += 0.001
        assert call(breaker, clock, Amiss.FAILED)
    assert waits == pytest.approx([5, 10, 20, 40, 80, 160, 300, 300, 300])


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 4.0), (1.0, 6.0)])
def test_waits_are_spread_by_a_fifth(clock: Clock, chance: float, wait: float) -> None:
    breaker = Breaker(clock=clock, chance=lambda: chance)
    opened(breaker, clock)
    assert breaker.retry_after_s() == pytest.approx(wait)


def test_two_may_try_at_once_and_no_third(breaker: Breaker, clock: Clock) -> None:
    first = half_opened(breaker, clock)
    second = breaker.admit()
    assert first
    assert second
    assert breaker.admit() == 0
    breaker.done(first, clock.now, clock.now)
    assert breaker.admit()


def test_five_good_calls_close_it_and_forget_how_often_it_was_open(
    breaker: Breaker, clock: Clock
) -> None:
    ticket = half_opened(breaker, clock)
    breaker.done(ticket, clock.now, clock.now)
    for _ in range(3):
        call(breaker, clock)
    assert breaker.state is State.HALF_OPEN
    call(breaker, clock)
    assert (breaker.state, breaker.totals().calls) == (State.CLOSED, 0)
    opened(breaker, clock)
    assert breaker.retry_after_s() == pytest.approx(5)


@pytest.mark.parametrize(("how", "took"), [(Amiss.FAILED, 0), (Amiss.BAD, 0), (None, 1)])
def test_one_call_that_goes_wrong_opens_it_again(
    breaker: Breaker, clock: Clock, how: Amiss | None, took: float
) -> None:
    ticket = half_opened(breaker, clock)
    breaker.done(ticket, clock.now - took, clock.now, how)
    assert breaker.state is State.OPEN


def test_a_probe_that_never_comes_back_counts_as_a_failure_when_its_lease_ends(
    breaker: Breaker, clock: Clock
) -> None:
    lost = half_opened(breaker, clock)
    clock.now += 29
    assert breaker.admit()
    clock.now += 1
    assert breaker.admit() == 0
    assert breaker.state is State.OPEN
    breaker.done(lost, clock.now, clock.now)
    assert breaker.state is State.OPEN


def test_who_was_admitted_before_it_opened_decides_nothing_afterwards(
    breaker: Breaker, clock: Clock
) -> None:
    old = [breaker.admit() for _ in range(5)]
    ticket = half_opened(breaker, clock)
    for one in old:
        breaker.done(one, clock.now, clock.now)
    assert breaker.state is State.HALF_OPEN
    for one in old:
        breaker.done(one, clock.now, clock.now, Amiss.FAILED)
    assert breaker.state is State.HALF_OPEN
    breaker.done(ticket, clock.now, clock.now)
    breaker.done(ticket, clock.now, clock.now)  # twice is once
    for _ in range(3):
        call(breaker, clock)
    assert breaker.state is State.HALF_OPEN


def test_a_call_of_an_earlier_time_closed_is_not_counted_in_a_later_one(
    breaker: Breaker, clock: Clock
) -> None:
    old = breaker.admit()
    breaker.set(State.CLOSED)
    call(breaker, clock)
    breaker.done(old, clock.now, clock.now)
    assert breaker.totals().calls == 1


@pytest.mark.parametrize("ticket", [0, -1, 10**9])
def test_a_ticket_that_was_never_given_changes_nothing(
    breaker: Breaker, clock: Clock, ticket: int
) -> None:
    for _ in range(40):
        breaker.done(ticket, clock.now, clock.now, Amiss.FAILED)
    assert (breaker.state, breaker.totals().calls) == (State.CLOSED, 0)


def test_forced_open_refuses_everyone_until_it_is_set_otherwise(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.set(State.FORCED_OPEN)
    clock.now += 10_000
    assert breaker.admit() == 0
    assert breaker.retry_after_s() > 0
    breaker.set(State.CLOSED)
    assert call(breaker, clock)


@pytest.mark.parametrize(("state", "calls"), [(State.DISABLED, 0), (State.METRICS_ONLY, 50)])
def test_disabled_and_metrics_only_refuse_nobody(
    breaker: Breaker, clock: Clock, state: State, calls: int
) -> None:
    opened(breaker, clock)
    breaker.set(state)
    for _ in range(50):
        assert call(breaker, clock, Amiss.FAILED)
    assert (breaker.state, breaker.totals().calls) == (state, calls)
    assert breaker.retry_after_s() == 0


@pytest.mark.parametrize("state", [State.OPEN, State.HALF_OPEN])
def test_states_that_only_calls_lead_to_are_not_set_by_hand(breaker: Breaker, state: State) -> None:
    with pytest.raises(ValueError, match="forced_open"):
        breaker.set(state)


@pytest.mark.parametrize(
    "wrong",
    [{"failures": 0}, {"slow": 1.1}, {"bad": float("nan")}, {"least": 0}, {"open_s": float("inf")}, {"spread": 1}],
    ids=str,
)  # fmt: skip
def test_thresholds_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueInvalid):
        Thresholds(**wrong)  # type: ignore[arg-type]


@pytest.fixture
def _impatient() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_no_lock_is_held_while_the_host_s_code_runs(breaker: Breaker) -> None:
    together = threading.Barrier(16, timeout=30)

    def host() -> None:
        ticket = breaker.admit()
        together.wait()  # passes only if all sixteen are inside at once
        breaker.done(ticket, 0.0, 0.0)

    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(host) for _ in range(16)]:
            done.result()
    assert breaker.state is State.CLOSED


@pytest.mark.usefixtures("_impatient")
def test_threads_lose_no_call(breaker: Breaker, clock: Clock) -> None:
    calls, threads = 5_000, 8

    def host() -> None:
        for number in range(calls):
            how = Amiss.BAD if number % 10 == 9 else None
            breaker.done(breaker.free or breaker.admit(), clock.now, clock.now, how)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(host) for _ in range(threads)]:
            done.result()
    totals = breaker.totals()
    assert (totals.calls, totals.bad) == (calls * threads, calls * threads // 10)


@pytest.mark.usefixtures("_impatient")
def test_of_many_threads_two_are_let_through_half_open(breaker: Breaker, clock: Clock) -> None:
    for _ in range(20):
        breaker.set(State.CLOSED)
        opened(breaker, clock)
        clock.now += 5
        start = threading.Barrier(8, timeout=30)

        def ask(start: threading.Barrier = start) -> int:
            start.wait()
            return breaker.admit()

        with ThreadPoolExecutor(8) as pool:
            tickets = [done.result() for done in [pool.submit(ask) for _ in range(8)]]
        assert len([ticket for ticket in tickets if ticket]) == 2


@pytest.mark.usefixtures("_impatient")
def test_a_breaker_that_opens_under_many_threads_refuses_from_then_on(clock: Clock) -> None:
    breaker = Breaker(clock=clock, chance=lambda: 0.5)

    def host() -> int:
        admitted = 0
        for _ in range(2_000):
            ticket = breaker.admit()
            admitted += bool(ticket)
            breaker.done(ticket, clock.now, clock.now, Amiss.FAILED)
        return admitted

    with ThreadPoolExecutor(8) as pool:
        admitted = sum(done.result() for done in [pool.submit(host) for _ in range(8)])
    assert breaker.state is State.OPEN
    assert 20 <= admitted <= 20 + 7 * 2  # who was inside, or on the way in, as the twentieth failed


def test_a_forked_child_does_not_wait_for_a_lock_of_its_parent(
    breaker: Breaker, clock: Clock
) -> None:
    opened(breaker, clock)
    clock.now += 5
    with breaker._lock:
        child = os.fork()
        if not child:
            breaker.after_fork()
            os._exit(0 if breaker.admit() else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
