"""A breaker and a simple model of it, that keeps each call in a list, walk the same random way."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelwarden.guard.breaker import BY_HAND, Amiss, Breaker, State, Thresholds

LIMITS = Thresholds(least=4, open_s=2, most_open_s=12, lease_s=6, successes=3, slow_s=0.5)
AMISS = st.sampled_from([None, None, *Amiss])
MOVES = {
    State.CLOSED: {State.OPEN},
    State.OPEN: {State.HALF_OPEN},
    State.HALF_OPEN: {State.CLOSED, State.OPEN},
}


class Call(NamedTuple):
    second: float
    failed: bool
    slow: bool
    bad: bool


class Model:
    """What SG-40 says, without speed and without threads."""

    def __init__(self) -> None:
        self.state, self.calls, self.period = State.CLOSED, list[Call](), 0
        self.leases: dict[int, float] = {}
        self.successes = self.openings = 0
        self.open_until = 0.0

    def move(self, state: State) -> None:
        self.state, self.calls, self.leases, self.successes = state, [], {}, 0
        self.period += 1

    def open(self, now: float) -> None:
        self.open_until = now + min(LIMITS.open_s * 2**self.openings, LIMITS.most_open_s)
        self.openings += 1
        self.move(State.OPEN)

    def admit(self, now: float, name: int) -> bool:
        if self.state is State.OPEN and now >= self.open_until:
            self.move(State.HALF_OPEN)
        elif self.state is State.HALF_OPEN and any(end <= now for end in self.leases.values()):
            self.open(now)
        if self.state is State.HALF_OPEN:
            if len(self.leases) == 2:
                return False
            self.leases[name] = now + LIMITS.lease_s
        return self.state not in {State.OPEN, State.FORCED_OPEN}

    def done(self, now: float, name: int, period: int, call: Call) -> None:
        wrong = call.failed or call.bad or call.slow
        if self.state is State.HALF_OPEN and self.leases.pop(name, None) is not None:
            self.successes += 1
            if wrong:
                self.open(now)
            elif self.successes == LIMITS.successes:
                self.openings = 0
                self.move(State.CLOSED)
        elif self.state in {State.CLOSED, State.METRICS_ONLY} and period == self.period:
            self.calls.append(call)
            live = self.live(now)
            part = [sum(c[i] for c in live) / len(live) for i in (1, 2, 3)]
            over = part[0] >= 0.5 or part[1] >= 0.8 or part[2] >= 0.2
            if self.state is State.CLOSED and len(live) >= LIMITS.least and over:
                self.open(now)

    def live(self, now: float) -> list[Call]:
        return [call for call in self.calls if call.second >= now // 1 - 9]


class Walk(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.real = Breaker(LIMITS, clock=lambda: self.now, chance=lambda: 0.5)
        self.model = Model()
        self.held: list[tuple[int, int, int, float]] = []
        self.names = 0

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.0, 6.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def admit(self) -> None:
        before, self.names = self.real.state, self.names + 1
        ticket = self.real.admit()
        assert bool(ticket) == self.model.admit(self.now, self.names)
        assert self.real.state is before or self.real.state in MOVES[before]
        if ticket:
            self.held.append((ticket, self.names, self.model.period, self.now))

    @rule(calls=st.integers(1, 6), amiss=AMISS)
    def call_at_once(self, calls: int, amiss: Amiss | None) -> None:
        for _ in range(calls):
            held = len(self.held)
            self.admit()
            if len(self.held) > held:
                self.end(self.held.pop(), amiss)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), amiss=AMISS)
    def done(self, data: st.DataObject, amiss: Amiss | None) -> None:
        number = data.draw(st.integers(0, len(self.held) - 1))
        self.end(self.held.pop(number), amiss)

    def end(self, held: tuple[int, int, int, float], amiss: Amiss | None) -> None:
        ticket, name, period, started = held
        slow = self.now - started >= LIMITS.slow_s
        call = Call(self.now // 1, amiss is Amiss.FAILED, slow, amiss is Amiss.BAD)
        self.real.done(ticket, started, self.now, amiss)
        self.model.done(self.now, name, period, call)

    @rule(state=st.sampled_from(sorted(BY_HAND)))
    def set_by_hand(self, state: State) -> None:
        self.real.set(state)
        self.model.openings = 0
        self.model.move(state)

    @invariant()
    def they_agree(self) -> None:
        assert self.real.state is self.model.state
        if self.model.state is State.OPEN:
            waits = max(0.0, self.model.open_until - self.now)
            assert self.real.retry_after_s() == pytest.approx(waits)

    @rule()
    def count(self) -> None:
        live = self.model.live(self.now)
        totals = self.real.totals()
        assert (totals.calls, totals.failures, totals.slow, totals.bad) == (
            len(live),
            *(sum(call[i] for call in live) for i in (1, 2, 3)),
        )


TestWalk = Walk.TestCase
TestWalk.settings = settings(stateful_step_count=40, deadline=None)
